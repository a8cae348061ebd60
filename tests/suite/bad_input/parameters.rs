//! Wrong usage: found before anything is looked at, let alone connected.

use std::fmt::Write as _;

use insta::assert_snapshot;

use crate::site::{Run, bare, run_bare, run_with_input};

/// A configuration that does not exist: whoever looks at it exits with 78.
const NOWHERE: [&str; 2] = ["--config", "/nonexistent/upkeep.toml"];

fn execute(parameters: &str) -> Run {
    run_bare(&[&NOWHERE[..], &super::EXECUTE, &["--parameters", parameters]].concat())
}

/// What is complained of each of `parameters`.
fn complaints(parameters: &[&str]) -> String {
    let mut text = String::new();
    for given in parameters {
        let run = execute(given).expect(2);
        assert!(
            run.stdout.ends_with("[ERROR] Job failed\n[INFO ] Duration: 0s\n") || run.stdout.contains("Duration: ")
        );
        writeln!(text, "{}\n{}", given.escape_debug(), run.stderr).unwrap();
    }
    text
}

#[test]
fn what_is_no_object_is_refused() {
    let given = ["", "{", "[]", "5", "null", "\"x\"", "{} {}", "{'days': 1}", "{\"a\": 1e400}", "days=30", "-1"];
    assert_snapshot!(complaints(&given), @r#"
    error: the parameters are not valid JSON: EOF while parsing a value at line 1 column 0
    hint: write an object such as '{"name": value}'; `{}` stands for the defaults

    {
    error: the parameters are not valid JSON: EOF while parsing an object at line 1 column 1
    hint: write an object such as '{"name": value}'; `{}` stands for the defaults

    []
    error: the parameters must be a JSON object, not a list
    hint: write an object such as '{"name": value}'; `{}` stands for the defaults

    5
    error: the parameters must be a JSON object, not 5
    hint: write an object such as '{"name": value}'; `{}` stands for the defaults

    null
    error: the parameters must be a JSON object, not null
    hint: write an object such as '{"name": value}'; `{}` stands for the defaults

    \"x\"
    error: the parameters must be a JSON object, not the text "x"
    hint: write an object such as '{"name": value}'; `{}` stands for the defaults

    {} {}
    error: the parameters are not valid JSON: trailing characters at line 1 column 4
    hint: write an object such as '{"name": value}'; `{}` stands for the defaults

    {\'days\': 1}
    error: the parameters are not valid JSON: key must be a string at line 1 column 2
    hint: write an object such as '{"name": value}'; `{}` stands for the defaults

    {\"a\": 1e400}
    error: the parameters are not valid JSON: number out of range at line 1 column 11
    hint: write an object such as '{"name": value}'; `{}` stands for the defaults

    days=30
    error: the parameters are not valid JSON: expected value at line 1 column 1
    hint: write an object such as '{"name": value}'; `{}` stands for the defaults

    -1
    error: the parameters must be a JSON object, not -1
    hint: write an object such as '{"name": value}'; `{}` stands for the defaults
    "#);
}

#[test]
fn unknown_names_are_met_with_known_ones() {
    let given = [
        r#"{"days_since_last_occurence": 365}"#,
        r#"{"Days_Since_Last_Occurrence": 365}"#,
        r#"{"days": 1}"#,
        r#"{"": 1}"#,
        r#"{"a\nb\u001b[31m": 1}"#,
        r#"{"days_since_last_occurrence": 3, "days_since_last_occurrence": 300}"#,
    ];
    assert_snapshot!(complaints(&given), @r#"
    {\"days_since_last_occurence\": 365}
    error: event-cleanup has no parameter "days_since_last_occurence"; did you mean days_since_last_occurrence?
    hint: `upkeep jobs describe event-cleanup` lists the parameters of this job

    {\"Days_Since_Last_Occurrence\": 365}
    error: event-cleanup has no parameter "Days_Since_Last_Occurrence"; did you mean days_since_last_occurrence?
    hint: `upkeep jobs describe event-cleanup` lists the parameters of this job

    {\"days\": 1}
    error: event-cleanup has no parameter "days"; did you mean days_since_last_occurrence?
    hint: `upkeep jobs describe event-cleanup` lists the parameters of this job

    {\"\": 1}
    error: event-cleanup has no parameter ""; it has days_since_last_occurrence, fail_on_shared_folder_deletion_error
    hint: `upkeep jobs describe event-cleanup` lists the parameters of this job

    {\"a\\nb\\u001b[31m\": 1}
    error: event-cleanup has no parameter "a\nb\u{1b}[31m"; it has days_since_last_occurrence, fail_on_shared_folder_deletion_error
    hint: `upkeep jobs describe event-cleanup` lists the parameters of this job

    {\"days_since_last_occurrence\": 3, \"days_since_last_occurrence\": 300}
    error: parameter "days_since_last_occurrence" is given twice
    hint: leave one of them out
    "#);
    let none = ["jobs", "execute", "self-check", "--parameters", "{\"days\": 1}"];
    assert_snapshot!(run_bare(&none).expect(2).stderr, @r#"
    error: self-check has no parameters, so none called "days"
    hint: `upkeep jobs describe self-check` lists the parameters of this job
    "#);
}

#[test]
fn wrong_values_are_named_with_their_field() {
    let days = [
        "0",
        "-1",
        "1.5",
        "1e3",
        "1e400",
        "null",
        "\"30\"",
        "true",
        "[30]",
        "{}",
        "18446744073709551615",
        "18446744073709551616",
        "1000000000",
        "106751991168",
        "-0",
    ];
    let given = days.map(|days| format!("{{\"days_since_last_occurrence\": {days}}}"));
    assert_snapshot!(complaints(&given.each_ref().map(String::as_str)), @r#"
    {\"days_since_last_occurrence\": 0}
    error: parameter days_since_last_occurrence: expected a whole number of at least 1, not 0
    hint: `upkeep jobs describe event-cleanup` lists the parameters of this job

    {\"days_since_last_occurrence\": -1}
    error: parameter days_since_last_occurrence: expected a whole number of at least 1, not -1
    hint: `upkeep jobs describe event-cleanup` lists the parameters of this job

    {\"days_since_last_occurrence\": 1.5}
    error: parameter days_since_last_occurrence: expected a whole number of at least 1, not 1.5
    hint: `upkeep jobs describe event-cleanup` lists the parameters of this job

    {\"days_since_last_occurrence\": 1e3}
    error: parameter days_since_last_occurrence: expected a whole number of at least 1, not 1000.0
    hint: `upkeep jobs describe event-cleanup` lists the parameters of this job

    {\"days_since_last_occurrence\": 1e400}
    error: the parameters are not valid JSON: number out of range at line 1 column 36
    hint: write an object such as '{"name": value}'; `{}` stands for the defaults

    {\"days_since_last_occurrence\": null}
    error: parameter days_since_last_occurrence: expected a whole number of at least 1, not null
    hint: `upkeep jobs describe event-cleanup` lists the parameters of this job

    {\"days_since_last_occurrence\": \"30\"}
    error: parameter days_since_last_occurrence: expected a whole number of at least 1, not the text "30"
    hint: `upkeep jobs describe event-cleanup` lists the parameters of this job

    {\"days_since_last_occurrence\": true}
    error: parameter days_since_last_occurrence: expected a whole number of at least 1, not true
    hint: `upkeep jobs describe event-cleanup` lists the parameters of this job

    {\"days_since_last_occurrence\": [30]}
    error: parameter days_since_last_occurrence: expected a whole number of at least 1, not a list
    hint: `upkeep jobs describe event-cleanup` lists the parameters of this job

    {\"days_since_last_occurrence\": {}}
    error: parameter days_since_last_occurrence: expected a whole number of at least 1, not an object
    hint: `upkeep jobs describe event-cleanup` lists the parameters of this job

    {\"days_since_last_occurrence\": 18446744073709551615}
    error: parameter days_since_last_occurrence: 18446744073709551615 days ago is before the calendar begins
    hint: choose a number of days that lies in the past of this platform

    {\"days_since_last_occurrence\": 18446744073709551616}
    error: parameter days_since_last_occurrence: expected a whole number of at least 1, not 1.8446744073709552e+19
    hint: `upkeep jobs describe event-cleanup` lists the parameters of this job

    {\"days_since_last_occurrence\": 1000000000}
    error: parameter days_since_last_occurrence: 1000000000 days ago is before the calendar begins
    hint: choose a number of days that lies in the past of this platform

    {\"days_since_last_occurrence\": 106751991168}
    error: parameter days_since_last_occurrence: 106751991168 days ago is before the calendar begins
    hint: choose a number of days that lies in the past of this platform

    {\"days_since_last_occurrence\": -0}
    error: parameter days_since_last_occurrence: expected a whole number of at least 1, not -0.0
    hint: `upkeep jobs describe event-cleanup` lists the parameters of this job
    "#);
    let switch = ["1", "\"true\"", "null", "\"\\u001b[31m\\n[INFO ] forged\""];
    let given = switch.map(|value| format!("{{\"fail_on_shared_folder_deletion_error\": {value}}}"));
    assert_snapshot!(complaints(&given.each_ref().map(String::as_str)), @r#"
    {\"fail_on_shared_folder_deletion_error\": 1}
    error: parameter fail_on_shared_folder_deletion_error: expected true or false, not 1
    hint: `upkeep jobs describe event-cleanup` lists the parameters of this job

    {\"fail_on_shared_folder_deletion_error\": \"true\"}
    error: parameter fail_on_shared_folder_deletion_error: expected true or false, not the text "true"
    hint: `upkeep jobs describe event-cleanup` lists the parameters of this job

    {\"fail_on_shared_folder_deletion_error\": null}
    error: parameter fail_on_shared_folder_deletion_error: expected true or false, not null
    hint: `upkeep jobs describe event-cleanup` lists the parameters of this job

    {\"fail_on_shared_folder_deletion_error\": \"\\u001b[31m\\n[INFO ] forged\"}
    error: parameter fail_on_shared_folder_deletion_error: expected true or false, not the text "\u001b[31m\n[INFO ] forged"
    hint: `upkeep jobs describe event-cleanup` lists the parameters of this job
    "#);
}

#[test]
fn parameters_come_from_files_and_standard_input_too() {
    let directory = tempfile::TempDir::new().unwrap();
    let path = |name: &str| format!("@{}", directory.path().join(name).display());
    let days = r#"{"days_since_last_occurrence": 40, "fail_on_shared_folder_deletion_error": true}"#;
    std::fs::write(directory.path().join("good"), format!("{days}\n")).unwrap();
    std::fs::write(directory.path().join("latin1"), b"{\"\xe9\": 1}").unwrap();
    std::fs::write(directory.path().join("cut"), "{\n  \"days_since").unwrap();

    // The next thing that is wrong is the configuration: the parameters are good.
    execute(&path("good")).expect(78);
    let execute_with =
        |input: &[u8]| run_with_input(bare(&[&NOWHERE[..], &super::EXECUTE, &["--parameters", "-"]].concat()), input);
    execute_with(days.as_bytes()).expect(78);

    let mut said = String::new();
    for parameters in [path("missing"), path(""), path("latin1"), path("cut"), "@".into(), "@/dev/zero".into()] {
        said += &execute(&parameters).expect(2).stderr;
        said.push('\n');
    }
    for input in [&b""[..], b"5", b"{", b"\xff", &vec![b' '; 3 << 20]] {
        said += &execute_with(input).expect(2).stderr;
        said.push('\n');
    }
    assert_snapshot!(said.replace(&directory.path().display().to_string(), "[directory]"), @r#"
    error: cannot read the parameters from the file "[directory]/missing"
    cause: No such file or directory (os error 2)
    hint: --parameters takes a JSON object, @FILE for the contents of a file, or - for standard input

    error: cannot read the parameters from the file "[directory]/"
    cause: Is a directory (os error 21)
    hint: --parameters takes a JSON object, @FILE for the contents of a file, or - for standard input

    error: cannot read the parameters from the file "[directory]/latin1"
    cause: not UTF-8 (invalid utf-8 sequence of 1 bytes from index 2)
    hint: --parameters takes a JSON object, @FILE for the contents of a file, or - for standard input

    error: the parameters are not valid JSON: EOF while parsing a string at line 2 column 13
    hint: write an object such as '{"name": value}'; `{}` stands for the defaults

    error: cannot read the parameters from the file ""
    cause: No such file or directory (os error 2)
    hint: --parameters takes a JSON object, @FILE for the contents of a file, or - for standard input

    error: cannot read the parameters from the file "/dev/zero"
    cause: more than 1 MiB, so these cannot be parameters
    hint: --parameters takes a JSON object, @FILE for the contents of a file, or - for standard input

    error: the parameters are not valid JSON: EOF while parsing a value at line 1 column 0
    hint: write an object such as '{"name": value}'; `{}` stands for the defaults

    error: the parameters must be a JSON object, not 5
    hint: write an object such as '{"name": value}'; `{}` stands for the defaults

    error: the parameters are not valid JSON: EOF while parsing an object at line 1 column 1
    hint: write an object such as '{"name": value}'; `{}` stands for the defaults

    error: cannot read the parameters from standard input
    cause: not UTF-8 (invalid utf-8 sequence of 1 bytes from index 0)
    hint: --parameters takes a JSON object, @FILE for the contents of a file, or - for standard input

    error: cannot read the parameters from standard input
    cause: more than 1 MiB, so these cannot be parameters
    hint: --parameters takes a JSON object, @FILE for the contents of a file, or - for standard input
    "#);
}

#[test]
fn defaults_fed_back_change_nothing() {
    for job in upkeep_jobs::JOBS {
        let defaults = run_bare(&["jobs", "default-parameters", job.name()]).expect(0).stdout;
        let effective = |parameters: &str| {
            let run =
                run_bare(&["jobs", "execute", job.name(), "--output", "json", "--dry-run", "--parameters", parameters]);
            run.report()["parameters"].clone()
        };
        assert_eq!(effective(&defaults), effective("{}"));
        assert_eq!(effective(&defaults), serde_json::from_str::<serde_json::Value>(&defaults).unwrap());
    }
}
