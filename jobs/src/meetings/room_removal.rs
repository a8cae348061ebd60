//! Removing rooms with everything that belongs to them.
//!
//! What goes: the room with its module resources, SIP configuration, streaming targets, guest invites, assets together
//! with the stored objects, and the permissions on all of these.

use diesel::sql_types::BigInt;
use diesel::{QueryResult, QueryableByName, RunQueryDsl};

use super::permissions::{self, Of};
use super::rows;
use super::schema::Schema;
use crate::each;
use crate::kit::{Removal, Step, StoredObject};
use crate::platform::database::Requirement::Table;
use crate::platform::database::{Connection, Id, Ids, Requirement, SqlIds, SqlUuid, Uid};

/// The tables and columns that the removal of rooms works on, the columns by which rows belong to a room first.
/// Children come before parents: foreign keys that do not cascade are satisfied, and ones that do find nothing left.
pub(crate) const REQUIRES: [Requirement; 7] = [
    Table("module_resources", &["room_id"]),
    Table("sip_configs", &["room"]),
    Table("room_streaming_targets", &["room_id"]),
    Table("invites", &["room", "id"]),
    Table("room_assets", &["room_id", "asset_id"]),
    Table("assets", &["id", "size"]),
    Table("rooms", &["id"]),
];

#[derive(QueryableByName)]
struct Asset {
    #[diesel(sql_type = SqlUuid)]
    id: Uid,
    #[diesel(sql_type = BigInt)]
    size: i64,
}

/// Removes `rooms`, which the caller has locked and found to be without events, or counts what would go with them.
pub(crate) fn remove(connection: &mut Connection, schema: &Schema, rooms: &Ids, step: Step) -> QueryResult<Removal> {
    remove_with(connection, schema, rooms, &[], step)
}

/// The same, with the permissions of what goes `also`: one rule may be about several things, and is counted once.
pub(crate) fn remove_with(
    connection: &mut Connection,
    schema: &Schema,
    rooms: &Ids,
    also: &[(Of, &Ids)],
    step: Step,
) -> QueryResult<Removal> {
    // With the rooms locked nothing can be linked to them any more, so these are all the assets and invites there will
    // be. With their links locked none can pass to another room, where it would be missed.
    let assets = assets(connection, rooms, step)?;
    let invites = if schema.has(permissions::TABLE) { invites(connection, rooms, step)? } else { Ids(Vec::new()) };
    let whose = [&[(Of::Rooms, rooms), (Of::Invites, &invites)], also].concat();
    let permissions = permissions::remove(connection, schema, &whose, step)?;
    let [of_rooms @ .., assets_table, rooms_table] = &REQUIRES;
    let asset_ids = Ids(assets.iter().map(|asset| asset.id.0).collect());
    let mut rows = rows::remove(connection, schema, of_rooms, rooms, step)?;
    rows.extend(rows::remove(connection, schema, &[*assets_table], &asset_ids, step)?);
    rows.extend(rows::remove(connection, schema, &[*rooms_table], rooms, step)?);
    if permissions > 0 {
        rows.insert(permissions::TABLE, permissions);
    }
    let objects =
        assets.iter().map(|asset| StoredObject { key: object_key(asset.id), bytes: asset.size.max(0) }).collect();
    Ok(Removal { ids: rooms.0.clone(), rows, objects, ..Removal::default() })
}

/// The keys of up to `number` assets of the platform, whichever, but rather of those that are known to have contents:
/// sync-storage-files sets the sizes of others to zero, whose objects are missing for good. Where the platform has
/// never filled in sizes, all are the same.
///
/// # Errors
/// When they cannot be read.
pub fn sample_of_objects(connection: &mut Connection, number: usize) -> QueryResult<Vec<String>> {
    let mut keys = Vec::new();
    for condition in ["size > 0", "size <= 0"] {
        let sql = format!("SELECT id FROM assets WHERE {condition} ORDER BY id LIMIT $1");
        let rest = i64::try_from(number - keys.len()).unwrap_or(i64::MAX);
        let assets: Vec<Id> = each!(&mut *connection, c => diesel::sql_query(sql).bind::<BigInt, _>(rest).load(c))?;
        keys.extend(assets.into_iter().map(|asset| object_key(asset.id)));
        if keys.len() >= number {
            break;
        }
    }
    Ok(keys)
}

/// Where the platform stores an asset.
pub(crate) fn object_key(asset: Uid) -> String {
    format!("assets/{}", asset.0.as_hyphenated())
}

fn assets(connection: &mut Connection, rooms: &Ids, step: Step) -> QueryResult<Vec<Asset>> {
    if rooms.0.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT a.id, a.size FROM room_assets r JOIN assets a ON a.id = r.asset_id WHERE r.room_id {} {}",
        connection.is_among_ids(1),
        if step == Step::Remove { connection.locking("FOR UPDATE OF r") } else { "" },
    );
    each!(connection, c => diesel::sql_query(&sql).bind::<SqlIds, _>(rooms).load(c))
}

fn invites(connection: &mut Connection, rooms: &Ids, step: Step) -> QueryResult<Ids> {
    if rooms.0.is_empty() {
        return Ok(Ids(Vec::new()));
    }
    let sql = format!(
        "SELECT id FROM invites WHERE room {} {}",
        connection.is_among_ids(1),
        if step == Step::Remove { connection.locking("FOR UPDATE") } else { "" },
    );
    let invites: Vec<Id> = each!(connection, c => diesel::sql_query(&sql).bind::<SqlIds, _>(rooms).load(c))?;
    Ok(Ids(invites.into_iter().map(|invite| invite.id.0).collect()))
}
