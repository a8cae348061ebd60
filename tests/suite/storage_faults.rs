//! A store that fails in all the ways stores fail: nothing is lost, and nothing is claimed that did not happen.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use upkeep_test_servers::fault_proxy::{Fault, FaultProxy};

use crate::site::{DatabaseKind, Event, Sample, Site, StorageKind, deletes_assets, finish, is_trial};

/// An ended event with three objects behind a proxy.
fn site(database: DatabaseKind) -> (Site, FaultProxy, Event) {
    let mut site = Site::new(database, StorageKind::S3);
    let proxy = site.put_proxy_before_bucket();
    let event = Event::ended(31).with_assets(3);
    site.fill(&Sample::of([event.clone()]));
    (site, proxy, event)
}

/// Asserts that everything is gone now and was counted.
#[track_caller]
fn assert_done(site: &Site, report: &serde_json::Value, objects: u64) {
    assert!(site.events().is_empty() && site.objects().is_empty() && site.outbox().is_empty());
    assert_eq!(report["objects_deleted"], objects);
    assert_eq!(report["backlog"], 0);
    assert_eq!(report["counts"]["failed"], 0);
}

#[test]
fn passing_trouble_passes() {
    let faults = [
        Fault::Answer(503, "SlowDown"),
        Fault::Answer(500, "InternalError"),
        Fault::AnswerNothing(502),
        Fault::Reset,
        Fault::Delay(Duration::from_millis(700)),
        Fault::LoseAnswer,
    ];
    for fault in faults {
        let name = format!("{fault:?}");
        let (site, proxy, _) = site(DatabaseKind::Sqlite);
        let (mut trial, mut work) = (true, true);
        proxy.set(move |request| match is_trial(request) {
            true if std::mem::take(&mut trial) => fault.clone(),
            false if std::mem::take(&mut work) => fault.clone(),
            _ => Fault::None,
        });
        let run = site.clean_up(&[]).expect(0);
        assert!(proxy.requests().iter().any(deletes_assets), "{name}");
        assert_done(&site, &run.report(), 3);
    }
}

#[test]
fn one_object_that_is_refused_for_ever_waits_for_the_next_run() {
    for database in [DatabaseKind::Postgres, DatabaseKind::Sqlite] {
        for whole_requests in [false, true] {
            let (site, proxy, event) = site(database);
            let second = event.keys()[1].clone();
            proxy.set({
                let second = second.clone();
                move |request| match whole_requests {
                    true if request.mentions(&second) || request.path.contains(&second) => {
                        Fault::Answer(503, "ServiceUnavailable")
                    }
                    false if deletes_assets(request) => Fault::RefuseKeys(vec![second.clone()], "ServiceUnavailable"),
                    _ => Fault::None,
                }
            });
            let report = site.clean_up(&[]).expect(3).report();
            assert!(site.events().is_empty());
            assert_eq!(site.objects(), [second.clone()].into());
            assert_eq!(site.outbox(), [format!("object {second}")].into());
            assert_eq!(report["counts"]["deleted"], 1);
            assert_eq!(report["counts"]["failed"], 1);
            assert_eq!(report["objects_deleted"], 2);
            assert_eq!(report["bytes_freed"], 1 + 3);
            assert_eq!(report["backlog"], 1);
            assert_eq!(report["failures"][0]["subject"], second);
            assert_eq!(report["outcome"], "incomplete");
            let noted = site.texts("SELECT last_error FROM upkeep_pending_deletions WHERE attempts = 1");
            assert_eq!(noted.len(), 1);

            site.clean_up(&[]).expect(3);
            assert_eq!(site.number("SELECT attempts FROM upkeep_pending_deletions"), 2);
            proxy.clear();
            let report = site.clean_up(&[]).expect(0).report();
            assert_eq!(report["bytes_freed"], 2);
            assert_done(&site, &report, 1);
        }
    }
}

#[test]
fn keys_refused_for_other_reasons_are_named_with_the_reason() {
    for code in ["AccessDenied", "InternalError", "ObjectLocked"] {
        let (site, proxy, event) = site(DatabaseKind::Sqlite);
        let first = event.keys()[0].clone();
        let refused = first.clone();
        proxy.set(move |_| Fault::RefuseKeys(vec![refused.clone()], code));
        let report = site.clean_up(&[]).expect(3).report();
        assert_eq!(site.outbox(), [format!("object {first}")].into());
        assert!(report["failures"][0]["reason"].as_str().unwrap().contains(code), "{report}");
        assert_eq!(site.objects(), [first].into());
    }
}

#[test]
fn stores_with_peculiarities_are_served() {
    let (site, proxy, _) = site(DatabaseKind::Sqlite);
    proxy.set(|request| if request.is_delete_objects() { Fault::RequireContentMd5 } else { Fault::None });
    assert_done(&site, &site.clean_up(&[]).expect(0).report(), 3);

    for status in [501, 405] {
        site.fill(&Sample::of([Event::ended(31).with_assets(3)]));
        proxy.set(move |request| match request.is_delete_objects() {
            true if status == 501 => Fault::Answer(501, "NotImplemented"),
            true => Fault::Answer(405, "MethodNotAllowed"),
            false => Fault::None,
        });
        assert_done(&site, &site.clean_up(&[]).expect(0).report(), 3);
    }
}

#[test]
fn a_store_that_lets_nobody_in_changes_nothing() {
    for (status, code) in [(403, "AccessDenied"), (403, "InvalidAccessKeyId"), (404, "NoSuchBucket")] {
        for database in [DatabaseKind::Postgres, DatabaseKind::Sqlite] {
            let (site, proxy, _) = site(database);
            let (rows, objects) = (site.rows(), site.objects());
            proxy.set(move |_| Fault::Answer(status, code));
            let run = site.clean_up(&[]).expect(78);
            assert_eq!((site.rows(), site.objects()), (rows, objects));
            assert!(site.outbox().is_empty());
            assert_eq!(run.report()["counts"]["deleted"], 0);
            assert!(run.stderr.contains("hint: "), "{run:?}");
        }
    }
}

#[test]
fn a_store_that_is_down_from_the_start_changes_nothing() {
    let (site, proxy, _) = site(DatabaseKind::Postgres);
    let before = site.rows();
    proxy.set(|_| Fault::Reset);
    site.clean_up(&[]).expect(69);
    assert_eq!(site.rows(), before);
    assert!(site.outbox().is_empty());
}

/// From the n-th request on nothing works any more; whatever n is, the report is true and the next run finishes.
#[test]
fn a_store_that_fails_from_the_nth_request_on_loses_nothing() {
    for (n, fault) in [
        (2, Fault::Answer(403, "AccessDenied")),
        (3, Fault::Answer(403, "AccessDenied")),
        (2, Fault::Reset),
        (3, Fault::Answer(503, "SlowDown")),
        (3, Fault::LoseAnswer),
    ] {
        let mut site = Site::new(DatabaseKind::Sqlite, StorageKind::S3);
        let proxy = site.put_proxy_before_bucket();
        // More than one batch.
        let sample = Sample::of((0..220).map(|_| Event::ended(31).with_assets(1)));
        site.fill(&sample);
        let broken = fault.clone();
        proxy.set(move |request| if request.number >= n { broken.clone() } else { Fault::None });

        let run = site.clean_up(&[]);
        if (proxy.requests().len() as u64) < n {
            // Both batches went in one request.
            continue;
        }
        let report = run.report();
        let expected = if matches!(fault, Fault::Answer(403, _)) { 78 } else { 69 };
        assert!([Some(3), Some(expected)].contains(&run.code), "{fault:?}: {run:?}");
        site.assert_nothing_lost(&sample);
        let deleted = report["counts"]["deleted"].as_u64().unwrap() as usize;
        assert_eq!(deleted, 220 - site.events().len(), "{fault:?}");
        assert_eq!(report["backlog"], site.outbox().len());
        assert_eq!(report["objects_deleted"].as_u64().unwrap() as usize, deleted - site.outbox().len());
        let outbox = site.outbox().len();
        assert!(outbox > 0, "{fault:?}");

        proxy.clear();
        let report = site.clean_up(&[]).expect(0).report();
        assert!(site.events().is_empty() && site.objects().is_empty() && site.outbox().is_empty());
        assert_eq!(report["backlog"], 0);
    }
}

/// What lies in another bucket must neither be looked for here nor be forgotten.
#[test]
fn objects_of_another_bucket_wait_for_that_bucket() {
    let (mut site, proxy, event) = site(DatabaseKind::Sqlite);
    let refused = event.keys();
    proxy.set(move |_| Fault::RefuseKeys(refused.clone(), "InternalError"));
    site.clean_up(&[]).expect(3);
    assert_eq!(site.outbox().len(), 3);
    let mut before = site.rows_of("upkeep_pending_deletions");

    // The same server under its own address is, for all that upkeep can know, another store.
    let uri = site.s3().uri();
    site.set_storage_uri(&uri);
    let next = Event::ended(31).with_assets(1);
    site.fill(&Sample::of([next]));
    let run = site.clean_up(&[]).expect(3);
    let report = run.report();
    assert_eq!(report["objects_deleted"], 1);
    assert_eq!(report["backlog"], 3);
    assert!(report["failures"].to_string().contains(&proxy.uri()), "{report}");
    assert_eq!(site.objects(), event.keys().into_iter().collect());
    let mut after = site.rows_of("upkeep_pending_deletions");
    assert_eq!(after.len(), 3);
    assert!(after.pop_first() == before.pop_first() && after == before, "not even an attempt is noted");

    proxy.clear();
    site.set_storage_uri(&proxy.uri());
    assert_done(&site, &site.clean_up(&[]).expect(0).report(), 3);
}

#[test]
fn leftovers_are_seen_to_even_if_no_event_is_due() {
    for (database, storage) in crate::site::EVERYWHERE {
        let site = Site::new(database, storage);
        let location = match storage {
            StorageKind::S3 => format!("s3 bucket controller at {}", site.s3().uri()),
            StorageKind::Directory => format!("directory {}", site.path().join("objects").display()),
        };
        let id = site.dialect().uuid(uuid::Uuid::new_v4());
        let now = site.dialect().instant(chrono::Utc::now());
        for n in 0..1_500 {
            if n % 100 == 0 {
                site.store(&format!("assets/left-{n}"), b"left");
            }
        }
        let values: Vec<_> = (0..1_500)
            .map(|n| format!("('object', '{location}', 'assets/left-{n}', 4, 'room-cleanup', {id}, {now})"))
            .collect();
        site.execute(&format!(
            "INSERT INTO upkeep_pending_deletions (kind, location, target, bytes, job, run_id, recorded_at) VALUES {}",
            values.join(",")
        ));
        let dry = site.clean_up(&["--dry-run"]).expect(0).report();
        assert_eq!(dry["backlog"], 1_500);
        let report = site.clean_up(&[]).expect(0).report();
        assert_eq!(report["objects_deleted"], 1_500);
        assert_eq!(report["backlog"], 0);
        assert!(site.outbox().is_empty() && site.objects().is_empty());
    }
}

/// A store that is slow to answer is waited for, but not after SIGTERM.
#[test]
fn a_signal_does_not_wait_for_a_silent_store() {
    static SEEN: AtomicBool = AtomicBool::new(false);
    let (site, proxy, event) = site(DatabaseKind::Postgres);
    proxy.set(|request| {
        if !deletes_assets(request) {
            return Fault::None;
        }
        SEEN.store(true, Ordering::SeqCst);
        Fault::Delay(Duration::from_secs(3_600))
    });
    let child = site.start_clean_up(&[]);
    crate::site::wait_until("objects are being deleted", || SEEN.load(Ordering::SeqCst));
    crate::site::signal(child.id(), "TERM");
    let report = crate::site::finish(child).expect(143).report();
    assert_eq!(report["counts"]["deleted"], 1);
    assert_eq!(report["objects_deleted"], 0);
    assert_eq!(report["backlog"], 3);
    site.assert_nothing_lost(&Sample::of([event]));
    proxy.clear();
    assert_done(&site, &site.clean_up(&[]).expect(0).report(), 3);
}

/// An unmounted volume, a new empty bucket: it would confirm that everything is gone.
#[test]
fn an_empty_store_is_refused_before_anything_is_taken_off_the_outbox() {
    let site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    site.fill(&Sample::of((0..20).map(|_| Event::ended(3).with_assets(1)).chain([Event::ended(31).with_assets(1)])));
    let objects = site.path().join("objects");
    let mut command = site.command(&["jobs", "execute", "event-cleanup"]);
    assert_eq!(finish(command.env("UPKEEP_CRASH_AT", "committed").spawn().unwrap()).code, None);
    let outbox = site.outbox();
    assert_eq!(outbox.len(), 1);
    std::fs::rename(&objects, site.path().join("unmounted")).unwrap();
    std::fs::create_dir(&objects).unwrap();
    for days in [30, 1] {
        let parameters = format!("{{\"days_since_last_occurrence\": {days}}}");
        let report = site.clean_up(&["--parameters", &parameters]).expect(4).report();
        assert_eq!((&report["objects_deleted"], &report["counts"]["deleted"]), (&0.into(), &0.into()));
        assert_eq!(site.outbox(), outbox);
        assert_eq!(site.events().len(), 20);
    }
    site.clean_up(&["--allow-affected", "20"]).expect(0);
    assert!(site.outbox().is_empty());
}
