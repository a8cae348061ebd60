//! Help and what else needs neither configuration nor database. Help is snapshots in files, one for each command, on a
//! terminal of 80 columns.

use insta::assert_snapshot;
use upkeep_jobs::JOBS;

use crate::site::run_bare;

const COMMANDS: [&[&str]; 14] = [
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
    for command in [&[][..], &["jobs"], &["database"], &["config"]] {
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
    assert_snapshot!(run_bare(&["jobs", "list"]).transcript(), @"");
    assert_snapshot!(run_bare(&["jobs", "describe", "self-check"]).transcript(), @"");
    assert_snapshot!(run_bare(&["jobs", "describe", "event-cleanup"]).transcript(), @"");
    for job in JOBS {
        let described = run_bare(&["jobs", "describe", job.name()]).expect(0).stdout;
        assert!(described.lines().all(|line| line.chars().count() <= 80), "{described}");
    }
}

#[test]
fn default_parameters_are_pretty_json() {
    assert_snapshot!(run_bare(&["jobs", "default-parameters", "self-check"]).transcript(), @"");
    assert_snapshot!(run_bare(&["jobs", "default-parameters", "event-cleanup"]).transcript(), @"");
    for job in JOBS {
        let defaults = run_bare(&["jobs", "default-parameters", job.name()]).expect(0).stdout;
        let parsed: serde_json::Value = serde_json::from_str(&defaults).unwrap();
        // serde_json sorts the keys and indents by two blanks.
        assert_eq!(defaults, serde_json::to_string_pretty(&parsed).unwrap() + "\n");
    }
}
