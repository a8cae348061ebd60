//! The first and last lines of a run's log.

use std::time::Duration;

use upkeep_jobs::kit::NOTES;

use super::document::{Document, Outcome};

pub(super) fn begin() {
    log::info!("Starting job execution");
}

pub(super) fn loading() {
    log::info!("Loading parameters");
}

pub(super) fn end(document: &Document, show_duration: bool) {
    document.report.log_totals();
    log::info!("");
    // The other run does the work: nobody has to act.
    let target = if document.outcome == Some(Outcome::Busy) { NOTES } else { module_path!() };
    if let Some(error) = document.error() {
        log::error!(target: target, "{}", error.in_one_line());
    }
    match document.outcome {
        Some(Outcome::Succeeded) => log::info!("Job finished successfully"),
        Some(Outcome::Skipped) => log::info!("Job skipped, as another run of it is under way"),
        Some(Outcome::Incomplete) => {
            log::error!("Job finished, failures: {}; running it again is safe", document.report.counts.failed);
        }
        _ => log::error!(target: target, "Job failed"),
    }
    if show_duration && let Some(duration_ms) = document.duration_ms {
        log::info!("Duration: {}", humantime::format_duration(Duration::from_millis(duration_ms)));
    }
}
