//! Everything an operator can get wrong, and everything that can be wrong around upkeep: one clear message, the right
//! exit code, nothing changed, no secret told. (That no secret is told is checked of every command of the suite.)

mod configuration;
mod database;
mod disk;
mod embedded;
mod log;
mod parameters;
mod storage;
mod usage;

use crate::site::{Event, Occurs, Run, Sample, Site};

const EXECUTE: [&str; 3] = ["jobs", "execute", "event-cleanup"];

/// Puts something on a site that a run would delete.
fn fill(site: &Site) {
    site.fill(&Sample::of([
        Event::ended(31).with_assets(2),
        Event::ended(29).with_assets(1),
        Event::new(Occurs::AtNoTime),
    ]));
}

/// Executes event-cleanup in all ways of talking. It must fail with this exit code every time and change nothing;
/// what it said is returned for one of them.
fn fails(site: &Site, code: i32) -> Run {
    let before = site.state();
    let said = site.upkeep(&EXECUTE).expect(code);
    for more in [&["-q", "--output", "json"][..], &["-v"]] {
        let run = site.upkeep(&[&EXECUTE, more].concat()).expect(code);
        let complaints = run.stderr.lines().filter(|line| line.starts_with("error: "));
        assert_eq!(complaints.count(), 1, "{run:#?}");
        if more.contains(&"json") {
            let report = run.report();
            assert_eq!(report["exit_code"], code);
            assert_eq!(report["counts"]["deleted"], 0);
        }
    }
    let mut command = site.command(&EXECUTE);
    crate::site::finish(command.env("RUST_LOG", "trace").spawn().unwrap()).expect(code);
    assert_eq!(site.state(), before);
    said
}

/// The lines on standard error, which repeat what the log says but with the hint.
fn complaint(site: &Site, run: &Run) -> String {
    let transcript = run.transcript_at(site);
    let (_, stderr) = transcript.split_once("--- stderr\n").unwrap_or_else(|| panic!("no complaint in {run:#?}"));
    stderr.to_owned()
}
