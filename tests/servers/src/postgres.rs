//! A throw-away PostgreSQL cluster: one per test process, gone with it however it ends.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test server that cannot be set up ends the test")]

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};

/// The superuser's name.
pub const USER: &str = "postgres";
/// The superuser's password, which the server demands.
pub const PASSWORD: &str = "open sesame";
/// The password as it stands in an address.
pub const PASSWORD_IN_URL: &str = "open%20sesame";

/// The platform's schema in its newest generation.
const PLATFORM_V67: &str = include_str!("../platform/opentalk_v67.sql");
/// And in its old one.
const PLATFORM_V60: &str = include_str!("../platform/opentalk_v60.sql");

/// A running cluster.
pub struct Postgres {
    directory: PathBuf,
    port: u16,
    databases: AtomicU32,
    /// A shell that stops the cluster and removes its directory once this process's end of the pipe is closed, which
    /// the system sees to even after SIGKILL.
    _watchdog: Child,
}

impl Postgres {
    /// This process's cluster, started when first asked for.
    ///
    /// # Panics
    /// If PostgreSQL is not installed or does not start, saying how to install it.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&["fsync=off", "synchronous_commit=off", "full_page_writes=off"]))
    }

    /// Starts a cluster with the given settings on top of the defaults.
    ///
    /// # Panics
    /// If PostgreSQL is not installed or does not start, saying how to install it.
    pub fn start(settings: &[&str]) -> Self {
        let programs = programs();
        // Short, for the sake of the socket's path, and readable to the user that the server runs as.
        let directory = tempfile::Builder::new().prefix("upkeep-pg-").tempdir_in("/tmp").unwrap().keep();
        let password = directory.join("password");
        std::fs::write(&password, PASSWORD).unwrap();
        let data = directory.join("data");
        if am_root() {
            run(Command::new("chown").args(["-R", USER]).arg(&directory));
        }
        run(unprivileged(&programs.join("initdb"), &directory)
            .arg("-D")
            .arg(&data)
            .args(["-U", USER, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync", "--pwfile"])
            .arg(&password));
        let port = free_port();
        let mut settings_file = std::fs::OpenOptions::new().append(true).open(data.join("postgresql.conf")).unwrap();
        writeln!(
            settings_file,
            "port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\nmax_connections = 200\n\
             shared_buffers = 128MB\n{}",
            directory.display(),
            settings.join("\n")
        )
        .unwrap();
        let watchdog = unprivileged(Path::new("sh"), &directory)
            .arg("-c")
            .arg("cat > /dev/null; \"$0\" -D \"$1\" -m immediate -s stop; cd / && rm -rf \"$2\"")
            .arg(programs.join("pg_ctl"))
            .arg(&data)
            .arg(&directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        run(unprivileged(&programs.join("pg_ctl"), &directory)
            .arg("-D")
            .arg(&data)
            .args(["-s", "-w", "-l"])
            .arg(directory.join("log"))
            .arg("start"));
        let postgres = Self { directory, port, databases: AtomicU32::new(0), _watchdog: watchdog };
        let mut client = postgres.client("postgres");
        for (name, schema) in [("platform_v67", PLATFORM_V67), ("platform_v60", PLATFORM_V60)] {
            client.batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
            postgres.client(name).batch_execute(schema).unwrap();
        }
        postgres
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The directory with the server's socket.
    pub fn socket_directory(&self) -> &Path {
        &self.directory
    }

    /// The server's log so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("log")).unwrap()
    }

    /// The name of a new, empty database.
    pub fn empty_database(&self) -> String {
        self.copy_of("template1")
    }

    /// The name of a new database with the platform's newest schema and no rows.
    pub fn platform_database(&self) -> String {
        self.copy_of("platform_v67")
    }

    /// The same with the platform's old schema.
    pub fn old_platform_database(&self) -> String {
        self.copy_of("platform_v60")
    }

    /// The name of a new copy of the database `template`, to which nobody may be connected.
    pub fn copy_of(&self, template: &str) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.copy(template, &name);
        name
    }

    /// Makes `name` a copy of the database `template`, whatever it was before.
    pub fn restore(&self, name: &str, template: &str) {
        self.drop_database(name);
        self.copy(template, name);
    }

    fn copy(&self, template: &str, name: &str) {
        let sql = format!("CREATE DATABASE {name} TEMPLATE {template}");
        let deadline = Instant::now() + Duration::from_secs(20);
        // Another copy of the same template may be under way.
        while let Err(error) = self.client("postgres").batch_execute(&sql) {
            assert!(Instant::now() < deadline, "{error:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Drops a database, cutting off whoever is connected.
    pub fn drop_database(&self, name: &str) {
        self.client("postgres").batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).unwrap();
    }

    /// The address of a database as upkeep's configuration takes it.
    pub fn url(&self, database: &str) -> String {
        url_at(self.port, database)
    }

    /// A connection of the superuser.
    pub fn client(&self, database: &str) -> Client {
        Client::connect(&self.url(database), NoTls).unwrap()
    }
}

/// The address of a database behind another port, such as a proxy's.
pub fn url_at(port: u16, database: &str) -> String {
    format!("postgres://{USER}:{PASSWORD_IN_URL}@127.0.0.1:{port}/{database}")
}

/// Where initdb and pg_ctl are: on the PATH, or in Debian's versioned directories, the newest first.
fn programs() -> PathBuf {
    let mut candidates: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|version| version.path().join("bin")).collect())
        .unwrap_or_default();
    candidates.sort();
    candidates.reverse();
    candidates.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    let found = candidates.into_iter().find(|folder| folder.join("initdb").exists() && folder.join("pg_ctl").exists());
    found.expect("PostgreSQL's initdb is needed: install it with `apt-get install postgresql`, or run `tests/run`")
}

pub(crate) fn am_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// A command that does not run as root, which PostgreSQL refuses, in a directory that it may read.
pub(crate) fn unprivileged(program: &Path, directory: &Path) -> Command {
    let mut command = if am_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", USER, "--regid", USER, "--init-groups", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir(directory);
    command
}

pub(crate) fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
