//! Changing rows that are known beforehand, batch by batch: what a job does that first finds out about everything and
//! then acts. A job supplies how a batch is changed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use diesel::QueryResult;
use uuid::Uuid;

use super::context::Context;
use super::crash::crash_point;
use super::pace::{Pace, SMALLEST};
use super::patience::{LAST_PAUSE, LAST_TRIES, LOCKED, Patience};
use super::progress::Progress;
use super::report::Report;
use crate::platform::Problem;
use crate::platform::database::{Connection, Database, DatabaseError};

/// So many rows are prepared together; it bounds how long ago that is when the last of them is changed.
const PREPARED_AT_ONCE: usize = 5_000;

/// What a transaction changed.
#[derive(Debug, Default)]
pub struct Changed {
    /// The rows changed or deleted.
    pub ids: Vec<Uuid>,
    /// Rows to be changed that somebody else has locked.
    pub locked: Vec<Uuid>,
    /// Rows deleted by table.
    pub rows: BTreeMap<&'static str, u64>,
}

/// What a job supplies.
pub trait Change {
    /// What a row is called, in the plural.
    const ROWS: &'static str;
    /// A batch is never made smaller than this, unless to find a row that cannot be changed.
    const SMALLEST_BATCH: usize = SMALLEST;

    /// What is known of a row to be changed.
    type Row: Clone;

    /// The primary key of a row.
    fn key(row: &Self::Row) -> Uuid;

    /// Looks at `rows` once more shortly before they are changed, outside any transaction, and answers with those that
    /// still are to be.
    ///
    /// # Errors
    /// Whatever ends the run.
    fn prepare(&mut self, context: &Context, rows: &[Self::Row]) -> anyhow::Result<Vec<Self::Row>> {
        let _: &Context = context;
        Ok(rows.to_vec())
    }

    /// Changes those of `rows` that still are as they were found, in the caller's transaction.
    ///
    /// # Errors
    /// The database's; the transaction is then rolled back.
    fn change(&mut self, connection: &mut Connection, rows: &[Self::Row]) -> QueryResult<Changed>;

    /// Counts what was changed.
    fn count(&mut self, report: &mut Report, changed: &Changed);
}

/// Changes `rows`. Those that are locked for good, or violate a constraint, are failures in the context's report.
///
/// # Errors
/// Whatever ended it early; what was done until then is in the context's report.
pub fn change_all<C: Change>(
    context: &Context,
    database: &mut Database,
    change: &mut C,
    rows: &[C::Row],
) -> anyhow::Result<()> {
    let mut run = Run {
        context,
        database,
        change,
        pace: Pace::new(C::SMALLEST_BATCH),
        patience: Patience::new(),
        waiting: Vec::new(),
    };
    run.all(rows)?;
    for _ in 0..LAST_TRIES {
        if run.waiting.is_empty() {
            break;
        }
        context.stop().sleep(LAST_PAUSE);
        run.patience.last_try();
        let again: Vec<_> = std::mem::take(&mut run.waiting).into_iter().map(|(row, _)| row).collect();
        run.all(&again)?;
    }
    for (row, reason) in run.waiting {
        context.report().fail(C::key(&row), reason);
    }
    Ok(())
}

/// Changes under way.
struct Run<'a, C: Change> {
    context: &'a Context,
    database: &'a mut Database,
    change: &'a mut C,
    pace: Pace,
    patience: Patience,
    /// Rows to try again at the end, with the reason why they could not be changed so far.
    waiting: Vec<(C::Row, String)>,
}

impl<C: Change> Run<'_, C> {
    fn all(&mut self, rows: &[C::Row]) -> anyhow::Result<()> {
        let (number, mut prepared) = (rows.len(), 0);
        for rows in rows.chunks(PREPARED_AT_ONCE) {
            prepared += rows.len();
            self.context.checkpoint()?;
            let rows = self.change.prepare(self.context, rows)?;
            crash_point("prepared");
            let mut rest = rows.as_slice();
            while !rest.is_empty() {
                let (batch, more) = rest.split_at(self.pace.size().min(rest.len()));
                self.batch(batch)?;
                rest = more;
                let seen_to = (prepared - rest.len()) as u64;
                self.context.progress(Progress::new(C::ROWS, "seen to", seen_to).out_of(number as u64));
            }
        }
        Ok(())
    }

    /// One batch, narrowed down to the rows that do not pass.
    fn batch(&mut self, rows: &[C::Row]) -> anyhow::Result<()> {
        let mut parts = vec![rows];
        while let Some(part) = parts.pop() {
            self.context.checkpoint()?;
            match self.transaction(part) {
                Ok(()) => {}
                Err(DatabaseError::Problem(problem)) => return Err(problem.into()),
                Err(DatabaseError::Constraint(reason)) if part.len() == 1 => {
                    self.context.report().fail(C::key(&part[0]), reason);
                }
                Err(DatabaseError::Rejected(reason)) if part.len() == 1 => self.put_off(&part[0], reason)?,
                // Only at the end, see there.
                Err(DatabaseError::Rejected(reason)) if self.patience.is_lost() => {
                    self.waiting.extend(part.iter().map(|row| (row.clone(), reason.clone())));
                }
                Err(refused) => {
                    if let DatabaseError::Rejected(_) = refused {
                        self.pace.slow_down();
                    }
                    log::debug!("a batch of {} did not pass; narrowing it down", part.len());
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
            }
        }
        Ok(())
    }

    fn transaction(&mut self, rows: &[C::Row]) -> Result<(), DatabaseError> {
        let started = Instant::now();
        let changed = self.database.write(|connection| {
            let changed = self.change.change(connection, rows)?;
            crash_point("before-commit");
            Ok(changed)
        })?;
        crash_point("committed");
        self.pace.took(rows.len(), started.elapsed());
        self.patience.passed();
        let mut report = self.context.report();
        report.counts.skipped += rows.len().saturating_sub(changed.ids.len() + changed.locked.len()) as u64;
        report.add_rows(&changed.rows);
        self.change.count(&mut report, &changed);
        drop(report);
        let locked: BTreeSet<_> = changed.locked.into_iter().collect();
        for row in rows.iter().filter(|row| locked.contains(&C::key(row))) {
            self.waiting.push((row.clone(), LOCKED.to_owned()));
        }
        Ok(())
    }

    /// Keeps a row that was refused on its own for another try at the end.
    fn put_off(&mut self, row: &C::Row, reason: String) -> Result<(), Problem> {
        self.patience.refused(C::ROWS, &reason)?;
        self.waiting.push((row.clone(), reason));
        Ok(())
    }
}
