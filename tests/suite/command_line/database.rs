//! `upkeep database` and `upkeep jobs history`

use insta::assert_snapshot;

use crate::site::{DatabaseKind, Event, Sample, Site, StorageKind};

#[test]
fn a_platform_gets_upkeeps_tables_when_asked() {
    let site = Site::unmigrated(DatabaseKind::Postgres, StorageKind::Directory);
    let before = site.state();
    assert_snapshot!(site.upkeep(&["database", "status"]).transcript_at(&site), @"
    exit code 78
    --- stdout
    postgres://postgres:***@127.0.0.1:[port]/[database]

    upkeep's own tables
      0001_upkeep              pending
      0002_embedded_platform   pending

    The platform's schema
      generation               new, with dates in event_dates
      event-cleanup            can run
      user-cleanup             can run
      adhoc-event-cleanup      can run
      invite-cleanup           can run
      sync-storage-files       can run
      room-cleanup             can run
      keycloak-account-sync    can run
      run-history-cleanup      can run
    --- stderr
    error: postgres://postgres:***@127.0.0.1:[port]/[database] lacks upkeep's own tables (0001_upkeep, 0002_embedded_platform pending)
    hint: run `upkeep database migrate` once; it creates tables named upkeep_* and touches no other
    ");
    assert_snapshot!(site.upkeep(&["jobs", "history"]).transcript_at(&site), @"
    exit code 78
    --- stderr
    error: postgres://postgres:***@127.0.0.1:[port]/[database] lacks upkeep's own tables (0001_upkeep, 0002_embedded_platform pending)
    hint: run `upkeep database migrate` once; it creates tables named upkeep_* and touches no other
    ");
    assert_snapshot!(site.upkeep(&["jobs", "execute", "event-cleanup", "-q"]).transcript_at(&site), @"
    exit code 78
    --- stdout
    [ERROR] postgres://postgres:***@127.0.0.1:[port]/[database] lacks upkeep's own tables (0001_upkeep, 0002_embedded_platform pending)
    [ERROR] Job failed
    --- stderr
    error: postgres://postgres:***@127.0.0.1:[port]/[database] lacks upkeep's own tables (0001_upkeep, 0002_embedded_platform pending)
    hint: run `upkeep database migrate` once; it creates tables named upkeep_* and touches no other
    ");
    assert_eq!(site.state(), before);

    assert_snapshot!(site.upkeep(&["database", "migrate"]).transcript_at(&site), @"
    exit code 0
    --- stdout
    Applied 0001_upkeep
    Applied 0002_embedded_platform
    postgres://postgres:***@127.0.0.1:[port]/[database] is up to date
    ");
    assert_snapshot!(site.upkeep(&["database", "migrate"]).transcript_at(&site), @"
    exit code 0
    --- stdout
    postgres://postgres:***@127.0.0.1:[port]/[database] is up to date
    ");
    assert_snapshot!(site.upkeep(&["database", "status"]).transcript_at(&site), @"
    exit code 0
    --- stdout
    postgres://postgres:***@127.0.0.1:[port]/[database]

    upkeep's own tables
      0001_upkeep              applied
      0002_embedded_platform   applied

    The platform's schema
      generation               new, with dates in event_dates
      event-cleanup            can run
      user-cleanup             can run
      adhoc-event-cleanup      can run
      invite-cleanup           can run
      sync-storage-files       can run
      room-cleanup             can run
      keycloak-account-sync    can run
      run-history-cleanup      can run
    ");
    assert_snapshot!(site.upkeep(&["jobs", "history"]).transcript_at(&site), @"
    exit code 0
    --- stdout
    No runs yet
    ");
}

#[test]
fn an_embedded_database_is_made_by_the_first_run_but_not_by_looking() {
    let site = Site::unmigrated(DatabaseKind::Sqlite, StorageKind::Directory);
    assert_snapshot!(site.upkeep(&["database", "status"]).transcript_at(&site), @"
    exit code 78
    --- stderr
    error: cannot open the embedded database [site]/upkeep.db: there is no such file
    hint: `upkeep database migrate` creates it, and so does the first run that is no dry run
    ");
    assert_snapshot!(site.upkeep(&["jobs", "execute", "event-cleanup", "--dry-run"]).transcript_at(&site), @"
    exit code 78
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Looking for events that ended at or before [instant]
    [INFO ]
    [ERROR] cannot open the embedded database [site]/upkeep.db: there is no such file
    [ERROR] Job failed
    [INFO ] Duration: [duration]
    --- stderr
    error: cannot open the embedded database [site]/upkeep.db: there is no such file
    hint: `upkeep database migrate` creates it, and so does the first run that is no dry run
    ");
    assert!(!site.path().join("upkeep.db").exists());

    let run = site.upkeep(&["jobs", "execute", "event-cleanup", "-v"]);
    assert_snapshot!(run.transcript_at(&site), @"
    exit code 0
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [DEBUG] migrated sqlite:[site]/upkeep.db to 0001_upkeep
    [DEBUG] migrated sqlite:[site]/upkeep.db to 0002_embedded_platform
    [INFO ] Looking for events that ended at or before [instant]
    [INFO ] Looked at 0 events, none is due
    [INFO ]
    [INFO ] Job finished successfully
    [INFO ] Duration: [duration]
    ");
    assert_snapshot!(site.upkeep(&["database", "status"]).transcript_at(&site), @"
    exit code 0
    --- stdout
    sqlite:[site]/upkeep.db

    upkeep's own tables
      0001_upkeep              applied
      0002_embedded_platform   applied

    The platform's schema
      generation               new, with dates in event_dates
      event-cleanup            can run
      user-cleanup             can run
      adhoc-event-cleanup      can run
      invite-cleanup           can run
      sync-storage-files       can run
      room-cleanup             can run
      keycloak-account-sync    can run
      run-history-cleanup      can run
    ");
    assert_snapshot!(site.upkeep(&["database", "migrate"]).transcript_at(&site), @"
    exit code 0
    --- stdout
    sqlite:[site]/upkeep.db is up to date
    ");
}

#[test]
fn the_history_tells_what_was_run() {
    let site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    site.fill(&Sample::of([Event::ended(31)]));
    site.clean_up(&["--dry-run"]).expect(0);
    site.clean_up(&[]).expect(0);
    site.clean_up(&[]).expect(0);
    site.clean_up(&["--parameters", "5"]).expect(2);

    let shown = site.upkeep(&["jobs", "history"]).expect(0).stdout;
    let columns: Vec<Vec<_>> = shown.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(columns.len(), 2, "a dry run leaves no trace, and what never began is no run: {shown}");
    for (columns, deleted) in columns.iter().zip(["0", "1"]) {
        assert_eq!(columns[2..6], ["event-cleanup", "succeeded", deleted, "0"], "{shown}");
    }
    let json = site.upkeep(&["jobs", "history", "--output", "json", "--limit", "1"]).expect(0).report();
    assert_eq!(json.as_array().unwrap().len(), 1);
    assert!(json[0]["run_id"].as_str().unwrap().starts_with(columns[0].last().unwrap()), "{shown}");
    assert_eq!(json[0]["document"]["run_id"], json[0]["run_id"]);
    assert_eq!(site.upkeep(&["jobs", "history", "--job", "self-check"]).expect(0).stdout, "No runs yet\n");
}

/// It holds personal data: nobody else on the machine may read it.
#[test]
fn an_embedded_database_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let mut site = Site::unmigrated(DatabaseKind::Sqlite, StorageKind::Directory);
    let path = site.path().join("new/newer/upkeep.db");
    site.set("database", &format!("url = \"sqlite:{}\"", path.display()));
    site.upkeep(&["database", "migrate"]).expect(0);
    for (path, mode) in [(&*path, 0o600), (path.parent().unwrap(), 0o700)] {
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, mode, "{path:?}");
    }
}
