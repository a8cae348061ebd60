//! A run of a cleanup: what is done once, before the first pass and after the last.

use diesel::QueryResult;

use super::cleanup::{Cleanup, Step};
use super::context::{Context, Stores};
use super::extent::Extent;
use super::leftovers;
use super::object_deletions::ObjectDeletions;
use super::outbox;
use super::pass::{self, Pass};
use super::report::Plan;
use super::summary;
use crate::platform::database::{Connection, Database};

/// Items counted per statement in a dry run.
const PREVIEWED_AT_ONCE: usize = 1_000;
/// So many of the platform's objects are looked for before anything is deleted, until one is found.
const SAMPLE: usize = 20;

/// Runs a cleanup of `database`, from [`Context::database_to_delete_in`], to its end, or as a dry run.
///
/// # Errors
/// Whatever ended it early; what was done until then is in the context's report.
pub fn clean_up<C: Cleanup>(context: &Context, database: &mut Database, cleanup: &mut C) -> anyhow::Result<()> {
    clean_up_in_passes::<C>(context, database, |passes| passes.next(cleanup))
}

/// The same for a job that has to remove things of one kind before it comes to another: `work` goes through its passes,
/// of which that of `C` counts what the report is about. They are one run: what earlier runs left behind is seen to
/// once, before the first.
///
/// # Errors
/// See [`clean_up`].
pub fn clean_up_in_passes<C: Cleanup>(
    context: &Context,
    database: &mut Database,
    work: impl FnOnce(&mut Passes<'_, '_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let ended = match context.stores()? {
        None => {
            context.report().plan = Some(Plan::default());
            let looked = work(&mut Passes(Way::Looking(context, &mut *database)));
            looked.and_then(|()| {
                context.report().backlog = database.read(outbox::backlog)?;
                Ok(())
            })
        }
        Some(stores) => {
            context.guard.permit_deletion()?;
            let deletions = ObjectDeletions::start(context, stores.objects.clone())?;
            let mut run = Run { context, database, stores, deletions, begun: false, store_checked: false };
            let worked = work(&mut Passes(Way::Deleting(&mut run)));
            run.close(worked)
        }
    };
    summary::log(context, C::ITEM, C::NONE_DUE, ended.is_ok());
    ended
}

/// Sees to what earlier runs left behind, for a job that deletes and is no cleanup. `sample` is as
/// [`Cleanup::sample_of_objects`].
///
/// # Errors
/// See [`clean_up`].
pub fn drain_outbox(
    context: &Context,
    database: &mut Database,
    sample: impl FnMut(&mut Connection, usize) -> QueryResult<Vec<String>>,
) -> anyhow::Result<()> {
    let Some(stores) = context.stores()? else { return Ok(()) };
    let deletions = ObjectDeletions::start(context, stores.objects.clone())?;
    let mut run = Run { context, database, stores, deletions, begun: false, store_checked: false };
    let begun = run.begin(true, sample);
    run.close(begun)
}

/// The passes of a run.
pub struct Passes<'p, 'a>(Way<'p, 'a>);

enum Way<'p, 'a> {
    Looking(&'a Context, &'p mut Database),
    Deleting(&'p mut Run<'a>),
}

impl Passes<'_, '_> {
    /// Goes through all that `cleanup` finds to be due.
    ///
    /// # Errors
    /// Whatever ends the run.
    pub fn next<C: Cleanup>(&mut self, cleanup: &mut C) -> anyhow::Result<()> {
        match &mut self.0 {
            Way::Looking(context, database) => preview(context, database, cleanup),
            Way::Deleting(run) => {
                if C::SEES_TO_LEFTOVERS {
                    run.begin(cleanup.folders_may_wait(), |connection, number| {
                        cleanup.sample_of_objects(connection, number)
                    })?;
                }
                Pass::new(run, cleanup).all()
            }
        }
    }
}

fn preview<C: Cleanup>(context: &Context, database: &mut Database, cleanup: &mut C) -> anyhow::Result<()> {
    let mut extent = Extent::of(context, database, cleanup);
    let mut after = None;
    while let Some(due) = pass::next_page(context, database, cleanup, &mut after, &mut extent)? {
        let due: Vec<_> = due.iter().collect();
        for due in due.chunks(PREVIEWED_AT_ONCE) {
            context.checkpoint()?;
            let removal = database.read(|connection| cleanup.remove(connection, due, Step::Count))?;
            for (id, reason) in &removal.failed {
                context.report().warn(format!("{} {id} would be kept: {reason}", C::ITEM.0));
            }
            if let Some(plan) = &mut context.report().plan {
                plan.add_rows(&removal.rows);
                plan.objects += removal.objects.len() as u64;
                for object in &removal.objects {
                    plan.bytes = plan.bytes.saturating_add(object.bytes.unsigned_abs());
                }
                plan.shared_folders += removal.shared_folders;
                if C::COUNTS {
                    for id in &removal.ids {
                        log::info!("Would delete {} {id}", C::ITEM.0);
                    }
                    plan.ids.extend(removal.ids);
                }
            }
            extent.add(due.len());
            context.progress(extent.progress());
        }
        context.progress(extent.progress());
    }
    Ok(())
}

/// What all passes of a run that deletes share.
pub(super) struct Run<'a> {
    pub(super) context: &'a Context,
    pub(super) database: &'a mut Database,
    pub(super) stores: Stores,
    pub(super) deletions: ObjectDeletions<'a>,
    begun: bool,
    store_checked: bool,
}

impl Run<'_> {
    /// Sees to what earlier runs left behind, before the first pass.
    fn begin(
        &mut self,
        folders_may_wait: bool,
        sample: impl FnMut(&mut Connection, usize) -> QueryResult<Vec<String>>,
    ) -> anyhow::Result<()> {
        if self.begun {
            return Ok(());
        }
        self.begun = true;
        if self.database.read(outbox::backlog)? > 0 {
            self.check_store(sample)?;
        }
        leftovers::drain(self.context, self.database, &self.stores, &mut self.deletions, folders_may_wait)
    }

    /// Before anything goes, once: objects that cannot be deleted would only pile up in the outbox, and ones that are
    /// "deleted" in another store would be lost.
    pub(super) fn check_store(
        &mut self,
        sample: impl FnMut(&mut Connection, usize) -> QueryResult<Vec<String>>,
    ) -> anyhow::Result<()> {
        if !self.store_checked {
            self.stores.objects.check_deletable()?;
            self.check_store_is_the_right_one(sample)?;
            self.store_checked = true;
        }
        Ok(())
    }

    /// A store that has none of many objects is another platform's, or an empty mount: deleting there would "succeed".
    fn check_store_is_the_right_one(
        &mut self,
        mut sample: impl FnMut(&mut Connection, usize) -> QueryResult<Vec<String>>,
    ) -> anyhow::Result<()> {
        let sample = self.database.read(|connection| sample(connection, SAMPLE))?;
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

    /// Waits for the store, whatever ended the loop: what it has deleted by now is counted and noted.
    fn close(&mut self, worked: anyhow::Result<()>) -> anyhow::Result<()> {
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
