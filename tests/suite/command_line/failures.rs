//! What event-cleanup says when something could not be done, or may not be.

use insta::assert_snapshot;
use upkeep_test_servers::fault_proxy::{Fault, FaultProxy};

use super::event_cleanup::{execute, site};
use crate::site::{BUCKET, DatabaseKind, Event, Occurs, Sample, Site, StorageKind};

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
    assert_snapshot!(execute(&site, &[]).transcript_at(&site), @"
    exit code 3
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Looking for events that ended at or before [instant]
    [ERROR] assets/[uuid]: AccessDenied: injected fault AccessDenied
    [INFO ] Deleted 1 event of 1 due
    [INFO ] Deleted 2 stored objects (4 bytes)
    [WARN ] Left for a later run: 1 stored objects or shared folders whose rows are gone
    [INFO ]
    [ERROR] Job finished, failures: 1; running it again is safe
    [INFO ] Duration: [duration]
    ");
    assert!(site.events().is_empty());
    assert_eq!(site.objects().len(), 1);
    assert_eq!(site.outbox(), [format!("object {}", event.keys()[1])].into());

    let run = execute(&site, &["--output", "json", "-q"]).expect(3);
    assert_snapshot!(run.transcript_at(&site), @r#"
    exit code 3
    --- stdout
    {
      "schema": 1,
      "job": "event-cleanup",
      "run_id": "[uuid]",
      "host": "[host]",
      "version": "0.1.0",
      "dry_run": false,
      "started_at": "[instant]",
      "finished_at": "[instant]",
      "duration_ms": [n],
      "now": "[instant]",
      "parameters": {
        "days_since_last_occurrence": 30,
        "fail_on_shared_folder_deletion_error": false
      },
      "outcome": "incomplete",
      "exit_code": 3,
      "error": null,
      "cutoff": "[instant]",
      "counts": {
        "examined": 0,
        "matched": 0,
        "deleted": 0,
        "updated": 0,
        "skipped": 0,
        "failed": 1
      },
      "rows": {},
      "objects_deleted": 0,
      "bytes_freed": 0,
      "shared_folders_deleted": 0,
      "warnings": [],
      "warnings_total": 0,
      "failures": [
        {
          "subject": "assets/[uuid]",
          "reason": "AccessDenied: injected fault AccessDenied"
        }
      ],
      "backlog": 1
    }
    --- stderr
    [ERROR] assets/[uuid]: AccessDenied: injected fault AccessDenied
    [ERROR] Job finished, failures: 1; running it again is safe
    "#);

    proxy.clear();
    assert_snapshot!(execute(&site, &["--hide-duration"]).transcript_at(&site), @"
    exit code 0
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Looking for events that ended at or before [instant]
    [INFO ] Finished what earlier runs left behind, stored objects: 1
    [INFO ] Looked at 0 events, none is due
    [INFO ] Deleted 1 stored object (2 bytes)
    [INFO ]
    [INFO ] Job finished successfully
    ");
    assert!(site.objects().is_empty() && site.outbox().is_empty());
}

#[test]
fn where_deleting_is_switched_off_nothing_is_deleted() {
    let mut site = site();
    site.fill(&Sample::of([Event::ended(31).with_assets(1)]));
    site.set("safety", "deletion = false");
    let before = site.state();
    assert_snapshot!(execute(&site, &[]).transcript_at(&site), @"
    exit code 4
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Looking for events that ended at or before [instant]
    [INFO ]
    [ERROR] deleting is switched off by `deletion = false` in [safety]; nothing was changed
    [ERROR] Job failed
    [INFO ] Duration: [duration]
    --- stderr
    error: deleting is switched off by `deletion = false` in [safety]; nothing was changed
    hint: look at what would be deleted with --dry-run, then set `deletion = true`
    ");
    let report = site.clean_up(&["--allow-affected", "1"]).expect(4).report();
    assert_eq!(report["outcome"], "refused");
    assert_eq!(report["counts"]["deleted"], 0);
    assert_eq!(site.state(), before);
    execute(&site, &["--dry-run"]).expect(0);
}

#[test]
fn a_folder_that_cannot_be_removed_is_a_warning_or_ends_the_run() {
    let mut site = site();
    let shares = serde_json::json!({ "type": "nextcloud", "write_share_id": "1", "read_share_id": "2" });
    site.fill(&Sample::of([Event::ended(31).with_folder("opentalk/some meeting", shares)]));
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    site.set(
        "shared_folder",
        &format!(
            "provider = \"nextcloud\"\nurl = \"http://{nowhere}/\"\nusername = \"meet\"\npassword = {:?}",
            upkeep_test_servers::nextcloud::PASSWORD
        ),
    );
    let before = site.state();
    let strict = ["--parameters", "{\"fail_on_shared_folder_deletion_error\": true}"];
    assert_snapshot!(execute(&site, &strict).transcript_at(&site), @r#"
    exit code 1
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Looking for events that ended at or before [instant]
    [ERROR] [uuid]: kept, since its shared folder cannot be removed: removing its write share: no valid answer: Connection refused (os error 111)
    [INFO ]
    [ERROR] 1 shared folders could not be removed; their events are kept
    [ERROR] Job failed
    [INFO ] Duration: [duration]
    --- stderr
    error: 1 shared folders could not be removed; their events are kept
    hint: see to the shared-folder provider and run the job again, or let such events go with "fail_on_shared_folder_deletion_error": false
    "#);
    assert_eq!(site.state(), before);
    assert_snapshot!(execute(&site, &[]).transcript_at(&site), @"
    exit code 0
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Looking for events that ended at or before [instant]
    [WARN ] event [uuid] is deleted, its shared folder waits for a later run: removing its write share: no valid answer: Connection refused (os error 111)
    [INFO ] Deleted 1 event of 1 due
    [WARN ] Left for a later run: 1 stored objects or shared folders whose rows are gone
    [INFO ]
    [INFO ] Job finished successfully
    [INFO ] Duration: [duration]
    ");
    assert!(site.events().is_empty());
    assert_eq!(site.outbox().len(), 1);
    assert_snapshot!(execute(&site, &strict).transcript_at(&site), @"
    exit code 3
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Looking for events that ended at or before [instant]
    [ERROR] [uuid]: its event is gone, its shared folder still is not: removing its write share: no valid answer: Connection refused (os error 111)
    [INFO ] Looked at 0 events, none is due
    [WARN ] Left for a later run: 1 stored objects or shared folders whose rows are gone
    [INFO ]
    [ERROR] Job finished, failures: 1; running it again is safe
    [INFO ] Duration: [duration]
    ");
}

/// Only the first are said word for word, but it is not hidden that there are more.
#[test]
fn more_failures_and_warnings_than_are_logged_are_counted() {
    let site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    let kept: Vec<_> = (0..22).map(|_| Event::ended(50)).collect();
    let unclear = (0..23).map(|_| {
        let (starts_at, ends_at) = (chrono::Utc::now() - chrono::TimeDelta::days(90), chrono::Utc::now());
        let pattern = "FREQ=DAILY;COUNT=3".into();
        Event::new(Occurs::Series { starts_at, zone: "Mars/Olympus", duration_secs: 60, pattern, ends_at })
    });
    site.fill(&Sample::of(kept.iter().cloned().chain(unclear)));
    site.execute("CREATE TABLE plugin_notes (subject BLOB NOT NULL REFERENCES events (id))");
    for event in &kept {
        site.execute(&format!("INSERT INTO plugin_notes VALUES ({})", site.dialect().uuid(event.id)));
    }
    let run = site.upkeep(&["jobs", "execute", "event-cleanup", "--hide-duration"]).expect(3);
    let lines = |start: &str| run.stdout.lines().filter(|line| line.starts_with(start)).collect::<Vec<_>>();
    let (errors, warnings) = (lines("[ERROR]"), lines("[WARN ]"));
    assert_eq!((errors.len(), warnings.len()), (20 + 2, 20 + 1), "{run:#?}");
    assert_eq!(errors[20], "[ERROR] 22 failures in all; -v shows each of them");
    assert_eq!(warnings[20], "[WARN ] 23 warnings in all; -v shows each of them");
}
