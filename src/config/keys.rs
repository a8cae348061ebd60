//! Every key there is, one line each: from this table follow the names in file, environment and credentials, what
//! counts as unknown, the plain defaults, what `config show` prints, and the manual page `upkeep.toml`(5).

use std::fmt;

use super::inherited;
use super::value::Form;

/// One key of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) section: &'static str,
    pub(crate) name: &'static str,
    pub(crate) form: Form,
    /// As it would be written in an environment variable; `None` for keys without a default and for those whose
    /// default depends on the state directory.
    pub(crate) default: Option<&'static str>,
    /// What it is for, in whole sentences; code stands in backquotes. The manual shows it.
    pub(crate) about: &'static str,
}

macro_rules! keys {
    ($($constant:ident: $section:literal $name:literal $form:ident, $default:expr, $about:literal;)*) => {
        $(pub(super) const $constant: Key =
            Key { section: $section, name: $name, form: Form::$form, default: $default, about: $about };)*
        /// All keys, in the order in which they are shown.
        pub(crate) const ALL: &[Key] = &[$($constant),*];
    };
}

keys! {
    DATABASE_URL: "database" "url" Secret, None,
        "The platform's database: `postgres://user:password@host:port/database`, or \
         `sqlite:/path/to/upkeep.db`. In the password write `%40` for @, `%2F` for / and so on. By default \
         the embedded database: `upkeep.db` in the state directory.";
    STORAGE_KIND: "storage" "kind" Text, Some("directory"),
        "Where the objects are: `s3`, or `directory`, which keeps them in local files. The default is for \
         embedded databases only; a platform with PostgreSQL has to say.";
    STORAGE_PATH: "storage" "path" Text, None,
        "The directory with the objects, for `directory` only. It has to exist. By default `objects` in the \
         state directory.";
    STORAGE_URI: "storage" "uri" Text, None,
        "The address of the S3 server, for example `https://s3.example.org`.";
    STORAGE_BUCKET: "storage" "bucket" Text, None,
        "The bucket in which the platform stores its assets.";
    STORAGE_REGION: "storage" "region" Text, Some("us-east-1"),
        "The region of the bucket. The default suits most servers that are not Amazon's.";
    STORAGE_ACCESS_KEY: "storage" "access_key" Secret, None,
        "Who upkeep is to the S3 server. To read, list and delete in the one bucket is all that it needs.";
    STORAGE_SECRET_KEY: "storage" "secret_key" Secret, None,
        "The secret that belongs to `access_key`.";
    STORAGE_FORCE_PATH_STYLE: "storage" "force_path_style" Switch, Some("true"),
        "How buckets are addressed: `true` for `https://s3.example.org/controller/`, `false` for \
         `https://controller.s3.example.org/`.";
    IDENTITY_API_BASE_URL: "identity" "api_base_url" Text, None,
        "The administration API of the Keycloak realm, for example \
         `https://id.example.org/admin/realms/meet`.";
    IDENTITY_AUTHORITY: "identity" "authority" Text, None,
        "The realm as an issuer of tokens, for example `https://id.example.org/realms/meet`.";
    IDENTITY_CLIENT_ID: "identity" "client_id" Text, None,
        "A client of the realm whose service account has the role `view-users` of `realm-management`.";
    IDENTITY_CLIENT_SECRET: "identity" "client_secret" Secret, None,
        "The secret of that client.";
    IDENTITY_EXTERNAL_ID_USER_ATTRIBUTE_NAME: "identity" "external_id_user_attribute_name" Text, None,
        "The user attribute whose first value is the id that the platform knows a user by. By default \
         Keycloak's own id.";
    SHARED_FOLDER_PROVIDER: "shared_folder" "provider" Text, None,
        "What keeps the shared folders of events. Only `nextcloud` so far.";
    SHARED_FOLDER_URL: "shared_folder" "url" Text, None,
        "The base address of the server. It may have a path, as in `https://example.org/cloud`.";
    SHARED_FOLDER_USERNAME: "shared_folder" "username" Text, None,
        "The account that the platform itself uses: the folders are its own.";
    SHARED_FOLDER_PASSWORD: "shared_folder" "password" Secret, None,
        "The password of that account.";
    METRICS_DIR: "metrics" "dir" Text, None,
        "The directory to write metrics for Prometheus to when a run begins and when it has ended, of dry runs \
         none: node_exporter's for textfiles. It has to exist. `--metrics-dir` wins. By default none are written.";
    NOTIFY_PING_URL: "notify" "ping_url" Secret, None,
        "The address of a service such as healthchecks.io that raises the alarm when no ping arrives: the \
         address followed by `/start` when a run begins, the address itself when it succeeded, the address \
         followed by `/` and the exit code when it did not; nothing else is sent. `{job}` stands for the name \
         of the job; without it all jobs share one check, which suits a single job only. By default none are \
         sent.";
    SAFETY_DELETION: "safety" "deletion" Switch, Some("true"),
        "`false` refuses every job that deletes.";
    SAFETY_MAX_AFFECTED_PERCENT: "safety" "max_affected_percent" Number, Some("10"),
        "Bounds what something outside the platform may cause, such as accounts that vanished from the \
         identity provider, or assets that vanished from the bucket: a run that would change more than this \
         percentage of them, 0 to 100, is refused.";
    SAFETY_MAX_AFFECTED_FLOOR: "safety" "max_affected_floor" Number, Some("100"),
        "A run that would change fewer rows than this is not refused, whatever their percentage.";
    SAFETY_ROOM_MINIMUM_AGE: "safety" "room_minimum_age" Span, Some("0s"),
        "`room-cleanup` leaves rooms alone that are not older than this.";
}

/// The one key above all sections: the platform's own configuration file, from which to take what is not set.
pub(crate) const INHERIT: &str = "inherit";
/// The environment variable that overrides it.
pub(crate) const INHERIT_VARIABLE: &str = "UPKEEP_INHERIT";

/// What every overriding environment variable starts with.
const PREFIX: &str = "UPKEEP_";
/// What a key's name ends with when its value is the name of a file that holds the secret.
const FILE_SUFFIX: &str = "_file";

impl Key {
    /// Whether the value may come from a file or a credential of its own, and is never shown.
    pub(crate) fn is_secret(self) -> bool {
        self.form == Form::Secret
    }

    /// `secret_key_file`, for the key that names a file with the secret.
    pub(crate) fn file_name(self) -> String {
        format!("{}{FILE_SUFFIX}", self.name)
    }

    /// `UPKEEP_STORAGE__SECRET_KEY`.
    pub(crate) fn variable(self) -> String {
        format!("{PREFIX}{}__{}", self.section, self.name).to_ascii_uppercase()
    }

    /// The keys of the platform's own configuration that it is inherited from, the one that wins first.
    pub(crate) fn inherited_from(self) -> &'static [&'static str] {
        inherited::names(self)
    }

    /// `UPKEEP_STORAGE__SECRET_KEY_FILE`.
    pub(crate) fn file_variable(self) -> String {
        format!("{}{FILE_SUFFIX}", self.variable()).to_ascii_uppercase()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.section, self.name)
    }
}

/// The names of all sections, in the order in which they are shown.
pub(crate) fn sections() -> Vec<&'static str> {
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
