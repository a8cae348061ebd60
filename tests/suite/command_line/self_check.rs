//! self-check, to the byte.

use insta::assert_snapshot;

use crate::site::{bare, finish, run_bare};

const LINES: &str = "\
[INFO ] Starting job execution
[INFO ] Loading parameters
[INFO ] Executing self-check job
[INFO ]\u{20}
[TRACE] Test output in TRACE level
[DEBUG] Test output in DEBUG level
[INFO ] Test output in INFO level
[WARN ] Test output in WARN level
[ERROR] Test output in ERROR level
[INFO ]\u{20}
[INFO ] Job finished successfully
";
const EXECUTE: [&str; 3] = ["jobs", "execute", "self-check"];

#[test]
fn it_prints_exactly_eleven_lines() {
    for more in [&[][..], &["-v"], &["--dry-run"], &["--parameters", "{}"], &["--config", "/nonexistent/upkeep.toml"]] {
        let run = run_bare(&[&EXECUTE[..], &["--hide-duration"], more].concat()).expect(0);
        assert_eq!(run.stdout, LINES, "{more:?}");
        assert_eq!(run.stderr, "", "{more:?}");
    }
}

#[test]
fn it_says_last_how_long_it_took() {
    let run = run_bare(&EXECUTE).expect(0);
    let last = run.stdout.strip_prefix(LINES).unwrap();
    let duration = last.strip_prefix("[INFO ] Duration: ").unwrap();
    assert!(humantime::parse_duration(duration.trim_end()).is_ok(), "{duration}");
    assert_eq!(run.stderr, "");
}

#[test]
fn quiet_leaves_warnings_and_errors() {
    let run = run_bare(&[&EXECUTE[..], &["-q"]].concat()).expect(0);
    assert_eq!(run.stdout, "[WARN ] Test output in WARN level\n[ERROR] Test output in ERROR level\n");
    assert_eq!(run.stderr, "");
}

#[test]
fn rust_log_overrides() {
    let run = finish(bare(&EXECUTE).env("RUST_LOG", "error").spawn().unwrap()).expect(0);
    assert_eq!(run.stdout, "[ERROR] Test output in ERROR level\n");
    let mut command = bare(&[&EXECUTE[..], &["--hide-duration"]].concat());
    let run = finish(command.env("RUST_LOG", "trace").spawn().unwrap()).expect(0);
    assert_eq!(run.stdout, LINES);
    let run = finish(bare(&EXECUTE).env("RUST_LOG", "no such level").spawn().unwrap()).expect(0);
    assert!(run.stdout.contains("[INFO ] Job finished successfully"), "a mistake does not silence the log: {run:#?}");
    assert_eq!(run.stderr, "");
}

#[test]
fn as_json_the_report_is_on_standard_output_and_the_log_on_standard_error() {
    let run = run_bare(&[&EXECUTE[..], &["--output", "json", "--hide-duration"]].concat()).expect(0);
    assert_eq!(run.stderr, LINES);
    assert_snapshot!(run.transcript().split("--- stderr").next().unwrap(), @r#"
    exit code 0
    --- stdout
    {
      "schema": 1,
      "job": "self-check",
      "run_id": "[uuid]",
      "host": "[host]",
      "version": "0.1.0",
      "dry_run": false,
      "started_at": "[instant]",
      "finished_at": "[instant]",
      "duration_ms": [n],
      "now": "[instant]",
      "parameters": {},
      "outcome": "succeeded",
      "exit_code": 0,
      "error": null,
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
    "#);
    let report = run.report();
    let fields: Vec<_> = report.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, FIELDS);
}

/// All there are, in alphabetical order; scripts rely on each of them.
const FIELDS: [&str; 23] = [
    "backlog",
    "bytes_freed",
    "counts",
    "dry_run",
    "duration_ms",
    "error",
    "exit_code",
    "failures",
    "finished_at",
    "host",
    "job",
    "now",
    "objects_deleted",
    "outcome",
    "parameters",
    "rows",
    "run_id",
    "schema",
    "shared_folders_deleted",
    "started_at",
    "version",
    "warnings",
    "warnings_total",
];
