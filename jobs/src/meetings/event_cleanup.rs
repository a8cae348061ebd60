//! Deletes events that are over for longer than the retention period.
//!
//! Why: invitations, chats, recordings and shared files of past meetings are personal data that may be kept only for
//! so long. The platform itself never deletes them.
//!
//! Which: single events by their end; series by the end of their last occurrence, computed from the rule, since the
//! stored end of a series is the start of its last occurrence or a date a century ahead. Whoever created them.
//! What goes with an event is in [`super::event_removal`].

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::event_removal::{self, EventRemoval};
use super::schedule::{self, End, Schedule};
use super::schema::{self, Schema};
use super::{permissions, room_removal};
use crate::kit::{
    Cleanup, Context, Due, Held, Job, Nightly, Preparation, Removal, Report, Step, Stores, clean_up, days_before,
};
use crate::platform::Problem;
use crate::platform::database::{Connection, Database, Ids, Requirement};

/// Deletes events that are over for longer than the retention period.
pub struct EventCleanup;

/// What an operator may set.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Parameters {
    /// Days since the end of the event, or of the last occurrence of a series: events that ended at least so long ago
    /// are deleted. A day is 24 hours.
    #[schemars(range(min = 1), example = 90)]
    days_since_last_occurrence: u64,
    /// Whether an event is kept, and the job fails, when its shared folder cannot be removed. Otherwise the event is
    /// deleted with a warning, and later runs try again to remove the folder.
    fail_on_shared_folder_deletion_error: bool,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { days_since_last_occurrence: 30, fail_on_shared_folder_deletion_error: false }
    }
}

impl Parameters {
    fn cutoff(&self, now: DateTime<Utc>) -> Result<DateTime<Utc>, Problem> {
        days_before(now, self.days_since_last_occurrence, "days_since_last_occurrence")
    }
}

impl Job for EventCleanup {
    const NAME: &'static str = "event-cleanup";
    const ABOUT: &'static str = "A job for cleaning up events that ended at minimum a defined duration ago";
    const REMOVES: &'static str = "\
Events whose end, or the end of the last occurrence of their series, is long enough ago, whoever created them. With \
each event go its dates, recurrence, exceptions, invitations, favourites, training parameters and shared folder, and \
its room with module resources, SIP configuration, streaming targets, guest invites and assets, the stored objects \
included; in the old generation also the permissions on all of these.";
    const KEEPS: &'static str = "\
Events without dates; series without an end; series whose rule or time zone cannot be read (with a warning); rooms \
that another event uses; events to which a table refers that upkeep does not know; users, groups and tariffs.";
    const ORDER: &'static str = "\
First what earlier runs left behind: stored objects and shared folders that could not be deleted. Then the events, \
batch by batch, the oldest first. Of each batch first the shared folders, at their provider, of the events that are \
still due and that nobody has locked; then, in one transaction, everything that belongs to the events, the events and \
their rooms, while the keys of the stored objects are written down; last the objects. A key is struck off when the \
store has confirmed, so that after a crash the next run finishes the work.";
    const BESIDE_PLATFORM: &'static str = "\
Yes. Transactions are short, a lock is waited for half a second at most, and nothing goes over the network while rows \
are locked. What the platform has locked is tried again at the end of the run, and is a failure if it still is locked. An \
event that is no longer due when its turn comes stays; if its shared folder has gone by then, that is said.";
    const REQUIRES: &'static [&'static [Requirement]] = &[
        &schema::REQUIRES,
        &schedule::REQUIRES,
        &event_removal::REQUIRES,
        &room_removal::REQUIRES,
        &permissions::REQUIRES,
    ];
    const SCHEDULE: Option<Nightly> =
        Some(Nightly::at(3, 45, "When few meetings take place: of all jobs it may have most to do."));
    type Parameters = Parameters;

    fn check(parameters: &Parameters, now: DateTime<Utc>) -> Result<(), Problem> {
        parameters.cutoff(now).map(drop)
    }

    fn execute(context: &Context, parameters: Parameters) -> anyhow::Result<Report> {
        let cutoff = parameters.cutoff(context.now)?;
        context.looking_for("events that ended at or before", cutoff);
        let mut database = context.database_to_delete_in()?;
        let schema = Schema::of(&mut database)?;
        let removal = EventRemoval::new(schema.clone(), parameters.fail_on_shared_folder_deletion_error);
        clean_up(context, &mut database, &mut EndedEvents { cutoff, schema, removal })?;
        Ok(context.take_report())
    }
}

/// The events that ended at or before the cutoff.
struct EndedEvents {
    cutoff: DateTime<Utc>,
    schema: Schema,
    removal: EventRemoval,
}

impl Cleanup for EndedEvents {
    const ITEM: (&'static str, &'static str) = ("event", "events");
    const OWNS_OBJECTS: bool = true;
    type Row = Schedule;

    fn page(
        &mut self,
        connection: &mut Connection,
        after: Option<&Schedule>,
        limit: usize,
    ) -> QueryResult<Vec<Schedule>> {
        schedule::page(connection, &self.schema, after, limit)
    }

    fn total(&mut self, connection: &mut Connection) -> QueryResult<Option<u64>> {
        schedule::number(connection, &self.schema).map(Some)
    }

    fn key(row: &Schedule) -> Uuid {
        row.event
    }

    fn judge(&self, row: &Schedule) -> Due {
        match row.end(self.cutoff) {
            End::Past => Due::Now,
            End::Ahead => Due::NotYet,
            End::Unclear(reason) => Due::Unclear(reason),
        }
    }

    fn prepare(
        &mut self,
        context: &Context,
        database: &mut Database,
        stores: &Stores,
        due: &[Schedule],
    ) -> anyhow::Result<Preparation> {
        let events: Vec<_> = due.iter().map(|row| row.event).collect();
        let (cutoff, schema) = (self.cutoff, &self.schema);
        self.removal.prepare(context, database, stores, &events, |connection, events, step| {
            hold(connection, schema, cutoff, events, due, step)
        })
    }

    fn remove(&mut self, connection: &mut Connection, due: &[&Schedule], step: Step) -> QueryResult<Removal> {
        let events = Ids(due.iter().map(|row| row.event).collect());
        let Held { due, locked } = hold(connection, &self.schema, self.cutoff, &events, due.iter().copied(), step)?;
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

/// Those of `events` that are over at `cutoff`, with their rows locked when they are to be removed, and those that
/// somebody else has locked.
fn hold<'a>(
    connection: &mut Connection,
    schema: &Schema,
    cutoff: DateTime<Utc>,
    events: &Ids,
    judged: impl IntoIterator<Item = &'a Schedule>,
    step: Step,
) -> QueryResult<Held> {
    let rows = schedule::of(connection, schema, events, step)?;
    let due = still_past(cutoff, &rows, judged);
    let at_hand: BTreeSet<_> = rows.iter().map(|row| row.event).collect();
    let others = Ids(events.0.iter().filter(|event| !at_hand.contains(event)).copied().collect());
    let locked = if others.0.is_empty() { Vec::new() } else { schedule::existing(connection, schema, &others)? };
    Ok(Held { due, locked })
}

/// The events of `rows` that are over at `cutoff`. A schedule that is as it was `judged` need not be worked out again,
/// which may take long, while locks are held; one that changed meanwhile is.
fn still_past<'a>(
    cutoff: DateTime<Utc>,
    rows: &[Schedule],
    judged: impl IntoIterator<Item = &'a Schedule>,
) -> Vec<Uuid> {
    let judged: BTreeMap<_, _> = judged.into_iter().map(|row| (row.event, row)).collect();
    let past = rows.iter().filter(|row| judged.get(&row.event) == Some(row) || row.end(cutoff) == End::Past);
    past.map(|row| row.event).collect()
}
