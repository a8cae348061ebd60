//! Where values come from and which of them wins: the environment, then systemd's credentials, then the file, then
//! the defaults. Within the environment a variable wins over its `…_FILE`; in the file one of both is one too many.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use upkeep_jobs::platform::{InvalidSetting, Kind, Problem};

use super::environment::{ConfigurationFile, Environment, one_line, shown};
use super::file;
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
        }
    }

    /// Where relative paths start: a configuration file means its neighbours, everything else the working directory.
    pub(super) fn base(&self) -> &Path {
        match self {
            Origin::File { path, .. } => path.parent().unwrap_or(path),
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
pub(super) struct Settings(BTreeMap<Key, Setting>);

impl Settings {
    /// Reads every source.
    ///
    /// # Errors
    /// Unknown names, unreadable files, values of the wrong form.
    pub(super) fn gather(file: Option<&ConfigurationFile>, environment: &Environment) -> Result<Self, Problem> {
        refuse_unknown_variables(environment)?;
        let credentials = Credentials::find(environment)?;
        let mut in_file = file.map(file::read).transpose()?.unwrap_or_default();
        let mut settings = Self::default();
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
            if setting.is_none() {
                let default = key.default.map(|text| Setting::from_text(key, text, Origin::Default));
                setting = default.transpose()?;
            }
            settings.0.extend(setting.map(|setting| (key, setting)));
        }
        Ok(settings)
    }

    pub(super) fn get(&self, key: Key) -> Option<&Setting> {
        self.0.get(&key)
    }

    /// Whether somebody set `key`.
    pub(super) fn is_given(&self, key: Key) -> bool {
        self.get(key).is_some_and(|setting| !matches!(setting.origin, Origin::Default))
    }

    /// Sets a default that had to be worked out.
    pub(super) fn set_default(&mut self, key: Key, value: Value) {
        self.0.insert(key, Setting::new(value, Origin::Default));
    }

    /// Takes keys out of effect.
    pub(super) fn retire(&mut self, keys: &[Key], why: &'static str) {
        for &key in keys {
            if !self.is_given(key) {
                self.0.remove(&key);
            } else if let Some(setting) = self.0.get_mut(&key) {
                setting.unused = Some(why);
            }
        }
    }

    /// The text or secret of `key`. Like all of these an error that says how to set it, if it is not set.
    pub(super) fn text(&self, key: Key) -> Result<&str, Problem> {
        self.get(key).and_then(|setting| setting.value.text()).ok_or_else(|| missing(key))
    }

    pub(super) fn secret(&self, key: Key) -> Result<SecretString, Problem> {
        self.text(key).map(SecretString::from)
    }

    pub(super) fn switch(&self, key: Key) -> Result<bool, Problem> {
        match self.get(key).map(|setting| &setting.value) {
            Some(Value::Switch(on)) => Ok(*on),
            _ => Err(missing(key)),
        }
    }

    pub(super) fn number(&self, key: Key) -> Result<u64, Problem> {
        match self.get(key).map(|setting| &setting.value) {
            Some(Value::Number(number)) => Ok(*number),
            _ => Err(missing(key)),
        }
    }

    pub(super) fn span(&self, key: Key) -> Result<Duration, Problem> {
        match self.get(key).map(|setting| &setting.value) {
            Some(Value::Span(span, _)) => Ok(*span),
            _ => Err(missing(key)),
        }
    }

    /// A problem with the value of `key`; `fault` follows its name and never repeats a secret.
    pub(super) fn invalid(&self, key: Key, fault: impl std::fmt::Display) -> Problem {
        let origin = self.get(key).map_or(&Origin::Default, |setting| &setting.origin);
        invalid(origin.subject(key), fault)
    }

    /// A setting that its user found to be unusable, with the place where it was set.
    pub(super) fn unusable(&self, setting: InvalidSetting) -> Problem {
        match keys::ALL.iter().find(|key| key.to_string() == setting.key) {
            Some(&key) => self.invalid(key, setting.fault).hint(setting.hint),
            None => setting.into(),
        }
    }
}

/// "`subject` `fault`", as a problem of the configuration.
pub(super) fn invalid(subject: impl std::fmt::Display, fault: impl std::fmt::Display) -> Problem {
    Problem::new(Kind::Configuration, format!("{subject} {fault}"))
}

fn missing(key: Key) -> Problem {
    let mut ways = format!("set {} in [{}] of the configuration file, or {}", key.name, key.section, key.variable());
    if key.is_secret() {
        ways = format!("{ways}, or name a file that holds it with {} or {}", key.file_name(), key.file_variable());
    }
    invalid(key, "is missing").hint(ways)
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
