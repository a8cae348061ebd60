//! Shells and terminals: pipes that close, completions, colours.

use crate::site::{run_bare, shell};

#[test]
fn a_reader_that_has_had_enough_is_no_error() {
    for command in ["jobs list", "jobs describe event-cleanup", "--help", "completions zsh", "jobs execute self-check"]
    {
        let run = shell(&format!("set -o pipefail; upkeep {command} | head -1")).expect(0);
        assert_eq!(run.stderr, "", "{command}");
        assert_eq!(run.stdout.lines().count(), 1, "{command}");
        // Nobody at all.
        let run = shell(&format!("set -o pipefail; upkeep {command} | true")).expect(0);
        assert_eq!(run.stderr, "", "{command}");
    }
}

#[test]
fn a_disk_that_is_full_is_an_error() {
    for command in ["jobs list", "jobs default-parameters event-cleanup", "jobs execute self-check --output json -q"] {
        let run = shell(&format!("upkeep {command} > /dev/full")).expect(1);
        assert!(run.stderr.contains("error: cannot write to standard output"), "{run:#?}");
        assert!(run.stderr.contains("cause: No space left on device"), "{run:#?}");
    }
}

#[test]
fn completions_can_be_read_by_their_shells() {
    let run = shell("upkeep completions bash > script; bash -n script && . ./script && complete -p upkeep").expect(0);
    assert_eq!(run.stderr, "");
    assert!(run.stdout.starts_with("complete "), "{}", run.stdout);
    for shell in ["bash", "zsh", "fish"] {
        let script = run_bare(&["completions", shell]).expect(0).stdout;
        for word in ["event-cleanup", "default-parameters", "dry-run", "if-running", "hide-duration"] {
            assert!(script.contains(word), "{word} in the completions for {shell}");
        }
    }
    assert!(run_bare(&["completions", "zsh"]).stdout.starts_with("#compdef upkeep"));
    assert_eq!(run_bare(&["completions", "cmd"]).expect(2).stdout, "");
}

const COMMANDS: [&str; 3] = ["jobs execute self-check", "--help", "jobs execute self-check --parameters 5"];

#[test]
fn there_are_colours_on_a_terminal() {
    for command in COMMANDS {
        let run = shell(&format!("TERM=xterm script -qec 'upkeep {command}' /dev/null"));
        assert!(run.stdout.contains('\u{1b}'), "{run:#?}");
    }
}

#[test]
fn there_are_no_escape_sequences_elsewhere_or_where_they_are_not_wanted() {
    for command in COMMANDS {
        let run = shell(&format!("TERM=xterm upkeep {command}"));
        assert!(!(run.stdout + &run.stderr).contains('\u{1b}'), "{command}");
        for unwanted in ["TERM=xterm NO_COLOR=1", "TERM=xterm CI=true", "TERM=dumb"] {
            let run = shell(&format!("{unwanted} script -qec 'upkeep {command}' /dev/null"));
            assert!(!run.stdout.is_empty() && !run.stdout.contains('\u{1b}'), "{unwanted} {command}: {run:#?}");
        }
    }
}
