//! The one loop that every cleanup goes through: page after page of candidates in key order, batches that adapt to
//! what the database can take, and the outbox in between. A job supplies what is due and how it is removed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use diesel::QueryResult;
use uuid::Uuid;

use super::context::{Context, Stores};
use super::crash::crash_point;
use super::leftovers;
use super::object_deletions::ObjectDeletions;
use super::outbox::{self, By, PendingFolder, StoredObject};
use super::pace::Pace;
use super::report::Plan;
use super::summary;
use crate::platform::database::{Connection, Database, DatabaseError};
use crate::platform::{Kind, Problem};

/// Rows looked at per statement, whether due or not: a bound on the time of the statement and on memory.
const WINDOW: usize = 2_000;
/// Items counted per statement in a dry run.
const PREVIEWED_AT_ONCE: usize = 1_000;
/// So many of the platform's objects are looked for before anything is deleted, until one is found.
const SAMPLE: usize = 20;
/// What the platform holds locked is tried again this often at the end, with a pause before each time.
const LAST_TRIES: u32 = 3;
const LAST_PAUSE: Duration = Duration::from_secs(1);
/// When so many single rows in a row are refused, the rows are not to blame: a whole table may be locked.
const HOPELESS: u32 = 20;

/// Whether rows are only counted, for a dry run, or removed. The same statements' conditions serve both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Count them, lock nothing.
    Count,
    /// Lock them, check again that they are due, remove them.
    Remove,
}

/// Whether an item is to be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// It is.
    Now,
    /// It is not.
    NotYet,
    /// It cannot be told, for the given reason, and so stays.
    Unclear(String),
}

/// What became of a batch before its transaction.
#[derive(Debug, Default)]
pub struct Preparation {
    /// Those that cannot be removed now.
    pub not_ready: BTreeSet<Uuid>,
    /// Folders to remember when their events go.
    pub pending_folders: Vec<PendingFolder>,
    /// Ends the run once this batch is done.
    pub end: Option<Problem>,
}

/// What a transaction removed.
#[derive(Debug, Default)]
pub struct Removal {
    /// The items removed.
    pub ids: Vec<Uuid>,
    /// Items that are due but locked by somebody else.
    pub locked: Vec<Uuid>,
    /// Rows removed by table.
    pub rows: BTreeMap<&'static str, u64>,
    /// The objects that the removed rows owned.
    pub objects: Vec<StoredObject>,
    /// Shared folders of the items.
    pub shared_folders: u64,
}

/// What a cleanup job supplies to the loop.
pub trait Cleanup {
    /// What an item is called: singular and plural.
    const ITEM: (&'static str, &'static str);
    /// What is said when none is due, in place of how many were looked at.
    const NONE_DUE: Option<&'static str> = None;
    /// Whether items may own stored objects. If so, nothing is deleted before the store was found to work.
    const OWNS_OBJECTS: bool = false;

    /// What is read of an item to tell whether it is due.
    type Row: Clone;

    /// Reads the rows after the key `after` in key order, at most `limit` of them, due or not.
    ///
    /// # Errors
    /// The database's.
    fn page(&mut self, connection: &mut Connection, after: Option<Uuid>, limit: usize) -> QueryResult<Vec<Self::Row>>;

    /// The primary key of a row's item.
    fn key(row: &Self::Row) -> Uuid;

    /// Tells whether an item is due, as all are whose pages hold nothing else. It may take its time: no transaction is
    /// open.
    fn judge(&self, row: &Self::Row) -> Due {
        let _: &Self::Row = row;
        Due::Now
    }

    /// Does what has to be done outside any transaction before `due` can be removed. It may happen again.
    ///
    /// # Errors
    /// Whatever ends the run.
    fn prepare(
        &mut self,
        context: &Context,
        database: &mut Database,
        stores: &Stores,
        due: &[Self::Row],
    ) -> anyhow::Result<Preparation> {
        let (_, _, _, _) = (context, database, stores, due);
        Ok(Preparation::default())
    }

    /// Removes those of `due` that still are, with everything that belongs to them, in the caller's transaction.
    ///
    /// # Errors
    /// The database's; the transaction is then rolled back.
    fn remove(&mut self, connection: &mut Connection, due: &[&Self::Row], step: Step) -> QueryResult<Removal>;

    /// The keys of up to `number` objects that the platform should have, due or not. A store that has none of many is
    /// not the right one; without keys, which store it is is not checked before earlier runs' objects are deleted.
    ///
    /// # Errors
    /// The database's.
    fn sample_of_objects(&mut self, connection: &mut Connection, number: usize) -> QueryResult<Vec<String>> {
        let (_, _) = (connection, number);
        Ok(Vec::new())
    }

    /// Whether a shared folder that cannot be removed is a mere warning.
    fn folders_may_wait(&self) -> bool {
        true
    }
}

/// Runs a cleanup of `database`, from [`Context::database_to_delete_in`], to its end, or as a dry run.
///
/// # Errors
/// Whatever ended it early; what was done until then is in the context's report.
pub fn clean_up<C: Cleanup>(context: &Context, database: &mut Database, cleanup: &mut C) -> anyhow::Result<()> {
    let stores = context.stores()?;
    if stores.is_some() {
        context.guard.permit_deletion()?;
    }
    let ended = match stores {
        None => preview(context, database, cleanup),
        Some(stores) => {
            let deletions = ObjectDeletions::start(context, stores.objects.clone())?;
            let mut run = Run {
                context,
                database,
                cleanup,
                stores,
                deletions,
                pace: Pace::new(),
                store_checked: false,
                refused: 0,
                waiting: BTreeMap::new(),
            };
            let worked = run.all();
            run.close(worked)
        }
    };
    summary::log(context, C::ITEM, C::NONE_DUE, ended.is_ok());
    ended
}

fn preview<C: Cleanup>(context: &Context, database: &mut Database, cleanup: &mut C) -> anyhow::Result<()> {
    context.report().plan = Some(Plan::default());
    let mut after = None;
    while let Some(due) = next_page(context, database, cleanup, &mut after)? {
        let due: Vec<_> = due.iter().collect();
        for due in due.chunks(PREVIEWED_AT_ONCE) {
            context.checkpoint()?;
            let removal = database.read(|connection| cleanup.remove(connection, due, Step::Count))?;
            for id in &removal.ids {
                log::info!("Would delete {} {id}", C::ITEM.0);
            }
            if let Some(plan) = &mut context.report().plan {
                plan.add_rows(&removal.rows);
                plan.objects += removal.objects.len() as u64;
                for object in &removal.objects {
                    plan.bytes = plan.bytes.saturating_add(object.bytes.unsigned_abs());
                }
                plan.shared_folders += removal.shared_folders;
                plan.ids.extend(removal.ids);
            }
        }
    }
    context.report().backlog = database.read(outbox::backlog)?;
    Ok(())
}

/// The due items of the next page, which may be none; `None` after the last page.
fn next_page<C: Cleanup>(
    context: &Context,
    database: &mut Database,
    cleanup: &mut C,
    after: &mut Option<Uuid>,
) -> anyhow::Result<Option<Vec<C::Row>>> {
    context.checkpoint()?;
    let rows = database.read(|connection| cleanup.page(connection, *after, WINDOW))?;
    let Some(last) = rows.last() else { return Ok(None) };
    *after = Some(C::key(last));
    let mut due = Vec::new();
    for row in rows {
        context.checkpoint()?;
        let mut report = context.report();
        report.counts.examined += 1;
        match cleanup.judge(&row) {
            Due::Now => {
                report.counts.matched += 1;
                due.push(row);
            }
            Due::NotYet => {}
            Due::Unclear(reason) => report.warn(format!("{} {} is kept: {reason}", C::ITEM.0, C::key(&row))),
        }
    }
    Ok(Some(due))
}

/// A cleanup under way.
struct Run<'a, C: Cleanup> {
    context: &'a Context,
    database: &'a mut Database,
    cleanup: &'a mut C,
    stores: Stores,
    deletions: ObjectDeletions<'a>,
    pace: Pace,
    store_checked: bool,
    /// Single rows that were refused since the last batch that passed.
    refused: u32,
    /// Items to try again at the end, with the reason why they could not be removed so far.
    waiting: BTreeMap<Uuid, (C::Row, String)>,
}

impl<C: Cleanup> Run<'_, C> {
    fn all(&mut self) -> anyhow::Result<()> {
        if self.database.read(outbox::backlog)? > 0 {
            self.check_store()?;
        }
        leftovers::drain(
            self.context,
            self.database,
            &self.stores,
            &mut self.deletions,
            self.cleanup.folders_may_wait(),
        )?;
        let mut after = None;
        while let Some(due) = next_page(self.context, self.database, self.cleanup, &mut after)? {
            let mut due = due.as_slice();
            while !due.is_empty() {
                self.context.checkpoint()?;
                let (batch, rest) = due.split_at(self.pace.size().min(due.len()));
                self.batch(batch)?;
                due = rest;
                self.context.progress(|report| format!("{} {} deleted so far", report.counts.deleted, C::ITEM.1));
            }
        }
        self.try_waiting_again()
    }

    /// One batch: what comes before the transaction, the transaction, and handing over the objects.
    fn batch(&mut self, due: &[C::Row]) -> anyhow::Result<()> {
        if C::OWNS_OBJECTS {
            self.check_store()?;
        }
        let prepared = self.cleanup.prepare(self.context, self.database, &self.stores, due)?;
        crash_point("prepared");
        let ready = due.iter().filter(|row| !prepared.not_ready.contains(&C::key(row)));
        let mut parts = vec![ready.collect::<Vec<_>>()];
        while let Some(part) = parts.pop() {
            self.context.checkpoint()?;
            if part.is_empty() {
                continue;
            }
            match self.transaction(&part, &prepared.pending_folders) {
                Ok(()) => {}
                Err(Refused::Run(error)) => return Err(error),
                Err(Refused::Constraint(reason)) if part.len() == 1 => {
                    self.context.report().fail(C::key(part[0]), reason)
                }
                Err(Refused::Rows(reason)) if part.len() == 1 => self.put_off(part[0], reason)?,
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
        prepared.end.map_or(Ok(()), |problem| Err(problem.into()))
    }

    /// Before anything goes, once: objects that cannot be deleted would only pile up in the outbox, and ones that are
    /// "deleted" in another store would be lost.
    fn check_store(&mut self) -> anyhow::Result<()> {
        if !self.store_checked {
            self.stores.objects.check_deletable()?;
            self.check_store_is_the_right_one()?;
            self.store_checked = true;
        }
        Ok(())
    }

    /// A store that has none of many objects is another platform's, or an empty mount: deleting there would "succeed".
    fn check_store_is_the_right_one(&mut self) -> anyhow::Result<()> {
        let sample = self.database.read(|connection| self.cleanup.sample_of_objects(connection, SAMPLE))?;
        if sample.len() < SAMPLE {
            return Ok(());
        }
        for key in &sample {
            match self.stores.objects.head(key) {
                Ok(None) => {}
                Ok(Some(_)) => return Ok(()),
                Err(error) => {
                    // Deleting may be allowed where looking is not.
                    self.context.checkpoint()?;
                    log::debug!("cannot tell whether the store is the right one: {error:#}");
                    return Ok(());
                }
            }
        }
        Ok(self.context.guard.permit_store_without(sample.len() as u64, self.stores.objects.location())?)
    }

    fn transaction(&mut self, due: &[&C::Row], pending_folders: &[PendingFolder]) -> Result<(), Refused> {
        let by = By { job: self.context.job.name(), run: self.context.run };
        let (objects_at, folders_at) = (self.stores.objects.location(), self.stores.folders.location());
        let started = Instant::now();
        let removed = self.database.write(|connection| {
            let removal = self.cleanup.remove(connection, due, Step::Remove)?;
            let gone: BTreeSet<_> = removal.ids.iter().collect();
            let folders: Vec<_> = pending_folders.iter().filter(|folder| gone.contains(&folder.event)).collect();
            outbox::record_objects(connection, by, objects_at, &removal.objects)?;
            outbox::record_folders(connection, by, folders_at, &folders)?;
            crash_point("before-commit");
            Ok((removal, folders))
        });
        let (removal, folders) = removed?;
        crash_point("committed");
        self.pace.took(due.len(), started.elapsed());
        self.refused = 0;
        self.count(due.len(), &removal, &folders);
        let locked: BTreeSet<_> = removal.locked.iter().collect();
        for row in due.iter().filter(|row| locked.contains(&C::key(row))) {
            let reason = "locked by another session, probably the platform".into();
            self.waiting.insert(C::key(row), ((*row).clone(), reason));
        }
        self.deletions.submit(self.database, removal.objects).map_err(Refused::Run)
    }

    fn count(&mut self, due: usize, removal: &Removal, pending_folders: &[&PendingFolder]) {
        let mut report = self.context.report();
        report.counts.deleted += removal.ids.len() as u64;
        report.counts.skipped += due.saturating_sub(removal.ids.len() + removal.locked.len()) as u64;
        report.add_rows(&removal.rows);
        report.shared_folders_deleted += removal.shared_folders.saturating_sub(pending_folders.len() as u64);
        for id in &removal.ids {
            log::debug!("deleted {} {id}", C::ITEM.0);
        }
        for PendingFolder { event, reason, .. } in pending_folders {
            report.warn(format!("event {event} is deleted, its shared folder waits for a later run: {reason}"));
        }
    }

    /// Keeps a row that was refused on its own for another try at the end; gives up when all rows are.
    fn put_off(&mut self, row: &C::Row, reason: String) -> Result<(), Problem> {
        self.refused += 1;
        if self.refused >= HOPELESS {
            let all = format!("the database refused {HOPELESS} {} in a row", C::ITEM.1);
            return Err(Problem::new(Kind::Failed, format!("{all}; the last time it said: {reason}"))
                .hint("what was finished is safe; remove the cause and run the job again"));
        }
        self.waiting.insert(C::key(row), (row.clone(), reason));
        Ok(())
    }

    fn try_waiting_again(&mut self) -> anyhow::Result<()> {
        for _ in 0..LAST_TRIES {
            if self.waiting.is_empty() {
                break;
            }
            self.context.stop().sleep(LAST_PAUSE);
            let again: Vec<_> = std::mem::take(&mut self.waiting).into_values().map(|(row, _)| row).collect();
            for batch in again.chunks(self.pace.size()) {
                self.batch(batch)?;
            }
        }
        for (id, (_, reason)) in std::mem::take(&mut self.waiting) {
            self.context.report().fail(id, reason);
        }
        Ok(())
    }

    /// Waits for the store, whatever ended the loop: what it has deleted by now is counted and noted.
    fn close(mut self, worked: anyhow::Result<()>) -> anyhow::Result<()> {
        let finished = self.deletions.finish(self.database);
        // After a stop, the run's own handle refuses every statement.
        let stopped = self.context.stop().reason().is_some();
        if stopped {
            *self.database = self.context.closing_database()?;
        }
        let database = &mut *self.database;
        let finished = if stopped { finished.and(self.deletions.finish(database)) } else { finished };
        match database.read(outbox::backlog) {
            Ok(backlog) => self.context.report().backlog = backlog,
            Err(error) => log::warn!("What waits in the outbox could not be counted: {error}"),
        }
        // Also when the loop was stopped: what is gone should not linger in a file.
        let forgotten = database.forget_deleted();
        match (worked, finished) {
            (Ok(()), Ok(())) => Ok(forgotten?),
            (Err(error), Ok(())) | (Ok(()), Err(error)) => Err(error),
            (Err(error), Err(also)) => {
                log::debug!("also: {also:#}");
                Err(error)
            }
        }
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
