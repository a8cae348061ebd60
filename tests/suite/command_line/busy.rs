//! Two runs of the same job at once.

use std::time::Duration;

use insta::assert_snapshot;
use upkeep_test_servers::fault_proxy::{Fault, FaultProxy};

use crate::site::{BUCKET, DatabaseKind, Event, Running, Sample, Site, StorageKind, wait_until};

/// A site on which a run is under way that waits for its store; and the store.
fn under_way(database: DatabaseKind) -> (Site, Running, FaultProxy) {
    let mut site = Site::new(database, StorageKind::S3);
    site.fill(&Sample::of([Event::ended(31).with_assets(2), Event::ended(29)]));
    let proxy = FaultProxy::in_front_of_bucket(site.s3(), BUCKET);
    proxy.set(|request| match request.is_delete_objects() {
        true => Fault::Delay(Duration::from_secs(60)),
        false => Fault::None,
    });
    site.set_storage_uri(&proxy.uri());
    let run = Running::start(site.command(&["jobs", "execute", "event-cleanup"]));
    wait_until("the store is asked to delete", || proxy.requests().iter().any(|request| request.is_delete_objects()));
    (site, run, proxy)
}

#[test]
fn the_second_run_gives_up_or_leaves_it_or_waits() {
    for database in [DatabaseKind::Postgres, DatabaseKind::Sqlite] {
        let (site, first, proxy) = under_way(database);
        let before = site.state();
        let second = |more: &[&str]| site.upkeep(&[&["jobs", "execute", "event-cleanup"], more].concat());
        if database == DatabaseKind::Postgres {
            assert_snapshot!(second(&[]).transcript_at(&site), @"");
            assert_snapshot!(second(&["--if-running", "skip"]).transcript_at(&site), @"");
            assert_snapshot!(second(&["--if-running", "wait", "--timeout", "1"]).transcript_at(&site), @"");
        }
        let report = site.clean_up(&["--if-running", "fail"]).expect(75).report();
        assert_eq!(report["outcome"], "busy");
        assert_eq!(site.clean_up(&["--if-running", "skip"]).expect(0).report()["outcome"], "skipped");
        assert_eq!(
            site.clean_up(&["--if-running", "wait", "--timeout", "1"]).expect(124).report()["outcome"],
            "timed_out"
        );
        // Looking is not running.
        assert_eq!(site.clean_up(&["--dry-run"]).expect(0).report()["backlog"], 2);
        assert_eq!(site.state(), before);

        let arguments = ["jobs", "execute", "event-cleanup", "--if-running", "wait", "--hide-duration"];
        let mut waiting = Running::start(site.command(&arguments));
        waiting.until_it_says("Waiting for another run");
        proxy.clear();
        first.ends_soon_after("TERM").expect(143);
        let run = waiting.finish().expect(0);
        if database == DatabaseKind::Postgres {
            assert_snapshot!(run.transcript_at(&site), @"");
        }
        assert!(site.objects().is_empty() && site.outbox().is_empty());
    }
}

#[test]
fn whoever_waits_can_be_stopped() {
    let (site, first, _proxy) = under_way(DatabaseKind::Postgres);
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let mut waiting = Running::start(site.command(&["jobs", "execute", "event-cleanup", "--if-running", "wait"]));
        waiting.until_it_says("Waiting for another run");
        let run = waiting.ends_soon_after(signal).expect(code);
        if signal == "INT" {
            assert_snapshot!(run.transcript_at(&site), @"");
        }
    }
    first.ends_soon_after("INT").expect(130);
}
