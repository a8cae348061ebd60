//! The events that users created who are about to go. Dates do not matter, nor in whose room they are held.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use diesel::sql_types::BigInt;
use diesel::{QueryResult, QueryableByName, RunQueryDsl};
use uuid::Uuid;

use super::kept_users::KeptUsers;
use crate::each;
use crate::kit::{Candidates, Cleanup, Context, Held, Preparation, Removal, Step, Stores};
use crate::meetings::event_removal::EventRemoval;
use crate::meetings::room_removal;
use crate::platform::database::{Connection, Database, Id, Ids, Instant, SqlIds, SqlInstant, SqlUuid, Uid};

/// An event, and the user who created it.
#[derive(Debug, Clone, QueryableByName)]
pub(super) struct OwnedEvent {
    #[diesel(sql_type = SqlUuid)]
    id: Uid,
    /// Its number in the order of creation.
    #[diesel(sql_type = BigInt)]
    id_serial: i64,
    #[diesel(sql_type = SqlUuid)]
    owner: Uid,
}

/// The events of users that were disabled at or before the cutoff.
pub(super) struct OwnedEvents<'a> {
    pub(super) cutoff: DateTime<Utc>,
    pub(super) removal: EventRemoval,
    pub(super) kept: &'a mut KeptUsers,
}

impl Cleanup for OwnedEvents<'_> {
    const ITEM: (&'static str, &'static str) = ("event", "events");
    const COUNTS: bool = false;
    const OWNS_OBJECTS: bool = true;
    type Row = OwnedEvent;

    /// In the order of creation, for the reason that event-cleanup has.
    fn page(
        &mut self,
        connection: &mut Connection,
        after: Option<&OwnedEvent>,
        limit: usize,
    ) -> QueryResult<Vec<OwnedEvent>> {
        let sql = "SELECT e.id, e.id_serial, e.created_by AS owner FROM events e JOIN users u ON u.id = e.created_by \
                   WHERE u.disabled_since <= $1 AND (e.id_serial, e.id) > ($2, $3) ORDER BY e.id_serial, e.id LIMIT $4";
        each!(connection, c => {
            diesel::sql_query(sql)
                .bind::<SqlInstant, _>(Instant(self.cutoff))
                .bind::<BigInt, _>(after.map_or(i64::MIN, |last| last.id_serial))
                .bind::<SqlUuid, _>(Uid(after.map_or(Uuid::nil(), |last| last.id.0)))
                .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
                .load(c)
        })
    }

    fn total(&mut self, connection: &mut Connection) -> QueryResult<Option<u64>> {
        let tables = "events e JOIN users u ON u.id = e.created_by";
        Candidates { tables, due: "u.disabled_since <= $1", moment: self.cutoff }.number(connection).map(Some)
    }

    fn key(row: &OwnedEvent) -> Uuid {
        row.id.0
    }

    fn prepare(
        &mut self,
        context: &Context,
        database: &mut Database,
        stores: &Stores,
        due: &[OwnedEvent],
    ) -> anyhow::Result<Preparation> {
        let (events, cutoff): (Vec<_>, _) = (due.iter().map(|row| row.id.0).collect(), self.cutoff);
        self.removal.prepare(context, database, stores, &events, |connection, events, step| {
            hold(connection, events, cutoff, step)
        })
    }

    fn remove(&mut self, connection: &mut Connection, due: &[&OwnedEvent], step: Step) -> QueryResult<Removal> {
        let events = Ids(due.iter().map(|row| row.id.0).collect());
        let Held { due, locked } = hold(connection, &events, self.cutoff, step)?;
        let mut removal = self.removal.remove(connection, Ids(due), step)?;
        removal.locked.extend(locked);
        Ok(removal)
    }

    fn stays(&mut self, _: &Context, row: &OwnedEvent, reason: String) {
        self.kept.note(row.owner.0, format_args!("event {}", row.id.0), &reason);
    }

    fn sample_of_objects(&mut self, connection: &mut Connection, number: usize) -> QueryResult<Vec<String>> {
        room_removal::sample_of_objects(connection, number)
    }

    fn folders_may_wait(&self) -> bool {
        self.removal.folders_may_wait()
    }
}

/// Those of `events` whose creators are due, and those of which somebody else has locked a row.
fn hold(connection: &mut Connection, events: &Ids, cutoff: DateTime<Utc>, step: Step) -> QueryResult<Held> {
    let due = due_among(connection, events, cutoff, step)?;
    let found: BTreeSet<_> = due.iter().collect();
    let others = Ids(events.0.iter().filter(|event| !found.contains(event)).copied().collect());
    let locked = if others.0.is_empty() { Vec::new() } else { due_among(connection, &others, cutoff, Step::Count)? };
    Ok(Held { due, locked })
}

/// Those of `events` whose creators are due.
///
/// When removing, the rows of the events and of their rooms are locked, which also keeps anything from being attached
/// to them, and their creators cannot be enabled any more; events of which one of these rows is locked already are left
/// out.
fn due_among(connection: &mut Connection, events: &Ids, cutoff: DateTime<Utc>, step: Step) -> QueryResult<Vec<Uuid>> {
    let sql = format!(
        "SELECT e.id FROM events e JOIN rooms r ON r.id = e.room JOIN users u ON u.id = e.created_by \
         WHERE e.id {} AND u.disabled_since <= $2 ORDER BY e.id {}",
        connection.is_among_ids(1),
        match step {
            Step::Count => "",
            Step::Remove => connection.locking("FOR UPDATE OF e, r SKIP LOCKED FOR SHARE OF u SKIP LOCKED"),
        },
    );
    let rows: Vec<Id> = each!(connection, c => {
        diesel::sql_query(&sql).bind::<SqlIds, _>(events).bind::<SqlInstant, _>(Instant(cutoff)).load(c)
    })?;
    Ok(rows.into_iter().map(|row| row.id.0).collect())
}
