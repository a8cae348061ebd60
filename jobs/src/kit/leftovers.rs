//! What earlier runs left in the outbox, whatever job left it: seen to before anything else is deleted.

use std::collections::BTreeMap;

use super::context::{Context, Stores};
use super::object_deletions::ObjectDeletions;
use super::outbox::{self, Entry, Kind, StoredObject};
use super::progress::Progress;
use crate::platform::database::Database;
use crate::platform::shared_folders::{SharedFolder, SharedFolders};

/// Folders take several requests each: few enough between two looks at the clock.
const FOLDERS_AT_ONCE: usize = 32;

/// Deletes what earlier runs could not. Folders that still cannot be removed are failures, or warnings if they may
/// wait.
pub(super) fn drain(
    context: &Context,
    database: &mut Database,
    stores: &Stores,
    deletions: &mut ObjectDeletions<'_>,
    folders_may_wait: bool,
) -> anyhow::Result<()> {
    drain_objects(context, database, deletions)?;
    drain_folders(context, database, stores, folders_may_wait)
}

fn drain_objects(
    context: &Context,
    database: &mut Database,
    deletions: &mut ObjectDeletions<'_>,
) -> anyhow::Result<()> {
    let mut elsewhere = BTreeMap::<String, u64>::new();
    let (mut after, before) = (0, context.report().objects_deleted);
    while let Some(entries) = next_page(context, database, Kind::Object, &mut after)? {
        let mut objects = Vec::with_capacity(entries.len());
        for Entry { location, target, bytes, .. } in entries {
            if location == deletions.location() {
                objects.push(StoredObject { key: target, bytes });
            } else {
                *elsewhere.entry(location).or_default() += 1;
            }
        }
        deletions.submit(database, objects)?;
        let finished = context.report().objects_deleted - before;
        context.progress(Progress::new("objects of earlier runs", "deleted", finished));
    }
    deletions.finish(database)?;
    let finished = context.report().objects_deleted - before;
    if finished > 0 {
        log::info!("Finished what earlier runs left behind, stored objects: {finished}");
    }
    for (location, number) in elsewhere {
        let reason = "their rows are gone, but another store is configured now; run once with that one configured";
        context.report().fail(format!("{number} objects in {location}"), reason);
    }
    Ok(())
}

fn drain_folders(
    context: &Context,
    database: &mut Database,
    stores: &Stores,
    folders_may_wait: bool,
) -> anyhow::Result<()> {
    let mut after = 0;
    while let Some(entries) = next_page(context, database, Kind::SharedFolder, &mut after)? {
        for entries in entries.chunks(FOLDERS_AT_ONCE) {
            let results = remove(context, stores, entries)?;
            // An entry is identified by its location, too, which may differ from the present one.
            let mut by_location = BTreeMap::<&str, (Vec<String>, BTreeMap<String, String>)>::new();
            for (Entry { location, target, .. }, result) in entries.iter().zip(results) {
                let (gone, failed) = by_location.entry(location).or_default();
                match result {
                    Ok(()) => gone.push(target.clone()),
                    Err(reason) => {
                        let words = format!("its event is gone, its shared folder still is not: {reason}");
                        if folders_may_wait {
                            context.report().warn(format!("event {target}: {words}"));
                        } else {
                            context.report().fail(target, words);
                        }
                        failed.insert(target.clone(), reason);
                    }
                }
            }
            database.write(|connection| {
                for (location, (gone, failed)) in &by_location {
                    outbox::confirm(connection, Kind::SharedFolder, location, gone)?;
                    outbox::note_failures(connection, Kind::SharedFolder, location, failed)?;
                }
                Ok(())
            })?;
        }
    }
    Ok(())
}

/// Removes the folders of `entries` where they were when they were recorded, and answers for each.
fn remove(context: &Context, stores: &Stores, entries: &[Entry]) -> anyhow::Result<Vec<Result<(), String>>> {
    let mut results = Vec::with_capacity(entries.len());
    for entry in entries {
        // A folder recorded while no provider was configured belongs to whichever is configured now.
        let here = entry.location == stores.folders.location() || entry.location == SharedFolders::NOWHERE;
        let folder = entry.details.as_deref().map(serde_json::from_str::<SharedFolder>);
        results.push(match folder {
            _ if !here => Err(format!("it is with {}, but that provider is not the configured one", entry.location)),
            Some(Ok(folder)) => Ok(folder),
            Some(Err(_)) | None => Err("what was recorded about it cannot be read".to_owned()),
        });
    }
    let folders: Vec<_> = results.iter().flatten().cloned().collect();
    let mut removed = stores.folders.remove_many(&folders, context.stop())?.into_iter();
    let results: Vec<Result<(), String>> = results
        .into_iter()
        .map(|result| result.and_then(|_| removed.next().unwrap_or_else(|| Err("the provider did not answer".into()))))
        .collect();
    context.report().shared_folders_deleted += results.iter().filter(|result| result.is_ok()).count() as u64;
    Ok(results)
}

fn next_page(
    context: &Context,
    database: &mut Database,
    kind: Kind,
    after: &mut i64,
) -> anyhow::Result<Option<Vec<Entry>>> {
    context.checkpoint()?;
    let entries = database.read(|connection| outbox::left_behind(connection, kind, *after))?;
    Ok(entries.last().map(|last| last.id).map(|last| {
        *after = last;
        entries
    }))
}
