//! Signals and time limits, wherever they strike.

use std::process::Stdio;
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use upkeep_test_servers::cutter::Cut;
use upkeep_test_servers::fault_proxy::{Fault, FaultProxy};
use upkeep_test_servers::{Cutter, Postgres, postgres};

use crate::site::{
    BUCKET, DatabaseKind, Event, Running, Sample, Site, StorageKind, bare, deletes_assets, signal, wait_until,
};

const EXECUTE: [&str; 3] = ["jobs", "execute", "event-cleanup"];

fn filled(database: DatabaseKind, storage: StorageKind) -> Site {
    let site = Site::new(database, storage);
    site.fill(&Sample::of([Event::ended(31).with_assets(2), Event::ended(29)]));
    site
}

#[test]
fn in_the_middle_of_a_statement_that_waits() {
    let site = filled(DatabaseKind::Postgres, StorageKind::Directory);
    let before = site.state();
    let mut other = site.platform();
    let mut transaction = other.transaction().unwrap();
    transaction.batch_execute("LOCK TABLE invites").unwrap();
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let run = Running::start(site.command(&EXECUTE));
        site.wait_until_upkeep_waits_for_a_lock();
        let run = run.ends_soon_after(signal).expect(code);
        if signal == "INT" {
            assert_snapshot!(run.transcript_at(&site), @"
            exit code 130
            --- stdout
            [INFO ] Starting job execution
            [INFO ] Loading parameters
            [INFO ] Looking for events that ended at or before [instant]
            [INFO ]
            [ERROR] stopped by SIGINT
            [ERROR] Job failed
            [INFO ] Duration: [duration]
            --- stderr
            error: stopped by SIGINT
            hint: what is done is safe; run the job again to go on
            ");
        }
    }
    let run = site.upkeep(&[&EXECUTE[..], &["--timeout", "1"]].concat());
    assert_snapshot!(run.transcript_at(&site), @"
    exit code 124
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Looking for events that ended at or before [instant]
    [INFO ]
    [ERROR] timed out after 1s
    [ERROR] Job failed
    [INFO ] Duration: [duration]
    --- stderr
    error: timed out after 1s
    hint: what is done is safe; run the job again to go on, perhaps with a longer --timeout
    ");
    transaction.rollback().unwrap();
    assert_eq!(site.state(), before);
    assert_eq!(site.texts("SELECT job FROM upkeep_leases"), [""; 0]);
    let history = site.texts("SELECT outcome FROM upkeep_runs ORDER BY started_at");
    assert_eq!(history, ["interrupted", "interrupted", "timed_out"]);
}

#[test]
fn while_the_embedded_database_is_locked() {
    let site = filled(DatabaseKind::Sqlite, StorageKind::Directory);
    let before = site.state();
    let held = site.hold_write_lock();
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let mut run = Running::start(site.command(&EXECUTE));
        run.until_it_says("Loading parameters");
        run.ends_soon_after(signal).expect(code);
    }
    site.upkeep(&[&EXECUTE[..], &["--timeout", "500ms"]].concat()).expect(124);
    assert_snapshot!(site.upkeep(&EXECUTE).transcript_at(&site), @"
    exit code 69
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ]
    [ERROR] cannot take the lease of event-cleanup in sqlite:[site]/upkeep.db: database is locked
    [ERROR] Job failed
    [INFO ] Duration: [duration]
    --- stderr
    error: cannot take the lease of event-cleanup in sqlite:[site]/upkeep.db: database is locked
    hint: another session, such as a backup, keeps the database locked; run the job again when it is done
    ");
    drop(held);
    assert_eq!(site.state(), before);
    site.upkeep(&EXECUTE).expect(0);
}

#[test]
fn while_the_embedded_database_is_locked_and_the_store_is_slow() {
    let mut site = filled(DatabaseKind::Sqlite, StorageKind::S3);
    let proxy = FaultProxy::in_front_of_bucket(site.s3(), BUCKET);
    site.set_storage_uri(&proxy.uri());
    proxy.set(|_| Fault::Delay(Duration::from_secs(60)));
    let run = Running::start(site.command(&EXECUTE));
    wait_until("the store is asked", || !proxy.requests().is_empty());
    let held = site.hold_write_lock();
    assert_snapshot!(run.ends_soon_after("TERM").expect(143).transcript_at(&site), @"
    exit code 143
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Looking for events that ended at or before [instant]
    [WARN ] The run could not be entered into the history: timed out after 800ms
    [INFO ]
    [ERROR] stopped by SIGTERM
    [ERROR] Job failed
    [INFO ] Duration: [duration]
    --- stderr
    error: stopped by SIGTERM
    hint: what is done is safe; run the job again to go on
    ");
    drop(held);
    proxy.clear();
    // The lease could not be given back, but its holder is seen to be gone.
    assert_snapshot!(site.upkeep(&EXECUTE).expect(0).transcript_at(&site), @"
    exit code 0
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [WARN ] Took over from run [uuid], which ended without saying so
    [INFO ] Looking for events that ended at or before [instant]
    [INFO ] Deleted 1 event of 1 due
    [INFO ] Deleted 2 stored objects (3 bytes)
    [INFO ]
    [INFO ] Job finished successfully
    [INFO ] Duration: [duration]
    ");
}

#[test]
fn while_the_store_is_slow() {
    let mut site = filled(DatabaseKind::Postgres, StorageKind::S3);
    let proxy = FaultProxy::in_front_of_bucket(site.s3(), BUCKET);
    site.set_storage_uri(&proxy.uri());
    // First slow from the first request on, before anything is deleted; then only when rows are gone already.
    for begun in [false, true] {
        proxy.set(move |request| match !begun || deletes_assets(request) {
            true => Fault::Delay(Duration::from_secs(60)),
            false => Fault::None,
        });
        for (signal, code) in [("INT", 130), ("TERM", 143)] {
            proxy.forget_requests();
            let run = Running::start(site.command(&EXECUTE));
            wait_until("the store is asked", || {
                proxy.requests().iter().any(|request| !begun || deletes_assets(request))
            });
            let run = run.ends_soon_after(signal).expect(code);
            if begun && signal == "INT" {
                assert_snapshot!(run.transcript_at(&site), @"
                exit code 130
                --- stdout
                [INFO ] Starting job execution
                [INFO ] Loading parameters
                [INFO ] Looking for events that ended at or before [instant]
                [INFO ] Deleted 1 event of 1 due
                [WARN ] Left for a later run: 2 stored objects or shared folders whose rows are gone
                [INFO ]
                [ERROR] stopped by SIGINT
                [ERROR] Job failed
                [INFO ] Duration: [duration]
                --- stderr
                error: stopped by SIGINT
                hint: what is done is safe; run the job again to go on
                ");
            }
        }
        assert_eq!(site.objects().len(), 2);
        assert_eq!(site.outbox().len(), if begun { 2 } else { 0 });
        let report = site.clean_up(&["--timeout", "1"]).expect(124).report();
        assert_eq!(report["backlog"], if begun { 2 } else { 0 });
    }
    proxy.clear();
    assert_eq!(site.clean_up(&[]).expect(0).report()["objects_deleted"], 2);
    assert!(site.objects().is_empty() && site.outbox().is_empty());
}

#[test]
fn while_a_database_does_not_answer() {
    let mut site = filled(DatabaseKind::Postgres, StorageKind::Directory);
    // Connections are accepted by the system and then left alone.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    site.set_database_port(silent.local_addr().unwrap().port());
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let run = Running::start(site.command(&EXECUTE));
        let connection = silent.accept().unwrap();
        run.ends_soon_after(signal).expect(code);
        drop(connection);
    }
    assert_snapshot!(site.upkeep(&[&EXECUTE[..], &["--timeout", "1"]].concat()).transcript_at(&site), @"
    exit code 124
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ]
    [ERROR] timed out after 1s
    [ERROR] Job failed
    [INFO ] Duration: [duration]
    --- stderr
    error: timed out after 1s
    hint: what is done is safe; run the job again to go on, perhaps with a longer --timeout
    ");
}

/// Its connections stay open, and nothing is heard from it any more.
#[test]
fn while_the_databases_host_stands_still() {
    let mut site = filled(DatabaseKind::Postgres, StorageKind::Directory);
    let mut other = site.platform();
    let mut transaction = other.transaction().unwrap();
    transaction.batch_execute("LOCK TABLE invites").unwrap();
    for options in ["", "?sslmode=disable"] {
        for (signal, code) in [("INT", 130), ("TERM", 143)] {
            let never = Cut { at: b"this is sent by nobody".into(), occurrence: 1, delivered: false };
            let cutter = Cutter::in_front_of(Postgres::shared().port(), never);
            let url = postgres::url_at(cutter.port(), site.database_name()) + options;
            site.set("database", &format!("url = {url:?}"));
            let run = Running::start(site.command(&[&EXECUTE[..], &["--if-running", "wait"]].concat()));
            let session = site.wait_until_upkeep_waits_for_a_lock();
            cutter.freeze();
            let run = run.ends_soon_after(signal).expect(code);
            assert!(run.stdout.contains("could not be entered into the history"), "{run:#?}");
            drop(cutter);
            let there = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {session}");
            wait_until("its session is gone", || site.number(&there) == 0);
        }
    }
}

#[test]
fn while_the_parameters_are_awaited() {
    for (signal, code) in [("INT", 2), ("TERM", 15)] {
        let mut command = bare(&["jobs", "execute", "event-cleanup", "--parameters", "-"]);
        let mut run = Running::start({
            command.stdin(std::process::Stdio::piped());
            command
        });
        run.until_it_says("Starting job execution");
        let run = run.ends_soon_after(signal);
        // Nothing has begun, so the signal does what it does to any program.
        assert_eq!((run.code, run.signal), (None, Some(code)), "{run:#?}");
    }
}

/// As in `upkeep … | less`, where somebody reads and then goes away.
#[test]
fn while_nobody_reads_the_log() {
    let site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    for (name, limit, code, patience) in [("INT", "1h", 130, 2), ("TERM", "1h", 143, 2), ("", "2s", 124, 6)] {
        // More lines than a pipe holds.
        site.fill_with_ended_events(1_500);
        let mut command = site.command(&[&EXECUTE[..], &["-v", "--timeout", limit]].concat());
        let mut run = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        wait_until("it deletes", || site.events().len() < 1_500);
        std::thread::sleep(Duration::from_secs(2));
        assert!(run.try_wait().unwrap().is_none(), "it should be waiting for a reader");
        let begun = Instant::now();
        if !name.is_empty() {
            signal(run.id(), name);
        }
        assert_eq!(run.wait().unwrap().code(), Some(code));
        assert!(begun.elapsed() < Duration::from_secs(patience), "{:?}", begun.elapsed());
        assert_eq!(site.upkeep(&EXECUTE).expect(0).stderr, "");
        assert!(site.events().is_empty() && site.outbox().is_empty());
    }
}
