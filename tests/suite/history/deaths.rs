//! Runs that ended without saying so: shown as what they are, and entered where that is certain.

use chrono::{TimeDelta, Utc};
use upkeep_test_servers::fault_proxy::{Fault, FaultProxy};
use uuid::Uuid;

use super::Past;
use crate::site::{
    BUCKET, DATABASES, DatabaseKind, Event, Running, Sample, Site, StorageKind, bound_by_permissions, finish,
};

/// The state of the one run of a site, as the history shows it.
fn state(site: &Site) -> String {
    let runs = site.history(&["--output", "json"]).expect(0).report();
    assert_eq!(runs.as_array().unwrap().len(), 1, "{runs}");
    runs[0]["state"].as_str().unwrap().to_owned()
}

fn lease(site: &Site, run: Uuid, owner: &str, lapses_in: TimeDelta) {
    let (run, instant) = (site.dialect().uuid(run), site.dialect().instant(Utc::now() + lapses_in));
    site.execute(&format!("INSERT INTO upkeep_leases VALUES ('event-cleanup', {run}, '{owner}', {instant})"));
}

const ELSEWHERE: &str = r#"{"host":"elsewhere","pid":5,"boot":null,"namespace":null,"started":null}"#;

#[test]
fn a_run_that_was_killed_is_seen_to_be_dead_at_once() {
    for database in DATABASES {
        let site = Site::new(database, StorageKind::Directory);
        site.fill(&Sample::of([Event::ended(31)]));
        let mut command = site.command(&["jobs", "execute", "event-cleanup"]);
        assert_eq!(finish(command.env("UPKEEP_CRASH_AT", "committed").spawn().unwrap()).code, None);
        let run =
            site.history(&["--output", "json"]).expect(0).report()[0]["run_id"].as_str().unwrap().parse().unwrap();
        assert_eq!((state(&site), site.entered(run)), ("died".into(), "died".into()), "{database:?}");
        assert_eq!(site.history(&["--failed"]).expect(0).stdout.lines().count(), 2);
        // The next run takes over as if nobody had looked.
        assert!(site.upkeep(&["jobs", "execute", "event-cleanup"]).expect(0).stdout.contains("Took over from run"));
    }
}

#[test]
fn a_run_under_way_is_never_taken_for_dead() {
    for database in [DatabaseKind::Postgres, DatabaseKind::Sqlite] {
        let mut site = Site::new(database, StorageKind::S3);
        site.fill(&Sample::of([Event::ended(31).with_assets(1)]));
        let proxy = FaultProxy::in_front_of_bucket(site.s3(), BUCKET);
        proxy.set(|_| Fault::Delay(std::time::Duration::from_secs(60)));
        site.set_storage_uri(&proxy.uri());
        let mut run = Running::start(site.command(&["jobs", "execute", "event-cleanup"]));
        run.until_it_says("Looking for events");
        for _ in 0..3 {
            assert_eq!(state(&site), "running");
        }
        assert_eq!(site.texts("SELECT coalesce(outcome, 'none') FROM upkeep_runs"), ["none"]);
        assert_eq!(site.history(&["--failed"]).expect(0).stdout, "No failed runs\n");
        let runs = site.history(&["--output", "json"]).expect(0).report();
        let shown = site.history(&[runs[0]["run_id"].as_str().unwrap()]).expect(0).stdout;
        assert!(shown.contains("running; what it has done is recorded when it ends"), "{shown}");
        run.ends_soon_after("TERM").expect(143);
        assert_eq!(state(&site), "interrupted");
    }
}

/// Its process may only have stood still, on a machine that cannot be looked into.
#[test]
fn a_lease_that_has_lapsed_is_shown_but_not_entered() {
    for database in [DatabaseKind::Postgres, DatabaseKind::Sqlite] {
        let site = Site::new(database, StorageKind::Directory);
        let run = Past::without_end("event-cleanup", Utc::now() - TimeDelta::hours(1));
        site.remember(std::slice::from_ref(&run));
        lease(&site, run.id, ELSEWHERE, TimeDelta::seconds(60));
        assert_eq!((state(&site), site.entered(run.id)), ("running".into(), "none".into()));
        site.execute("DELETE FROM upkeep_leases");
        lease(&site, run.id, ELSEWHERE, TimeDelta::seconds(-1));
        assert_eq!((state(&site), site.entered(run.id)), ("died".into(), "none".into()));
        site.execute("DELETE FROM upkeep_leases");
        assert_eq!((state(&site), site.entered(run.id)), ("died".into(), "died".into()));
    }
}

#[test]
fn where_nothing_can_be_written_they_are_shown_all_the_same() {
    let site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    let run = Past::without_end("event-cleanup", Utc::now() - TimeDelta::hours(1));
    site.remember(std::slice::from_ref(&run));
    // Somebody else writes at this moment.
    let held = site.hold_write_lock();
    assert_eq!(state(&site), "died");
    drop(held);
    assert_eq!(site.entered(run.id), "none");
    // The file may only be read.
    let file = site.path().join("upkeep.db");
    let set_mode = |mode| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    set_mode(0o400);
    let shown = finish(bound_by_permissions(site.command(&["jobs", "history", "-v"])).spawn().unwrap()).expect(0);
    assert!(shown.stdout.contains("died"), "{shown:#?}");
    assert!(shown.stderr.contains("that runs died could not be entered into the history"), "{shown:#?}");
    set_mode(0o600);
    assert_eq!(site.entered(run.id), "none");
    assert_eq!((state(&site), site.entered(run.id)), ("died".into(), "died".into()));
}
