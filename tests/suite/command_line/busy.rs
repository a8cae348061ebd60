//! Two runs of the same job at once.

use std::time::Duration;

use insta::assert_snapshot;
use upkeep_test_servers::fault_proxy::{Fault, FaultProxy};

use crate::site::{BUCKET, DatabaseKind, Event, Running, Sample, Site, StorageKind, deletes_assets, wait_until};

/// A site on which a run is under way that waits for its store; and the store.
fn under_way(database: DatabaseKind) -> (Site, Running, FaultProxy) {
    let mut site = Site::new(database, StorageKind::S3);
    site.fill(&Sample::of([Event::ended(31).with_assets(2), Event::ended(29)]));
    let proxy = FaultProxy::in_front_of_bucket(site.s3(), BUCKET);
    proxy.set(|request| match deletes_assets(request) {
        true => Fault::Delay(Duration::from_secs(60)),
        false => Fault::None,
    });
    site.set_storage_uri(&proxy.uri());
    let run = Running::start(site.command(&["jobs", "execute", "event-cleanup"]));
    wait_until("the store is asked to delete", || proxy.requests().iter().any(deletes_assets));
    (site, run, proxy)
}

#[test]
fn the_second_run_gives_up_or_leaves_it_or_waits() {
    for database in [DatabaseKind::Postgres, DatabaseKind::Sqlite] {
        let (site, first, proxy) = under_way(database);
        let before = site.state();
        let second = |more: &[&str]| site.upkeep(&[&["jobs", "execute", "event-cleanup"], more].concat());
        if database == DatabaseKind::Postgres {
            assert_snapshot!(second(&[]).transcript_at(&site), @"
            exit code 75
            --- stdout
            [INFO ] Starting job execution
            [INFO ] Loading parameters
            [INFO ]
            [ERROR] another run of event-cleanup is under way: run [uuid], process [n] on [host]
            [ERROR] Job failed
            [INFO ] Duration: [duration]
            --- stderr
            error: another run of event-cleanup is under way: run [uuid], process [n] on [host]
            hint: wait for it, or choose --if-running wait or skip; a run that died is taken over by itself
            ");
            assert_snapshot!(second(&["--if-running", "skip"]).transcript_at(&site), @"
            exit code 0
            --- stdout
            [INFO ] Starting job execution
            [INFO ] Loading parameters
            [INFO ]
            [INFO ] Job skipped, as another run of it is under way
            [INFO ] Duration: [duration]
            ");
            assert_snapshot!(second(&["--if-running", "wait", "--timeout", "1"]).transcript_at(&site), @"
            exit code 124
            --- stdout
            [INFO ] Starting job execution
            [INFO ] Loading parameters
            [INFO ] Waiting for another run of event-cleanup: run [uuid], process [n] on [host]
            [INFO ]
            [ERROR] timed out after 1s
            [ERROR] Job failed
            [INFO ] Duration: [duration]
            --- stderr
            error: timed out after 1s
            hint: what is done is safe; run the job again to go on, perhaps with a longer --timeout
            ");
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
            assert_snapshot!(run.transcript_at(&site), @"
            exit code 0
            --- stdout
            [INFO ] Starting job execution
            [INFO ] Loading parameters
            [INFO ] Waiting for another run of event-cleanup: run [uuid], process [n] on [host]
            [INFO ] Looking for events that ended at or before [instant]
            [INFO ] Finished what earlier runs left behind, stored objects: 2
            [INFO ] Looked at 1 event, none is due
            [INFO ] Deleted 2 stored objects (3 bytes)
            [INFO ]
            [INFO ] Job finished successfully
            ");
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
            assert_snapshot!(run.transcript_at(&site), @"
            exit code 130
            --- stdout
            [INFO ] Starting job execution
            [INFO ] Loading parameters
            [INFO ] Waiting for another run of event-cleanup: run [uuid], process [n] on [host]
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
    first.ends_soon_after("INT").expect(130);
}
