//! The configuration: which database and storage upkeep works on, and how careful it is.
//!
//! A value comes from the first of these that has it:
//!
//! 1. the environment variable `UPKEEP_<SECTION>__<KEY>`,
//! 2. for a secret, the file named by `UPKEEP_<SECTION>__<KEY>_FILE`,
//! 3. for a secret, the systemd credential `<section>.<key>` in `$CREDENTIALS_DIRECTORY`, unless that is `-`,
//! 4. the configuration file: `<key>`, or for a secret `<key>_file`, but not both,
//! 5. the environment variable `OPENTALK_CTRL_<SECTION>__<KEY>` of the platform's controller and then its own
//!    configuration file, if `inherit` (or `UPKEEP_INHERIT`) names that,
//! 6. the default.
//!
//! What is not known is an error wherever it stands: a setting that silently does nothing could mean the wrong
//! database. Paths in the configuration file are relative to that file, all others to the working directory.
//!
//! A new key is one line in [`keys`] and its use in the section's module.

mod database;
mod environment;
mod file;
mod identity;
mod inherited;
pub(crate) mod keys;
mod monitoring;
mod safety;
mod secret_files;
mod shared_folder;
mod show;
mod sources;
mod storage;
#[cfg(test)]
mod tests;
mod value;

use std::path::{Path, PathBuf};

use upkeep_jobs::kit::{Allowance, Guard, Resources, StorageSettings};
use upkeep_jobs::platform::Problem;
use upkeep_jobs::platform::database::DatabaseUrl;
use upkeep_jobs::platform::identity::IdentitySettings;
use upkeep_jobs::platform::shared_folders::NextcloudSettings;

pub(crate) use environment::Environment;
pub(crate) use monitoring::Monitored;

/// Everything that is configured, checked as far as that is possible without connecting anywhere.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The platform's database.
    pub(crate) database: DatabaseUrl,
    /// The platform's object storage.
    pub(crate) storage: StorageSettings,
    /// The identity provider, if jobs may ask it.
    pub(crate) identity: Option<IdentitySettings>,
    /// The shared-folder provider, if the platform has one.
    pub(crate) shared_folder: Option<NextcloudSettings>,
    /// Where it is told what runs come to.
    pub(crate) monitored: Monitored,
    /// The guards.
    pub(crate) safety: Guard,
    file: Option<PathBuf>,
    settings: sources::Settings,
}

impl Config {
    /// Reads the configuration from the file `explicit` (`--config`), or the one that is found without, and from
    /// `environment`. Creates nothing and connects to nothing.
    ///
    /// # Errors
    /// A [`Problem`] of kind `Configuration` for the first mistake: it names the place and what is expected there,
    /// and never contains a secret.
    pub(crate) fn load(explicit: Option<&Path>, environment: &Environment) -> Result<Self, Problem> {
        let file = environment.configuration_file(explicit)?;
        let mut settings = sources::Settings::gather(file.as_ref(), environment)?;
        let database = database::database(&mut settings, environment)?;
        Ok(Self {
            storage: storage::storage(&mut settings, environment, &database)?,
            database,
            identity: identity::identity(&settings)?,
            shared_folder: shared_folder::shared_folder(&mut settings)?,
            monitored: monitoring::monitored(&mut settings, environment)?,
            safety: safety::safety(&settings)?,
            file: file.map(|file| file.path),
            settings,
        })
    }

    /// The configuration file that was read, if there is one; absolute.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The platform's own configuration file, if values are taken from it; absolute.
    pub(crate) fn inherited_file(&self) -> Option<&Path> {
        self.settings.inherit().map(|inherit| &*inherit.path)
    }

    /// The names of all keys whose values are secrets, as their systemd credentials are called.
    pub(crate) fn names_of_secrets() -> impl Iterator<Item = String> {
        keys::ALL.iter().filter(|key| key.is_secret()).map(ToString::to_string)
    }

    /// The directories on this host that jobs write to because somebody configured them; those of the embedded
    /// defaults are elsewhere for whoever else runs upkeep.
    pub(crate) fn directories_written_to(&self) -> Vec<&Path> {
        let database = match &self.database {
            DatabaseUrl::Sqlite(file) if self.settings.is_given(keys::DATABASE_URL) => file.parent(),
            DatabaseUrl::Sqlite(_) | DatabaseUrl::Postgres(_) => None,
        };
        let objects = match &self.storage {
            StorageSettings::Directory(path) if self.settings.is_given(keys::STORAGE_PATH) => Some(path.as_path()),
            StorageSettings::Directory(_) | StorageSettings::Embedded(_) | StorageSettings::S3(_) => None,
        };
        database.into_iter().chain(objects).chain(self.monitored.metrics_dir.as_deref()).collect()
    }

    /// What a run gets of it: the guards, with what this one run is allowed, and what jobs work on.
    pub(crate) fn for_run(self, allow_affected: Option<u64>) -> (Guard, Resources) {
        let guard = Guard { allowance: Allowance::new(allow_affected), ..self.safety };
        let resources = Resources {
            database: self.database,
            storage: self.storage,
            identity: self.identity,
            shared_folders: self.shared_folder,
        };
        (guard, resources)
    }
}
