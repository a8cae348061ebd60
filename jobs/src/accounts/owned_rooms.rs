//! The rooms of users who are about to go that hold no event. Their age does not matter: nobody is about to plan an
//! event in the room of a disabled user.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use diesel::sql_types::BigInt;
use diesel::{QueryResult, QueryableByName, RunQueryDsl};
use uuid::Uuid;

use super::kept_users::KeptUsers;
use crate::each;
use crate::kit::{Candidates, Cleanup, Context, Removal, Step};
use crate::meetings::room_removal;
use crate::meetings::schema::Schema;
use crate::platform::database::{Connection, Id, Ids, Instant, SqlIds, SqlInstant, SqlUuid, Uid};

/// A room, and the user who created it.
#[derive(Debug, Clone, QueryableByName)]
pub(super) struct OwnedRoom {
    #[diesel(sql_type = SqlUuid)]
    id: Uid,
    #[diesel(sql_type = SqlUuid)]
    owner: Uid,
}

/// The rooms without an event of users that were disabled at or before the cutoff.
pub(super) struct OwnedRooms<'a> {
    pub(super) schema: &'a Schema,
    pub(super) cutoff: DateTime<Utc>,
    pub(super) kept: &'a mut KeptUsers,
}

impl Cleanup for OwnedRooms<'_> {
    const ITEM: (&'static str, &'static str) = ("room", "rooms");
    const COUNTS: bool = false;
    const OWNS_OBJECTS: bool = true;
    type Row = OwnedRoom;

    fn page(
        &mut self,
        connection: &mut Connection,
        after: Option<&OwnedRoom>,
        limit: usize,
    ) -> QueryResult<Vec<OwnedRoom>> {
        let sql = format!(
            "SELECT r.id, r.created_by AS owner FROM rooms r JOIN users u ON u.id = r.created_by \
             WHERE u.disabled_since <= $1 AND r.id {} $2 AND NOT EXISTS (SELECT 1 FROM events e WHERE e.room = r.id) \
             ORDER BY r.id LIMIT $3",
            if after.is_some() { ">" } else { ">=" }
        );
        each!(connection, c => {
            diesel::sql_query(&sql)
                .bind::<SqlInstant, _>(Instant(self.cutoff))
                .bind::<SqlUuid, _>(Uid(after.map_or(Uuid::nil(), |last| last.id.0)))
                .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
                .load(c)
        })
    }

    fn total(&mut self, connection: &mut Connection) -> QueryResult<Option<u64>> {
        let tables = "rooms r JOIN users u ON u.id = r.created_by";
        let due = "u.disabled_since <= $1 AND NOT EXISTS (SELECT 1 FROM events e WHERE e.room = r.id)";
        Candidates { tables, due, moment: self.cutoff }.number(connection).map(Some)
    }

    fn key(row: &OwnedRoom) -> Uuid {
        row.id.0
    }

    fn remove(&mut self, connection: &mut Connection, due: &[&OwnedRoom], step: Step) -> QueryResult<Removal> {
        let rooms = Ids(due.iter().map(|row| row.id.0).collect());
        let mut at_hand = Ids(due_among(connection, &rooms, self.cutoff, step)?);
        let found: BTreeSet<_> = at_hand.0.iter().copied().collect();
        if step == Step::Remove {
            // What was committed before the locks were taken is only seen by a statement that begins afterwards.
            let in_use = in_use(connection, &at_hand)?;
            at_hand.0.retain(|room| !in_use.contains(room));
        }
        let mut removal = room_removal::remove(connection, self.schema, &at_hand, step)?;
        let others = Ids(rooms.0.into_iter().filter(|room| !found.contains(room)).collect());
        if !others.0.is_empty() {
            removal.locked.extend(due_among(connection, &others, self.cutoff, Step::Count)?);
        }
        Ok(removal)
    }

    fn stays(&mut self, _: &Context, row: &OwnedRoom, reason: String) {
        self.kept.note(row.owner.0, format_args!("room {}", row.id.0), &reason);
    }

    fn sample_of_objects(&mut self, connection: &mut Connection, number: usize) -> QueryResult<Vec<String>> {
        room_removal::sample_of_objects(connection, number)
    }
}

/// Those of `rooms` that hold no event and whose creators are due.
///
/// When removing, the rows of the rooms are locked, which keeps events and anything else from being attached to them,
/// and their creators cannot be enabled any more; rooms of which one of these rows is locked already are left out.
fn due_among(connection: &mut Connection, rooms: &Ids, cutoff: DateTime<Utc>, step: Step) -> QueryResult<Vec<Uuid>> {
    let sql = format!(
        "SELECT r.id FROM rooms r JOIN users u ON u.id = r.created_by WHERE r.id {} AND u.disabled_since <= $2 \
         AND NOT EXISTS (SELECT 1 FROM events e WHERE e.room = r.id) ORDER BY r.id {}",
        connection.is_among_ids(1),
        match step {
            Step::Count => "",
            Step::Remove => connection.locking("FOR UPDATE OF r SKIP LOCKED FOR SHARE OF u SKIP LOCKED"),
        },
    );
    let rows: Vec<Id> = each!(connection, c => {
        diesel::sql_query(&sql).bind::<SqlIds, _>(rooms).bind::<SqlInstant, _>(Instant(cutoff)).load(c)
    })?;
    Ok(rows.into_iter().map(|row| row.id.0).collect())
}

/// Those of `rooms` that hold an event.
fn in_use(connection: &mut Connection, rooms: &Ids) -> QueryResult<BTreeSet<Uuid>> {
    let sql = format!("SELECT room AS id FROM events WHERE room {}", connection.is_among_ids(1));
    let rows: Vec<Id> = each!(connection, c => diesel::sql_query(&sql).bind::<SqlIds, _>(rooms).load(c))?;
    Ok(rows.into_iter().map(|row| row.id.0).collect())
}
