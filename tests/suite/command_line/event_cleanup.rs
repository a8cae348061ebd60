//! What event-cleanup says, however it ends on its own.

use insta::assert_snapshot;

use crate::site::{DatabaseKind, Event, Run, Sample, Site, StorageKind};

const EXECUTE: [&str; 3] = ["jobs", "execute", "event-cleanup"];

pub(super) fn site() -> Site {
    Site::new(DatabaseKind::Postgres, StorageKind::S3)
}

pub(super) fn execute(site: &Site, more: &[&str]) -> Run {
    site.upkeep(&[&EXECUTE, more].concat())
}

#[test]
fn nothing_to_do_is_success() {
    let site = site();
    assert_snapshot!(execute(&site, &[]).transcript_at(&site), @"
    exit code 0
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Looking for events that ended at or before [instant]
    [INFO ] Looked at 0 events, none is due
    [INFO ]
    [INFO ] Job finished successfully
    [INFO ] Duration: [duration]
    ");
    site.fill(&Sample::of([Event::ended(29)]));
    assert_snapshot!(execute(&site, &["--hide-duration"]).transcript_at(&site), @"
    exit code 0
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Looking for events that ended at or before [instant]
    [INFO ] Looked at 1 event, none is due
    [INFO ]
    [INFO ] Job finished successfully
    ");
    assert_snapshot!(execute(&site, &["-q"]).transcript_at(&site), @"exit code 0");
}

#[test]
fn success_is_told_in_numbers() {
    let site = site();
    site.fill(&Sample::of([Event::ended(31).with_assets(2), Event::ended(45), Event::ended(29).with_assets(1)]));
    let before = site.state();
    assert_snapshot!(execute(&site, &["--dry-run"]).transcript_at(&site), @"
    exit code 0
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Looking for events that ended at or before [instant]
    [INFO ] Would delete event [uuid]
    [INFO ] Would delete event [uuid]
    [INFO ] Would delete 2 events with 2 stored objects (3 bytes)
    [INFO ]   from assets: 2
    [INFO ]   from event_dates: 2
    [INFO ]   from event_email_invites: 2
    [INFO ]   from event_favorites: 2
    [INFO ]   from event_invites: 2
    [INFO ]   from event_training_participation_report_parameter_sets: 2
    [INFO ]   from events: 2
    [INFO ]   from invites: 2
    [INFO ]   from module_resources: 2
    [INFO ]   from room_assets: 2
    [INFO ]   from room_streaming_targets: 2
    [INFO ]   from rooms: 2
    [INFO ]   from sip_configs: 2
    [INFO ]
    [INFO ] Job finished successfully
    [INFO ] Duration: [duration]
    ");
    assert_snapshot!(execute(&site, &["--dry-run", "--output", "json", "-q"]).transcript_at(&site), @r#"
    exit code 0
    --- stdout
    {
      "schema": 1,
      "job": "event-cleanup",
      "run_id": "[uuid]",
      "host": "[host]",
      "version": "0.1.0",
      "dry_run": true,
      "started_at": "[instant]",
      "finished_at": "[instant]",
      "duration_ms": [n],
      "now": "[instant]",
      "parameters": {
        "days_since_last_occurrence": 30,
        "fail_on_shared_folder_deletion_error": false
      },
      "outcome": "succeeded",
      "exit_code": 0,
      "error": null,
      "cutoff": "[instant]",
      "counts": {
        "examined": 3,
        "matched": 2,
        "deleted": 0,
        "updated": 0,
        "skipped": 0,
        "failed": 0
      },
      "rows": {},
      "objects_deleted": 0,
      "bytes_freed": 0,
      "shared_folders_deleted": 0,
      "warnings": [],
      "warnings_total": 0,
      "failures": [],
      "backlog": 0,
      "plan": {
        "ids": [
          "[uuid]",
          "[uuid]"
        ],
        "rows": {
          "assets": 2,
          "event_dates": 2,
          "event_email_invites": 2,
          "event_favorites": 2,
          "event_invites": 2,
          "event_training_participation_report_parameter_sets": 2,
          "events": 2,
          "invites": 2,
          "module_resources": 2,
          "room_assets": 2,
          "room_streaming_targets": 2,
          "rooms": 2,
          "sip_configs": 2
        },
        "objects": 2,
        "bytes": 3,
        "shared_folders": 0
      }
    }
    "#);
    assert_eq!(site.state(), before);
    assert_eq!(site.texts("SELECT job FROM upkeep_runs"), [""; 0]);

    assert_snapshot!(execute(&site, &[]).transcript_at(&site), @"
    exit code 0
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Looking for events that ended at or before [instant]
    [INFO ] Deleted 2 events of 2 due
    [INFO ] Deleted 2 stored objects (3 bytes)
    [INFO ]
    [INFO ] Job finished successfully
    [INFO ] Duration: [duration]
    ");
}

#[test]
fn the_report_holds_everything() {
    let site = site();
    site.fill(&Sample::of([Event::ended(31).with_assets(2), Event::ended(29)]));
    let run = execute(&site, &["--output", "json", "--parameters", "{\"days_since_last_occurrence\": 30}"]);
    assert_snapshot!(run.transcript_at(&site), @r#"
    exit code 0
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
      "outcome": "succeeded",
      "exit_code": 0,
      "error": null,
      "cutoff": "[instant]",
      "counts": {
        "examined": 2,
        "matched": 1,
        "deleted": 1,
        "updated": 0,
        "skipped": 0,
        "failed": 0
      },
      "rows": {
        "assets": 2,
        "event_dates": 1,
        "event_email_invites": 1,
        "event_favorites": 1,
        "event_invites": 1,
        "event_training_participation_report_parameter_sets": 1,
        "events": 1,
        "invites": 1,
        "module_resources": 1,
        "room_assets": 2,
        "room_streaming_targets": 1,
        "rooms": 1,
        "sip_configs": 1
      },
      "objects_deleted": 2,
      "bytes_freed": 3,
      "shared_folders_deleted": 0,
      "warnings": [],
      "warnings_total": 0,
      "failures": [],
      "backlog": 0
    }
    --- stderr
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Looking for events that ended at or before [instant]
    [INFO ] Deleted 1 event of 1 due
    [INFO ] Deleted 2 stored objects (3 bytes)
    [INFO ]
    [INFO ] Job finished successfully
    [INFO ] Duration: [duration]
    "#);
}
