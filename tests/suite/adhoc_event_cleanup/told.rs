//! What adhoc-event-cleanup says, and what it refuses to begin with.

use super::*;

#[test]
fn it_is_described() {
    assert_snapshot!(run_bare(&["jobs", "describe", "adhoc-event-cleanup"]).transcript(), @"
    exit code 0
    --- stdout
    adhoc-event-cleanup
      A job to cleanup adhoc events a certain duration after they were created

    Removes
      Ad hoc events that were created long enough ago, whatever their dates and
      whoever created them. With each event goes all that belongs to it, as with
      event-cleanup.

    Keeps
      Events that are not ad hoc; rooms that another event uses; users, groups and
      tariffs.

    Order
      As with event-cleanup: the events batch by batch, the oldest first.

    Beside the running platform
      Yes, as event-cleanup. Nobody is asked whether a meeting is still going on:
      one that lasts longer than `seconds_since_creation` loses its event and its
      room.

    Parameters
      fail_on_shared_folder_deletion_error: true or false [default: false]
          Whether an event is kept, and the job fails, when its shared folder cannot
          be removed. Otherwise the event is deleted with a warning, and later runs
          try again to remove the folder.
      seconds_since_creation: a whole number from 0 to 4294967295 [default: 86400]
          Seconds since the creation of an ad hoc event: those created at least so
          long ago are deleted. 0 stands for all that there are when the job starts.
    ");
    assert_snapshot!(run_bare(&["jobs", "default-parameters", "adhoc-event-cleanup"]).transcript(), @r#"
    exit code 0
    --- stdout
    {
      "fail_on_shared_folder_deletion_error": false,
      "seconds_since_creation": 86400
    }
    "#);
}

#[test]
fn what_is_done_is_told() {
    let site = Site::new(Postgres, StorageKind::S3);
    let execute = |more: &[&str]| {
        site.upkeep(&[&["jobs", "execute", "adhoc-event-cleanup", "--hide-duration"], more].concat())
            .transcript_at(&site)
    };
    assert_snapshot!(execute(&[]), @"
    exit code 0
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Looking for ad hoc events that were created at or before [instant]
    [INFO ] No ad hoc events are due
    [INFO ]
    [INFO ] Job finished successfully
    ");
    site.fill(&Sample::of([adhoc(Event::ended(-1).with_assets(2)), Event::ended(100)]));
    assert_snapshot!(execute(&["--dry-run"]), @"
    exit code 0
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Looking for ad hoc events that were created at or before [instant]
    [INFO ] Would delete event [uuid]
    [INFO ] Would delete 1 event with 2 stored objects (3 bytes)
    [INFO ]   from assets: 2
    [INFO ]   from event_dates: 1
    [INFO ]   from event_email_invites: 1
    [INFO ]   from event_favorites: 1
    [INFO ]   from event_invites: 1
    [INFO ]   from event_training_participation_report_parameter_sets: 1
    [INFO ]   from events: 1
    [INFO ]   from invites: 1
    [INFO ]   from module_resources: 1
    [INFO ]   from room_assets: 2
    [INFO ]   from room_streaming_targets: 1
    [INFO ]   from rooms: 1
    [INFO ]   from sip_configs: 1
    [INFO ]
    [INFO ] Job finished successfully
    ");
    assert_snapshot!(execute(&["--parameters", r#"{"seconds_since_creation": 0}"#]), @"
    exit code 0
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Looking for ad hoc events that were created at or before [instant]
    [INFO ] Deleted 1 event of 1 due
    [INFO ] Deleted 2 stored objects (3 bytes)
    [INFO ]
    [INFO ] Job finished successfully
    ");
}

#[test]
fn wrong_parameters_are_named_before_anything_is_connected() {
    let refused = |parameters: &str| {
        let nowhere =
            ["--config", "/nonexistent/upkeep.toml", "jobs", "execute", "adhoc-event-cleanup", "--parameters"];
        let run = run_bare(&[&nowhere[..], &[parameters]].concat()).expect(2);
        run.stderr.lines().next().unwrap().to_owned() + "\n"
    };
    let mut said = String::new();
    for value in ["-1", "4294967296", "1.5", "1e3", "\"86400\"", "null", "true", "[1]", "{}"] {
        said += &refused(&format!("{{\"seconds_since_creation\": {value}}}"));
    }
    said += &refused(r#"{"seconds_since_creatoin": 1}"#);
    said += &refused(r#"{"days_since_last_occurrence": 1}"#);
    said += &refused(r#"{"fail_on_shared_folder_deletion_error": null}"#);
    assert_snapshot!(said, @r#"
    error: parameter seconds_since_creation: expected a whole number from 0 to 4294967295, not -1
    error: parameter seconds_since_creation: expected a whole number from 0 to 4294967295, not 4294967296
    error: parameter seconds_since_creation: expected a whole number from 0 to 4294967295, not 1.5
    error: parameter seconds_since_creation: expected a whole number from 0 to 4294967295, not 1000.0
    error: parameter seconds_since_creation: expected a whole number from 0 to 4294967295, not the text "86400"
    error: parameter seconds_since_creation: expected a whole number from 0 to 4294967295, not null
    error: parameter seconds_since_creation: expected a whole number from 0 to 4294967295, not true
    error: parameter seconds_since_creation: expected a whole number from 0 to 4294967295, not a list
    error: parameter seconds_since_creation: expected a whole number from 0 to 4294967295, not an object
    error: adhoc-event-cleanup has no parameter "seconds_since_creatoin"; did you mean seconds_since_creation?
    error: adhoc-event-cleanup has no parameter "days_since_last_occurrence"; did you mean seconds_since_creation?
    error: parameter fail_on_shared_folder_deletion_error: expected true or false, not null
    "#);
}

#[test]
fn deletion_can_be_switched_off() {
    for database in [Postgres, Sqlite] {
        let mut site = Site::new(database, StorageKind::Directory);
        site.fill(&Sample::of([adhoc(Event::ended(1).with_assets(1))]));
        site.set("safety", "deletion = false");
        let before = site.state();
        let run = clean_up(&site, &[]).expect(4);
        assert!(run.stderr.contains("deletion = false"), "{run:?}");
        assert!(site.state() == before);
        assert_eq!(clean_up(&site, &["--dry-run"]).expect(0).report()["plan"]["objects"], 1);
    }
}
