//! What an operator reads.

use insta::assert_snapshot;

use super::community::Community;
use crate::site::{DatabaseKind, Site, StorageKind};

fn site() -> Site {
    let mut community = Community::default();
    let (enabled, due) = (community.user(None), community.disabled(31));
    community.disabled(29);
    let room = community.room(due);
    let event = community.event(room, due);
    community.deeds(enabled, room, event);
    let lent = community.room(due);
    community.event(lent, enabled);
    community.room(due);
    let site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    community.fill(&site);
    site
}

fn said(site: &Site, more: &[&str]) -> String {
    let run = site.upkeep(&[&["jobs", "execute", "user-cleanup", "--hide-duration"], more].concat());
    run.transcript_at(site)
}

const NO_DAYS: [&str; 2] = ["--parameters", r#"{"days_since_user_has_been_disabled": 0}"#];

#[test]
fn a_run_says_what_it_found_and_did() {
    let site = site();
    assert_snapshot!(said(&site, &["--dry-run"]), @"
    exit code 0
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Looking for users that were disabled at or before [instant]
    [INFO ] Would delete user [uuid]
    [INFO ] Would delete 1 user with 2 stored objects (14 bytes)
    [INFO ]   from assets: 2
    [INFO ]   from event_email_invites: 1
    [INFO ]   from event_exceptions: 1
    [INFO ]   from event_favorites: 1
    [INFO ]   from event_invites: 1
    [INFO ]   from event_training_participation_report_parameter_sets: 1
    [INFO ]   from events: 1
    [INFO ]   from invites: 1
    [INFO ]   from module_resources: 1
    [INFO ]   from room_assets: 2
    [INFO ]   from room_streaming_targets: 2
    [INFO ]   from rooms: 2
    [INFO ]   from sip_configs: 2
    [INFO ]   from users: 1
    [INFO ]
    [INFO ] Job finished successfully
    ");
    assert_snapshot!(said(&site, &NO_DAYS), @"
    exit code 4
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Looking for users that were disabled at or before [instant]
    [INFO ]
    [ERROR] without a retention period 2 users would be deleted; nothing was changed
    [ERROR] Job failed
    --- stderr
    error: without a retention period 2 users would be deleted; nothing was changed
    hint: choose a period of at least one day; if 0 days are right, let this one run pass with --allow-affected 2
    ");
    assert_snapshot!(said(&site, &[]), @"
    exit code 0
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Looking for users that were disabled at or before [instant]
    [INFO ] Deleted 1 user of 1 due
    [INFO ] Deleted 2 stored objects (14 bytes)
    [INFO ]
    [INFO ] Job finished successfully
    ");
    assert_snapshot!(said(&site, &[]), @"
    exit code 0
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Looking for users that were disabled at or before [instant]
    [INFO ] Looked at 1 user, none is due
    [INFO ]
    [INFO ] Job finished successfully
    ");
}

#[test]
fn a_user_who_is_kept_is_named() {
    let site = site();
    site.execute("CREATE TABLE plugin_notes (author BLOB REFERENCES users)");
    site.execute("INSERT INTO plugin_notes SELECT id FROM users");
    assert_snapshot!(said(&site, &["--dry-run"]), @"
    exit code 0
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Looking for users that were disabled at or before [instant]
    [WARN ] user [uuid] would be kept: table \"plugin_notes\" (constraint REFERENCES users), which upkeep does not know, still refers to it
    [INFO ] Would delete 0 users with 2 stored objects (14 bytes)
    [INFO ]   from assets: 2
    [INFO ]   from event_email_invites: 1
    [INFO ]   from event_exceptions: 1
    [INFO ]   from event_favorites: 1
    [INFO ]   from event_invites: 1
    [INFO ]   from event_training_participation_report_parameter_sets: 1
    [INFO ]   from events: 1
    [INFO ]   from invites: 1
    [INFO ]   from module_resources: 1
    [INFO ]   from room_assets: 2
    [INFO ]   from room_streaming_targets: 2
    [INFO ]   from rooms: 2
    [INFO ]   from sip_configs: 2
    [INFO ]
    [INFO ] Job finished successfully
    ");
    assert_snapshot!(said(&site, &[]), @"
    exit code 3
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Looking for users that were disabled at or before [instant]
    [ERROR] [uuid]: table \"plugin_notes\" (constraint REFERENCES users), which upkeep does not know, still refers to it
    [INFO ] Deleted 0 users of 1 due
    [INFO ] Deleted 2 stored objects (14 bytes)
    [INFO ]
    [ERROR] Job finished, failures: 1; running it again is safe
    ");
}

#[test]
fn the_job_is_described() {
    assert_snapshot!(crate::site::run_bare(&["jobs", "describe", "user-cleanup"]).transcript(), @"
    exit code 0
    --- stdout
    user-cleanup
      A job for cleaning up users that were disabled at minimum a defined duration
      ago

    Removes
      Users of all tenants that were disabled long enough ago, with the events they
      created, whatever their dates, and with their rooms that hold no event; with
      each of these all that belongs to it, shared folders and stored objects
      included. Also the invitations that these users received, their favourites and
      their memberships in groups.

    Keeps
      Groups; other people's events and rooms. What a deleted user did there passes
      to the owner and stays as it is: who changed an event last, who created or
      changed a guest invite, who created invitations, exceptions and module
      resources. A room with somebody else's event passes to that event's creator. A
      user stays whose event or room cannot be deleted, or to whom a table refers
      that upkeep does not know.

    Order
      First what earlier runs left behind. Then three passes: the events that any of
      these users created, as with event-cleanup; their rooms that hold no event;
      the users. Of each batch of users, in one transaction, first what they did in
      other people's events and rooms passes to the owners, then their permissions,
      invitations, favourites and memberships go, last the users. Users that refer
      to each other therefore go in one run.

    Beside the running platform
      Yes. Transactions are short, a lock is waited for half a second at most, and
      nothing goes over the network while rows are locked. What the platform has
      locked is tried again at the end of each pass, and is a failure if it still is
      locked. A user who is enabled again stays, but what has gone by then is gone.

    Parameters
      days_since_user_has_been_disabled: a whole number of at least 0 [default: 30]
          Days since the user was disabled: users that were disabled at least so
          long ago are deleted. A day is 24 hours; 0, for all that are disabled, is
          refused unless --allow-affected names their number.
      fail_on_shared_folder_deletion_error: true or false [default: false]
          Whether an event is kept, with the user who created it, and the job fails,
          when its shared folder cannot be removed. Otherwise the event is deleted
          with a warning, and later runs try again to remove the folder.
    ");
    assert_snapshot!(crate::site::run_bare(&["jobs", "default-parameters", "user-cleanup"]).transcript(), @"
    exit code 0
    --- stdout
    {
      \"days_since_user_has_been_disabled\": 30,
      \"fail_on_shared_folder_deletion_error\": false
    }
    ");
}
