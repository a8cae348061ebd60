//! Every key there is, one line each: from this table follow the names in file, environment and credentials, what
//! counts as unknown, the plain defaults, and what `config show` prints.

use std::fmt;

use super::value::Form;

/// One key of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) section: &'static str,
    pub(super) name: &'static str,
    pub(super) form: Form,
    /// As it would be written in an environment variable; `None` for keys without a default and for those whose
    /// default depends on the state directory.
    pub(super) default: Option<&'static str>,
}

macro_rules! keys {
    ($($constant:ident: $section:literal $name:literal $form:ident, $default:expr;)*) => {
        $(pub(super) const $constant: Key =
            Key { section: $section, name: $name, form: Form::$form, default: $default };)*
        /// All keys, in the order in which they are shown.
        pub(super) const ALL: &[Key] = &[$($constant),*];
    };
}

keys! {
    DATABASE_URL: "database" "url" Secret, None;
    STORAGE_KIND: "storage" "kind" Text, Some("directory");
    STORAGE_PATH: "storage" "path" Text, None;
    STORAGE_URI: "storage" "uri" Text, None;
    STORAGE_BUCKET: "storage" "bucket" Text, None;
    STORAGE_REGION: "storage" "region" Text, Some("us-east-1");
    STORAGE_ACCESS_KEY: "storage" "access_key" Secret, None;
    STORAGE_SECRET_KEY: "storage" "secret_key" Secret, None;
    STORAGE_FORCE_PATH_STYLE: "storage" "force_path_style" Switch, Some("true");
    IDENTITY_API_BASE_URL: "identity" "api_base_url" Text, None;
    IDENTITY_AUTHORITY: "identity" "authority" Text, None;
    IDENTITY_CLIENT_ID: "identity" "client_id" Text, None;
    IDENTITY_CLIENT_SECRET: "identity" "client_secret" Secret, None;
    IDENTITY_EXTERNAL_ID_USER_ATTRIBUTE_NAME: "identity" "external_id_user_attribute_name" Text, None;
    SHARED_FOLDER_PROVIDER: "shared_folder" "provider" Text, None;
    SHARED_FOLDER_URL: "shared_folder" "url" Text, None;
    SHARED_FOLDER_USERNAME: "shared_folder" "username" Text, None;
    SHARED_FOLDER_PASSWORD: "shared_folder" "password" Secret, None;
    METRICS_DIR: "metrics" "dir" Text, None;
    NOTIFY_PING_URL: "notify" "ping_url" Secret, None;
    SAFETY_DELETION: "safety" "deletion" Switch, Some("true");
    SAFETY_MAX_AFFECTED_PERCENT: "safety" "max_affected_percent" Number, Some("10");
    SAFETY_MAX_AFFECTED_FLOOR: "safety" "max_affected_floor" Number, Some("100");
    SAFETY_ROOM_MINIMUM_AGE: "safety" "room_minimum_age" Span, Some("0s");
}

/// The one key above all sections: the platform's own configuration file, from which to take what is not set.
pub(super) const INHERIT: &str = "inherit";
/// The environment variable that overrides it.
pub(super) const INHERIT_VARIABLE: &str = "UPKEEP_INHERIT";

/// What every overriding environment variable starts with.
const PREFIX: &str = "UPKEEP_";
/// What a key's name ends with when its value is the name of a file that holds the secret.
const FILE_SUFFIX: &str = "_file";

impl Key {
    /// Whether the value may come from a file or a credential of its own, and is never shown.
    pub(super) fn is_secret(self) -> bool {
        self.form == Form::Secret
    }

    /// `secret_key_file`, for the key that names a file with the secret.
    pub(super) fn file_name(self) -> String {
        format!("{}{FILE_SUFFIX}", self.name)
    }

    /// `UPKEEP_STORAGE__SECRET_KEY`.
    pub(super) fn variable(self) -> String {
        format!("{PREFIX}{}__{}", self.section, self.name).to_ascii_uppercase()
    }

    /// `UPKEEP_STORAGE__SECRET_KEY_FILE`.
    pub(super) fn file_variable(self) -> String {
        format!("{}{FILE_SUFFIX}", self.variable()).to_ascii_uppercase()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.section, self.name)
    }
}

/// The names of all sections, in the order in which they are shown.
pub(super) fn sections() -> Vec<&'static str> {
    let mut names: Vec<_> = ALL.iter().map(|key| key.section).collect();
    names.dedup();
    names
}

/// What may stand in a section of the file.
pub(super) fn names_in(section: &str) -> Vec<String> {
    let own = |key: &&Key| key.section == section;
    let plain = ALL.iter().filter(own).map(|key| key.name.to_owned());
    plain.chain(ALL.iter().filter(own).filter(|key| key.is_secret()).map(|key| key.file_name())).collect()
}

/// All environment variables that override a key.
pub(super) fn variables() -> Vec<String> {
    let plain = ALL.iter().map(|key| key.variable());
    let plain = std::iter::once(INHERIT_VARIABLE.to_owned()).chain(plain);
    plain.chain(ALL.iter().filter(|key| key.is_secret()).map(|key| key.file_variable())).collect()
}

/// Whether a variable of this name is meant to override a key, rightly or not.
///
/// Others that merely start with `UPKEEP_` are not ours to judge (Kubernetes sets `UPKEEP_SERVICE_HOST`), except for
/// a known name with a single underscore between section and key, which would otherwise silently do nothing.
pub(super) fn claims_to_be_key(variable: &str) -> bool {
    variable
        .strip_prefix(PREFIX)
        .is_some_and(|rest| rest.contains("__") || variables().iter().any(|known| known.replace("__", "_") == variable))
}

/// The known word that an unknown one was probably meant to be.
pub(super) fn nearest(word: &str, known: &[String]) -> Option<String> {
    // A file for what is no secret: neither the name of another key nor a typing error.
    let stem = word.strip_suffix("_file").or_else(|| word.strip_suffix("_FILE"));
    if let Some(plain) = known.iter().find(|known| Some(known.as_str()) == stem) {
        return Some(plain.clone());
    }
    // Longer words are no typing errors, and comparing takes time in proportion.
    let word = Some(word).filter(|word| word.len() <= 100)?;
    let distance = |candidate: &String| strsim::osa_distance(word, candidate);
    let best = known.iter().min_by_key(|candidate| distance(candidate))?;
    (distance(best) <= 1 + best.len() / 3).then(|| best.clone())
}

/// What to do about an unknown word: the nearest known one, if any is near, and all there are.
pub(super) fn suggestion(word: &str, known: &[String]) -> String {
    let all = format!("known are {}", known.join(", "));
    match nearest(word, known) {
        Some(best) => format!("did you mean {best}? ({all})"),
        None => all,
    }
}
