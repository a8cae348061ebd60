//! `upkeep jobs list`

use std::io::IsTerminal;

use upkeep_jobs::JOBS;

use super::describe::{COLUMNS, folded};
use super::output;

pub(super) fn run() -> anyhow::Result<()> {
    let widest = JOBS.iter().map(|job| job.name().len()).max().unwrap_or(0) + 2;
    // A line each for programs that read it, whatever its length.
    let columns = if std::io::stdout().is_terminal() { COLUMNS - widest } else { usize::MAX };
    let lines = JOBS.iter().flat_map(|job| {
        let about = folded(job.about(), columns).into_iter().enumerate();
        about.map(|(number, line)| format!("{:widest$}{line}\n", if number == 0 { job.name() } else { "" }))
    });
    output::print(&lines.collect::<String>())
}
