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

use std::sync::Arc;

use diesel::QueryResult;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::difference::{Difference, Missing};
use super::listed::key;
use super::rows::{self, Act, Wrong};
use super::survey::Survey;
use crate::kit::{Change, Changed, Context, Job, Plan, Report, bytes_in_words, change_all, drain_outbox};
use crate::meetings::room_removal::sample_of_objects;
use crate::platform::database::{Connection, Database, Ids, Requirement};
use crate::platform::storage::ReadObjects;

/// Assets whose links are counted per statement in a dry run.
const PREVIEWED_AT_ONCE: usize = 1_000;

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
    const REQUIRES: &'static [&'static [Requirement]] = &[&rows::REQUIRES];
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
        let bound = if context.is_dry_run() { u64::MAX } else { context.guard.most_affected(total) };
        let (look, objects) = (&mut database, store.as_ref());
        let survey = Survey { context, database: look, store: objects, handling, bound, began };
        let mut difference = survey.take(total)?;
        difference.report(&mut context.report());
        if context.is_dry_run() {
            preview(context, &mut database, objects, difference, handling, total)?;
        } else {
            let permitted = difference.permit(context, total, objects);
            difference.report(&mut context.report());
            context.report().counts.matched = difference.changes();
            permitted?;
            let changed = change(context, &mut database, store, difference, handling);
            // Also after an error: what is gone should not linger in a file.
            let forgotten = database.forget_deleted();
            summary(context);
            changed?;
            forgotten?;
        }
        Ok(context.take_report())
    }
}

/// Says what a run would do.
fn preview(
    context: &Context,
    database: &mut Database,
    store: &dyn ReadObjects,
    mut difference: Difference,
    handling: Handling,
    total: u64,
) -> anyhow::Result<()> {
    difference.look_up_all(context, store)?;
    difference.report(&mut context.report());
    let mut plan = Plan::default();
    for Wrong { id, was, size } in &difference.wrong {
        log::info!("Would set the size of asset {id} from {was} to {size}");
        plan.ids.push(*id);
    }
    for Missing { id, was } in &difference.confirmed {
        match handling {
            Handling::SetFileSizeToZero => log::info!("Would set the size of asset {id} from {was} to 0: no object"),
            Handling::DeleteAssetEntry => log::info!("Would delete asset {id}: no object"),
        }
        plan.ids.push(*id);
    }
    let missing = difference.confirmed.len() as u64;
    if handling == Handling::DeleteAssetEntry && missing > 0 {
        plan.rows.insert("assets", missing);
        for assets in difference.confirmed.chunks(PREVIEWED_AT_ONCE) {
            context.checkpoint()?;
            let ids = Ids(assets.iter().map(|missing| missing.id).collect());
            *plan.rows.entry("room_assets").or_default() +=
                database.read(|connection| rows::links(connection, &ids))?;
        }
    }
    let mut report = context.report();
    report.counts.matched = difference.changes();
    report.figures.insert("to_correct", difference.wrong.len() as u64);
    report.figures.insert(if handling == Handling::DeleteAssetEntry { "to_delete" } else { "to_zero" }, missing);
    report.plan = Some(plan);
    drop(report);
    summary(context);
    if let Err(refusal) = difference.permit(context, total, store) {
        context.report().warn(format!("A run would be refused: {refusal}"));
    }
    Ok(())
}

/// Does what the guards have let pass.
fn change(
    context: &Context,
    database: &mut Database,
    store: Arc<dyn ReadObjects>,
    difference: Difference,
    handling: Handling,
) -> anyhow::Result<()> {
    let Difference { wrong, mut lacking, confirmed, .. } = difference;
    if handling == Handling::DeleteAssetEntry {
        // Not earlier: a run that is refused changes nothing, and only now is the store known to be the platform's.
        drain_outbox(context, database, sample_of_objects)?;
    }
    change_all(context, database, &mut Sizes, &wrong)?;
    lacking.extend(confirmed);
    let mut files = MissingFiles { store, handling, found: Vec::new() };
    change_all(context, database, &mut files, &lacking)?;
    change_all(context, database, &mut Sizes, &files.found)
}

/// Correcting sizes.
struct Sizes;

impl Change for Sizes {
    const ROWS: &'static str = "assets";
    type Row = Wrong;

    fn key(row: &Wrong) -> Uuid {
        row.id
    }

    fn prepare(&mut self, _: &Context, rows: &[Wrong]) -> anyhow::Result<Vec<Wrong>> {
        Ok(rows.to_vec())
    }

    fn change(&mut self, connection: &mut Connection, rows: &[Wrong]) -> QueryResult<Changed> {
        rows::change(connection, rows, Act::Resize)
    }

    fn count(&mut self, report: &mut Report, changed: &Changed) {
        count_updated(report, changed, "corrected");
    }
}

/// Seeing to assets whose objects are missing.
struct MissingFiles {
    store: Arc<dyn ReadObjects>,
    handling: Handling,
    /// Those whose objects turned up, with other sizes than their rows have.
    found: Vec<Wrong>,
}

impl Change for MissingFiles {
    const ROWS: &'static str = "assets";
    type Row = Missing;

    fn key(row: &Missing) -> Uuid {
        row.id
    }

    /// Asks the store for each of them, however sure the listing was.
    fn prepare(&mut self, context: &Context, rows: &[Missing]) -> anyhow::Result<Vec<Missing>> {
        let keys: Vec<_> = rows.iter().map(|row| key(row.id)).collect();
        let mut missing = Vec::with_capacity(rows.len());
        for (row, size) in rows.iter().zip(self.store.sizes(&keys)?) {
            match size.map(|size| i64::try_from(size).unwrap_or(i64::MAX)) {
                None => missing.push(*row),
                Some(size) if size == row.was => {
                    let mut report = context.report();
                    report.counts.matched = report.counts.matched.saturating_sub(1);
                    *report.figures.entry("in_sync").or_default() += 1;
                }
                Some(size) => self.found.push(Wrong { id: row.id, was: row.was, size }),
            }
        }
        Ok(missing)
    }

    fn change(&mut self, connection: &mut Connection, rows: &[Missing]) -> QueryResult<Changed> {
        let act = match self.handling {
            Handling::SetFileSizeToZero => Act::Resize,
            Handling::DeleteAssetEntry => Act::Delete,
        };
        let rows: Vec<_> = rows.iter().map(|row| Wrong { id: row.id, was: row.was, size: 0 }).collect();
        rows::change(connection, &rows, act)
    }

    fn count(&mut self, report: &mut Report, changed: &Changed) {
        match self.handling {
            Handling::SetFileSizeToZero => count_updated(report, changed, "zeroed"),
            Handling::DeleteAssetEntry => {
                report.counts.deleted += changed.ids.len() as u64;
                for id in &changed.ids {
                    log::debug!("deleted asset {id}, whose object is missing");
                }
            }
        }
    }
}

fn count_updated(report: &mut Report, changed: &Changed, figure: &'static str) {
    let number = changed.ids.len() as u64;
    report.counts.updated += number;
    *report.figures.entry(figure).or_default() += number;
    for id in &changed.ids {
        log::debug!("{figure} the size of asset {id}");
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
    if report.counts.failed > report.failures.len() as u64 {
        log::error!("{} failures in all; -v shows each of them", report.counts.failed);
    }
    let size = bytes_in_words(figure("bytes_without_row"));
    log::info!("Objects without an asset: {} ({size}); they are left alone", figure("objects_without_row"));
    if report.objects_deleted > 0 {
        log::info!("except for {} that earlier runs had recorded for deletion", report.objects_deleted);
    }
}
