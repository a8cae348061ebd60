//! Brings the sizes of assets in line with their stored objects.
//!
//! Why: what the platform shows of an asset, and counts against its owner's quota, is the size in its row. A row whose
//! object was lost promises a file that nobody can download.
//!
//! Which: all assets. The rows and a listing of the store are merged as two streams in the same order, so that
//! thousands of assets cost a few requests. What the listing lacks may have been uploaded meanwhile, so the store is
//! asked for it once more right before anything is changed. Nothing is changed before everything has been looked at
//! and the guards have let it pass. What the platform has written since the run began is left to the next run.
//!
//! What stays: objects without an asset. They are counted, since nothing tells whether they are garbage or uploads
//! whose rows are about to come. So does an object that turns up after its row was deleted: at that moment the store
//! said that there is none.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::corrections::{MissingFiles, Sizes};
use super::difference::{Difference, Missing};
use super::rows::{self, Wrong};
use super::survey::Survey;
use crate::kit::{Context, Job, Nightly, Plan, Report, bytes_in_words, change_all, drain_outbox};
use crate::meetings::room_removal::sample_of_objects;
use crate::platform::database::{Database, Ids, Requirement};
use crate::platform::storage::ReadObjects;

/// Assets whose links are counted per statement in a dry run.
const PREVIEWED_AT_ONCE: usize = 1_000;
/// Assets that have to change and are kept in memory, 32 bytes each, and twice as many for a moment. Where there are
/// more, everything is listed again for each further so many.
const KEPT: usize = 100_000;

/// Brings the sizes of assets in line with their stored objects.
pub struct SyncStorageFiles;

/// What becomes of an asset whose object is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum Handling {
    SetFileSizeToZero,
    DeleteAssetEntry,
}

/// What an operator may set.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Parameters {
    /// What becomes of an asset whose stored object is missing: its size is set to zero, or its entry is deleted,
    /// together with its link to a room.
    #[schemars(example = Handling::DeleteAssetEntry)]
    missing_storage_file_handling: Handling,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { missing_storage_file_handling: Handling::SetFileSizeToZero }
    }
}

impl Job for SyncStorageFiles {
    const NAME: &'static str = "sync-storage-files";
    const ABOUT: &'static str = "A job to synchronize database assets and storage files";
    const REMOVES: &'static str = "\
Nothing by default: assets get the sizes that their stored objects have, or zero if there is no object. With \
\"delete_asset_entry\", the entries of assets without an object, with their links to rooms.";
    const KEEPS: &'static str = "\
Stored objects, also those that no asset refers to: they are counted. Assets that the platform has written since the \
run began. Everything, if implausibly many assets have no object, or all of them.";
    const ORDER: &'static str = "\
First everything is looked at: the assets, and a listing of the store in the same order. Then the guards are asked. Then, \
with \"delete_asset_entry\", what earlier runs left behind is finished. Then sizes are corrected, batch by batch. Last come \
the assets without an object; the store is asked for each of them once more right before it is changed. \
Where very many assets have to change, looking and changing take turns.";
    const BESIDE_PLATFORM: &'static str = "\
Yes. Transactions are short, and a lock is waited for half a second at most. Assets that the platform has written since \
the run began are left to the next one, as are those whose size is no longer the one that was read. The time of an \
asset's last change stays as it is.";
    const REQUIRES: &'static [&'static [Requirement]] = &[&rows::REQUIRES];
    const SCHEDULE: Option<Nightly> =
        Some(Nightly::at(5, 5, "After all jobs that delete assets: it looks at those that they have left."));
    type Parameters = Parameters;

    fn execute(context: &Context, parameters: Parameters) -> anyhow::Result<Report> {
        let handling = parameters.missing_storage_file_handling;
        let mut database = match handling {
            Handling::SetFileSizeToZero => context.database()?,
            Handling::DeleteAssetEntry => context.database_to_delete_in()?,
        };
        let store = context.objects()?;
        log::info!("Comparing the assets with the objects in {}", store.location());
        let (total, began) = database.read(rows::beginning)?;
        let mut sync = Synchronization { context, database, store, handling, total, began, capacity: KEPT };
        if context.is_dry_run() {
            sync.preview()?
        } else {
            sync.run()?
        }
        Ok(context.take_report())
    }
}

/// One run. Where more has to change than memory should hold, it takes several looks, each from the asset on to which
/// the one before has come.
struct Synchronization<'a> {
    context: &'a Context,
    database: Database,
    store: Arc<dyn ReadObjects>,
    handling: Handling,
    /// How many assets there were when it began.
    total: u64,
    /// When it began, by the database's clock.
    began: DateTime<Utc>,
    /// How many assets that have to change are kept in memory.
    capacity: usize,
}

impl Synchronization<'_> {
    /// Looks at everything after the asset `after`, of which `bound` assets may be without an object.
    fn look(&mut self, after: Option<Uuid>, bound: u64) -> anyhow::Result<Difference> {
        let &mut Self { context, ref mut database, ref store, handling, total, began, capacity } = self;
        Survey { context, database, store: store.as_ref(), handling, bound, total, began, capacity, after }.take()
    }

    fn run(&mut self) -> anyhow::Result<()> {
        let context = self.context;
        let mut difference = self.look(None, context.guard.most_affected(self.total))?;
        difference.report(&mut context.report());
        let permitted = difference.permit(context, self.total, self.store.as_ref());
        difference.report(&mut context.report());
        context.report().counts.matched = difference.changes();
        permitted?;
        let changed = self.change_all(difference);
        // Also after an error: what is gone should not linger in a file.
        let forgotten = self.database.forget_deleted();
        summary(context);
        changed?;
        Ok(forgotten?)
    }

    /// Does what the guards have let pass.
    fn change_all(&mut self, mut difference: Difference) -> anyhow::Result<()> {
        if self.handling == Handling::DeleteAssetEntry {
            // Not earlier: a run that is refused changes nothing, and only now is the store known to be the platform's.
            // A few assets more would tell nothing new; should the first of them all be missing, they would rather keep
            // this job from what the guard has let pass.
            let is_known = difference.has_present();
            drain_outbox(self.context, &mut self.database, |connection, number| {
                if is_known { Ok(Vec::new()) } else { sample_of_objects(connection, number) }
            })?;
        }
        loop {
            let (until, beyond, missing) = (difference.until, difference.beyond(), difference.missing_beyond());
            self.change(difference)?;
            let Some(until) = until else { return Ok(()) };
            difference = self.look(Some(until), missing)?;
            difference.permit_rest(self.context, self.store.as_ref())?;
            // Meanwhile the platform has brought the others in line itself, or is at work on them.
            self.context.report().counts.skipped += beyond.saturating_sub(difference.changes());
        }
    }

    fn change(&mut self, difference: Difference) -> anyhow::Result<()> {
        let Self { context, database, store, handling, .. } = self;
        let Difference { wrong, mut lacking, confirmed, .. } = difference;
        change_all(context, database, &mut Sizes, &wrong)?;
        lacking.extend(confirmed);
        let mut files = MissingFiles::new(Arc::clone(store), *handling);
        change_all(context, database, &mut files, &lacking)?;
        change_all(context, database, &mut Sizes, &files.found)
    }

    /// Says what a run would do.
    fn preview(&mut self) -> anyhow::Result<()> {
        let (context, store) = (self.context, Arc::clone(&self.store));
        context.report().plan = Some(Plan::default());
        let (mut after, mut refusal) = (None, None);
        loop {
            let mut difference = self.look(after, u64::MAX)?;
            difference.look_up_all(context, store.as_ref())?;
            if after.is_none() {
                difference.report(&mut context.report());
                refusal = difference.permit(context, self.total, store.as_ref()).err();
            }
            self.plan(&difference)?;
            match difference.until {
                Some(until) => after = Some(until),
                None => break,
            }
        }
        summary(context);
        if let Some(refusal) = refusal {
            context.report().warn(format!("A run would be refused: {refusal}"));
        }
        Ok(())
    }

    fn plan(&mut self, difference: &Difference) -> anyhow::Result<()> {
        let Difference { wrong, confirmed: missing, .. } = difference;
        let deletes = self.handling == Handling::DeleteAssetEntry;
        for Wrong { id, was, size } in wrong {
            log::info!("Would set the size of asset {id} from {was} to {size}");
        }
        for Missing { id, was } in missing {
            match self.handling {
                Handling::SetFileSizeToZero => {
                    log::info!("Would set the size of asset {id} from {was} to 0: no object")
                }
                Handling::DeleteAssetEntry => log::info!("Would delete asset {id}: no object"),
            }
        }
        let mut links = 0;
        if deletes {
            for assets in missing.chunks(PREVIEWED_AT_ONCE) {
                self.context.checkpoint()?;
                let ids = Ids(assets.iter().map(|missing| missing.id).collect());
                links += self.database.read(|connection| rows::links(connection, &ids))?;
            }
        }
        let mut report = self.context.report();
        let number = missing.len() as u64;
        report.counts.matched += wrong.len() as u64 + number;
        *report.figures.entry("to_correct").or_default() += wrong.len() as u64;
        *report.figures.entry(if deletes { "to_delete" } else { "to_zero" }).or_default() += number;
        if let Some(plan) = &mut report.plan {
            plan.ids.extend(wrong.iter().map(|wrong| wrong.id).chain(missing.iter().map(|missing| missing.id)));
            if deletes && number > 0 {
                plan.add_rows(&BTreeMap::from([("assets", number), ("room_assets", links)]));
            }
        }
        Ok(())
    }
}

/// The last lines of the log.
fn summary(context: &Context) {
    let report = context.report();
    let figure = |name| report.figures.get(name).copied().unwrap_or(0);
    log::info!("Assets looked at: {}, of which {} in sync", report.counts.examined, figure("in_sync"));
    if report.plan.is_some() {
        let (correct, zero, delete) = (figure("to_correct"), figure("to_zero"), figure("to_delete"));
        log::info!("Would correct {correct}, set {zero} to zero, delete {delete}");
    } else {
        let (corrected, zeroed) = (figure("corrected"), figure("zeroed"));
        log::info!("Corrected: {corrected}, set to zero: {zeroed}, deleted: {}", report.counts.deleted);
    }
    if report.counts.skipped > 0 {
        log::info!("Left alone since the platform changed them meanwhile: {}", report.counts.skipped);
    }
    let size = bytes_in_words(figure("bytes_without_row"));
    log::info!("Objects without an asset: {} ({size}); they are left alone", figure("objects_without_row"));
    if report.objects_deleted > 0 {
        log::info!("except for {} that earlier runs had recorded for deletion", report.objects_deleted);
    }
}

#[cfg(test)]
mod tests;
