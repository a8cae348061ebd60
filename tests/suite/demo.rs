//! `upkeep demo` as a newcomer meets it.

#![expect(clippy::unwrap_used, reason = "tests, and what only they use")]

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::site::{Run, finish, sqlite_texts};

fn somewhere() -> TempDir {
    tempfile::Builder::new().prefix("upkeep-demo-").tempdir().unwrap()
}

fn command(program: &str, arguments: &[&str], directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(directory).env_clear().env("HOME", directory);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn upkeep(arguments: &[&str], directory: &Path) -> Run {
    finish(command(env!("CARGO_BIN_EXE_upkeep"), arguments, directory).spawn().unwrap())
}

/// Every file below `directory` with its contents; links as what they point to.
fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_symlink() {
            files.insert(path.clone(), path.read_link().unwrap().into_os_string().into_encoded_bytes());
        } else if path.is_dir() {
            files.extend(self::files(&path));
            files.insert(path, Vec::new());
        } else {
            files.insert(path.clone(), std::fs::read(path).unwrap());
        }
    }
    files
}

fn number(demo: &Path, sql: &str) -> u64 {
    sqlite_texts(&demo.join("upkeep.db"), &format!("SELECT CAST(({sql}) AS TEXT)"))[0].parse().unwrap()
}

/// The numbers of the line that contains `name` as a word or words of its own, right after it.
#[track_caller]
fn told(run: &Run, name: &str) -> Vec<u64> {
    let name = format!("  {name} ");
    let rest =
        run.stdout.lines().find_map(|line| format!("  {line}").split_once(&name).map(|(_, rest)| rest.to_owned()));
    let rest = rest.unwrap_or_else(|| panic!("no {name:?} in {run:#?}"));
    rest.split_whitespace().map_while(|word| word.replace(',', "").parse().ok()).take(2).collect()
}

#[test]
fn it_tells_what_happened_and_its_suggestions_work() {
    let home = somewhere();
    let run = upkeep(&["demo"], home.path()).expect(0);
    assert_eq!(run.stderr, "");
    assert_eq!(run.stdout.matches("[ok]").count(), 4, "{run:#?}");
    assert!(!run.stdout.contains("NOT SO"), "{run:#?}");
    assert!(run.stdout.contains("'Mars/Olympus' is unknown"), "{run:#?}");

    let demo = home.path().join("upkeep-demo");
    for table in ["events", "rooms", "event_dates", "event_invites", "event_recurrences", "assets", "sip_configs"] {
        let left = number(&demo, &format!("SELECT count(*) FROM {table}"));
        assert_eq!(told(&run, table)[1], left, "{table}: {run:#?}");
    }
    let objects = std::fs::read_dir(demo.join("objects/assets")).unwrap().count() as u64;
    assert_eq!(told(&run, "stored objects")[1], objects);
    assert_eq!(number(&demo, "SELECT count(*) FROM assets"), objects);
    assert_eq!(number(&demo, "SELECT count(*) FROM upkeep_pending_deletions"), 0);
    assert_eq!(number(&demo, "SELECT count(*) FROM upkeep_runs"), 1, "a dry run leaves no trace");
    assert_eq!(number(&demo, "SELECT count(*) FROM event_dates WHERE starts_at_tz = 'Mars/Olympus'"), 1);
    assert_eq!(number(&demo, "SELECT count(*) FROM pragma_foreign_key_check"), 0);

    for (situation, before, after) in [
        ("ended more than 30 days ago", 2_300, 0),
        ("series that ended then, though stored to end in 100 years", 260, 0),
        ("ended less than 30 days ago", 160, 160),
        ("still to come", 700, 700),
        ("series that is not at its end", 140, 140),
        ("series without an end", 220, 220),
        ("series that ended, but for one instance moved to next week", 8, 8),
        ("without dates", 211, 211),
        ("series in a time zone that nobody knows", 1, 1),
    ] {
        assert_eq!(told(&run, situation), [before, after], "{situation}");
    }

    let story = as_always(&run.stdout);
    for line in story.lines() {
        assert!(line.chars().count() <= 80 && line.trim_end() == line, "{line:?}");
    }
    insta::assert_snapshot!(story, @r#"
    A sample platform in upkeep-demo
      upkeep.toml  the configuration: where the other two are
      upkeep.db    300 users, 4,000 events with their rooms; 31,168 rows
      objects      890 recordings of these events; 2,509 kilobytes

    event-cleanup as a dry run
      It would delete 2,560 events: 19,746 rows and 556 objects (N seconds).
      [ok] counted again: it changed nothing
      Warning: event 5ed3afd7-3f61-827b-b781-41777e8daa39 is kept: its time zone
      'Mars/Olympus' is unknown

    event-cleanup for real
      It deleted 2,560 events (N seconds). Counted before and after:
      rows                    before   after  rows                    before   after
      assets                     890     334  invites                  1,333     480
      event_dates              3,789   1,229  module_resources           666     240
      event_email_invites        800     288  room_assets                890     334
      event_exceptions            99       8  room_streaming_targets     307     111
      event_favorites            363     131  rooms                    4,000   1,440
      event_invites           12,000   4,320  sip_configs              1,000     360
      event_recurrences          629     369  stored objects             890     334
      event_training_part...     100      36  kilobytes in them        2,509     968
      events                   4,000   1,440
      unchanged: tariffs 1, tenants 1, users 300
      [ok] what is gone is what the dry run listed
      [ok] the report's numbers of events, rows, objects and bytes are those counted
      [ok] every object left has its row, every row its object

    What went, what stayed                                            before   after
      ended more than 30 days ago                                      2,300       0
      series that ended then, though stored to end in 100 years          260       0
      ended less than 30 days ago                                        160     160
      still to come                                                      700     700
      series that is not at its end                                      140     140
      series without an end                                              220     220
      series that ended, but for one instance moved to next week           8       8
      without dates                                                      211     211
      series in a time zone that nobody knows                              1       1

    What to try next
      upkeep --config upkeep-demo/upkeep.toml jobs history
      upkeep --config upkeep-demo/upkeep.toml jobs execute event-cleanup \
        --parameters '{"days_since_last_occurrence": 1}' --dry-run
      upkeep --config upkeep-demo/upkeep.toml config show
      upkeep jobs describe event-cleanup
    and when you have seen enough
      rm -r upkeep-demo
    "#);

    let said = run_suggestions(&run, home.path());
    assert!(said[0].contains("succeeded      2560      0 ") && said[0].lines().count() == 2, "{said:#?}");
    assert_eq!(said[1].matches("Would delete event").count(), 160, "{said:#?}");
    assert!(said[2].contains("upkeep.db"), "{said:#?}");
    assert!(said[3].contains("days_since_last_occurrence"), "{said:#?}");
    assert!(!demo.exists(), "the last one removes the demo");
}

/// The story without what differs from run to run.
fn as_always(story: &str) -> String {
    let story = story.replace(env!("CARGO_BIN_EXE_upkeep"), "upkeep");
    let without_time = |line: &str| match (line.rsplit_once(" ("), line.rsplit_once(" seconds)")) {
        (Some((start, _)), Some((_, end))) => format!("{start} (N seconds){end}\n"),
        _ => format!("{line}\n"),
    };
    story.lines().map(without_time).collect()
}

/// Runs what is suggested, as if pasted into a shell, and answers with what each said.
fn run_suggestions(run: &Run, directory: &Path) -> Vec<String> {
    let (_, end) = run.stdout.split_once("What to try next\n").unwrap();
    // A command starts with two blanks, its continuation with more.
    let mut commands = Vec::<String>::new();
    for line in end.lines().filter(|line| line.starts_with("  ")) {
        match commands.last_mut() {
            Some(command) if line.starts_with("    ") => command.extend(["\n", line]),
            _ => commands.push(line.to_owned()),
        }
    }
    assert_eq!(commands.len(), 5, "{commands:#?}");
    let said = commands.iter().map(|text| {
        let mut shell = command("/bin/sh", &["-euc", text], directory);
        finish(shell.env("PATH", "/usr/bin:/bin").spawn().unwrap()).expect(0).stdout
    });
    said.collect()
}

#[test]
fn the_sample_is_always_the_same() {
    let home = somewhere();
    let first = upkeep(&["demo", "--dir", "first"], home.path()).expect(0);
    let second = upkeep(&["demo", "--dir", "second"], home.path()).expect(0);
    let facts = |run: &Run| told(run, "rooms").into_iter().chain(told(run, "kilobytes in them")).collect::<Vec<_>>();
    assert_eq!(facts(&first), facts(&second));
    let left =
        |name: &str| sqlite_texts(&home.path().join(name).join("upkeep.db"), "SELECT hex(id) FROM events ORDER BY id");
    assert_eq!(left("first"), left("second"));
}

#[test]
fn what_is_there_already_is_refused_and_left_alone() {
    let home = somewhere();
    upkeep(&["demo"], home.path()).expect(0);
    std::fs::write(home.path().join("file"), "mine").unwrap();
    std::fs::create_dir(home.path().join("empty")).unwrap();
    symlink("nowhere", home.path().join("dangling")).unwrap();
    symlink("empty", home.path().join("link")).unwrap();
    let before = files(home.path());

    for place in
        ["upkeep-demo", "upkeep-demo/", "file", "empty", "empty/", "dangling", "dangling/", "link", "link/", ".", "/"]
    {
        let run = upkeep(&["demo", "--dir", place], home.path()).expect(2);
        assert_eq!(run.stdout, "", "{place}");
        assert!(run.stderr.contains(&format!("something at {place} already")), "{run:#?}");
        assert!(run.stderr.contains("hint: choose another place with --dir"), "{run:#?}");
    }
    upkeep(&["demo"], home.path()).expect(2);
    upkeep(&["--config", "file", "demo", "--dir", "new"], home.path()).expect(2);
    assert_eq!(files(home.path()), before);
}

#[test]
fn places_where_nothing_can_be_made_are_refused() {
    let home = somewhere();
    std::fs::write(home.path().join("file"), "mine").unwrap();
    let before = files(home.path());

    let run = upkeep(&["demo", "--dir", "missing/demo"], home.path()).expect(2);
    let parent = home.path().canonicalize().unwrap().join("missing");
    assert!(run.stderr.contains(&format!("there is no directory {}", parent.display())), "{run:#?}");
    for place in ["file/demo", "/proc/upkeep-demo", "a\nb", ""] {
        let run = upkeep(&["demo", "--dir", place], home.path()).expect(2);
        assert_eq!(run.stdout, "", "{place}");
    }
    assert_eq!(files(home.path()), before);
}

#[test]
fn names_that_a_shell_would_take_apart_work_as_well() {
    let home = somewhere();
    for place in ["~Wir räumen auf & üben's in $HOME", "--demo"] {
        let run = upkeep(&["demo", &format!("--dir={place}")], home.path()).expect(0);
        assert!(home.path().join(place).join("upkeep.db").exists());
        run_suggestions(&run, home.path());
        assert!(!home.path().join(place).exists());
    }
}

#[test]
fn an_environment_that_names_another_platform_is_refused() {
    let home = somewhere();
    let other = home.path().join("other.db");
    for (name, value) in [
        ("UPKEEP_DATABASE__URL", format!("sqlite:{}", other.display())),
        ("UPKEEP_STORAGE__PATH", home.path().join("other").display().to_string()),
    ] {
        let mut demo = command(env!("CARGO_BIN_EXE_upkeep"), &["demo", "--dir", name], home.path());
        let run = finish(demo.env(name, value).spawn().unwrap()).expect(78);
        assert_eq!(run.stdout, "");
        assert!(run.stderr.contains("names another platform") && run.stderr.contains(name), "{run:#?}");
        let made: Vec<_> = files(&home.path().join(name)).into_keys().collect();
        assert_eq!(made, [home.path().join(name).join("upkeep.toml")]);
    }
    assert!(!other.exists() && !home.path().join("other").exists());
}

#[test]
fn what_was_made_before_a_failure_is_named_and_left() {
    let home = somewhere();
    // Files may not grow beyond 200 KiB, which no sample fits into.
    let limited = format!("ulimit -f 400; trap '' XFSZ; exec '{}' demo", env!("CARGO_BIN_EXE_upkeep"));
    let run = finish(command("/bin/sh", &["-c", &limited], home.path()).spawn().unwrap()).expect(1);
    assert!(run.stderr.contains("error: the demo ended early; what there is of it is left in upkeep-demo"), "{run:#?}");
    assert!(run.stderr.contains("cause: "), "{run:#?}");
    assert!(home.path().join("upkeep-demo/upkeep.toml").exists());
}
