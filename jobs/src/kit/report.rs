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

    /// Records and logs something that somebody should see to although it is no failure.
    pub fn warn(&mut self, warning: impl ToString) {
        self.warn_in(module_path!(), warning.to_string());
    }

    /// The same for something that nobody has to see to: it passes by itself, or cannot be changed.
    pub fn note(&mut self, warning: impl ToString) {
        self.warn_in(NOTES, warning.to_string());
    }

    fn warn_in(&mut self, target: &str, warning: String) {
        self.warnings_total += 1;
        if self.warnings.len() < KEPT {
            log::warn!(target: target, "{warning}");
            self.warnings.push(warning);
        } else {
            log::debug!(target: target, "{warning}");
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
