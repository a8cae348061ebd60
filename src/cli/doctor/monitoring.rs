//! Where it is told what runs come to, if anywhere.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;

use super::finding::Finding;
use crate::config::Monitored;

const AREA: &str = "Monitoring";

/// Tries to write where metrics are to be written. No ping is sent: the service would take it for a run's.
pub(super) fn examine(monitored: &Monitored) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(directory) = &monitored.metrics_dir {
        let shown = directory.display();
        findings.push(match try_to_write(directory) {
            Ok(()) => Finding::ok(AREA, format!("metrics can be written to {shown}")),
            Err(error) => Finding::warning(AREA, format!("metrics cannot be written to {shown}: {error}")).fix(
                "create the directory that node_exporter reads (--collector.textfile.directory), and let the user that \
                 runs upkeep write there",
            ),
        });
    }
    if let Some(url) = &monitored.ping_url {
        findings.push(match url.tells_jobs_apart() {
            true => Finding::ok(AREA, "runs are told to notify.ping_url, each job's to an address of its own"),
            false => Finding::note(
                AREA,
                "runs of all jobs are told to the same address: one that succeeds hides one that failed",
            )
            .fix("write {job} in notify.ping_url where the name of the job belongs"),
        });
    }
    findings
}

/// Makes an empty file that no collector reads, and removes it.
fn try_to_write(directory: &Path) -> io::Result<()> {
    let trial = directory.join(format!(".upkeep-access-check.{}", std::process::id()));
    OpenOptions::new().write(true).create_new(true).open(&trial)?;
    std::fs::remove_file(&trial)
}
