//! The one loop that every cleanup goes through: page after page of candidates, batches that adapt to what the database
//! can take, and the outbox in between.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use uuid::Uuid;

use super::cleanup::{Cleanup, Due, Preparation, Removal, Step};
use super::context::Context;
use super::crash::crash_point;
use super::extent::Extent;
use super::outbox::{self, By, PendingFolder};
use super::pace::Pace;
use super::passes::Run;
use super::patience::{LAST_PAUSE, LAST_TRIES, LOCKED, Patience};
use crate::platform::Problem;
use crate::platform::database::{Database, DatabaseError};

/// The due items of the next page, which may be none; `None` after the last page. The others are seen to with that.
pub(super) fn next_page<C: Cleanup>(
    context: &Context,
    database: &mut Database,
    cleanup: &mut C,
    after: &mut Option<C::Row>,
    extent: &mut Extent,
) -> anyhow::Result<Option<Vec<C::Row>>> {
    context.checkpoint()?;
    let rows = database.read(|connection| cleanup.page(connection, after.as_ref(), C::WINDOW))?;
    let Some(last) = rows.last() else { return Ok(None) };
    *after = Some(last.clone());
    let read = rows.len();
    let mut due = Vec::new();
    for row in rows {
        context.checkpoint()?;
        let mut report = context.report();
        report.counts.examined += u64::from(C::COUNTS);
        match cleanup.judge(&row) {
            Due::Now => {
                report.counts.matched += u64::from(C::COUNTS);
                due.push(row);
            }
            Due::NotYet => {}
            Due::Unclear(reason) => report.warn(format!("{} {} is kept: {reason}", C::ITEM.0, C::key(&row))),
        }
    }
    extent.add(read - due.len());
    Ok(Some(due))
}

/// A pass under way.
pub(super) struct Pass<'p, 'a, C: Cleanup> {
    run: &'p mut Run<'a>,
    cleanup: &'p mut C,
    pace: Pace,
    removed: u64,
    patience: Patience,
    /// Items to try again at the end, with the reason why they could not be removed so far.
    waiting: BTreeMap<Uuid, (C::Row, String)>,
    /// Items still there whose shared folder was removed: the network cannot be rolled back.
    without_folder: BTreeSet<Uuid>,
}

impl<'p, 'a, C: Cleanup> Pass<'p, 'a, C> {
    pub(super) fn new(run: &'p mut Run<'a>, cleanup: &'p mut C) -> Self {
        Self {
            run,
            cleanup,
            pace: Pace::new(C::SMALLEST_BATCH),
            removed: 0,
            patience: Patience::new(),
            waiting: BTreeMap::new(),
            without_folder: BTreeSet::new(),
        }
    }

    pub(super) fn all(&mut self) -> anyhow::Result<()> {
        let mut extent = Extent::of(self.run.context, self.run.database, self.cleanup);
        let mut after = None;
        while let Some(due) = next_page(self.run.context, self.run.database, self.cleanup, &mut after, &mut extent)? {
            let mut due = due.as_slice();
            while !due.is_empty() {
                self.run.context.checkpoint()?;
                let (batch, rest) = due.split_at(self.pace.size().min(due.len()));
                self.batch(batch)?;
                due = rest;
                extent.add(batch.len());
                self.run.context.progress(extent.progress().with_deleted(self.removed));
            }
            self.run.context.progress(extent.progress().with_deleted(self.removed));
        }
        self.try_waiting_again()
    }

    /// One batch, in as many turns as its preparation takes.
    fn batch(&mut self, due: &[C::Row]) -> anyhow::Result<()> {
        if C::OWNS_OBJECTS {
            let cleanup = &mut *self.cleanup;
            self.run.check_store(|connection, number| cleanup.sample_of_objects(connection, number))?;
        }
        let mut due = Cow::Borrowed(due);
        while !due.is_empty() {
            let prepared = self.cleanup.prepare(self.run.context, self.run.database, &self.run.stores, &due)?;
            crash_point("prepared");
            self.without_folder.extend(&prepared.without_folder);
            self.note_unready(&due, &prepared);
            self.remove(due.iter().filter(|row| !prepared.not_ready.contains(&C::key(row))).collect(), &prepared)?;
            if let Some(problem) = prepared.end {
                return Err(problem.into());
            }
            due = due.iter().filter(|row| prepared.later.contains(&C::key(row))).cloned().collect();
        }
        Ok(())
    }

    /// The transactions of a batch, one if all goes well, and handing over the objects.
    fn remove(&mut self, ready: Vec<&C::Row>, prepared: &Preparation) -> anyhow::Result<()> {
        let mut parts = vec![ready];
        while let Some(part) = parts.pop() {
            self.run.context.checkpoint()?;
            if part.is_empty() {
                continue;
            }
            if part.len() > self.pace.size() {
                // The pace has slowed down since this was a batch.
                let (first, rest) = part.split_at(self.pace.size());
                parts.push(rest.to_vec());
                parts.push(first.to_vec());
                continue;
            }
            match self.transaction(&part, prepared) {
                Ok(()) => {}
                Err(Refused::Run(error)) => return Err(error),
                Err(Refused::Constraint(reason)) if part.len() == 1 => {
                    self.stays(part[0], reason);
                }
                Err(Refused::Rows(reason)) if part.len() == 1 || self.patience.is_lost() => {
                    self.put_off(&part, &reason)?;
                }
                Err(refused) => {
                    if let Refused::Rows(_) = refused {
                        self.pace.slow_down();
                    }
                    log::debug!("a batch of {} did not pass; narrowing it down", part.len());
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.push(second.to_vec());
                    parts.push(first.to_vec());
                }
            }
        }
        Ok(())
    }

    fn note_unready(&mut self, due: &[C::Row], prepared: &Preparation) {
        for row in due {
            let key = C::key(row);
            if let Some(reason) = prepared.failed.get(&key) {
                self.stays(row, reason.clone());
            } else if prepared.locked.contains(&key) {
                self.waiting.insert(key, (row.clone(), LOCKED.to_owned()));
            }
        }
        if C::COUNTS {
            self.run.context.report().counts.skipped += prepared.skipped;
        }
    }

    fn transaction(&mut self, due: &[&C::Row], prepared: &Preparation) -> Result<(), Refused> {
        let by = By { job: self.run.context.job.name(), run: self.run.context.run };
        let (objects_at, folders_at) = (self.run.stores.objects.location(), self.run.stores.folders.location());
        let started = Instant::now();
        let removed = self.run.database.write(|connection| {
            let removal = self.cleanup.remove(connection, due, Step::Remove)?;
            let gone: BTreeSet<_> = removal.ids.iter().collect();
            let folders: Vec<_> =
                prepared.pending_folders.iter().filter(|folder| gone.contains(&folder.event)).collect();
            outbox::record_objects(connection, by, objects_at, &removal.objects)?;
            outbox::record_folders(connection, by, folders_at, &folders)?;
            crash_point("before-commit");
            Ok((removal, folders))
        });
        let (removal, folders) = removed?;
        crash_point("committed");
        self.pace.took(due.len(), started.elapsed());
        self.patience.passed();
        self.count(due.len(), &removal, &folders);
        let (gone, locked): (BTreeSet<_>, BTreeSet<_>) =
            (removal.ids.iter().collect(), removal.locked.iter().collect());
        for row in due {
            let key = C::key(row);
            if locked.contains(&key) {
                self.waiting.insert(key, ((*row).clone(), LOCKED.to_owned()));
            } else if let Some(reason) = removal.failed.get(&key) {
                self.stays(row, reason.clone());
            } else if self.without_folder.remove(&key) && !gone.contains(&key) {
                let words = format!("{} {key} changed meanwhile and stays, but its shared folder is gone", C::ITEM.0);
                self.run.context.report().warn(words);
            }
        }
        self.run.deletions.submit(self.run.database, removal.objects).map_err(Refused::Run)
    }

    fn count(&mut self, due: usize, removal: &Removal, pending_folders: &[&PendingFolder]) {
        let accounted_for = removal.ids.len() + removal.locked.len() + removal.failed.len();
        self.removed += removal.ids.len() as u64;
        let mut report = self.run.context.report();
        if C::COUNTS {
            report.counts.deleted += removal.ids.len() as u64;
            report.counts.skipped += due.saturating_sub(accounted_for) as u64;
        }
        report.add_rows(&removal.rows);
        report.shared_folders_deleted += removal.shared_folders.saturating_sub(pending_folders.len() as u64);
        for id in &removal.ids {
            log::debug!("deleted {} {id}", C::ITEM.0);
        }
        for PendingFolder { event, reason, .. } in pending_folders {
            // That later run will complain if it cannot remove it either.
            report.note(format!("event {event} is deleted, its shared folder waits for a later run: {reason}"));
        }
    }

    /// Takes note of an item that stays although it is due.
    fn stays(&mut self, row: &C::Row, reason: String) {
        let reason = match self.without_folder.remove(&C::key(row)) {
            true => format!("{reason}; its shared folder is gone already"),
            false => reason,
        };
        self.cleanup.stays(self.run.context, row, reason);
    }

    /// Keeps rows that were refused for another try at the end.
    fn put_off(&mut self, rows: &[&C::Row], reason: &str) -> Result<(), Problem> {
        self.patience.refused(C::ITEM.1, reason)?;
        self.waiting.extend(rows.iter().map(|row| (C::key(row), ((*row).clone(), reason.to_owned()))));
        Ok(())
    }

    fn try_waiting_again(&mut self) -> anyhow::Result<()> {
        for _ in 0..LAST_TRIES {
            if self.waiting.is_empty() {
                break;
            }
            self.run.context.stop().sleep(LAST_PAUSE);
            self.patience.last_try();
            let again: Vec<_> = std::mem::take(&mut self.waiting).into_values().map(|(row, _)| row).collect();
            for batch in again.chunks(self.pace.size()) {
                self.batch(batch)?;
            }
        }
        for (row, reason) in std::mem::take(&mut self.waiting).into_values() {
            self.stays(&row, reason);
        }
        Ok(())
    }
}

/// Why a batch did not go through.
enum Refused {
    /// A row in it violates a constraint.
    Constraint(String),
    /// A lock or a timeout, perhaps because of its rows; in the database's words.
    Rows(String),
    /// Nothing works any more, or the run has to stop.
    Run(anyhow::Error),
}

impl From<DatabaseError> for Refused {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Constraint(reason) => Refused::Constraint(reason),
            DatabaseError::Rejected(reason) => Refused::Rows(reason),
            DatabaseError::Problem(problem) => Refused::Run(problem.into()),
        }
    }
}
