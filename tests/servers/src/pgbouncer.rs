//! PgBouncer in transaction mode in front of the throw-away cluster: each transaction may get another session.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test server that cannot be set up ends the test")]

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::postgres::{PASSWORD, USER, am_root, free_port, run, unprivileged};

/// A running pooler; it ends with this value or this process, however that ends.
pub struct PgBouncer {
    port: u16,
    /// A shell that ends the pooler once this process's end of the pipe is closed.
    watchdog: Child,
}

impl PgBouncer {
    /// Starts a pooler with `sessions` sessions per database of the server on `upstream`, a port of 127.0.0.1.
    ///
    /// # Panics
    /// If PgBouncer is not installed or does not start, saying how to install it.
    pub fn in_front_of(upstream: u16, sessions: u32) -> Self {
        let program = program();
        let directory = tempfile::Builder::new().prefix("upkeep-pgbouncer-").tempdir_in("/tmp").unwrap().keep();
        let port = free_port();
        let settings = directory.join("pgbouncer.ini");
        let log = directory.join("log");
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={upstream} user={USER} password='{PASSWORD}'\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = transaction\ndefault_pool_size = {sessions}\nlogfile = {}\n",
            log.display()
        );
        std::fs::write(&settings, text).unwrap();
        if am_root() {
            run(std::process::Command::new("chown").args(["-R", USER]).arg(&directory));
        }
        let watchdog = unprivileged(Path::new("sh"), &directory)
            .arg("-c")
            .arg("\"$0\" -q \"$1\" & cat > /dev/null; kill $!; wait; cd / && rm -rf \"$2\"")
            .args([&program, &settings, &directory])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let said = || std::fs::read_to_string(&log).unwrap_or_default();
            assert!(Instant::now() < deadline, "PgBouncer does not start: {}", said());
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { port, watchdog }
    }

    /// The pooler's port on 127.0.0.1. It lets everybody in.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        self.watchdog.wait().unwrap();
    }
}

fn program() -> PathBuf {
    let mut folders = vec![PathBuf::from("/usr/sbin")];
    folders.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    let found = folders.into_iter().map(|folder| folder.join("pgbouncer")).find(|program| program.exists());
    found.expect("PgBouncer is needed: install it with `apt-get install pgbouncer`, or run `tests/run`")
}
