//! Removing events with everything that belongs to them.
//!
//! What goes: the event, its dates, recurrence, exceptions, invitations, favourites, training parameters, shared folder
//! and permissions; and its room, unless another event is held there, as [`super::room_removal`] tells.
//!
//! What stays: users, groups, tenants, tariffs, and rooms that another event uses.

use std::collections::BTreeSet;

use diesel::{QueryResult, RunQueryDsl};
use uuid::Uuid;

use super::event_folders::{self, SeenTo};
use super::permissions::{self, Of};
use super::schema::Schema;
use super::{room_removal, rows};
use crate::each;
use crate::kit::{Context, Held, Preparation, Removal, Step, Stores};
use crate::platform::database::Requirement::{IfThere, Table};
use crate::platform::database::{Connection, Database, Id, Ids, Requirement, SqlIds};

/// The tables and columns that the removal of events works on, apart from their rooms and permissions; the columns by
/// which rows belong to an event first. Children come before parents: foreign keys that do not cascade are satisfied,
/// and ones that do find nothing left to do.
pub(crate) const REQUIRES: [Requirement; 9] = [
    Table("event_shared_folders", &["event_id", "path"]),
    Table("event_training_participation_report_parameter_sets", &["event_id"]),
    Table("event_favorites", &["event_id"]),
    Table("event_email_invites", &["event_id"]),
    Table("event_invites", &["event_id"]),
    Table("event_exceptions", &["event_id"]),
    IfThere("event_recurrences", &["event_id"]),
    IfThere("event_dates", &["event_id"]),
    Table("events", &["id", "id_serial", "room"]),
];

/// The removal of events in one run.
pub(crate) struct EventRemoval {
    schema: Schema,
    failure_keeps_event: bool,
    /// The folders of the batch in hand that have been seen to.
    seen_to: SeenTo,
    /// In a dry run: events that would be gone by now, as far as they share their room with others.
    would_be_gone: BTreeSet<Uuid>,
}

impl EventRemoval {
    /// With `failure_keeps_event`, an event whose shared folder cannot be removed stays, and ends the run.
    pub(crate) fn new(schema: Schema, failure_keeps_event: bool) -> Self {
        Self { schema, failure_keeps_event, seen_to: SeenTo::new(), would_be_gone: BTreeSet::new() }
    }

    /// See [`crate::kit::Cleanup::folders_may_wait`].
    pub(crate) fn folders_may_wait(&self) -> bool {
        !self.failure_keeps_event
    }

    /// Removes the shared folders of the first events in `due`, outside any transaction; `hold` tells which of the given
    /// events are due at this moment, and which of these are locked.
    ///
    /// # Errors
    /// When the run has to end.
    pub(crate) fn prepare(
        &mut self,
        context: &Context,
        database: &mut Database,
        stores: &Stores,
        due: &[Uuid],
        hold: impl FnMut(&mut Connection, &Ids, Step) -> QueryResult<Held>,
    ) -> anyhow::Result<Preparation> {
        let keeps = self.failure_keeps_event;
        let (preparation, seen_to) = event_folders::remove(context, database, &self.schema, stores, due, keeps, hold)?;
        self.seen_to = seen_to;
        Ok(preparation)
    }

    /// Removes `events`, which the caller has found to be due with their rows and those of their rooms locked, or
    /// counts what would go with them. An event whose shared folder, as it is now, was not seen to is left alone and
    /// counts as locked.
    ///
    /// # Errors
    /// The database's.
    pub(crate) fn remove(&mut self, connection: &mut Connection, mut events: Ids, step: Step) -> QueryResult<Removal> {
        let mut locked = Vec::new();
        if step == Step::Remove {
            let unseen = event_folders::unseen(connection, &self.schema, &events, &self.seen_to)?;
            events.0.retain(|event| !unseen.contains(event));
            locked.extend(unseen);
        }
        if events.0.is_empty() {
            return Ok(Removal { locked, ..Removal::default() });
        }
        // In a dry run earlier batches have only been looked at, but in a run they would be gone by now. This one may
        // be among them: a look that the database breaks off is repeated.
        let at_hand: BTreeSet<_> = events.0.iter().copied().collect();
        let gone_before = Ids(self.would_be_gone.difference(&at_hand).copied().collect());
        let rooms = self.own_rooms(connection, &events, &gone_before, step)?;
        let mut rows = rows::remove(connection, &self.schema, &REQUIRES, &events, step)?;
        let shared_folders = rows.get("event_shared_folders").copied().unwrap_or(0);
        let also = [(Of::Events, &events), (Of::Events, &gone_before)];
        let of_rooms = room_removal::remove_with(connection, &self.schema, &rooms, &also, step)?;
        rows.extend(of_rooms.rows);
        // The permissions on those have been counted with them; a guest of their room may have had some.
        let counted = permissions::remove(connection, &self.schema, &also[1..], step)?;
        if counted > 0
            && let Some(number) = rows.get_mut(permissions::TABLE)
        {
            *number = number.saturating_sub(counted);
        }
        Ok(Removal { ids: events.0, locked, rows, objects: of_rooms.objects, shared_folders, ..Removal::default() })
    }

    /// The rooms of `events` that no other event uses. Their rows are locked, so that none can slip in: an event that
    /// refers to a room needs a lock on it.
    fn own_rooms(
        &mut self,
        connection: &mut Connection,
        events: &Ids,
        gone_before: &Ids,
        step: Step,
    ) -> QueryResult<Ids> {
        let gone = Ids(events.0.iter().chain(&gone_before.0).copied().collect());
        // By way of the rooms, of which there are few: to look for other events would mean to look at all of them.
        let sql = format!(
            "SELECT e.room AS id FROM events e WHERE e.room IN (SELECT room FROM events WHERE id {}) \
             GROUP BY e.room HAVING count(*) = count(CASE WHEN e.id {} THEN 1 END)",
            connection.is_among_ids(1),
            connection.is_among_ids(2),
        );
        let rooms = ids(connection, sql, events, &gone)?;
        if step == Step::Count {
            let (among, own) = (connection.is_among_ids(1), connection.is_among_ids(2));
            let sql = format!("SELECT id FROM events WHERE id {among} AND NOT room {own}");
            self.would_be_gone.extend(ids(connection, sql, events, &rooms)?.0);
        }
        Ok(rooms)
    }
}

fn ids(connection: &mut Connection, sql: String, first: &Ids, second: &Ids) -> QueryResult<Ids> {
    let rows: Vec<Id> = each!(connection, c => {
        diesel::sql_query(sql).bind::<SqlIds, _>(first).bind::<SqlIds, _>(second).load(c)
    })?;
    Ok(Ids(rows.into_iter().map(|row| row.id.0).collect()))
}
