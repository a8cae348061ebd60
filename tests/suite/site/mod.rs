//! A platform to work on: a database with the platform's schema, object storage, a configuration that names both, and
//! ways to fill it, to run upkeep on it and to see what is left.

mod permissions;
mod process;
mod sample;
mod slow;
mod sql;
mod state;
mod transcript;
mod unchanged;
mod under_way;

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use diesel::connection::{Connection, SimpleConnection};
use tempfile::TempDir;
use upkeep_test_servers::keycloak::{CLIENT_ID, CLIENT_SECRET};
use upkeep_test_servers::s3::{ACCESS_KEY, S3Server, SECRET_KEY};
use upkeep_test_servers::{Keycloak, Postgres};

pub(crate) use self::permissions::{NUMBER_OF_PERMISSIONS, look_alikes};
pub(crate) use self::process::{Running, bare, bound_by_permissions, run_bare, run_with_input, shell};
pub(crate) use self::sample::{Event, Exception, Occurs, Sample};
pub(crate) use self::sql::{Dialect, sqlite_texts, text};
pub(crate) use self::transcript::WRONG_SECRET;
pub(crate) use self::under_way::{deletes_assets, is_trial, once, signal, wait_until};

/// Which database a site has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DatabaseKind {
    Postgres,
    /// With the old generation of the platform's schema.
    PostgresOld,
    Sqlite,
}

/// All of them, for tests that have to hold on each but not on each storage.
pub(crate) const DATABASES: [DatabaseKind; 3] =
    [DatabaseKind::Postgres, DatabaseKind::PostgresOld, DatabaseKind::Sqlite];

/// Which storage a site has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StorageKind {
    S3,
    Directory,
}

/// All combinations, for tests that have to hold everywhere.
pub(crate) const EVERYWHERE: [(DatabaseKind, StorageKind); 6] = [
    (DatabaseKind::Postgres, StorageKind::S3),
    (DatabaseKind::Postgres, StorageKind::Directory),
    (DatabaseKind::PostgresOld, StorageKind::S3),
    (DatabaseKind::PostgresOld, StorageKind::Directory),
    (DatabaseKind::Sqlite, StorageKind::S3),
    (DatabaseKind::Sqlite, StorageKind::Directory),
];

pub(crate) const BUCKET: &str = "controller";

enum Database {
    Postgres(String),
    Sqlite(PathBuf),
}

enum Storage {
    S3(S3Server),
    Directory(PathBuf),
}

/// What a finished command said.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    /// The signal that ended it.
    pub(crate) signal: Option<i32>,
}

impl Run {
    /// The report of `--output json`.
    pub(crate) fn report(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:#?}"))
    }

    /// The run itself, which must have ended with `code`.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }
}

pub(crate) struct Site {
    directory: TempDir,
    kind: DatabaseKind,
    database: Database,
    storage: Storage,
    settings: BTreeMap<&'static str, String>,
    /// The platform's own session, opened once: each costs a password check.
    platform: Mutex<Option<postgres::Client>>,
}

impl Site {
    /// A platform without rows and objects, with upkeep's own tables.
    pub(crate) fn new(database: DatabaseKind, storage: StorageKind) -> Self {
        let site = Self::unmigrated(database, storage);
        site.upkeep(&["database", "migrate"]).expect(0);
        site
    }

    /// A platform on which upkeep was never used; on SQLite there is nothing yet.
    pub(crate) fn unmigrated(kind: DatabaseKind, storage: StorageKind) -> Self {
        let directory = tempfile::Builder::new().prefix("upkeep-site-").tempdir().unwrap();
        let database = match kind {
            DatabaseKind::Postgres => Database::Postgres(Postgres::shared().platform_database()),
            DatabaseKind::PostgresOld => Database::Postgres(Postgres::shared().old_platform_database()),
            DatabaseKind::Sqlite => Database::Sqlite(directory.path().join("upkeep.db")),
        };
        let storage = match storage {
            StorageKind::S3 => Storage::S3(S3Server::start().with_bucket(BUCKET)),
            StorageKind::Directory => Storage::Directory(directory.path().join("objects")),
        };
        let mut site =
            Self { directory, kind, database, storage, settings: BTreeMap::new(), platform: Mutex::default() };
        let url = match &site.database {
            Database::Postgres(name) => Postgres::shared().url(name),
            Database::Sqlite(path) => format!("sqlite:{}", path.display()),
        };
        site.set("database", &format!("url = {url:?}"));
        match &site.storage {
            Storage::S3(server) => site.set_storage_uri(&server.uri()),
            Storage::Directory(path) => {
                std::fs::create_dir(path).unwrap();
                let path = path.display().to_string();
                site.set("storage", &format!("kind = \"directory\"\npath = {path:?}"));
            }
        }
        site
    }

    /// Replaces a section of the configuration file.
    pub(crate) fn set(&mut self, section: &'static str, keys: &str) {
        self.settings.insert(section, keys.to_owned());
        self.write_configuration();
    }

    /// Takes a section out of the configuration file.
    pub(crate) fn unset(&mut self, section: &str) {
        self.settings.remove(section);
        self.write_configuration();
    }

    fn write_configuration(&self) {
        let sections = self.settings.iter().map(|(section, keys)| format!("[{section}]\n{keys}\n"));
        std::fs::write(self.configuration(), sections.collect::<String>()).unwrap();
    }

    /// Lets upkeep reach the bucket under another address, such as a proxy's.
    pub(crate) fn set_storage_uri(&mut self, uri: &str) {
        self.set(
            "storage",
            &format!(
                "kind = \"s3\"\nuri = {uri:?}\nbucket = \"{BUCKET}\"\naccess_key = \"{ACCESS_KEY}\"\n\
                 secret_key = \"{SECRET_KEY}\""
            ),
        );
    }

    /// Lets upkeep ask this identity provider, with further keys.
    pub(crate) fn set_identity(&mut self, keycloak: &Keycloak, more: &str) {
        let (api, authority) = (keycloak.api_base_url(), keycloak.authority());
        let keys = format!("api_base_url = {api:?}\nauthority = {authority:?}\nclient_id = {CLIENT_ID:?}");
        self.set("identity", &format!("{keys}\nclient_secret = {CLIENT_SECRET:?}\n{more}"));
    }

    /// Lets upkeep reach the database behind another port, such as a proxy's.
    pub(crate) fn set_database_port(&mut self, port: u16) {
        let url = upkeep_test_servers::postgres::url_at(port, self.database_name());
        self.set("database", &format!("url = {url:?}"));
    }

    pub(crate) fn configuration(&self) -> PathBuf {
        self.directory.path().join("upkeep.toml")
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The S3 server.
    pub(crate) fn s3(&self) -> &S3Server {
        match &self.storage {
            Storage::S3(server) => server,
            Storage::Directory(_) => panic!("this site stores in a directory"),
        }
    }

    /// The name of the PostgreSQL database.
    pub(crate) fn database_name(&self) -> &str {
        match &self.database {
            Database::Postgres(name) => name,
            Database::Sqlite(_) => panic!("this site has SQLite"),
        }
    }

    /// A session of the platform itself.
    pub(crate) fn platform(&self) -> postgres::Client {
        Postgres::shared().client(self.database_name())
    }

    fn in_platform<T>(&self, work: impl FnOnce(&mut postgres::Client) -> T) -> T {
        work(self.platform.lock().unwrap().get_or_insert_with(|| self.platform()))
    }

    /// A command that can be changed before it is started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_upkeep"));
        command.args(["--config".as_ref(), self.configuration().as_os_str()]).args(arguments);
        command.current_dir(self.directory.path()).env_clear().env("HOME", self.directory.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs upkeep to its end.
    pub(crate) fn upkeep(&self, arguments: &[&str]) -> Run {
        finish(self.command(arguments).spawn().unwrap())
    }

    /// Runs a job to its end, with a report as JSON.
    pub(crate) fn job(&self, job: &str, more: &[&str]) -> Run {
        self.upkeep(&[&["jobs", "execute", job, "--output", "json"], more].concat())
    }

    /// Runs event-cleanup to its end, with a report as JSON.
    pub(crate) fn clean_up(&self, more: &[&str]) -> Run {
        self.job("event-cleanup", more)
    }

    /// Which database this is.
    pub(crate) fn kind(&self) -> DatabaseKind {
        self.kind
    }

    /// How SQL is written for this site's database.
    pub(crate) fn dialect(&self) -> Dialect {
        Dialect::of(self.kind)
    }

    /// Executes SQL as the platform.
    pub(crate) fn execute(&self, sql: &str) {
        match &self.database {
            Database::Postgres(_) => {
                self.in_platform(|session| session.batch_execute(sql)).unwrap_or_else(|error| panic!("{error}: {sql}"))
            }
            Database::Sqlite(path) => {
                let mut connection = diesel::SqliteConnection::establish(path.to_str().unwrap()).unwrap();
                connection.batch_execute("PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000").unwrap();
                connection.batch_execute(sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
            }
        }
    }

    /// Remembers the database as it is, for [`Site::restore`].
    pub(crate) fn freeze(&self) -> String {
        drop(self.platform.lock().unwrap().take());
        Postgres::shared().copy_of(self.database_name())
    }

    /// Brings back the database as it was when frozen, and exactly these objects.
    pub(crate) fn restore(&self, frozen: &str, objects: &[String]) {
        drop(self.platform.lock().unwrap().take());
        Postgres::shared().restore(self.database_name(), frozen);
        self.s3().bucket(BUCKET).reset(objects);
    }

    /// Inserts rows and stores their objects.
    pub(crate) fn fill(&self, sample: &Sample) {
        self.execute(&sample.sql(self.kind));
        for (key, size) in sample.objects() {
            self.store(&key, &vec![b'x'; size]);
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Database::Postgres(name) = &self.database {
            Postgres::shared().drop_database(name);
        }
    }
}

/// Waits for the end of a command.
pub(crate) fn finish(child: Child) -> Run {
    let output = child.wait_with_output().unwrap();
    let run = Run {
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code(),
        signal: output.status.signal(),
    };
    run.assert_no_secrets();
    run
}
