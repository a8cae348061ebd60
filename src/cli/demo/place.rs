//! Where a demo takes place: a new directory with a configuration, a database and objects of its own.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use upkeep_jobs::kit::StorageSettings;
use upkeep_jobs::platform::database::{Access, Database, DatabaseUrl};
use upkeep_jobs::platform::storage::Directory;
use upkeep_jobs::platform::{Kind, Problem, Stop};

use crate::config::{Config, Environment, Monitored};

const CONFIGURATION: &str = r#"# Made by `upkeep demo`. Relative paths start at the directory this file is in.

[database]
url = "sqlite:upkeep.db"

[storage]
kind = "directory"
path = "objects"
"#;

/// A directory that was not there before.
#[derive(Debug)]
pub(super) struct Place {
    /// As the operator names it, fit for a command line.
    given: PathBuf,
    /// The same, absolute.
    root: PathBuf,
}

impl Place {
    /// Makes the directory.
    ///
    /// # Errors
    /// When anything at all is there already, which is then left alone, or when it cannot be made.
    pub(super) fn claim(given: &Path) -> Result<Self, Problem> {
        let shown = given.display();
        let usage = |message: String| Problem::new(Kind::Usage, message);
        if given.to_str().is_none_or(|name| name.contains(char::is_control)) {
            return Err(usage(format!("the demo cannot work in {given:?}: its name is not plain UTF-8 text"))
                .hint("choose another name with --dir DIR"));
        }
        let root = std::path::absolute(given).map_err(|error| {
            usage(format!("the demo cannot work in {given:?}")).because(error).hint("name a directory with --dir DIR")
        })?;
        // Making it is the test: nobody can put something there in between.
        fs::create_dir(&root).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => usage(format!(
                "there is something at {shown} already; the demo only works in a new directory and left it untouched"
            ))
            .hint("choose another place with --dir DIR, or remove what is there if you no longer need it"),
            ErrorKind::NotFound if root.parent().is_some_and(|parent| !parent.exists()) => {
                let parent = root.parent().unwrap_or(&root).display();
                usage(format!("cannot make {shown} for the demo: there is no directory {parent}"))
                    .hint("make that directory first, or choose another place with --dir DIR")
            }
            _ => usage(format!("cannot make {shown} for the demo"))
                .because(error)
                .hint("choose another place with --dir DIR, one that you may write to"),
        })?;
        // A leading `-` would be a flag, a leading `~` somebody's home.
        let given =
            if given.to_string_lossy().starts_with(['-', '~']) { Path::new(".").join(given) } else { given.into() };
        Ok(Self { given, root })
    }

    /// The directory, as the operator names it.
    pub(super) fn directory(&self) -> &Path {
        &self.given
    }

    /// The configuration file, as the operator names it.
    pub(super) fn file(&self) -> PathBuf {
        self.given.join("upkeep.toml")
    }

    /// Writes the configuration file and reads it as every command does.
    ///
    /// # Errors
    /// When something in the environment would lead the demo, or the commands it suggests, to another platform.
    pub(super) fn configure(&self) -> anyhow::Result<Config> {
        let file = self.root.join("upkeep.toml");
        fs::write(&file, CONFIGURATION).map_err(|error| {
            Problem::new(Kind::Failed, format!("cannot write {}", self.file().display())).because(error)
        })?;
        let mut config = Config::load(Some(&file), &Environment::of_process())?;
        let resources = config.clone().for_run(None).1;
        let own_database = matches!(&resources.database, DatabaseUrl::Sqlite(path) if *path == self.database_file());
        let own_store = matches!(&resources.storage, StorageSettings::Directory(path) if *path == self.objects());
        if own_database && own_store && resources.shared_folders.is_none() {
            // Whoever watches the platform is not to take the demo for it.
            config.monitored = Monitored::default();
            return Ok(config);
        }
        let message =
            "the environment names another platform than the demo's own, and would win; nothing was done to it";
        let hint = "run the demo without UPKEEP_DATABASE__…, UPKEEP_STORAGE__…, UPKEEP_SHARED_FOLDER__… variables \
                    and CREDENTIALS_DIRECTORY";
        Err(Problem::new(Kind::Configuration, message).hint(hint).into())
    }

    /// The database.
    pub(super) fn database(&self, access: Access) -> Database {
        Database::new(DatabaseUrl::Sqlite(self.database_file()), "upkeep:demo", access, Stop::without_deadline())
    }

    /// The object storage.
    pub(super) fn store(&self) -> Directory {
        Directory::new(self.objects())
    }

    fn database_file(&self) -> PathBuf {
        self.root.join("upkeep.db")
    }

    fn objects(&self) -> PathBuf {
        self.root.join("objects")
    }
}
