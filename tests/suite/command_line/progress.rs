//! How far a run is, on a terminal: a bar below the log, which comes out whole.

use std::collections::BTreeSet;

use crate::site::{Run, Site, shell};

const EVENTS: usize = 1_200;

/// Runs event-cleanup on a terminal of 80 columns.
fn on_a_terminal(site: &Site, environment: &str, flags: &str) -> Run {
    let configuration = site.configuration();
    let command =
        format!("stty cols 80 rows 24; upkeep --config {} jobs execute event-cleanup {flags}", configuration.display());
    shell(&format!("{environment} script -qec '{command}' /dev/null"))
}

/// What is on the screen in the end, with all that has gone out of its top.
fn screen(run: &Run) -> String {
    let mut terminal = vt100::Parser::new(8_000, 80, 0);
    terminal.process(run.stdout.as_bytes());
    terminal.screen().contents()
}

#[test]
fn the_bar_tears_no_line_and_is_gone_in_the_end() {
    let site = Site::slow(EVENTS);
    let run = on_a_terminal(&site, "TERM=xterm", "-v").expect(0);
    let drawn: Vec<_> = run.stdout.split("\r\u{1b}[2K").filter(|text| text.contains(" left")).collect();
    let bars: BTreeSet<_> = drawn.iter().map(|text| text.lines().next().unwrap()).collect();
    assert!(bars.len() >= 4, "{drawn:#?}");
    for bar in &bars {
        assert!(bar.chars().count() <= 77 && bar.starts_with('['), "{bar:?}");
        assert!(
            bar.contains(" of 1200 events looked at, ") && bar.contains(" deleted  ") && bar.contains("/s  "),
            "{bar:?}"
        );
    }

    let screen = screen(&run);
    let mut deleted = BTreeSet::new();
    for line in screen.lines() {
        let level = ["[INFO ] ", "[DEBUG] ", "[INFO ]"].iter().find_map(|level| line.strip_prefix(level));
        let text = level.unwrap_or_else(|| panic!("{line:?} is not a whole line"));
        assert!(!text.contains(" left") && !text.contains("[DEBUG]") && !text.contains("[INFO ]"), "{line:?}");
        deleted.extend(text.strip_prefix("deleted event ").map(|id| uuid::Uuid::parse_str(id).unwrap()));
    }
    assert_eq!(deleted.len(), EVENTS);
    assert!(screen.contains(&format!("Deleted {EVENTS} events of {EVENTS} due\n")), "{screen}");
    let last = screen.trim_end().lines().last().unwrap();
    assert!(last.starts_with("[INFO ] Duration: "), "{last:?}");
}

#[test]
fn an_interrupted_bar_is_gone_as_well() {
    let site = Site::slow(EVENTS);
    let configuration = site.configuration();
    // Ctrl-C is a byte that the terminal turns into a signal.
    let command = format!("upkeep --config {} jobs execute event-cleanup", configuration.display());
    let run = shell(&format!("(sleep 2.5; printf '\\003') | TERM=xterm script -qec '{command}' /dev/null"));
    assert!(run.stdout.contains("looked at"), "{run:#?}");
    let screen = screen(&run);
    assert!(screen.contains("[ERROR] stopped by SIGINT\n") && !screen.contains("looked at"), "{screen}");
    assert!(screen.contains("\nhint: what is done is safe; run the job again to go on"), "{screen}");
}

#[test]
fn where_it_is_not_wanted_there_is_no_bar() {
    let site = Site::slow(0);
    for (environment, flags) in [
        ("TERM=xterm NO_COLOR=1", ""),
        ("TERM=xterm CI=true", ""),
        ("TERM=dumb", ""),
        ("TERM=xterm", "-q"),
        ("TERM=xterm", "--output json"),
        ("TERM=xterm", "2>/dev/null"),
        // What comes out of the pipe would stand in the midst of the bar.
        ("TERM=xterm", "| cat"),
        ("TERM=xterm", ""),
    ] {
        site.fill_with_ended_events(700);
        let run = on_a_terminal(&site, environment, flags).expect(0);
        let is_wanted = (environment, flags) == ("TERM=xterm", "");
        assert_eq!(run.stdout.contains("looked at"), is_wanted, "{environment} {flags}: {run:#?}");
        assert!(is_wanted || !run.stdout.contains("\r\u{1b}["), "{environment} {flags}: {run:#?}");
    }
    // Nor beside a terminal.
    site.fill_with_ended_events(700);
    let run = site.upkeep(&["jobs", "execute", "event-cleanup"]).expect(0);
    assert!(!(run.stdout + &run.stderr).contains("looked at"), "no terminal, no bar");
}
