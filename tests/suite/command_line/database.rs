//! `upkeep database` and `upkeep jobs history`

use insta::assert_snapshot;

use crate::site::{DatabaseKind, Event, Sample, Site, StorageKind};

#[test]
fn a_platform_gets_upkeeps_tables_when_asked() {
    let site = Site::unmigrated(DatabaseKind::Postgres, StorageKind::Directory);
    let before = site.state();
    assert_snapshot!(site.upkeep(&["database", "status"]).transcript_at(&site), @"");
    assert_snapshot!(site.upkeep(&["jobs", "history"]).transcript_at(&site), @"");
    assert_snapshot!(site.clean_up(&["-q"]).expect(78).stderr.replace(site.database_name(), "[database]"), @"");
    assert_eq!(site.state(), before);

    assert_snapshot!(site.upkeep(&["database", "migrate"]).transcript_at(&site), @"");
    assert_snapshot!(site.upkeep(&["database", "migrate"]).transcript_at(&site), @"");
    assert_snapshot!(site.upkeep(&["database", "status"]).transcript_at(&site), @"");
    assert_snapshot!(site.upkeep(&["jobs", "history"]).transcript_at(&site), @"");
}

#[test]
fn an_embedded_database_is_made_by_the_first_run_but_not_by_looking() {
    let site = Site::unmigrated(DatabaseKind::Sqlite, StorageKind::Directory);
    assert_snapshot!(site.upkeep(&["database", "status"]).transcript_at(&site), @"");
    assert_snapshot!(site.upkeep(&["jobs", "execute", "event-cleanup", "--dry-run"]).transcript_at(&site), @"");
    assert!(!site.path().join("upkeep.db").exists());

    let run = site.upkeep(&["jobs", "execute", "event-cleanup", "-v"]);
    assert_snapshot!(run.transcript_at(&site), @"");
    assert_snapshot!(site.upkeep(&["database", "status"]).transcript_at(&site), @"");
    assert_snapshot!(site.upkeep(&["database", "migrate"]).transcript_at(&site), @"");
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
    let columns: Vec<Vec<_>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(columns.len(), 2, "a dry run leaves no trace, and what never began is no run: {shown}");
    for (columns, deleted) in columns.iter().zip(["0", "1"]) {
        assert_eq!(columns[1..5], ["event-cleanup", "succeeded", deleted, "deleted"], "{shown}");
    }
    let json = site.upkeep(&["jobs", "history", "--output", "json", "--limit", "1"]).expect(0).report();
    assert_eq!(json.as_array().unwrap().len(), 1);
    assert_eq!(json[0]["document"]["run_id"].as_str(), columns[0].last().copied());
    assert_eq!(site.upkeep(&["jobs", "history", "--job", "self-check"]).expect(0).stdout, "No runs yet\n");
}
