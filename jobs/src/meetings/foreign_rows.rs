//! Rows of tables that upkeep does not know and that keep the database from deleting events or their rooms: looked for
//! before shared folders are removed, since the network cannot be rolled back.

use std::collections::BTreeMap;

use diesel::{QueryResult, QueryableByName, RunQueryDsl};
use uuid::Uuid;

use super::{event_removal, room_removal};
use crate::each;
use crate::kit::ForeignReferences;
use crate::platform::database::Requirement::{IfThere, Table};
use crate::platform::database::{Connection, Ids, Requirement, SqlIds, SqlUuid, Uid};

#[derive(QueryableByName)]
struct OwnRoom {
    #[diesel(sql_type = SqlUuid)]
    id: Uid,
    #[diesel(sql_type = SqlUuid)]
    room: Uid,
}

/// The rooms of events that no other event uses, and which would have to go with them.
const OWN_ROOMS: &str = "SELECT e.id, e.room FROM events e \
    WHERE NOT EXISTS (SELECT 1 FROM events o WHERE o.room = e.room AND o.id <> e.id) AND e.id";

/// Those of `events` that have to stay because of such rows, and why.
pub(super) fn keeping(connection: &mut Connection, events: &Ids) -> QueryResult<BTreeMap<Uuid, String>> {
    let of_events = |table: &str, column: &str| goes(&event_removal::REQUIRES, table, column);
    let of_rooms = |table: &str, column: &str| {
        goes(&room_removal::REQUIRES, table, column) || (table, column) == ("events", "room")
    };
    let to_events = ForeignReferences::find(connection, "events", of_events)?.that_forbid();
    let to_rooms = ForeignReferences::find(connection, "rooms", of_rooms)?.that_forbid();
    let mut kept = to_events.to(connection, events)?;
    if to_rooms.is_empty() {
        return Ok(kept);
    }
    let sql = format!("{OWN_ROOMS} {}", connection.is_among_ids(1));
    let own: Vec<OwnRoom> = each!(&mut *connection, c => diesel::sql_query(sql).bind::<SqlIds, _>(events).load(c))?;
    let referred = to_rooms.to(connection, &Ids(own.iter().map(|own| own.room.0).collect()))?;
    for OwnRoom { id, room } in own {
        if let Some(reason) = referred.get(&room.0) {
            kept.entry(id.0).or_insert_with(|| format!("its room {}: {reason}", room.0));
        }
    }
    Ok(kept)
}

/// Whether rows go by this column.
fn goes(tables: &[Requirement], table: &str, column: &str) -> bool {
    tables
        .iter()
        .any(|one| matches!(one, Table(name, [key, ..]) | IfThere(name, [key, ..]) if (*name, *key) == (table, column)))
}
