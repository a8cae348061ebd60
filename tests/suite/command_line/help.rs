//! Help and what else needs neither configuration nor database. Help is snapshots in files, one for each command, on a
//! terminal of 80 columns.

use insta::assert_snapshot;
use upkeep_jobs::JOBS;

use crate::site::run_bare;

const COMMANDS: [&[&str]; 19] = [
    &[],
    &["jobs"],
    &["jobs", "execute"],
    &["jobs", "default-parameters"],
    &["jobs", "list"],
    &["jobs", "describe"],
    &["jobs", "history"],
    &["database"],
    &["database", "migrate"],
    &["database", "status"],
    &["config"],
    &["config", "show"],
    &["config", "check"],
    &["doctor"],
    &["generate"],
    &["generate", "systemd"],
    &["generate", "cron"],
    &["generate", "man"],
    &["completions"],
];

#[test]
fn every_command_has_help_for_80_columns() {
    for command in COMMANDS {
        let help = run_bare(&[command, &["--help"]].concat()).expect(0);
        assert!(help.stderr.is_empty(), "{help:#?}");
        assert!(help.stdout.lines().all(|line| line.chars().count() <= 80), "{}", help.stdout);
        let name = ["help", &command.join("_")].join("_");
        assert_snapshot!(name.trim_end_matches('_'), help.transcript());
        assert_eq!(run_bare(&[command, &["-h"]].concat()).expect(0).stderr, "");
    }
}

#[test]
fn the_short_help_of_execute_fits_on_a_screen() {
    assert_snapshot!(run_bare(&["jobs", "execute", "-h"]).transcript());
}

#[test]
fn without_a_command_there_is_help_and_it_is_wrong_usage() {
    for command in [&[][..], &["jobs"], &["database"], &["config"], &["generate"]] {
        let run = run_bare(command).expect(2);
        assert_eq!(run.stdout, "");
        assert!(run.stderr.contains("Usage: upkeep"), "{run:#?}");
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    assert_eq!(run_bare(&["--version"]).expect(0).stdout, concat!("upkeep ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn jobs_are_listed_and_described() {
    assert_snapshot!(run_bare(&["jobs", "list"]).transcript(), @"
    exit code 0
    --- stdout
    self-check             A simple self-check of the job execution system
    event-cleanup          A job for cleaning up events that ended at minimum a defined duration ago
    user-cleanup           A job for cleaning up users that were disabled at minimum a defined duration ago
    adhoc-event-cleanup    A job to cleanup adhoc events a certain duration after they were created
    invite-cleanup         A job for cleaning up expired invites
    sync-storage-files     A job to synchronize database assets and storage files
    room-cleanup           A job to remove all rooms that have no event associated with them
    keycloak-account-sync  A job to synchronize the user account states with Keycloak
    run-history-cleanup    A job for cleaning up the records of runs that started a defined duration ago
    ");
    assert_snapshot!(run_bare(&["jobs", "describe", "self-check"]).transcript(), @"
    exit code 0
    --- stdout
    self-check
      A simple self-check of the job execution system

    Removes
      Nothing.

    Keeps
      Everything; neither configuration nor database is needed.

    Order
      Nothing is done but to write the log.

    Beside the running platform
      Yes: it touches nothing.

    Parameters
      none
    ");
    assert_snapshot!(run_bare(&["jobs", "describe", "event-cleanup"]).transcript(), @"
    exit code 0
    --- stdout
    event-cleanup
      A job for cleaning up events that ended at minimum a defined duration ago

    Removes
      Events whose end, or the end of the last occurrence of their series, is long
      enough ago, whoever created them. With each event go its dates, recurrence,
      exceptions, invitations, favourites, training parameters and shared folder,
      and its room with module resources, SIP configuration, streaming targets,
      guest invites and assets, the stored objects included; in the old generation
      also the permissions on all of these.

    Keeps
      Events without dates; series without an end; series whose rule or time zone
      cannot be read (with a warning); rooms that another event uses; events to
      which a table refers that upkeep does not know; users, groups and tariffs.

    Order
      First what earlier runs left behind: stored objects and shared folders that
      could not be deleted. Then the events, batch by batch, the oldest first. Of
      each batch first the shared folders, at their provider, of the events that are
      still due and that nobody has locked; then, in one transaction, everything
      that belongs to the events, the events and their rooms, while the keys of the
      stored objects are written down; last the objects. A key is struck off when
      the store has confirmed, so that after a crash the next run finishes the work.

    Beside the running platform
      Yes. Transactions are short, a lock is waited for half a second at most, and
      nothing goes over the network while rows are locked. What the platform has
      locked is tried again at the end of the run, and is a failure if it still is
      locked. An event that is no longer due when its turn comes stays; if its
      shared folder has gone by then, that is said.

    Parameters
      days_since_last_occurrence: a whole number of at least 1 [default: 30]
          Days since the end of the event, or of the last occurrence of a series:
          events that ended at least so long ago are deleted. A day is 24 hours.
      fail_on_shared_folder_deletion_error: true or false [default: false]
          Whether an event is kept, and the job fails, when its shared folder cannot
          be removed. Otherwise the event is deleted with a warning, and later runs
          try again to remove the folder.
    ");
    for job in JOBS {
        let described = run_bare(&["jobs", "describe", job.name()]).expect(0).stdout;
        assert!(described.lines().all(|line| line.chars().count() <= 80), "{described}");
    }
}

#[test]
fn default_parameters_are_pretty_json() {
    assert_snapshot!(run_bare(&["jobs", "default-parameters", "self-check"]).transcript(), @"
    exit code 0
    --- stdout
    {}
    ");
    assert_snapshot!(run_bare(&["jobs", "default-parameters", "event-cleanup"]).transcript(), @r#"
    exit code 0
    --- stdout
    {
      "days_since_last_occurrence": 30,
      "fail_on_shared_folder_deletion_error": false
    }
    "#);
    for job in JOBS {
        let defaults = run_bare(&["jobs", "default-parameters", job.name()]).expect(0).stdout;
        let parsed: serde_json::Value = serde_json::from_str(&defaults).unwrap();
        // serde_json sorts the keys and indents by two blanks.
        assert_eq!(defaults, serde_json::to_string_pretty(&parsed).unwrap() + "\n");
    }
}
