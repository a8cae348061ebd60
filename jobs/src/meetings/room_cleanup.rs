//! Deletes rooms in which nothing can take place any more.
//!
//! Why: the platform makes a room for every event and keeps it when the event goes another way than through upkeep.
//! Nobody sees such a room again, but its recordings, chats and guest invites stay.
//!
//! Which: rooms without any event that are older than `[safety] room_minimum_age`, whoever created them. What goes with
//! a room is in [`super::room_removal`].

use diesel::QueryResult;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::schema::{self, Schema};
use super::{permissions, room_removal};
use crate::kit::{Candidate, Candidates, Cleanup, Context, Held, Job, Nightly, Removal, Report, Step, clean_up};
use crate::platform::database::Requirement::Table;
use crate::platform::database::{Connection, Ids, Requirement};

/// Deletes rooms in which nothing can take place any more.
pub struct RoomCleanup;

/// What an operator may set.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Parameters {
    /// Whether shared folders that earlier runs left behind, and that still cannot be removed, are failures. Otherwise
    /// they are warnings. Rooms themselves have no shared folders.
    #[schemars(example = true)]
    fail_on_shared_folder_deletion_error: bool,
}

impl Job for RoomCleanup {
    const NAME: &'static str = "room-cleanup";
    const ABOUT: &'static str = "A job to remove all rooms that have no event associated with them";
    const REMOVES: &'static str = "\
Rooms without any event, whoever created them. With each room go its module resources, SIP configuration, streaming \
targets, guest invites and assets, the stored objects included; in the old generation also the permissions on all of \
these.";
    const KEEPS: &'static str = "\
Rooms with an event, also one that appears while the job is at work; rooms that are not older than `room_minimum_age` in \
the [safety] section of the configuration; users and tariffs.";
    const ORDER: &'static str = "\
First what earlier runs left behind: stored objects and shared folders that could not be deleted. Then the rooms, batch \
by batch, the oldest first. Of each batch first, in one transaction, everything that belongs to the rooms and the \
rooms, while the keys of the stored objects are written down; then the objects. A key is struck off when the store has \
confirmed, so that after a crash the next run finishes the work.";
    const BESIDE_PLATFORM: &'static str = "\
Yes, if `room_minimum_age` is longer than a room may be without its event: a room that the platform has just made, and \
one that is used without an event, goes like any other. Transactions are short, a lock is waited for half a second at \
most, and nothing goes over the network while rows are locked. What the platform has locked is tried again at the end of \
the run, and is a failure if it still is locked.";
    const REQUIRES: &'static [&'static [Requirement]] = &[
        &schema::REQUIRES,
        &[Table("rooms", &["id", "id_serial", "created_at"]), Table("events", &["room"])],
        &room_removal::REQUIRES,
        &permissions::REQUIRES,
    ];
    const SCHEDULE: Option<Nightly> = Some(Nightly::at(
        4,
        45,
        "After all jobs that delete events: the rooms these leave behind go in the same night.",
    ));
    type Parameters = Parameters;

    fn execute(context: &Context, parameters: Parameters) -> anyhow::Result<Report> {
        let created_before = context.now - context.guard.room_minimum_age;
        context.looking_for("rooms without an event that were created before", created_before);
        let mut database = context.database_to_delete_in()?;
        let schema = Schema::of(&mut database)?;
        let candidates = Candidates {
            tables: "rooms t",
            due: "t.created_at < $1 AND NOT EXISTS (SELECT 1 FROM events e WHERE e.room = t.id)",
            moment: created_before,
        };
        let failure_is_warning = !parameters.fail_on_shared_folder_deletion_error;
        clean_up(context, &mut database, &mut OrphanedRooms { candidates, schema, failure_is_warning })?;
        Ok(context.take_report())
    }
}

/// The rooms without an event.
struct OrphanedRooms {
    candidates: Candidates,
    schema: Schema,
    failure_is_warning: bool,
}

impl Cleanup for OrphanedRooms {
    const ITEM: (&'static str, &'static str) = ("room", "rooms");
    const NONE_DUE: Option<&'static str> = Some("No orphaned rooms found");
    const OWNS_OBJECTS: bool = true;
    const WINDOW: usize = Candidates::WINDOW;
    type Row = Candidate;

    fn page(
        &mut self,
        connection: &mut Connection,
        after: Option<&Candidate>,
        limit: usize,
    ) -> QueryResult<Vec<Candidate>> {
        self.candidates.page(connection, after, limit)
    }

    fn total(&mut self, connection: &mut Connection) -> QueryResult<Option<u64>> {
        self.candidates.number(connection).map(Some)
    }

    fn key(row: &Candidate) -> Uuid {
        row.id()
    }

    /// An event needs a lock on the room that it is to be held in. With the room locked none can come, and one that
    /// came in time is seen.
    fn remove(&mut self, connection: &mut Connection, due: &[&Candidate], step: Step) -> QueryResult<Removal> {
        let Held { due, locked } = self.candidates.hold(connection, due, step)?;
        let removal = room_removal::remove(connection, &self.schema, &Ids(due), step)?;
        Ok(Removal { locked, ..removal })
    }

    fn sample_of_objects(&mut self, connection: &mut Connection, number: usize) -> QueryResult<Vec<String>> {
        room_removal::sample_of_objects(connection, number)
    }

    fn folders_may_wait(&self) -> bool {
        self.failure_is_warning
    }
}
