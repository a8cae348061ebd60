//! `upkeep jobs list`

use upkeep_jobs::JOBS;

use super::output;

pub(super) fn run() -> anyhow::Result<()> {
    let widest = JOBS.iter().map(|job| job.name().len()).max().unwrap_or(0);
    let lines = JOBS.iter().map(|job| format!("{:widest$}  {}\n", job.name(), job.about()));
    output::print(&lines.collect::<String>())
}
