//! What room-cleanup says, and what it refuses to begin with.

use super::*;

#[test]
fn it_is_described() {
    assert_snapshot!(run_bare(&["jobs", "describe", "room-cleanup"]).transcript(), @"
    exit code 0
    --- stdout
    room-cleanup
      A job to remove all rooms that have no event associated with them

    Removes
      Rooms without any event, whoever created them. With each room go its module
      resources, SIP configuration, streaming targets, guest invites and assets, the
      stored objects included; in the old generation also the permissions on all of
      these.

    Keeps
      Rooms with an event, also one that appears while the job is at work; rooms
      that are not older than `room_minimum_age` in the [safety] section of the
      configuration; users and tariffs.

    Order
      First what earlier runs left behind: stored objects and shared folders that
      could not be deleted. Then the rooms, batch by batch, the oldest first. Of
      each batch first, in one transaction, everything that belongs to the rooms and
      the rooms, while the keys of the stored objects are written down; then the
      objects. A key is struck off when the store has confirmed, so that after a
      crash the next run finishes the work.

    Beside the running platform
      Yes, if `room_minimum_age` is longer than a room may be without its event: a
      room that the platform has just made, and one that is used without an event,
      goes like any other. Transactions are short, a lock is waited for half a
      second at most, and nothing goes over the network while rows are locked. What
      the platform has locked is tried again at the end of the run, and is a failure
      if it still is locked.

    Parameters
      fail_on_shared_folder_deletion_error: true or false [default: false]
          Whether shared folders that earlier runs left behind, and that still
          cannot be removed, are failures. Otherwise they are warnings. Rooms
          themselves have no shared folders.
    ");
    assert_snapshot!(run_bare(&["jobs", "default-parameters", "room-cleanup"]).transcript(), @r#"
    exit code 0
    --- stdout
    {
      "fail_on_shared_folder_deletion_error": false
    }
    "#);
}

#[test]
fn what_is_done_is_told() {
    let site = Site::new(Postgres, StorageKind::S3);
    let execute = |more: &[&str]| {
        site.upkeep(&[&["jobs", "execute", "room-cleanup", "--hide-duration"], more].concat()).transcript_at(&site)
    };
    assert_snapshot!(execute(&[]), @"
    exit code 0
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Looking for rooms without an event that were created before [instant]
    [INFO ] No orphaned rooms found
    [INFO ]
    [INFO ] Job finished successfully
    ");
    fill_with_orphans(&site, [orphan(), Event::ended(1)]);
    assert_snapshot!(execute(&["--dry-run"]), @"
    exit code 0
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Looking for rooms without an event that were created before [instant]
    [INFO ] Would delete room [uuid]
    [INFO ] Would delete room [uuid]
    [INFO ] Would delete 2 rooms with 2 stored objects (3 bytes)
    [INFO ]   from assets: 2
    [INFO ]   from invites: 2
    [INFO ]   from module_resources: 2
    [INFO ]   from room_assets: 2
    [INFO ]   from room_streaming_targets: 2
    [INFO ]   from rooms: 2
    [INFO ]   from sip_configs: 2
    [INFO ]
    [INFO ] Job finished successfully
    ");
    assert_snapshot!(execute(&[]), @"
    exit code 0
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Looking for rooms without an event that were created before [instant]
    [INFO ] Deleted 2 rooms of 2 due
    [INFO ] Deleted 2 stored objects (3 bytes)
    [INFO ]
    [INFO ] Job finished successfully
    ");
}

#[test]
fn wrong_parameters_are_named_before_anything_is_connected() {
    let refused = |parameters: &str| {
        let nowhere = ["--config", "/nonexistent/upkeep.toml", "jobs", "execute", "room-cleanup", "--parameters"];
        run_bare(&[&nowhere[..], &[parameters]].concat()).expect(2).stderr
    };
    let name = "fail_on_shared_folder_deletion_error";
    let mut said = String::new();
    for value in ["null", "0", "\"false\"", "[]"] {
        said += &refused(&format!("{{\"{name}\": {value}}}"));
    }
    said += &refused(r#"{"room_minimum_age": "1d"}"#);
    said += &refused("[]");
    assert_snapshot!(said, @r#"
    error: parameter fail_on_shared_folder_deletion_error: expected true or false, not null
    hint: `upkeep jobs describe room-cleanup` lists the parameters of this job
    error: parameter fail_on_shared_folder_deletion_error: expected true or false, not 0
    hint: `upkeep jobs describe room-cleanup` lists the parameters of this job
    error: parameter fail_on_shared_folder_deletion_error: expected true or false, not the text "false"
    hint: `upkeep jobs describe room-cleanup` lists the parameters of this job
    error: parameter fail_on_shared_folder_deletion_error: expected true or false, not a list
    hint: `upkeep jobs describe room-cleanup` lists the parameters of this job
    error: room-cleanup has no parameter "room_minimum_age"; it has fail_on_shared_folder_deletion_error
    hint: `upkeep jobs describe room-cleanup` lists the parameters of this job
    error: the parameters must be a JSON object, not a list
    hint: write an object such as '{"name": value}'; `{}` stands for the defaults
    "#);
}

#[test]
fn deletion_can_be_switched_off() {
    for (database, storage) in EVERYWHERE {
        let mut site = Site::new(database, storage);
        fill_with_orphans(&site, [orphan()]);
        site.set("safety", "deletion = false");
        let before = site.state();
        let run = clean_up(&site, &[]).expect(4);
        assert!(run.stderr.contains("deletion = false"), "{run:?}");
        assert!(site.state() == before);
        assert_eq!(clean_up(&site, &["--dry-run"]).expect(0).report()["plan"]["objects"], 2);
    }
}
