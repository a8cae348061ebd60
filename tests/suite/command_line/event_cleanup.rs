//! What event-cleanup says, however it ends on its own.

use insta::assert_snapshot;
use upkeep_test_servers::fault_proxy::{Fault, FaultProxy};

use crate::site::{BUCKET, DatabaseKind, Event, Run, Sample, Site, StorageKind};

const EXECUTE: [&str; 3] = ["jobs", "execute", "event-cleanup"];

fn site() -> Site {
    Site::new(DatabaseKind::Postgres, StorageKind::S3)
}

/// The log, in which the cutoff is the one line that no snapshot can hold.
fn execute(site: &Site, more: &[&str]) -> Run {
    site.upkeep(&[&EXECUTE, more].concat())
}

#[test]
fn nothing_to_do_is_success() {
    let site = site();
    assert_snapshot!(execute(&site, &[]).transcript_at(&site), @"");
    site.fill(&Sample::of([Event::ended(29)]));
    assert_snapshot!(execute(&site, &["--hide-duration"]).transcript_at(&site), @"");
    assert_snapshot!(execute(&site, &["-q"]).transcript_at(&site), @"");
}

#[test]
fn success_is_told_in_numbers() {
    let site = site();
    site.fill(&Sample::of([Event::ended(31).with_assets(2), Event::ended(45), Event::ended(29).with_assets(1)]));
    let before = site.state();
    assert_snapshot!(execute(&site, &["--dry-run"]).transcript_at(&site), @"");
    assert_snapshot!(execute(&site, &["--dry-run", "--output", "json", "-q"]).transcript_at(&site), @"");
    assert_eq!(site.state(), before);
    assert_eq!(site.texts("SELECT job FROM upkeep_runs"), [""; 0]);

    assert_snapshot!(execute(&site, &[]).transcript_at(&site), @"");
}

#[test]
fn the_report_holds_everything() {
    let site = site();
    site.fill(&Sample::of([Event::ended(31).with_assets(2), Event::ended(29)]));
    let run = execute(&site, &["--output", "json", "--parameters", "{\"days_since_last_occurrence\": 30}"]);
    assert_snapshot!(run.transcript_at(&site), @"");
}

#[test]
fn what_failed_is_named_and_the_next_run_finishes_it() {
    let mut site = site();
    let event = Event::ended(31).with_assets(3);
    site.fill(&Sample::of([event.clone()]));
    let proxy = FaultProxy::in_front_of_bucket(site.s3(), BUCKET);
    let stuck = event.keys()[1].clone();
    proxy.set(move |request| match request.is_delete_objects() {
        true => Fault::RefuseKeys(vec![stuck.clone()], "AccessDenied"),
        false => Fault::None,
    });
    site.set_storage_uri(&proxy.uri());
    assert_snapshot!(execute(&site, &[]).transcript_at(&site), @"");
    assert!(site.events().is_empty());
    assert_eq!(site.objects().len(), 1);
    assert_eq!(site.outbox(), [format!("object {}", event.keys()[1])].into());

    let run = execute(&site, &["--output", "json", "-q"]).expect(3);
    assert_snapshot!(run.transcript_at(&site), @"");

    proxy.clear();
    assert_snapshot!(execute(&site, &["--hide-duration"]).transcript_at(&site), @"");
    assert!(site.objects().is_empty() && site.outbox().is_empty());
}

#[test]
fn where_deleting_is_switched_off_nothing_is_deleted() {
    let mut site = site();
    site.fill(&Sample::of([Event::ended(31).with_assets(1)]));
    site.set("safety", "deletion = false");
    let before = site.state();
    assert_snapshot!(execute(&site, &[]).transcript_at(&site), @"");
    let report = site.clean_up(&["--allow-affected", "1"]).expect(4).report();
    assert_eq!(report["outcome"], "refused");
    assert_eq!(report["counts"]["deleted"], 0);
    assert_eq!(site.state(), before);
    execute(&site, &["--dry-run"]).expect(0);
}
