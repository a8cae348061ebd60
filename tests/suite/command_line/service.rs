//! A run as a service of systemd: what it tells the manager, what it writes into the journal, how it stops.

use std::fs::File;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::{Command, Stdio};

use insta::assert_snapshot;
use tempfile::TempDir;

use crate::site::{DATABASES, Event, Run, Running, Sample, Site, StorageKind, bare, finish, wait_until};

const EXECUTE: [&str; 3] = ["jobs", "execute", "event-cleanup"];

/// Stands for systemd.
struct Manager {
    socket: UnixDatagram,
    told: Vec<String>,
}

impl Manager {
    fn new(socket: UnixDatagram) -> Self {
        socket.set_nonblocking(true).unwrap();
        Self { socket, told: Vec::new() }
    }

    /// All that it was told so far, message by message.
    fn told(&mut self) -> &[String] {
        let mut message = [0; 4_096];
        while let Ok(length) = self.socket.recv(&mut message) {
            self.told.push(String::from_utf8(message[..length].to_vec()).unwrap());
        }
        &self.told
    }

    /// The values of all statuses, in their order.
    fn statuses(&mut self) -> Vec<String> {
        self.told()
            .iter()
            .flat_map(|message| message.lines())
            .filter_map(|line| line.strip_prefix("STATUS="))
            .map(str::to_owned)
            .collect()
    }
}

fn in_a_directory() -> (TempDir, Manager, String) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("notify");
    let manager = Manager::new(UnixDatagram::bind(&path).unwrap());
    (directory, manager, path.to_str().unwrap().to_owned())
}

#[test]
fn systemd_is_told_how_far_it_is_and_it_stops_within_two_seconds() {
    let site = Site::slow(2_000);
    let (_directory, mut manager, path) = in_a_directory();
    let mut command = site.command(&EXECUTE);
    let run = Running::start({
        command.env("NOTIFY_SOCKET", path);
        command
    });
    wait_until("some are deleted", || {
        manager.statuses().iter().any(|status| status.contains(" of 2000 events looked at, "))
    });
    let run = run.ends_soon_after("TERM").expect(143);
    assert!(run.stdout.contains("[ERROR] stopped by SIGTERM\n"), "{run:#?}");

    let told = manager.told().to_vec();
    assert_eq!(told[..2], ["READY=1\nSTATUS=Starting", "EXTEND_TIMEOUT_USEC=60000000"]);
    let (ended, between) = told[2..].split_last().unwrap();
    let deleted = 2_000 - site.events().len();
    assert_eq!(*ended, format!("STOPPING=1\nSTATUS=Ended, interrupted: {deleted} deleted, 0 updated, 0 failed"));
    // Only if it takes longer than a moment to come to an end.
    let between = match between {
        [before @ .., last] if last == "STOPPING=1\nSTATUS=Ending: stopped by SIGTERM" => before,
        all => all,
    };
    // In between, progress once a second at most.
    for status in between.iter().filter(|message| !message.starts_with("EXTEND_TIMEOUT_USEC=")) {
        let numbers = status.strip_prefix("STATUS=").and_then(|status| status.strip_suffix(" deleted")).unwrap();
        let (looked_at, deleted) = numbers.split_once(" of 2000 events looked at, ").unwrap();
        assert_eq!(looked_at, deleted, "{told:#?}");
    }
}

#[test]
fn abstract_sockets_are_sockets_too() {
    let name = format!("upkeep-test-{}", uuid::Uuid::now_v7());
    let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let mut manager = Manager::new(socket);
    finish(bare(&["jobs", "execute", "self-check"]).env("NOTIFY_SOCKET", format!("@{name}")).spawn().unwrap())
        .expect(0);
    assert_eq!(manager.statuses(), ["Starting", "Ended, succeeded: 0 deleted, 0 updated, 0 failed"]);
}

/// An error there would only be a debug line, as nothing but the display depends on it.
#[test]
fn every_job_can_say_how_much_there_is_to_do() {
    for kind in DATABASES {
        let site = Site::new(kind, StorageKind::Directory);
        let mut events = vec![Event::ended(31), Event::ended(29).with_assets(2), Event::ended(31)];
        events[0].adhoc = true;
        site.fill(&Sample::of(events));
        for (job, first) in [
            ("adhoc-event-cleanup", "1 of 1 events looked at, 1 deleted"),
            ("event-cleanup", "2 of 2 events looked at, 1 deleted"),
            ("sync-storage-files", "2 of 2 assets looked at"),
            ("invite-cleanup", "Ended, succeeded: 0 deleted, 0 updated, 0 failed"),
            ("room-cleanup", "Ended, succeeded: 0 deleted, 0 updated, 0 failed"),
            ("run-history-cleanup", "Ended, succeeded: 0 deleted, 0 updated, 0 failed"),
            ("user-cleanup", "1 of 1 events looked at, 1 deleted"),
        ] {
            let (_directory, mut manager, path) = in_a_directory();
            let mut command = site.command(&["jobs", "execute", job, "-v"]);
            let run = finish(command.env("NOTIFY_SOCKET", path).spawn().unwrap()).expect(0);
            assert!(!run.stdout.contains("could not be counted"), "{kind:?} {job}: {run:#?}");
            assert_eq!(manager.statuses()[..2], ["Starting", first], "{kind:?} {job}");
        }
    }
}

/// More time is asked for as long as the run may take; one that waits for its time limit to strike is no exception.
#[test]
fn a_run_beyond_its_time_limit_asks_for_no_more_time() {
    let site = Site::slow(0);
    let (_directory, mut manager, path) = in_a_directory();
    let mut platform = site.platform();
    let mut transaction = platform.transaction().unwrap();
    transaction.batch_execute("LOCK TABLE events").unwrap();
    let mut command = site.command(&[&EXECUTE[..], &["--timeout", "1s"]].concat());
    finish(command.env("NOTIFY_SOCKET", path).spawn().unwrap()).expect(124);
    let told = manager.told().join("; ");
    assert_eq!(told.matches("EXTEND_TIMEOUT_USEC").count(), 1, "{told}");
    assert!(told.contains("STATUS=Ending: timed out after 1s; STOPPING=1\nSTATUS=Ended, timed_out: "), "{told}");
}

#[test]
fn a_manager_that_cannot_be_told_changes_nothing() {
    let plain = bare(&["jobs", "execute", "self-check", "--hide-duration"]);
    let expected = finish({ plain }.spawn().unwrap()).expect(0).stdout;
    let (directory, _manager, path) = in_a_directory();
    // Nobody reads there, and what is sent piles up: nobody waits for that.
    let full = UnixDatagram::unbound().unwrap();
    full.set_nonblocking(true).unwrap();
    while full.send_to(&[b'x'; 1_000], &path).is_ok() {}
    let missing = directory.path().join("missing").display().to_string();
    let endless = format!("/{}", "x".repeat(300));
    let odd =
        ["", "@", "relative", "vsock:2:1234", "/", "/dev/null", &missing, &endless, &format!("@{endless}"), &path];
    for place in odd {
        let mut command = bare(&["jobs", "execute", "self-check", "--hide-duration"]);
        let run = finish(command.env("NOTIFY_SOCKET", place).spawn().unwrap()).expect(0);
        assert_eq!((run.stdout, run.stderr.as_str()), (expected.clone(), ""), "{place:?}");
    }
}

/// Runs `command` with both outputs in files, of which the journal is said to be the given ones.
fn with_journal(mut command: Command, stdout_is: bool, stderr_is: bool) -> Run {
    let directory = TempDir::new().unwrap();
    let paths = [directory.path().join("stdout"), directory.path().join("stderr")];
    let [stdout, stderr] = paths.clone().map(|path| File::create(path).unwrap());
    let identity = |file: &File| file.metadata().map(|file| format!("{}:{}", file.dev(), file.ino())).unwrap();
    let journal = match (stdout_is, stderr_is) {
        (true, _) => identity(&stdout),
        (_, true) => identity(&stderr),
        _ => "8:1".to_owned(),
    };
    command.env("JOURNAL_STREAM", journal).stdout(stdout).stderr(stderr).stdin(Stdio::null());
    let run = finish(command.spawn().unwrap());
    let [stdout, stderr] = paths.map(|path| std::fs::read_to_string(path).unwrap());
    Run { stdout, stderr, ..run }
}

#[test]
fn in_the_journal_lines_have_priorities() {
    let self_check = ["jobs", "execute", "self-check", "--hide-duration"];
    assert_snapshot!(with_journal(bare(&self_check), true, false).transcript(), @"
    exit code 0
    --- stdout
    <6>[INFO ] Starting job execution
    <6>[INFO ] Loading parameters
    <6>[INFO ] Executing self-check job
    <6>[INFO ]
    <7>[TRACE] Test output in TRACE level
    <7>[DEBUG] Test output in DEBUG level
    <6>[INFO ] Test output in INFO level
    <4>[WARN ] Test output in WARN level
    <3>[ERROR] Test output in ERROR level
    <6>[INFO ]
    <6>[INFO ] Job finished successfully
    ");
    // The log goes elsewhere, so that these are not the journal's lines.
    let json = with_journal(bare(&[&self_check[..], &["--output", "json"]].concat()), true, false).expect(0);
    assert!(json.stdout.starts_with("{\n") && json.stderr.starts_with("[INFO ] Starting"), "{json:#?}");
    let json = with_journal(bare(&[&self_check[..], &["--output", "json"]].concat()), false, true).expect(0);
    assert!(json.stdout.starts_with("{\n") && json.stderr.starts_with("<6>[INFO ] Starting"), "{json:#?}");
    // The variable alone says nothing: whoever was started by a service has inherited it.
    let plain = with_journal(bare(&self_check), false, false).expect(0);
    assert!(plain.stdout.starts_with("[INFO ] Starting"), "{plain:#?}");
    for odd in ["", "8", "8:", ":", "a:b", "\u{1b}[31m"] {
        let run = finish(bare(&self_check).env("JOURNAL_STREAM", odd).spawn().unwrap()).expect(0);
        assert!(run.stdout.starts_with("[INFO ] Starting"), "{odd:?}: {run:#?}");
    }
}

#[test]
fn in_the_journal_errors_are_errors() {
    let failing = ["jobs", "execute", "event-cleanup", "--hide-duration", "--parameters", "5"];
    assert_snapshot!(with_journal(bare(&failing), false, true).transcript(), @r#"
    exit code 2
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ]
    [ERROR] the parameters must be a JSON object, not 5
    [ERROR] Job failed
    --- stderr
    <3>error: the parameters must be a JSON object, not 5
    <3>hint: write an object such as '{"name": value}'; `{}` stands for the defaults
    "#);
}
