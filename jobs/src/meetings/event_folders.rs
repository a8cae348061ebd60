//! The shared folders of events, removed at their provider before the events go.
//!
//! The order is for safety: an event without its folder can be found and deleted again, a folder without its event
//! could not be found any more.

use std::collections::{BTreeMap, BTreeSet};

use diesel::sql_types::Text;
use diesel::{QueryResult, QueryableByName, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

use super::foreign_rows;
use super::schema::Schema;
use crate::each;
use crate::kit::{Context, Held, PendingFolder, Preparation, Step, Stores};
use crate::platform::database::{Connection, Database, DatabaseError, Ids, SqlIds, SqlUuid, Uid};
use crate::platform::shared_folders::SharedFolder;
use crate::platform::{Kind, Problem};

/// Folders are removed so many at a time: just before, it is checked once more that their events are due, and right
/// after, the events go. What the network makes of it cannot be locked or rolled back, so that an event which is moved
/// to a later day in between loses its folder all the same; but not one that is just being moved when it is checked.
const AT_ONCE: usize = 32;

#[derive(QueryableByName)]
struct FolderRow {
    #[diesel(sql_type = SqlUuid)]
    event_id: Uid,
    #[diesel(sql_type = Text)]
    path: String,
    /// JSON as text: not everything that a database takes for JSON can be read here.
    #[diesel(sql_type = Text)]
    provider_data: String,
}

/// The folders that have been seen to, by event; only those may lose their row that says where the folder is.
pub(super) type SeenTo = BTreeMap<Uuid, SharedFolder>;

/// Removes the folders of the events in `due`, of the first few that have one. With `failure_keeps_event`, an event
/// whose folder could not be removed is a failure, is not ready, and ends the run after this batch; else its folder is
/// pending.
///
/// `hold` tells which of the given events are due at this moment, and which of these are locked. These, those that are no
/// longer due, and those that could not be deleted afterwards keep their folders.
pub(super) fn remove(
    context: &Context,
    database: &mut Database,
    schema: &Schema,
    stores: &Stores,
    due: &[Uuid],
    failure_keeps_event: bool,
    hold: impl FnMut(&mut Connection, &Ids, Step) -> QueryResult<Held>,
) -> anyhow::Result<(Preparation, SeenTo)> {
    let all = Ids(due.to_vec());
    let mut rows = database.read(|connection| folders(connection, schema, &all, ""))?;
    let mut not_ready: BTreeSet<_> = rows.iter().map(|row| row.event_id.0).collect();
    let later = rows.split_off(AT_ONCE.min(rows.len())).iter().map(|row| row.event_id.0).collect();
    let mut seen_to = SeenTo::new();
    let mut pending_folders = Vec::new();
    let mut without_folder = BTreeSet::new();
    let (mut failed, mut refused) = (BTreeMap::new(), 0);
    let (mut locked, mut skipped) = (BTreeSet::new(), 0);
    if !rows.is_empty() {
        let events = Ids(rows.iter().map(|row| row.event_id.0).collect());
        let held = at_this_moment(database, &events, hold)?;
        let due: BTreeSet<_> = held.due.into_iter().collect();
        locked.extend(held.locked);
        rows.retain(|row| due.contains(&row.event_id.0));
        skipped = (events.0.len() - rows.len() - locked.len()) as u64;
        failed = database.read(|connection| foreign_rows::keeping(connection, &events))?;
        failed.retain(|event, _| due.contains(event));
        rows.retain(|row| !failed.contains_key(&row.event_id.0));
        let folders: Vec<_> = rows.iter().map(FolderRow::folder).collect();
        let results = stores.folders.remove_many(&folders, context.stop())?;
        for ((row, folder), result) in rows.iter().zip(folders).zip(results) {
            let event = row.event_id.0;
            match result {
                Ok(()) => {
                    without_folder.insert(event);
                }
                Err(reason) if failure_keeps_event => {
                    refused += 1;
                    failed.insert(event, format!("kept, since its shared folder cannot be removed: {reason}"));
                    continue;
                }
                Err(reason) => pending_folders.push(PendingFolder { event, folder: folder.clone(), reason }),
            }
            not_ready.remove(&event);
            seen_to.insert(event, folder);
        }
    }
    let end = (refused > 0).then(|| {
        Problem::new(Kind::Failed, format!("{refused} shared folders could not be removed; their events are kept"))
            .hint(
                "see to the shared-folder provider and run the job again, \
             or let such events go with \"fail_on_shared_folder_deletion_error\": false",
            )
    });
    Ok((Preparation { not_ready, later, locked, failed, skipped, without_folder, pending_folders, end }, seen_to))
}

/// Which of `events` are due at this moment. Their locks are tried, as they will be taken when the events go: what
/// somebody else has locked may be about to change.
fn at_this_moment(
    database: &mut Database,
    events: &Ids,
    mut hold: impl FnMut(&mut Connection, &Ids, Step) -> QueryResult<Held>,
) -> Result<Held, DatabaseError> {
    match database.write(|connection| hold(connection, events, Step::Remove)) {
        // A lock that cannot be passed over. Whose it is comes out when the events go one by one.
        Err(DatabaseError::Rejected(reason)) => {
            log::debug!("the events are looked at without locks: {reason}");
            database.read(|connection| hold(connection, events, Step::Count))
        }
        held => held,
    }
}

/// Those of `events` that have a folder which was not seen to: it came into being, or in place of another, after
/// [`remove`] looked. The rows of all are locked, so that none changes before it goes.
pub(super) fn unseen(
    connection: &mut Connection,
    schema: &Schema,
    events: &Ids,
    seen_to: &SeenTo,
) -> QueryResult<BTreeSet<Uuid>> {
    let rows = folders(connection, schema, events, connection.locking("FOR UPDATE"))?;
    let unseen = rows.iter().filter(|row| seen_to.get(&row.event_id.0) != Some(&row.folder()));
    Ok(unseen.map(|row| row.event_id.0).collect())
}

fn folders(connection: &mut Connection, schema: &Schema, events: &Ids, locking: &str) -> QueryResult<Vec<FolderRow>> {
    // Columns of the old generation become what the platform's own migration makes of them.
    let provider_data = if schema.has_provider_data {
        "provider_data"
    } else {
        "jsonb_build_object('type', 'nextcloud', 'write_share_id', write_share_id, 'read_share_id', read_share_id)"
    };
    let sql = format!(
        "SELECT event_id, path, CAST({provider_data} AS TEXT) AS provider_data FROM event_shared_folders \
         WHERE event_id {} ORDER BY event_id {locking}",
        connection.is_among_ids(1)
    );
    each!(connection, c => diesel::sql_query(&sql).bind::<SqlIds, _>(events).load(c))
}

impl FolderRow {
    fn folder(&self) -> SharedFolder {
        let text = &self.provider_data;
        // What cannot be read is kept as it is: the provider refuses it, and the outbox can store it.
        let provider_data = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()));
        SharedFolder { path: self.path.clone(), provider_data }
    }
}
