//! Where values come from and which of them wins: the environment, then systemd's credentials, then the file, then
//! what is inherited from the platform's own configuration, then the defaults. Within the environment a variable wins
//! over its `…_FILE`; in the file one of both is one too many.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use upkeep_jobs::platform::{InvalidSetting, Kind, Problem};

use super::environment::{ConfigurationFile, Environment, one_line, shown};
use super::file;
use super::inherited::{self, Controller, Inherit};
use super::keys::{self, Key};
use super::secret_files::{Credentials, secret_file};
use super::value::Value;

/// Where a value was found.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    Default,
    File {
        path: PathBuf,
        line: usize,
    },
    Environment,
    Credential,
    /// A file of its own, and the variable or configuration file that names it.
    SecretFile {
        path: PathBuf,
        named_in: String,
    },
    /// The platform's own configuration.
    Inherited {
        /// Key, file and line, or the environment variable, in words.
        source: String,
        /// Where relative paths start.
        base: PathBuf,
    },
}

impl Origin {
    /// The value of `key` as the subject of a message.
    pub(super) fn subject(&self, key: Key) -> String {
        match self {
            Origin::Default => key.to_string(),
            Origin::File { path, line } => format!("{key} ({}, line {line})", shown(path)),
            Origin::Environment => format!("the environment variable {}", key.variable()),
            Origin::Credential => format!("the systemd credential {key}"),
            Origin::SecretFile { path, named_in } => format!("{key}, read from {} ({named_in}),", shown(path)),
            Origin::Inherited { source, .. } => format!("{key}, inherited from {source},"),
        }
    }

    /// Where relative paths start: a configuration file means its neighbours, everything else the working directory.
    pub(super) fn base(&self) -> &Path {
        match self {
            Origin::File { path, .. } => path.parent().unwrap_or(path),
            Origin::Inherited { base, .. } => base,
            _ => Path::new(""),
        }
    }
}

/// A value and its origin.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) value: Value,
    pub(super) origin: Origin,
    /// Why it has no effect, if it has none.
    pub(super) unused: Option<&'static str>,
}

impl Setting {
    pub(super) fn new(value: Value, origin: Origin) -> Self {
        Self { value, origin, unused: None }
    }

    pub(super) fn from_text(key: Key, text: &str, origin: Origin) -> Result<Self, Problem> {
        let value = key.form.read_text(text).map_err(|fault| invalid(origin.subject(key), fault))?;
        Ok(Self::new(value, origin))
    }
}

/// All values, each from the place that wins.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    values: BTreeMap<Key, Setting>,
    inherit: Option<Inherit>,
}

impl Settings {
    /// Reads every source.
    ///
    /// # Errors
    /// Unknown names, unreadable files, values of the wrong form.
    pub(super) fn gather(file: Option<&ConfigurationFile>, environment: &Environment) -> Result<Self, Problem> {
        refuse_unknown_variables(environment)?;
        let credentials = Credentials::find(environment)?;
        let file::Contents { given: mut in_file, inherit } = file.map(file::read).transpose()?.unwrap_or_default();
        let inherit = Inherit::find(file, inherit, environment)?;
        let mut settings = Self { values: BTreeMap::new(), inherit };
        for &key in keys::ALL {
            let mut setting = from_environment(key, environment)?;
            if setting.is_none() {
                setting = credentials.read(key)?;
            }
            if setting.is_none() {
                setting = match in_file.remove(&key) {
                    Some(file::Given::Value(setting)) => Some(setting),
                    Some(file::Given::SecretFile { path, base, named_in }) => {
                        let path = environment
                            .absolute(&base, &path)
                            .map_err(|fault| invalid(format!("{} ({named_in})", key.file_name()), fault))?;
                        Some(secret_file(key, path, named_in)?)
                    }
                    None => None,
                };
            }
            settings.values.extend(setting.map(|setting| (key, setting)));
        }
        if let Some(inherit) = settings.inherit.clone() {
            let text = file::read_text(&inherit.path, &inherit.name())?;
            Controller::parse(&inherit, &text, environment)?.complete(&mut settings)?;
        }
        for &key in keys::ALL {
            if let (None, Some(default)) = (settings.get(key), key.default) {
                settings.insert(key, Setting::from_text(key, default, Origin::Default)?);
            }
        }
        Ok(settings)
    }

    pub(super) fn get(&self, key: Key) -> Option<&Setting> {
        self.values.get(&key)
    }

    pub(super) fn insert(&mut self, key: Key, setting: Setting) {
        self.values.insert(key, setting);
    }

    /// The platform's own configuration file, if values are taken from it.
    pub(super) fn inherit(&self) -> Option<&Inherit> {
        self.inherit.as_ref()
    }

    /// Whether somebody set `key`.
    pub(super) fn is_given(&self, key: Key) -> bool {
        self.get(key).is_some_and(|setting| !matches!(setting.origin, Origin::Default))
    }

    /// Whether `key` is taken from the platform's own configuration.
    pub(super) fn is_inherited(&self, key: Key) -> bool {
        matches!(self.get(key).map(|setting| &setting.origin), Some(Origin::Inherited { .. }))
    }

    /// Sets a default that had to be worked out.
    pub(super) fn set_default(&mut self, key: Key, value: Value) {
        self.insert(key, Setting::new(value, Origin::Default));
    }

    /// Replaces a value by what it comes to.
    pub(super) fn resolve(&mut self, key: Key, value: Value) {
        if let Some(setting) = self.values.get_mut(&key) {
            setting.value = value;
        }
    }

    /// Takes keys out of effect.
    pub(super) fn retire(&mut self, keys: &[Key], why: &'static str) {
        for &key in keys {
            if !self.is_given(key) {
                self.values.remove(&key);
            } else if let Some(setting) = self.values.get_mut(&key) {
                setting.unused = Some(why);
            }
        }
    }

    /// The text or secret of `key`. Like all of these an error that says how to set it, if it is not set.
    pub(super) fn text(&self, key: Key) -> Result<&str, Problem> {
        self.get(key).and_then(|setting| setting.value.text()).ok_or_else(|| self.missing(key))
    }

    pub(super) fn secret(&self, key: Key) -> Result<SecretString, Problem> {
        self.text(key).map(SecretString::from)
    }

    /// A path, absolute; `None` if it is not set.
    pub(super) fn path(&self, key: Key, environment: &Environment) -> Result<Option<PathBuf>, Problem> {
        let Some(setting) = self.get(key) else { return Ok(None) };
        let path = environment.absolute(setting.origin.base(), Path::new(self.text(key)?));
        path.map(Some).map_err(|fault| self.invalid(key, fault))
    }

    pub(super) fn switch(&self, key: Key) -> Result<bool, Problem> {
        match self.get(key).map(|setting| &setting.value) {
            Some(Value::Switch(on)) => Ok(*on),
            _ => Err(self.missing(key)),
        }
    }

    pub(super) fn number(&self, key: Key) -> Result<u64, Problem> {
        match self.get(key).map(|setting| &setting.value) {
            Some(Value::Number(number)) => Ok(*number),
            _ => Err(self.missing(key)),
        }
    }

    pub(super) fn span(&self, key: Key) -> Result<Duration, Problem> {
        match self.get(key).map(|setting| &setting.value) {
            Some(Value::Span(span, _)) => Ok(*span),
            _ => Err(self.missing(key)),
        }
    }

    fn missing(&self, key: Key) -> Problem {
        let mut ways =
            format!("set {} in [{}] of the configuration file, or {}", key.name, key.section, key.variable());
        if key.is_secret() {
            ways = format!("{ways}, or name a file that holds it with {} or {}", key.file_name(), key.file_variable());
        }
        if let (Some(Inherit { path, .. }), Some(name)) = (&self.inherit, inherited::names(key).first()) {
            ways = format!("{ways}; or {name} in {}", shown(path));
        }
        invalid(key, "is missing").hint(ways)
    }

    /// A problem with the value of `key`; `fault` follows its name and never repeats a secret.
    pub(super) fn invalid(&self, key: Key, fault: impl std::fmt::Display) -> Problem {
        let origin = self.get(key).map_or(&Origin::Default, |setting| &setting.origin);
        invalid(origin.subject(key), fault)
    }

    /// A setting that its user found to be unusable, with the place where it was set.
    pub(super) fn unusable(&self, setting: InvalidSetting) -> Problem {
        match keys::ALL.iter().find(|key| key.to_string() == setting.key) {
            Some(&key) => {
                let own =
                    if self.is_inherited(key) { "; or set it in upkeep's own configuration, which wins" } else { "" };
                self.invalid(key, setting.fault).hint(format!("{}{own}", setting.hint))
            }
            None => setting.into(),
        }
    }
}

/// "`subject` `fault`", as a problem of the configuration.
pub(super) fn invalid(subject: impl std::fmt::Display, fault: impl std::fmt::Display) -> Problem {
    Problem::new(Kind::Configuration, format!("{subject} {fault}"))
}

fn refuse_unknown_variables(environment: &Environment) -> Result<(), Problem> {
    let known = keys::variables();
    let unknown = environment.names().find(|&name| keys::claims_to_be_key(name) && !known.iter().any(|k| k == name));
    match unknown {
        None => Ok(()),
        Some(name) => Err(invalid(format!("the environment variable {}", one_line(name)), "is not known")
            .hint(keys::suggestion(&name.to_ascii_uppercase(), &known))),
    }
}

fn from_environment(key: Key, environment: &Environment) -> Result<Option<Setting>, Problem> {
    if let Some(value) = environment.variable(&key.variable()) {
        let origin = Origin::Environment;
        let text = value.to_str().ok_or_else(|| invalid(origin.subject(key), "is not UTF-8"))?;
        return Setting::from_text(key, text, origin).map(Some);
    }
    let variable = key.file_variable();
    match environment.variable(&variable).filter(|_| key.is_secret()) {
        None => Ok(None),
        Some(path) if path.is_empty() => {
            Err(invalid(format!("the environment variable {variable}"), "is empty; name a file or remove it"))
        }
        Some(path) => {
            let path = environment
                .absolute(Path::new(""), Path::new(path))
                .map_err(|fault| invalid(format!("the environment variable {variable}"), fault))?;
            secret_file(key, path, format!("named in {variable}")).map(Some)
        }
    }
}
