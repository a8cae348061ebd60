//! Flags, jobs and time limits that do not exist.

use std::fmt::Write as _;

use insta::assert_snapshot;

use crate::site::run_bare;

/// A configuration that does not exist: whoever looks at it exits with 78.
const NOWHERE: [&str; 2] = ["--config", "/nonexistent/upkeep.toml"];

#[test]
fn flags_and_jobs_that_are_unknown_are_named_with_the_nearest() {
    let mistakes: [&[&str]; 12] = [
        &["job"],
        &["jobs", "exec"],
        &["jobs", "execute"],
        &["jobs", "execute", "event-clean"],
        &["jobs", "execute", "no\u{1b}[31msuch\njob"],
        &["jobs", "describe", "self-chek"],
        &["jobs", "execute", "self-check", "event-cleanup"],
        &["jobs", "execute", "self-check", "--dryrun"],
        &["jobs", "execute", "self-check", "-q", "-v"],
        &["jobs", "execute", "self-check", "--allow-affected", "-1"],
        &["jobs", "execute", "self-check", "--output", "xml"],
        &["jobs", "history", "--limit", "4294967296"],
    ];
    let mut said = String::new();
    for arguments in mistakes {
        let run = run_bare(arguments).expect(2);
        assert_eq!(run.stdout, "");
        assert!(!run.stderr.contains('\u{1b}'), "{run:#?}");
        writeln!(said, "$ upkeep {}\n{}", arguments.join(" ").escape_debug(), run.stderr).unwrap();
    }
    assert_snapshot!(said, @r"
    $ upkeep job
    error: unrecognized subcommand 'job'

      tip: a similar subcommand exists: 'jobs'

    Usage: upkeep [OPTIONS] <COMMAND>

    For more information, try '--help'.

    $ upkeep jobs exec
    error: unrecognized subcommand 'exec'

      tip: a similar subcommand exists: 'execute'

    Usage: upkeep jobs [OPTIONS] <COMMAND>

    For more information, try '--help'.

    $ upkeep jobs execute
    error: the following required arguments were not provided:
      <JOB_TYPE>

    Usage: upkeep jobs execute <JOB_TYPE>

    For more information, try '--help'.

    $ upkeep jobs execute event-clean
    error: invalid value 'event-clean' for '<JOB_TYPE>'
      [possible values: self-check, event-cleanup, user-cleanup, adhoc-event-cleanup, invite-cleanup, sync-storage-files, room-cleanup, keycloak-account-sync, run-history-cleanup]

      tip: a similar value exists: 'event-cleanup'

    For more information, try '--help'.

    $ upkeep jobs execute no\u{1b}[31msuch\njob
    error: invalid value 'nosuch
    job' for '<JOB_TYPE>'
      [possible values: self-check, event-cleanup, user-cleanup, adhoc-event-cleanup, invite-cleanup, sync-storage-files, room-cleanup, keycloak-account-sync, run-history-cleanup]

    For more information, try '--help'.

    $ upkeep jobs describe self-chek
    error: invalid value 'self-chek' for '<JOB_TYPE>'
      [possible values: self-check, event-cleanup, user-cleanup, adhoc-event-cleanup, invite-cleanup, sync-storage-files, room-cleanup, keycloak-account-sync, run-history-cleanup]

      tip: a similar value exists: 'self-check'

    For more information, try '--help'.

    $ upkeep jobs execute self-check event-cleanup
    error: unexpected argument 'event-cleanup' found

    Usage: upkeep jobs execute [OPTIONS] <JOB_TYPE>

    For more information, try '--help'.

    $ upkeep jobs execute self-check --dryrun
    error: unexpected argument '--dryrun' found

      tip: a similar argument exists: '--dry-run'

    Usage: upkeep jobs execute --dry-run <JOB_TYPE>

    For more information, try '--help'.

    $ upkeep jobs execute self-check -q -v
    error: the argument '--quiet' cannot be used with '--verbose'

    Usage: upkeep jobs execute --quiet <JOB_TYPE>

    For more information, try '--help'.

    $ upkeep jobs execute self-check --allow-affected -1
    error: unexpected argument '-1' found

      tip: to pass '-1' as a value, use '-- -1'

    Usage: upkeep jobs execute [OPTIONS] <JOB_TYPE>

    For more information, try '--help'.

    $ upkeep jobs execute self-check --output xml
    error: invalid value 'xml' for '--output <OUTPUT>'
      [possible values: text, json]

    For more information, try '--help'.

    $ upkeep jobs history --limit 4294967296
    error: invalid value '4294967296' for '--limit <N>': 4294967296 is not in 1..=4294967295

    For more information, try '--help'.
    ");
}

#[test]
fn time_limits_are_lengths_of_time() {
    let mut said = String::new();
    for limit in ["", "0", "0s", "-1", "1.5", "1e3", "18446744073709551616", "soon", "1h30", "30 parsecs"] {
        let limit = format!("--timeout={limit}");
        said += run_bare(&["jobs", "execute", "self-check", &limit]).expect(2).stderr.lines().next().unwrap();
        said.push('\n');
    }
    assert_snapshot!(said, @"
    error: invalid value '' for '--timeout <TIMEOUT>': write whole seconds, or a length of time like `90s` or `1h 30m`
    error: invalid value '0' for '--timeout <TIMEOUT>': the time limit must be longer than nothing
    error: invalid value '0s' for '--timeout <TIMEOUT>': the time limit must be longer than nothing
    error: invalid value '-1' for '--timeout <TIMEOUT>': write whole seconds, or a length of time like `90s` or `1h 30m`
    error: invalid value '1.5' for '--timeout <TIMEOUT>': write whole seconds, or a length of time like `90s` or `1h 30m`
    error: invalid value '1e3' for '--timeout <TIMEOUT>': write whole seconds, or a length of time like `90s` or `1h 30m`
    error: invalid value '18446744073709551616' for '--timeout <TIMEOUT>': write whole seconds, or a length of time like `90s` or `1h 30m`
    error: invalid value 'soon' for '--timeout <TIMEOUT>': write whole seconds, or a length of time like `90s` or `1h 30m`
    error: invalid value '1h30' for '--timeout <TIMEOUT>': write whole seconds, or a length of time like `90s` or `1h 30m`
    error: invalid value '30 parsecs' for '--timeout <TIMEOUT>': write whole seconds, or a length of time like `90s` or `1h 30m`
    ");
    for limit in ["1", " 90s ", "1h 30m", "18446744073709551615", "500000000years"] {
        run_bare(&["jobs", "execute", "self-check", "--timeout", limit]).expect(0);
    }
}

#[test]
fn as_json_a_mistake_is_a_document_too() {
    let arguments = [&NOWHERE[..], &super::EXECUTE, &["--output", "json", "--parameters", "[]"]].concat();
    assert_snapshot!(run_bare(&arguments).transcript(), @r#"
    exit code 2
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
      "parameters": null,
      "outcome": "failed",
      "exit_code": 2,
      "error": {
        "message": "the parameters must be a JSON object, not a list",
        "causes": [],
        "hint": "write an object such as '{\"name\": value}'; `{}` stands for the defaults"
      },
      "counts": {
        "examined": 0,
        "matched": 0,
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
      "backlog": 0
    }
    --- stderr
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ]
    [ERROR] the parameters must be a JSON object, not a list
    [ERROR] Job failed
    [INFO ] Duration: [duration]
    error: the parameters must be a JSON object, not a list
    hint: write an object such as '{"name": value}'; `{}` stands for the defaults
    "#);
}
