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
    let given = ["", " ", "{", "[]", "5", "null", "\"x\"", "{} {}", "{'days': 1}", "{\"a\": 1e400}", "days=30", "-1"];
    assert_snapshot!(complaints(&given), @"");
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
    assert_snapshot!(complaints(&given), @"");
    let none = ["jobs", "execute", "self-check", "--parameters", "{\"days\": 1}"];
    assert_snapshot!(run_bare(&none).expect(2).stderr, @"");
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
    assert_snapshot!(complaints(&given.each_ref().map(String::as_str)), @"");
    let switch = ["1", "\"true\"", "null", "\"\\u001b[31m\\n[INFO ] forged\""];
    let given = switch.map(|value| format!("{{\"fail_on_shared_folder_deletion_error\": {value}}}"));
    assert_snapshot!(complaints(&given.each_ref().map(String::as_str)), @"");
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
    assert_snapshot!(said.replace(&directory.path().display().to_string(), "[directory]"), @"");
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
    assert_snapshot!(said, @"");
}

#[test]
fn time_limits_are_lengths_of_time() {
    let mut said = String::new();
    for limit in ["", "0", "0s", "-1", "1.5", "1e3", "18446744073709551616", "soon", "1h30", "30 parsecs"] {
        let limit = format!("--timeout={limit}");
        said += run_bare(&["jobs", "execute", "self-check", &limit]).expect(2).stderr.lines().next().unwrap();
        said.push('\n');
    }
    assert_snapshot!(said, @"");
    for limit in ["1", " 90s ", "1h 30m", "18446744073709551615", "500000000years"] {
        run_bare(&["jobs", "execute", "self-check", "--timeout", limit]).expect(0);
    }
}

#[test]
fn as_json_a_mistake_is_a_document_too() {
    let arguments = [&NOWHERE[..], &super::EXECUTE, &["--output", "json", "--parameters", "[]"]].concat();
    assert_snapshot!(run_bare(&arguments).transcript(), @"");
}
