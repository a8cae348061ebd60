//! Removing events with everything that belongs to them.
//!
//! What goes: the event, its dates, recurrence, exceptions, invitations, favourites, training parameters and shared
//! folder; its room, unless another event is held there, with the room's module resources, SIP configuration,
//! streaming targets, guest invites, and assets together with the stored objects.
//!
//! What stays: users, groups, tenants, tariffs, and rooms that another event uses.

use std::collections::BTreeMap;

use diesel::sql_types::BigInt;
use diesel::{QueryResult, QueryableByName, RunQueryDsl};

use super::event_folders::{self, SeenTo};
use crate::each;
use crate::kit::{Removal, Step, StoredObject};
use crate::platform::database::{Connection, Ids, Requirement, SqlIds, SqlUuid, Uid};

/// Tables and the column by which their rows belong to an event, children before parents: foreign keys that do not
/// cascade are satisfied, and ones that do find nothing left to do.
const OF_EVENTS: [(&str, &str); 9] = [
    ("event_shared_folders", "event_id"),
    ("event_training_participation_report_parameter_sets", "event_id"),
    ("event_favorites", "event_id"),
    ("event_email_invites", "event_id"),
    ("event_invites", "event_id"),
    ("event_exceptions", "event_id"),
    ("event_recurrences", "event_id"),
    ("event_dates", "event_id"),
    ("events", "id"),
];
/// The same for a room; its events are gone by then.
const OF_ROOMS: [(&str, &str); 5] = [
    ("module_resources", "room_id"),
    ("sip_configs", "room"),
    ("room_streaming_targets", "room_id"),
    ("invites", "room"),
    ("room_assets", "room_id"),
];
/// Last, when nothing refers to them any more.
const ASSETS: (&str, &str) = ("assets", "id");
const ROOMS: (&str, &str) = ("rooms", "id");

/// The tables and columns that the removal of events works on.
pub(super) const REQUIRES: [Requirement; 16] = [
    Requirement { table: "events", columns: &["id", "id_serial", "room"] },
    Requirement { table: "event_dates", columns: &["event_id"] },
    Requirement { table: "event_recurrences", columns: &["event_id"] },
    Requirement { table: "event_shared_folders", columns: &["event_id", "path", "provider_data"] },
    Requirement { table: "event_training_participation_report_parameter_sets", columns: &["event_id"] },
    Requirement { table: "event_favorites", columns: &["event_id"] },
    Requirement { table: "event_email_invites", columns: &["event_id"] },
    Requirement { table: "event_invites", columns: &["event_id"] },
    Requirement { table: "event_exceptions", columns: &["event_id"] },
    Requirement { table: "rooms", columns: &["id"] },
    Requirement { table: "module_resources", columns: &["room_id"] },
    Requirement { table: "sip_configs", columns: &["room"] },
    Requirement { table: "room_streaming_targets", columns: &["room_id"] },
    Requirement { table: "invites", columns: &["room"] },
    Requirement { table: "room_assets", columns: &["room_id", "asset_id"] },
    Requirement { table: "assets", columns: &["id", "size"] },
];

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = SqlUuid)]
    id: Uid,
}

#[derive(QueryableByName)]
struct Asset {
    #[diesel(sql_type = SqlUuid)]
    id: Uid,
    #[diesel(sql_type = BigInt)]
    size: i64,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// Removes `events`, which the caller has found to be due with their rows and those of their rooms locked, or counts
/// what would go with them. An event whose shared folder, as it is now, was not seen to is left alone and counts
/// as locked.
pub(super) fn remove(
    connection: &mut Connection,
    mut events: Ids,
    seen_to: &SeenTo,
    step: Step,
) -> QueryResult<Removal> {
    let mut locked = Vec::new();
    if step == Step::Remove {
        let unseen = event_folders::unseen(connection, &events, seen_to)?;
        events.0.retain(|event| !unseen.contains(event));
        locked.extend(unseen);
    }
    if events.0.is_empty() {
        return Ok(Removal { locked, ..Removal::default() });
    }
    let rooms = own_rooms(connection, &events)?;
    // With the rooms locked nothing can be linked to them any more, so these are all the assets there will be. With the
    // links locked none can pass to another room, where it would be missed.
    let assets = assets(connection, &rooms, step)?;
    let asset_ids = Ids(assets.iter().map(|asset| asset.id.0).collect());
    let mut rows = BTreeMap::new();
    for (tables, ids) in
        [(&OF_EVENTS[..], &events), (&OF_ROOMS[..], &rooms), (&[ASSETS][..], &asset_ids), (&[ROOMS][..], &rooms)]
    {
        for (table, column) in tables {
            let number = act(connection, table, column, ids, step)?;
            if number > 0 {
                rows.insert(*table, number);
            }
        }
    }
    let objects =
        assets.iter().map(|asset| StoredObject { key: object_key(asset.id), bytes: asset.size.max(0) }).collect();
    let shared_folders = rows.get("event_shared_folders").copied().unwrap_or(0);
    Ok(Removal { ids: events.0, locked, rows, objects, shared_folders })
}

/// The keys of up to `number` assets of the platform, whichever.
pub(super) fn sample_of_objects(connection: &mut Connection, number: usize) -> QueryResult<Vec<String>> {
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    let assets: Vec<Id> = each!(connection, c => {
        diesel::sql_query("SELECT id FROM assets ORDER BY id LIMIT $1").bind::<BigInt, _>(number).load(c)
    })?;
    Ok(assets.into_iter().map(|asset| object_key(asset.id)).collect())
}

/// Where the platform stores an asset.
fn object_key(asset: Uid) -> String {
    format!("assets/{}", asset.0.as_hyphenated())
}

/// The rooms of `events` that no other event uses. Their rows are locked, so that none can slip in: an event that refers
/// to a room needs a lock on it.
fn own_rooms(connection: &mut Connection, events: &Ids) -> QueryResult<Ids> {
    let sql = format!(
        "SELECT DISTINCT e.room AS id FROM events e WHERE e.id {among} AND NOT EXISTS \
             (SELECT 1 FROM events other WHERE other.room = e.room AND NOT other.id {among})",
        among = connection.is_among_ids(1)
    );
    let rooms: Vec<Id> = each!(connection, c => diesel::sql_query(&sql).bind::<SqlIds, _>(events).load(c))?;
    Ok(Ids(rooms.into_iter().map(|room| room.id.0).collect()))
}

fn assets(connection: &mut Connection, rooms: &Ids, step: Step) -> QueryResult<Vec<Asset>> {
    let sql = format!(
        "SELECT a.id, a.size FROM room_assets r JOIN assets a ON a.id = r.asset_id WHERE r.room_id {} {}",
        connection.is_among_ids(1),
        if step == Step::Remove { connection.locking("FOR UPDATE OF r") } else { "" },
    );
    each!(connection, c => diesel::sql_query(&sql).bind::<SqlIds, _>(rooms).load(c))
}

/// Counts or deletes the rows of `table` whose `column` is among `ids`; both by the same condition.
fn act(connection: &mut Connection, table: &str, column: &str, ids: &Ids, step: Step) -> QueryResult<u64> {
    if ids.0.is_empty() {
        return Ok(0);
    }
    let rows = format!("FROM {table} WHERE {column} {}", connection.is_among_ids(1));
    match step {
        Step::Count => {
            let sql = format!("SELECT count(*) AS number {rows}");
            let found: Number = each!(connection, c => diesel::sql_query(&sql).bind::<SqlIds, _>(ids).get_result(c))?;
            Ok(found.number.unsigned_abs())
        }
        Step::Remove => {
            let sql = format!("DELETE {rows}");
            let gone = each!(connection, c => diesel::sql_query(&sql).bind::<SqlIds, _>(ids).execute(c))?;
            Ok(gone as u64)
        }
    }
}
