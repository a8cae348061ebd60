//! The log is lines of ours: whatever stands in the platform's rows cannot forge one or steer a terminal.

use chrono::{TimeDelta, Utc};
use insta::assert_snapshot;

use crate::site::{DatabaseKind, Event, Exception, Occurs, Run, Sample, Site, StorageKind};

const HOSTILE: [&str; 6] = [
    "Mars/Olympus\n[INFO ] Job finished successfully",
    "Mars\r[ERROR] forged",
    "Mars\u{1b}]0;title\u{7}\u{1b}[31mred",
    "Mars\u{85}\u{2028}[ERROR] forged\u{2029}",
    "Mars\u{202e}sdrawkcab\u{2066}",
    "Mars\u{9b}31mred\u{7f}\u{8}\u{8}",
];

fn series(zone: &'static str, pattern: &str) -> Event {
    let starts_at = Utc::now() - TimeDelta::days(100);
    let pattern = pattern.to_owned();
    Event::new(Occurs::Series { starts_at, zone, duration_secs: 60, pattern, ends_at: starts_at })
}

fn assert_harmless(run: &Run) {
    for said in [&run.stdout, &run.stderr] {
        let steers = |c: char| {
            c.is_control() && c != '\n'
                || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        assert!(!said.contains(steers), "{said:?}");
        for line in said.lines().filter(|line| line.contains("forged")) {
            // Beyond the twentieth they are debug lines.
            assert!(line.starts_with("[WARN ] event ") || line.starts_with("[DEBUG] event "), "{said:?}");
        }
    }
}

#[test]
fn rules_and_zones_forge_no_lines() {
    let site = Site::new(DatabaseKind::Postgres, StorageKind::Directory);
    site.fill(&Sample::of(HOSTILE.map(|zone| series(zone, "RRULE:FREQ=DAILY;COUNT=2"))));
    site.fill(&Sample::of(HOSTILE.map(|text| series("UTC", &format!("RRULE:FREQ=DAILY;{text}=2")))));
    site.fill(&Sample::of(HOSTILE.map(|text| series("UTC", &format!("RRULE:FREQ={text};COUNT=1")))));
    site.fill(&Sample::of(HOSTILE.map(|text| series("UTC", &format!("{text}:2")))));
    let mut odd = series("UTC", "RRULE:FREQ=DAILY;COUNT=2");
    odd.exceptions.push(Exception { original_start: Utc::now(), kind: "modified", starts_at: None, ends_at: None });
    site.fill(&Sample::of([odd]));
    let before = site.state();

    for more in [&[][..], &["-v"], &["--dry-run"]] {
        let run = site.upkeep(&[&super::EXECUTE, more].concat()).expect(0);
        assert_harmless(&run);
        assert!(run.stdout.matches("is kept: ").count() >= 20, "{run:#?}");
    }
    assert_eq!(site.state(), before);
    let report = site.clean_up(&["-q"]).expect(0).report();
    assert_eq!(report["warnings_total"], 24);
    assert_eq!(report["warnings"].as_array().unwrap().len(), 20);
}

#[test]
fn one_warning_says_which_event_and_why() {
    let site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    site.fill(&Sample::of([series("Mars/Olympus", "RRULE:FREQ=DAILY;COUNT=2")]));
    let run = site.upkeep(&[&super::EXECUTE[..], &["--hide-duration"]].concat());
    assert_snapshot!(run.transcript_at(&site), @"
    exit code 0
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Looking for events that ended at or before [instant]
    [WARN ] event [uuid] is kept: its time zone 'Mars/Olympus' is unknown
    [INFO ] Looked at 1 event, none is due
    [INFO ]
    [INFO ] Job finished successfully
    ");
}

#[test]
fn names_of_files_and_servers_forge_no_lines() {
    let mut site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    let forged = "/nonexistent/a\n[INFO ] forged\u{1b}[31m";
    for arguments in [&["--parameters", &format!("@{forged}")][..], &["--config", forged]] {
        let run = site.upkeep(&[&super::EXECUTE, arguments].concat());
        assert!(!run.stderr.contains('\u{1b}') && !run.stdout.contains('\u{1b}'), "{run:#?}");
        assert!(!run.stderr.contains("\n[INFO ]") && !run.stdout.contains("\n[INFO ] forged"), "{run:#?}");
    }
    site.set("storage", "kind = \"directory\"\npath = \"/nonexistent/a\\n[INFO ] forged\"");
    let run = site.upkeep(&super::EXECUTE).expect(78);
    assert!(!run.stdout.contains("\n[INFO ] forged"), "{run:#?}");
}
