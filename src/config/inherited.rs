//! What upkeep takes from the platform's own configuration: the controller's file, which `inherit` names, with the
//! environment variables that override it.
//!
//! Only what upkeep's own configuration leaves open is looked up, and only these values are checked: everything else
//! in the file is the controller's business.

use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use toml::de::DeValue;
use upkeep_jobs::platform::Problem;

use super::environment::{ConfigurationFile, Environment, one_line, shown};
use super::file::Document;
use super::keys::*;
use super::sources::{Origin, Setting, Settings, invalid};
use super::value::{Form, Value};

/// What the controller's environment variables start with; a double underscore separates the rest.
const PREFIX: &str = "OPENTALK_CTRL_";
/// The characters of a realm's name that stand for themselves in an address.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The one kind of user search that is Keycloak's API.
const KEYCLOAK_WEBAPI: &str = "keycloak_webapi";

/// The names under which the controller may have a key, the one that wins first. It searches users with the client of
/// `[user_search]`, as far as that is given, else with its own.
pub(super) fn names(key: Key) -> &'static [&'static str] {
    match key {
        DATABASE_URL => &["database.url"],
        STORAGE_URI => &["minio.uri"],
        STORAGE_BUCKET => &["minio.bucket"],
        STORAGE_REGION => &["minio.region"],
        STORAGE_ACCESS_KEY => &["minio.access_key"],
        STORAGE_SECRET_KEY => &["minio.secret_key"],
        STORAGE_FORCE_PATH_STYLE => &["minio.force_path_style"],
        IDENTITY_API_BASE_URL => &["user_search.api_base_url"],
        IDENTITY_AUTHORITY => &["oidc.controller.authority", "oidc.authority"],
        IDENTITY_CLIENT_ID => &["user_search.client_id", "oidc.controller.client_id"],
        IDENTITY_CLIENT_SECRET => &["user_search.client_secret", "oidc.controller.client_secret"],
        IDENTITY_EXTERNAL_ID_USER_ATTRIBUTE_NAME => &["user_search.external_id_user_attribute_name"],
        // `shared_folder.directory` is not needed: the paths that the platform stores begin with it.
        SHARED_FOLDER_PROVIDER => &["shared_folder.provider"],
        SHARED_FOLDER_URL => &["shared_folder.url"],
        SHARED_FOLDER_USERNAME => &["shared_folder.username"],
        SHARED_FOLDER_PASSWORD => &["shared_folder.password"],
        _ => &[],
    }
}

/// The platform's own configuration file, from which to take what upkeep's leaves open.
#[derive(Debug, Clone)]
pub(super) struct Inherit {
    /// Absolute.
    pub(super) path: PathBuf,
    /// What says so, in words.
    pub(super) named_in: String,
}

impl Inherit {
    /// What messages call the file.
    pub(super) fn name(&self) -> String {
        format!("the controller's configuration {} (named by {})", shown(&self.path), self.named_in)
    }

    /// The file to inherit from, which the environment or the configuration `file` names.
    pub(super) fn find(
        file: Option<&ConfigurationFile>,
        in_file: Option<(PathBuf, usize)>,
        environment: &Environment,
    ) -> Result<Option<Self>, Problem> {
        let (path, base, named_in) = match (environment.variable(INHERIT_VARIABLE), file, in_file) {
            (Some(path), ..) => (PathBuf::from(path), Path::new(""), INHERIT_VARIABLE.to_owned()),
            (None, Some(ConfigurationFile { path: file, .. }), Some((path, line))) => {
                (path, file.parent().unwrap_or(file), format!("{}, line {line}", shown(file)))
            }
            _ => return Ok(None),
        };
        let wrong = |fault| invalid(format!("the path to inherit from ({named_in})"), fault);
        if path.as_os_str().is_empty() {
            return Err(wrong("is empty; name the controller's file or remove it"));
        }
        let path = environment.absolute(base, &path).map_err(wrong)?;
        Ok(Some(Self { path, named_in }))
    }
}

/// Where the controller says which accounts there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Accounts {
    /// In `[user_search]` and `[oidc]`.
    UserSearch,
    /// In `[keycloak]`, which these two have replaced.
    Keycloak,
    /// Nowhere.
    Unknown,
}

/// The controller's configuration. It holds secrets and therefore has no `Debug`.
pub(super) struct Controller<'a> {
    path: &'a Path,
    document: Document<'a>,
    environment: &'a Environment,
}

impl<'a> Controller<'a> {
    /// The configuration in the file that `inherit` names, whose text is given.
    ///
    /// # Errors
    /// As for [`Document::parse`].
    pub(super) fn parse(inherit: &'a Inherit, text: &'a str, environment: &'a Environment) -> Result<Self, Problem> {
        Ok(Self { path: &inherit.path, document: Document::parse(text, &inherit.name())?, environment })
    }

    /// Completes `settings`, which hold what upkeep's own configuration says.
    ///
    /// # Errors
    /// Values of the wrong form.
    pub(super) fn complete(&self, settings: &mut Settings) -> Result<(), Problem> {
        let of = |section: &'static str| ALL.iter().filter(move |key| key.section == section);
        self.take(settings, [&DATABASE_URL])?;
        if self.has("minio") && settings.get(STORAGE_KIND).is_none() {
            let source = format!("[minio] in {}", shown(self.path));
            let origin = Origin::Inherited { source, base: PathBuf::new() };
            settings.insert(STORAGE_KIND, Setting::new(Value::Text("s3".to_owned()), origin));
        }
        // A store of another kind has nothing in common with the controller's.
        if settings.text(STORAGE_KIND).is_ok_and(|kind| kind == "s3") {
            self.take(settings, of("storage"))?;
        }
        let completes = of("identity").any(|&key| settings.get(key).is_some());
        match self.accounts()? {
            Accounts::Keycloak => self.take_keycloak(settings)?,
            Accounts::UserSearch => self.take(settings, of("identity"))?,
            // Its own client is of use to whoever adds where the accounts are.
            Accounts::Unknown if completes => self.take(settings, of("identity"))?,
            Accounts::Unknown => {}
        }
        self.take(settings, of("shared_folder"))
    }

    fn take<'k>(&self, settings: &mut Settings, keys: impl IntoIterator<Item = &'k Key>) -> Result<(), Problem> {
        for &key in keys {
            for name in names(key) {
                if settings.get(key).is_none()
                    && let Some(setting) = self.get(name, &key.to_string(), key.form)?
                {
                    settings.insert(key, setting);
                }
            }
        }
        Ok(())
    }

    /// The controller refuses to start with both `[oidc]` and `[keycloak]`, and without `[oidc]` looks at no
    /// `[user_search]`.
    fn accounts(&self) -> Result<Accounts, Problem> {
        let backend = self.get("user_search.backend", "identity", Form::Text)?;
        let backend = backend.as_ref().and_then(|backend| backend.value.text());
        let keycloak = self.has("keycloak");
        Ok(match backend {
            Some(KEYCLOAK_WEBAPI) if self.has("oidc") || !keycloak => Accounts::UserSearch,
            Some(_) if self.has("oidc") => Accounts::Unknown,
            _ if keycloak => Accounts::Keycloak,
            _ => Accounts::Unknown,
        })
    }

    fn take_keycloak(&self, settings: &mut Settings) -> Result<(), Problem> {
        for (key, path) in [(IDENTITY_AUTHORITY, "realms"), (IDENTITY_API_BASE_URL, "admin/realms")] {
            if settings.get(key).is_none()
                && let Some(base) = self.get("keycloak.base_url", &key.to_string(), Form::Text)?
                && let Some(realm) = self.get("keycloak.realm", &key.to_string(), Form::Text)?
                && let (Some(url), Some(name)) = (base.value.text(), realm.value.text())
                && let (Origin::Inherited { source, .. }, Origin::Inherited { source: and, .. }) =
                    (&base.origin, &realm.origin)
            {
                let realm = utf8_percent_encode(name, SEGMENT);
                let address = Value::Text(format!("{}/{path}/{realm}", url.trim_end_matches('/')));
                let origin = Origin::Inherited { source: format!("{source} and {and}"), base: PathBuf::new() };
                settings.insert(key, Setting::new(address, origin));
            }
        }
        for (key, name) in [
            (IDENTITY_CLIENT_ID, "keycloak.client_id"),
            (IDENTITY_CLIENT_SECRET, "keycloak.client_secret"),
            (IDENTITY_EXTERNAL_ID_USER_ATTRIBUTE_NAME, "keycloak.external_id_user_attribute_name"),
        ] {
            if settings.get(key).is_none()
                && let Some(setting) = self.get(name, &key.to_string(), key.form)?
            {
                settings.insert(key, setting);
            }
        }
        Ok(())
    }

    /// Whether the controller has anything of a section.
    fn has(&self, section: &str) -> bool {
        let variables = format!("{PREFIX}{section}__");
        let is_of_it =
            |name: &str| name.get(..variables.len()).is_some_and(|name| name.eq_ignore_ascii_case(&variables));
        self.document.root.contains_key(section) || self.environment.names().any(is_of_it)
    }

    /// The controller's value of `name`, for `subject`.
    fn get(&self, name: &str, subject: &str, form: Form) -> Result<Option<Setting>, Problem> {
        let setting = |value: Result<Value, String>, source: String, base: PathBuf| match value {
            Ok(value) => Ok(Some(Setting::new(value, Origin::Inherited { source, base }))),
            Err(fault) => Err(invalid(format!("{subject}, inherited from {source},"), fault)),
        };
        // The controller, too, takes no notice of case.
        let variable = format!("{PREFIX}{}", name.replace('.', "__"));
        if let Some(variable) = self.environment.names().find(|other| other.eq_ignore_ascii_case(&variable)) {
            let text = self.environment.variable(variable).and_then(|value| value.to_str());
            let value = text.map_or_else(|| Err("is not UTF-8".to_owned()), |text| form.read_text(text));
            return setting(value, format!("the environment variable {}", one_line(variable)), PathBuf::new());
        }
        let mut table = &self.document.root;
        let mut segments = name.split('.').peekable();
        while let Some(segment) = segments.next() {
            let Some((key, value)) = table.get_key_value(segment) else { return Ok(None) };
            let line = self.document.line(key);
            match value.get_ref() {
                value if segments.peek().is_none() => {
                    let base = self.path.parent().unwrap_or(self.path).to_owned();
                    let source = format!("{name} in {}, line {line}", shown(self.path));
                    return setting(form.read_toml(value), source, base);
                }
                DeValue::Table(below) => table = below,
                _ => {
                    let place = format!("{segment} in {}, line {line}", shown(self.path));
                    return Err(invalid(place, format!("must be a section, for {subject} is inherited from it")));
                }
            }
        }
        Ok(None)
    }
}
