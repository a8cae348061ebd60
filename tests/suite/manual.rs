//! The manual: what `upkeep generate man` writes is what is checked in, and reads well wherever it is shown.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use insta::assert_snapshot;
use tempfile::TempDir;
use upkeep_jobs::JOBS;

use crate::site::{bare, bound_by_permissions, run_bare, run_with_input, shell};

fn checked_in() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("man")
}

/// The pages in a directory, by name. What else is there, for people to read as it is, has no section of the manual.
fn pages(directory: &Path) -> BTreeMap<String, String> {
    let paths = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let pages = paths.filter(|path| path.extension().is_some_and(|section| section != "md"));
    pages
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// Runs mandoc on the pages that are checked in.
#[track_caller]
fn mandoc(arguments: &[&str], pages: impl IntoIterator<Item = String>) -> String {
    let run = Command::new("mandoc").args(arguments).args(pages).current_dir(checked_in()).output();
    let run = run.expect("mandoc checks the manual; tests/run installs it, and so does `apt-get install mandoc`");
    assert!(run.status.success() && run.stderr.is_empty(), "{run:#?}");
    String::from_utf8(run.stdout).unwrap()
}

/// A page as a terminal of 80 columns shows it, without bold and italics, which are made by striking twice.
fn shown(page: &str) -> String {
    let struck = mandoc(&["-Tutf8", "-Owidth=80"], [page.to_owned()]);
    let mut plain = String::new();
    for c in struck.chars() {
        if c == '\u{8}' {
            plain.pop();
        } else {
            plain.push(c);
        }
    }
    plain
}

#[test]
fn what_is_checked_in_is_what_is_generated() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("not/there/yet");
    let run = run_bare(&["generate", "man", "--dir", path.to_str().unwrap()]).expect(0);
    let (generated, checked_in) = (pages(&path), pages(&checked_in()));
    assert_eq!(run.stdout, format!("Wrote {} manual pages to {}\n", generated.len(), path.display()));
    let differing: Vec<_> = generated
        .iter()
        .filter(|(name, page)| checked_in.get(*name) != Some(page))
        .map(|(name, _)| name)
        .chain(checked_in.keys().filter(|name| !generated.contains_key(*name)))
        .collect();
    assert!(
        differing.is_empty(),
        "the manual is out of date: {differing:?}\nmake it anew with\n    rm man/*.[1-8] && cargo run -- generate man --dir man"
    );
}

#[test]
fn every_command_and_every_job_has_a_page() {
    let pages = pages(&checked_in());
    for job in JOBS {
        let page = &pages[&format!("upkeep-{}.7", job.name())];
        for heading in ["WHAT GOES", "WHAT STAYS", "ORDER", "BESIDE A RUNNING PLATFORM", "PARAMETERS", "EXIT STATUS"] {
            assert!(page.contains(&format!("\n.SH \"{heading}\"\n")), "{} lacks {heading}", job.name());
        }
    }
    for command in ["", "-jobs-execute", "-database-migrate", "-config-show", "-doctor", "-completions"] {
        assert!(pages[&format!("upkeep{command}.1")].contains("\n.SH \"EXIT STATUS\"\n"), "{command}");
    }
    assert!(pages.contains_key("upkeep.toml.5"));
}

#[test]
fn every_page_that_another_refers_to_is_there() {
    let pages = pages(&checked_in());
    for (name, page) in &pages {
        for line in page.lines() {
            for part in line.split("\\fB").skip(1) {
                let Some((other, rest)) = part.split_once("\\fR(") else { continue };
                let other = format!("{}.{}", other.replace("\\-", "-"), &rest[..1]);
                assert!(pages.contains_key(&other), "{name} refers to {other}");
            }
        }
    }
}

#[test]
fn mandoc_finds_no_fault() {
    assert_eq!(mandoc(&["-Tlint", "-Wwarning"], pages(&checked_in()).into_keys()), "");
}

#[test]
fn the_manual_fits_on_80_columns_and_can_be_copied_from() {
    for page in pages(&checked_in()).into_keys() {
        let text = shown(&page);
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{page}: {line}");
            // No sign that merely looks like a hyphen or a quotation mark.
            assert!(line.is_ascii(), "{page}: {line}");
        }
    }
    assert!(shown("upkeep-jobs-execute.1").contains("       --dry-run\n"));
    assert!(shown("upkeep-event-cleanup.7").contains("'{\"days_since_last_occurrence\": 90}'"));
    assert!(shown("upkeep.toml.5").contains("normally ~/.config/upkeep/upkeep.toml."));
}

#[test]
fn the_examples_of_jobs_are_understood() {
    for job in JOBS {
        let text = shown(&format!("upkeep-{}.7", job.name()));
        let examples = text.split("EXAMPLES").nth(1).unwrap().split("SEE ALSO").next().unwrap();
        let commands: Vec<_> = examples.lines().filter(|line| line.starts_with("           ")).collect();
        // Each with a configuration that cannot be: only what is wrong with the command itself comes before.
        let script = format!(
            "export UPKEEP_SAFETY__DELETION=perhaps\nupkeep() {{ command upkeep \"$@\"; echo \"exit $?\" >&2; }}\n{}",
            commands.join("\n")
        );
        let run = shell(&script);
        for line in run.stderr.lines().filter(|line| line.starts_with("exit ")) {
            assert!(matches!(line, "exit 0" | "exit 78"), "{job:?}: {run:#?}");
        }
        assert!(run.stderr.contains("exit "), "{run:#?}");
    }
}

#[test]
fn a_directory_that_cannot_be_written_to_is_named() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let steady = |run: crate::site::Run| run.transcript().replace(&directory.path().display().to_string(), "[dir]");
    let below_a_file = run_bare(&["generate", "man", "--dir", file.join("man").to_str().unwrap()]);
    assert_snapshot!(steady(below_a_file), @"
    exit code 1
    --- stderr
    error: cannot make the directory [dir]/file/man
    cause: Not a directory (os error 20)
    ");
    let mut permissions = directory.path().metadata().unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(directory.path(), permissions).unwrap();
    let command = bound_by_permissions(bare(&["generate", "man", "--dir", directory.path().to_str().unwrap()]));
    assert_snapshot!(steady(run_with_input(command, b"")), @"
    exit code 1
    --- stderr
    error: cannot write [dir]/upkeep.1
    cause: Permission denied (os error 13)
    ");
    assert_snapshot!(run_bare(&["generate", "man"]).transcript(), @"
    exit code 2
    --- stderr
    error: the following required arguments were not provided:
      --dir <DIR>

    Usage: upkeep generate man --dir <DIR>

    For more information, try '--help'.
    ");
}
