//! What a run did: counted as it happens, never as planned.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

/// How many failures and warnings are kept word for word; the counts go on.
const KEPT: usize = 20;

/// The log target of what an operator may want to know although nobody has to act on it. `--quiet` leaves it out.
pub const NOTES: &str = "upkeep_jobs::kit::notes";

/// Numbers of items; what an item is depends on the job: an event, a user, an asset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Looked at.
    pub examined: u64,
    /// Found to be due, or to need a change.
    pub matched: u64,
    /// Deleted.
    pub deleted: u64,
    /// Changed.
    pub updated: u64,
    /// Left alone: the platform had changed them, or they were no longer due.
    pub skipped: u64,
    /// Left undone although due; also stored objects that could not be deleted.
    pub failed: u64,
}

/// Something left undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The identifier of the row, or the key of the object.
    pub subject: String,
    /// Why, in the words of whoever refused.
    pub reason: String,
}

/// What a dry run found that a run would delete or change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Identifiers of the items.
    pub ids: Vec<Uuid>,
    /// Rows by table.
    pub rows: BTreeMap<&'static str, u64>,
    /// Stored objects.
    pub objects: u64,
    /// The objects' sizes, in bytes.
    pub bytes: u64,
    /// Folders at the shared-folder provider.
    pub shared_folders: u64,
}

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The instant that a job's retention period comes to. What is due had happened by then, or before; the job's
    /// description tells which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cutoff: Option<DateTime<Utc>>,
    /// Items by what became of them.
    pub counts: Counts,
    /// Rows deleted, by table.
    pub rows: BTreeMap<&'static str, u64>,
    /// Stored objects that the store confirmed to be gone.
    pub objects_deleted: u64,
    /// The sizes of those objects, in bytes, as their rows had them.
    pub bytes_freed: u64,
    /// Folders removed at the shared-folder provider. One counts when its event goes or its entry in the outbox does,
    /// so that it counts once however often that had to be tried.
    pub shared_folders_deleted: u64,
    /// Numbers that only the job in question knows, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub figures: BTreeMap<&'static str, u64>,
    /// The first warnings.
    pub warnings: Vec<String>,
    /// How many warnings there were.
    pub warnings_total: u64,
    /// The first failures.
    pub failures: Vec<Failure>,
    /// How many of the warnings that are kept nobody has to see to: they leave the others their places.
    #[serde(skip)]
    notes: usize,
    /// How many there were of these.
    #[serde(skip)]
    notes_total: u64,
    /// Objects and folders that wait in the outbox for a later run.
    pub backlog: u64,
    /// In a dry run: what a run would delete or change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
}

impl Report {
    /// Records and logs that `subject` was left undone.
    pub fn fail(&mut self, subject: impl ToString, reason: impl ToString) {
        let failure = Failure { subject: subject.to_string(), reason: reason.to_string() };
        self.counts.failed += 1;
        if self.failures.len() < KEPT {
            log::error!("{}: {}", failure.subject, failure.reason);
            self.failures.push(failure);
        } else {
            log::debug!("{}: {}", failure.subject, failure.reason);
        }
    }

    /// Records and logs something that somebody should see although it is no failure.
    pub fn warn(&mut self, warning: impl ToString) {
        self.warn_in(module_path!(), self.warnings.len() - self.notes < KEPT, warning.to_string());
    }

    /// The same for something that nobody has to see to: it passes by itself, or cannot be changed.
    pub fn note(&mut self, warning: impl ToString) {
        self.notes_total += 1;
        let keeps = self.notes < KEPT;
        self.notes += usize::from(keeps);
        self.warn_in(NOTES, keeps, warning.to_string());
    }

    fn warn_in(&mut self, target: &str, keeps: bool, warning: String) {
        self.warnings_total += 1;
        if keeps {
            log::warn!(target: target, "{warning}");
            self.warnings.push(warning);
        } else {
            log::debug!(target: target, "{warning}");
        }
    }

    /// Logs how much there was of which only the first were logged.
    pub fn log_totals(&self) {
        let of = |number: u64, what: &str| format!("{number} {what} in all; -v shows each of them");
        if self.counts.failed > self.failures.len() as u64 {
            log::error!("{}", of(self.counts.failed, "failures"));
        }
        let (warnings, kept) = (self.warnings_total - self.notes_total, self.warnings.len() - self.notes);
        if warnings > kept as u64 {
            log::warn!("{}", of(warnings, "warnings"));
        }
        if self.notes_total > self.notes as u64 {
            log::warn!(target: NOTES, "{}", of(self.notes_total, "warnings that need nobody"));
        }
    }

    /// Adds deleted rows.
    pub(crate) fn add_rows(&mut self, rows: &BTreeMap<&'static str, u64>) {
        add(&mut self.rows, rows);
    }
}

impl Plan {
    /// Adds rows that a run would delete.
    pub(crate) fn add_rows(&mut self, rows: &BTreeMap<&'static str, u64>) {
        add(&mut self.rows, rows);
    }
}

fn add(sums: &mut BTreeMap<&'static str, u64>, more: &BTreeMap<&'static str, u64>) {
    for (table, rows) in more {
        *sums.entry(table).or_default() += rows;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_has_to_see_to_takes_no_place_from_the_rest() {
        let mut report = Report::default();
        for number in 0..2 * KEPT {
            report.note(format!("note {number}"));
        }
        for number in 0..2 * KEPT {
            report.warn(format!("warning {number}"));
        }
        let kept = |word: &str| report.warnings.iter().filter(|warning| warning.starts_with(word)).count();
        assert_eq!((kept("note"), kept("warning")), (KEPT, KEPT));
        assert_eq!(report.warnings_total, 4 * KEPT as u64);
    }
}
