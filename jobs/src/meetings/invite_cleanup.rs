//! Deletes guest invites that nobody can use any more.
//!
//! Why: an invite is a way into a room. Expired and withdrawn ones are dead weight on every look-up, and in the old
//! schema generation they leave permissions behind for a guest who must not come back.
//!
//! Which: invites that are inactive, whenever they expire, and invites whose expiration lies before a point in time.
//! Active ones without an expiration stay. The room, its event and its other invites are not touched.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use diesel::QueryResult;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use super::permissions::{self, Of};
use super::schema::{self, Schema};
use super::{room_removal, rows};
use crate::kit::{Candidate, Candidates, Cleanup, Context, Held, Job, Nightly, Removal, Report, Step, clean_up};
use crate::platform::database::Requirement::Table;
use crate::platform::database::{Connection, Ids, Requirement};

/// Deletes guest invites that nobody can use any more.
pub struct InviteCleanup;

/// What an operator may set.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Parameters {
    /// Active invites that expired before this point in time, such as "2026-01-31T12:00:00+01:00", are deleted; null
    /// stands for the start of the run. Inactive invites are deleted whenever they expire.
    #[serde(deserialize_with = "point_in_time")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"), example = "2026-01-31T12:00:00+01:00")]
    expired_before: Option<DateTime<Utc>>,
}

/// Strictly what RFC 3339 allows: a time without its zone could mean anything.
fn point_in_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let read = |text: String| DateTime::parse_from_rfc3339(&text).map(|time| time.to_utc());
    text.map(read).transpose().map_err(serde::de::Error::custom)
}

impl Job for InviteCleanup {
    const NAME: &'static str = "invite-cleanup";
    const ABOUT: &'static str = "A job for cleaning up expired invites";
    const REMOVES: &'static str = "\
Guest invites that are inactive, and guest invites that expired before a given point in time, with the permissions they \
gave.";
    const KEEPS: &'static str = "\
Active invites without an expiration, or with one at or after that point in time; rooms and events; invitations of users \
and by e-mail.";
    const ORDER: &'static str = "\
First what earlier runs of other jobs left behind: stored objects and shared folders that could not be deleted. Then the \
invites, batch by batch, the oldest first: in one transaction the permissions that they gave and the invites.";
    const BESIDE_PLATFORM: &'static str = "\
Yes. Transactions are short, and a lock is waited for half a second at most. What the platform has locked is tried again \
at the end of the run, and is a failure if it still is locked. An invite that is good again when its turn comes stays.";
    const REQUIRES: &'static [&'static [Requirement]] =
        // Assets for the sample of objects: the outbox may hold other jobs' objects.
        &[&schema::REQUIRES, &INVITES, &permissions::REQUIRES, &[Table("assets", &["id", "size"])]];
    const SCHEDULE: Option<Nightly> =
        Some(Nightly::at(4, 25, "After the jobs that delete events and rooms with the invites to them."));
    type Parameters = Parameters;

    fn execute(context: &Context, parameters: Parameters) -> anyhow::Result<Report> {
        let before = match parameters.expired_before {
            Some(before) => before,
            None => {
                log::info!("expired_before is null, which stands for now");
                context.now
            }
        };
        context.looking_for("invites that are inactive or expired before", before);
        if before > context.now {
            context.report().warn("expired_before lies ahead: invites that are still good until then go as well");
        }
        let mut database = context.database_to_delete_in()?;
        let schema = Schema::of(&mut database)?;
        let candidates = Candidates {
            tables: "invites t",
            due: "NOT t.active OR t.expiration < $1",
            moment: next_microsecond(before),
        };
        clean_up(context, &mut database, &mut DeadInvites { candidates, schema })?;
        Ok(context.take_report())
    }
}

/// `time`, or if it lies between two microseconds, the later one: databases know none in between, so that exactly the
/// same lies before it.
fn next_microsecond(time: DateTime<Utc>) -> DateTime<Utc> {
    let whole = time.trunc_subsecs(6);
    if whole == time { time } else { whole + TimeDelta::microseconds(1) }
}

const INVITES: [Requirement; 1] = [Table("invites", &["id", "id_serial", "active", "expiration"])];

/// The invites that are inactive or have expired.
struct DeadInvites {
    candidates: Candidates,
    schema: Schema,
}

impl Cleanup for DeadInvites {
    const ITEM: (&'static str, &'static str) = ("invite", "invites");
    const NONE_DUE: Option<&'static str> = Some("No inactive or expired invites found");
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

    fn remove(&mut self, connection: &mut Connection, due: &[&Candidate], step: Step) -> QueryResult<Removal> {
        let Held { due, locked } = self.candidates.hold(connection, due, step)?;
        let invites = Ids(due);
        let permissions = permissions::remove(connection, &self.schema, &[(Of::Invites, &invites)], step)?;
        let mut rows = rows::remove(connection, &self.schema, &INVITES, &invites, step)?;
        if permissions > 0 {
            rows.insert(permissions::TABLE, permissions);
        }
        Ok(Removal { ids: invites.0, locked, rows, ..Removal::default() })
    }

    /// Invites own no objects; this is for those that other jobs left behind.
    fn sample_of_objects(&mut self, connection: &mut Connection, number: usize) -> QueryResult<Vec<String>> {
        room_removal::sample_of_objects(connection, number)
    }
}
