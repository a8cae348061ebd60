//! Pings that tell a monitoring service of runs: which, in which order, and that nothing ever depends on them.

use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use insta::assert_snapshot;
use upkeep_test_servers::cutter::Cut;
use upkeep_test_servers::pings::{Answer, KEY};
use upkeep_test_servers::{Cutter, PingService, Postgres};

use crate::site::{DatabaseKind, Event, Running, Sample, Site, StorageKind, wait_until};

const EXECUTE: [&str; 4] = ["jobs", "execute", "event-cleanup", "--hide-duration"];

/// A site with something to do, and the service that its runs are told to.
fn watched(database: DatabaseKind) -> (Site, PingService) {
    let mut site = Site::new(database, StorageKind::Directory);
    site.fill(&Sample::of([Event::ended(31).with_assets(1)]));
    let service = PingService::start().unwrap();
    site.set("notify", &format!("ping_url = {:?}", service.url()));
    (site, service)
}

/// The addresses pinged, without the part that all have.
fn pinged(service: &PingService) -> Vec<String> {
    let start = format!("/{KEY}/");
    service.take_requests().iter().map(|request| request.target.strip_prefix(&start).unwrap().to_owned()).collect()
}

#[test]
fn the_start_and_the_end_of_a_run_are_told_and_nothing_else() {
    for database in [DatabaseKind::Postgres, DatabaseKind::Sqlite] {
        let (site, service) = watched(database);
        let run = site.upkeep(&EXECUTE).expect(0);
        assert!(!run.stdout.contains("ping"), "{run:#?}");
        let requests = service.take_requests();
        let targets: Vec<_> = requests.iter().map(|request| request.target.as_str()).collect();
        assert_eq!(targets, [format!("/{KEY}/event-cleanup/start"), format!("/{KEY}/event-cleanup")]);
        for request in requests {
            assert_eq!((request.method.as_str(), request.body.as_str()), ("GET", ""));
            let harmless = ["accept", "accept-encoding", "host", "user-agent"];
            assert!(request.headers.iter().all(|(name, _)| harmless.contains(&name.as_str())), "{request:?}");
        }
    }
}

#[test]
fn failures_are_told_with_their_exit_code() {
    let (mut site, service) = watched(DatabaseKind::Postgres);
    site.set("safety", "deletion = false");
    site.upkeep(&EXECUTE).expect(4);
    assert_eq!(pinged(&service), ["event-cleanup/start", "event-cleanup/4"]);
    site.unset("safety");
    // Something fails although the run finishes.
    site.execute(&format!(
        "INSERT INTO upkeep_pending_deletions (kind, location, target, job, run_id, recorded_at) \
         VALUES ('object', 'elsewhere', 'assets/x', 'event-cleanup', '{}', now())",
        uuid::Uuid::now_v7()
    ));
    site.upkeep(&EXECUTE).expect(3);
    assert_eq!(pinged(&service), ["event-cleanup/start", "event-cleanup/3"]);
    // What could not even begin has failed, too.
    let nobody_there = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    site.set_database_port(nobody_there);
    site.upkeep(&EXECUTE).expect(69);
    assert_eq!(pinged(&service), ["event-cleanup/69"]);
}

#[test]
fn of_what_is_no_run_of_its_own_nobody_is_told() {
    let (site, service) = watched(DatabaseKind::Sqlite);
    site.upkeep(&[&EXECUTE[..], &["--dry-run"]].concat()).expect(0);
    site.upkeep(&["jobs", "execute", "self-check"]).expect(0);
    site.upkeep(&[&EXECUTE[..], &["--parameters", "5"]].concat()).expect(2);
    let until = site.dialect().instant(Utc::now() + TimeDelta::hours(1));
    site.execute(&format!(
        "INSERT INTO upkeep_leases (job, run_id, owner, expires_at) VALUES ('event-cleanup', {}, '{{}}', {until})",
        site.dialect().uuid(uuid::Uuid::now_v7())
    ));
    site.upkeep(&EXECUTE).expect(75);
    site.upkeep(&[&EXECUTE[..], &["--if-running", "skip"]].concat()).expect(0);
    site.upkeep(&["jobs", "history"]).expect(0);
    assert_eq!(pinged(&service), [""; 0]);
}

#[test]
fn a_service_that_does_not_work_is_no_reason_to_fail() {
    let (mut site, service) = watched(DatabaseKind::Sqlite);
    let mut said = String::new();
    // On the mail of cron nobody would have to act: whoever waits for the ping in vain gives the alarm.
    let complaint = |site: &Site| {
        let quiet = site.upkeep(&[&EXECUTE[..], &["-q"]].concat()).expect(0);
        assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
        let told = site.upkeep(&EXECUTE).expect(0).stdout;
        told.lines().filter(|line| line.contains("ping")).map(|line| format!("{line}\n")).collect::<String>()
    };
    for answer in [Answer::Status(500), Answer::Status(404), Answer::Status(302), Answer::HangUp, Answer::Half] {
        service.set(answer);
        said += &format!("{answer:?}\n{}", complaint(&site));
        // A redirect is not followed, and nothing is tried twice.
        assert_eq!(pinged(&service), ["event-cleanup/start", "event-cleanup"].repeat(2), "{answer:?}");
    }
    site.set("notify", &format!("ping_url = 'http://127.0.0.1:9/{KEY}'"));
    said += &format!("nobody there\n{}", complaint(&site));
    assert_snapshot!(said);
}

#[test]
fn a_silent_service_holds_no_run_up_for_long() {
    let (site, service) = watched(DatabaseKind::Sqlite);
    service.set(Answer::Silence);
    let begun = Instant::now();
    let run = site.upkeep(&EXECUTE).expect(0);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_snapshot!(run.transcript_at(&site));
    assert!(site.events().is_empty(), "the work is done");
    // When the run is over and only the service is waited for, a signal is obeyed as ever.
    service.take_requests();
    let run = Running::start(site.command(&EXECUTE));
    wait_until("the end is told", || service.take_requests().iter().any(|request| request.target.ends_with("cleanup")));
    run.ends_soon_after("TERM").expect(0);
}

#[test]
fn a_run_that_is_told_to_stop_ends_within_two_seconds_whatever_the_service_does() {
    for answer in [Answer::Status(200), Answer::Silence] {
        let (site, service) = watched(DatabaseKind::Postgres);
        service.set(answer);
        let mut other = site.platform();
        let mut transaction = other.transaction().unwrap();
        transaction.batch_execute("LOCK TABLE events").unwrap();
        for (signal, code) in [("TERM", 143), ("INT", 130)] {
            let run = Running::start(site.command(&EXECUTE));
            site.wait_until_upkeep_waits_for_a_lock();
            run.ends_soon_after(signal).expect(code);
            let told = pinged(&service);
            match answer {
                Answer::Silence => assert_eq!(told[0], "event-cleanup/start"),
                _ => assert_eq!(told, ["event-cleanup/start".to_owned(), format!("event-cleanup/{code}")]),
            }
        }
    }
}

/// Neither the database, which is asked for metrics, nor the service answers.
#[test]
fn a_run_ends_within_two_seconds_when_nobody_answers_any_more() {
    let (mut site, service) = watched(DatabaseKind::Postgres);
    service.set(Answer::Silence);
    std::fs::create_dir(site.path().join("metrics")).unwrap();
    site.set("metrics", "dir = 'metrics'");
    let mut other = site.platform();
    let mut transaction = other.transaction().unwrap();
    transaction.batch_execute("LOCK TABLE events").unwrap();
    let never = Cut { at: b"this is sent by nobody".into(), occurrence: 1, delivered: false };
    let cutter = Cutter::in_front_of(Postgres::shared().port(), never);
    site.set_database_port(cutter.port());
    let run = Running::start(site.command(&EXECUTE));
    site.wait_until_upkeep_waits_for_a_lock();
    cutter.freeze();
    let run = run.ends_soon_after("TERM").expect(143);
    assert_snapshot!(run.transcript_at(&site));
}

#[test]
fn the_address_is_told_to_nobody() {
    let (mut site, service) = watched(DatabaseKind::Sqlite);
    // Every command's output is searched for the key.
    let trace = |site: &Site| {
        let mut command = site.command(&[&EXECUTE[..], &["-v"]].concat());
        crate::site::finish(command.env("RUST_LOG", "trace").spawn().unwrap()).expect(0)
    };
    assert!(trace(&site).stdout.contains("[DEBUG]"));
    service.set(Answer::Silence);
    trace(&site);
    let shown = site.upkeep(&["config", "show"]).expect(0).stdout;
    assert!(shown.contains("ping_url = \"***\""), "{shown}");
    site.upkeep(&["doctor"]).expect(0);
    site.set("notify", &format!("ping_url = 'https://user:{KEY}@hc.example.org/{{job}}'"));
    assert_snapshot!(site.upkeep(&EXECUTE).expect(78).transcript_at(&site));
}
