//! Deletes ad hoc events some time after they were created.
//!
//! Why: the platform makes an event for every meeting that is started on the spot. Nobody plans to come back to it, but
//! what was said and shared there stays.
//!
//! Which: events marked as ad hoc, by the time of their creation alone: whatever their dates, whoever created them.
//! What goes with an event is in [`super::event_removal`].

use chrono::TimeDelta;
use diesel::QueryResult;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::event_removal::{self, EventRemoval};
use super::schema::{self, Schema};
use super::{permissions, room_removal};
use crate::kit::{
    Candidate, Candidates, Cleanup, Context, Held, Job, Nightly, Preparation, Removal, Report, Step, Stores, clean_up,
};
use crate::platform::database::Requirement::Table;
use crate::platform::database::{Connection, Database, Ids, Requirement};

/// Deletes ad hoc events some time after they were created.
pub struct AdhocEventCleanup;

/// What an operator may set.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Parameters {
    /// Whether an event is kept, and the job fails, when its shared folder cannot be removed. Otherwise the event is
    /// deleted with a warning, and later runs try again to remove the folder.
    fail_on_shared_folder_deletion_error: bool,
    /// Seconds since the creation of an ad hoc event: those created at least so long ago are deleted. 0 stands for all
    /// that there are when the job starts.
    #[schemars(example = 604_800)]
    seconds_since_creation: u32,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { fail_on_shared_folder_deletion_error: false, seconds_since_creation: 86_400 }
    }
}

impl Job for AdhocEventCleanup {
    const NAME: &'static str = "adhoc-event-cleanup";
    const ABOUT: &'static str = "A job to cleanup adhoc events a certain duration after they were created";
    const REMOVES: &'static str = "\
Ad hoc events that were created long enough ago, whatever their dates and whoever created them. With each event goes all \
that belongs to it, as with event-cleanup.";
    const KEEPS: &'static str = "\
Events that are not ad hoc; rooms that another event uses; users, groups and tariffs.";
    const ORDER: &'static str = "As with event-cleanup: the events batch by batch, the oldest first.";
    const BESIDE_PLATFORM: &'static str = "\
Yes, as event-cleanup. Nobody is asked whether a meeting is still going on: one that lasts longer than \
`seconds_since_creation` loses its event and its room.";
    const REQUIRES: &'static [&'static [Requirement]] = &[
        &schema::REQUIRES,
        &[Table("events", &["id", "id_serial", "is_adhoc", "created_at"])],
        &event_removal::REQUIRES,
        &room_removal::REQUIRES,
        &permissions::REQUIRES,
    ];
    const SCHEDULE: Option<Nightly> = Some(Nightly::at(
        4,
        5,
        "Every night, so that nothing stays for more than a day longer than its parameters say.",
    ));
    type Parameters = Parameters;

    fn execute(context: &Context, parameters: Parameters) -> anyhow::Result<Report> {
        // A century and a third at most, which cannot leave the calendar.
        let cutoff = context.now - TimeDelta::seconds(parameters.seconds_since_creation.into());
        context.looking_for("ad hoc events that were created at or before", cutoff);
        let mut database = context.database_to_delete_in()?;
        let schema = Schema::of(&mut database)?;
        let candidates = Candidates {
            tables: "events t JOIN rooms r ON r.id = t.room",
            due: "t.is_adhoc AND t.created_at <= $1",
            moment: cutoff,
        };
        let removal = EventRemoval::new(schema, parameters.fail_on_shared_folder_deletion_error);
        clean_up(context, &mut database, &mut AdhocEvents { candidates, removal })?;
        Ok(context.take_report())
    }
}

/// The ad hoc events created at or before the cutoff.
struct AdhocEvents {
    candidates: Candidates,
    removal: EventRemoval,
}

impl Cleanup for AdhocEvents {
    const ITEM: (&'static str, &'static str) = ("event", "events");
    const NONE_DUE: Option<&'static str> = Some("No ad hoc events are due");
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

    fn prepare(
        &mut self,
        context: &Context,
        database: &mut Database,
        stores: &Stores,
        due: &[Candidate],
    ) -> anyhow::Result<Preparation> {
        let events: Vec<_> = due.iter().map(Candidate::id).collect();
        let candidates = self.candidates;
        self.removal.prepare(context, database, stores, &events, |connection, events, step| {
            let items: Vec<_> = due.iter().filter(|item| events.0.contains(&item.id())).collect();
            candidates.hold(connection, &items, step)
        })
    }

    fn remove(&mut self, connection: &mut Connection, due: &[&Candidate], step: Step) -> QueryResult<Removal> {
        let Held { due, locked } = self.candidates.hold(connection, due, step)?;
        let mut removal = self.removal.remove(connection, Ids(due), step)?;
        removal.locked.extend(locked);
        Ok(removal)
    }

    fn sample_of_objects(&mut self, connection: &mut Connection, number: usize) -> QueryResult<Vec<String>> {
        room_removal::sample_of_objects(connection, number)
    }

    fn folders_may_wait(&self) -> bool {
        self.removal.folders_may_wait()
    }
}
