//! `-q`, for cron, which mails whatever is printed: silent, unless something was left undone or somebody has to act.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use insta::assert_snapshot;
use upkeep_test_servers::fault_proxy::{Fault, FaultProxy};

use crate::site::{
    BUCKET, DatabaseKind, Event, Occurs, Run, Running, Sample, Site, StorageKind, deletes_assets, run_bare, wait_until,
};

const EXECUTE: [&str; 4] = ["-q", "jobs", "execute", "event-cleanup"];

fn execute(site: &Site, more: &[&str]) -> Run {
    site.upkeep(&[&EXECUTE[..], more].concat())
}

#[track_caller]
fn assert_silent(run: &Run, code: i32) {
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (Some(code), "", ""));
}

#[test]
fn what_went_well_is_not_worth_a_word() {
    for database in [DatabaseKind::Postgres, DatabaseKind::Sqlite] {
        let site = Site::new(database, StorageKind::Directory);
        site.fill(&Sample::of([Event::ended(31).with_assets(2), Event::ended(29)]));
        for more in [&["--dry-run"][..], &[], &[], &["--if-running", "wait"]] {
            assert_silent(&execute(&site, more), 0);
        }
        for job in ["adhoc-event-cleanup", "invite-cleanup", "sync-storage-files", "room-cleanup", "user-cleanup"] {
            assert_silent(&site.upkeep(&["-q", "jobs", "execute", job]), 0);
        }
    }
}

#[test]
fn what_another_run_does_is_not_worth_a_word() {
    let mut site = Site::new(DatabaseKind::Postgres, StorageKind::S3);
    site.fill(&Sample::of([Event::ended(31).with_assets(2)]));
    let proxy = FaultProxy::in_front_of_bucket(site.s3(), BUCKET);
    proxy.set(|request| if deletes_assets(request) { Fault::Delay(Duration::from_secs(60)) } else { Fault::None });
    site.set_storage_uri(&proxy.uri());
    let first = Running::start(site.command(&EXECUTE));
    wait_until("the store is asked to delete", || proxy.requests().iter().any(deletes_assets));
    assert_silent(&execute(&site, &[]), 75);
    assert_silent(&execute(&site, &["--if-running", "skip"]), 0);
    let report = execute(&site, &["--output", "json"]).expect(75);
    assert_eq!((report.report()["outcome"].as_str(), report.stderr.as_str()), (Some("busy"), ""));

    // Its work is left undone, if only for a day.
    assert_snapshot!(first.ends_soon_after("TERM").expect(143).transcript_at(&site), @"
    exit code 143
    --- stdout
    [ERROR] stopped by SIGTERM
    [ERROR] Job failed
    --- stderr
    error: stopped by SIGTERM
    hint: what is done is safe; run the job again to go on
    ");
    let first = Running::start(site.command(&EXECUTE));
    wait_until("the store is asked again", || {
        proxy.requests().iter().filter(|request| deletes_assets(request)).count() > 1
    });
    let run = first.ends_soon_after("INT").expect(130);
    assert!(run.stdout.contains("[ERROR] stopped by SIGINT\n"), "{run:#?}");
    let run = execute(&site, &["--timeout", "1"]).expect(124);
    assert!(run.stdout.starts_with("[ERROR] timed out after 1s\n"), "{run:#?}");
}

#[test]
fn a_folder_that_waits_for_the_next_night_is_told_of_if_that_cannot_remove_it_either() {
    let mut site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    let shares = serde_json::json!({ "type": "nextcloud", "write_share_id": "1", "read_share_id": "2" });
    site.fill(&Sample::of([Event::ended(31).with_folder("opentalk/some meeting", shares)]));
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let provider =
        format!("provider = \"nextcloud\"\nurl = \"http://{nowhere}/\"\nusername = \"meet\"\npassword = \"x\"");
    site.set("shared_folder", &provider);
    assert_silent(&execute(&site, &[]), 0);
    assert_eq!(site.outbox().len(), 1);
    assert_snapshot!(execute(&site, &[]).transcript_at(&site), @"
    exit code 0
    --- stdout
    [WARN ] event [uuid]: its event is gone, its shared folder still is not: removing its write share: no valid answer: Connection refused (os error 111)
    ");
}

#[test]
fn an_event_that_is_kept_for_ever_is_told_of() {
    let site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    let starts_at = Utc::now() - TimeDelta::days(100);
    let pattern = "RRULE:FREQ=DAILY;COUNT=2".to_owned();
    let zone = "Mars/Olympus";
    let event = Event::new(Occurs::Series { starts_at, zone, duration_secs: 60, pattern, ends_at: starts_at });
    site.fill(&Sample::of([event]));
    assert_snapshot!(execute(&site, &[]).transcript_at(&site), @"
    exit code 0
    --- stdout
    [WARN ] event [uuid] is kept: its time zone 'Mars/Olympus' is unknown
    ");
}

#[test]
fn whatever_somebody_has_to_see_to_is_told() {
    let mut site = Site::new(DatabaseKind::Postgres, StorageKind::S3);
    let event = Event::ended(31).with_assets(1);
    site.fill(&Sample::of([event.clone()]));
    let proxy = FaultProxy::in_front_of_bucket(site.s3(), BUCKET);
    site.set_storage_uri(&proxy.uri());

    site.set("safety", "deletion = false");
    assert_snapshot!(execute(&site, &[]).expect(4).transcript_at(&site), @"
    exit code 4
    --- stdout
    [ERROR] deleting is switched off by `deletion = false` in [safety]; nothing was changed
    [ERROR] Job failed
    --- stderr
    error: deleting is switched off by `deletion = false` in [safety]; nothing was changed
    hint: look at what would be deleted with --dry-run, then set `deletion = true`
    ");
    site.unset("safety");

    let stuck = event.keys()[0].clone();
    proxy.set(move |request| match request.is_delete_objects() {
        true => Fault::RefuseKeys(vec![stuck.clone()], "AccessDenied"),
        false => Fault::None,
    });
    assert_snapshot!(execute(&site, &[]).expect(3).transcript_at(&site), @"
    exit code 3
    --- stdout
    [ERROR] assets/[uuid]: AccessDenied: injected fault AccessDenied
    [ERROR] Job finished, failures: 1; running it again is safe
    ");

    assert_snapshot!(execute(&site, &["--parameters", "[]"]).expect(2).transcript_at(&site), @r#"
    exit code 2
    --- stdout
    [ERROR] the parameters must be a JSON object, not a list
    [ERROR] Job failed
    --- stderr
    error: the parameters must be a JSON object, not a list
    hint: write an object such as '{"name": value}'; `{}` stands for the defaults
    "#);
    site.set("safety", "deletion = \"perhaps\"");
    assert_snapshot!(execute(&site, &[]).expect(78).transcript_at(&site), @"
    exit code 78
    --- stdout
    [ERROR] safety.deletion ([site]/upkeep.toml, line 4) must be true or false, not a string
    [ERROR] Job failed
    --- stderr
    error: safety.deletion ([site]/upkeep.toml, line 4) must be true or false, not a string
    ");
    site.unset("safety");
    let refused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    site.set_database_port(refused.port());
    let run = execute(&site, &[]).expect(69);
    assert!(run.stdout.contains("[ERROR] cannot reach PostgreSQL at") && run.stderr.contains("hint: "), "{run:#?}");
}

#[test]
fn a_run_that_vanished_is_told_of_by_the_next() {
    let site = Site::slow(600);
    let mut run = Running::start(site.command(&["jobs", "execute", "event-cleanup", "-v"]));
    run.until_it_says("deleted event");
    run.signal("KILL");
    assert_eq!(run.finish().signal, Some(9));
    let run = execute(&site, &[]).expect(0);
    assert!(run.stdout.starts_with("[WARN ] Took over from run ") && run.stdout.lines().count() == 1, "{run:#?}");
    assert_eq!(run.stderr, "");
}

#[test]
fn self_check_shows_that_warnings_and_errors_arrive() {
    let run = run_bare(&["-q", "jobs", "execute", "self-check"]).expect(0);
    assert_eq!(run.stdout, "[WARN ] Test output in WARN level\n[ERROR] Test output in ERROR level\n");
}
