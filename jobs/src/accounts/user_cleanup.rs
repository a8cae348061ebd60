//! Deletes users whose accounts have been disabled for longer than the retention period.
//!
//! Why: an account that nobody may use any more is personal data without a purpose, and so is what its owner left
//! behind. The platform itself only disables accounts.
//!
//! Which: users of every tenant that were disabled long enough ago. What they created goes with them, what they did for
//! others is handed over, in three passes, because users refer to each other: first the events that any of these users
//! created, then their rooms that hold no event, last the users. Whoever then still has an event stays, too, so that
//! whatever is handed over to the creator of an event is in good hands.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::disabled_users::{self, DisabledUsers};
use super::kept_users::KeptUsers;
use super::owned_events::OwnedEvents;
use super::owned_rooms::OwnedRooms;
use super::user_removal;
use crate::kit::{Context, ForeignReferences, Job, Nightly, Report, clean_up_in_passes, days_before};
use crate::meetings::event_removal::{self, EventRemoval};
use crate::meetings::schema::{self, Schema};
use crate::meetings::{permissions, room_removal};
use crate::platform::Problem;
use crate::platform::database::Requirement;

/// Deletes users whose accounts have been disabled for longer than the retention period.
pub struct UserCleanup;

/// What an operator may set.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Parameters {
    /// Days since the user was disabled: users that were disabled at least so long ago are deleted. A day is 24 hours;
    /// 0, for all that are disabled, is refused unless --allow-affected names their number.
    #[schemars(example = 180)]
    days_since_user_has_been_disabled: u64,
    /// Whether an event is kept, with the user who created it, and the job fails, when its shared folder cannot be
    /// removed. Otherwise the event is deleted with a warning, and later runs try again to remove the folder.
    fail_on_shared_folder_deletion_error: bool,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { days_since_user_has_been_disabled: 30, fail_on_shared_folder_deletion_error: false }
    }
}

impl Parameters {
    fn cutoff(&self, now: DateTime<Utc>) -> Result<DateTime<Utc>, Problem> {
        days_before(now, self.days_since_user_has_been_disabled, "days_since_user_has_been_disabled")
    }
}

impl Job for UserCleanup {
    const NAME: &'static str = "user-cleanup";
    const ABOUT: &'static str = "A job for cleaning up users that were disabled at minimum a defined duration ago";
    const REMOVES: &'static str = "\
Users of all tenants that were disabled long enough ago, with the events they created, whatever their dates, and with \
their rooms that hold no event; with each of these all that belongs to it, shared folders and stored objects included. \
Also the invitations that these users received, their favourites and their memberships in groups.";
    const KEEPS: &'static str = "\
Groups; other people's events and rooms. What a deleted user did there passes to the owner and stays as it is: who \
changed an event last, who created or changed a guest invite, who created invitations, exceptions and module \
resources. A room with somebody else's event passes to that event's creator. A user stays whose event or room cannot \
be deleted, or to whom a table refers that upkeep does not know.";
    const ORDER: &'static str = "\
First what earlier runs left behind. Then three passes: the events that any of these users created, as with \
event-cleanup; their rooms that hold no event; the users. Of each batch of users, in one transaction, first what they \
did in other people's events and rooms passes to the owners, then their permissions, invitations, favourites and \
memberships go, last the users. Users that refer to each other therefore go in one run.";
    const BESIDE_PLATFORM: &'static str = "\
Yes. Transactions are short, a lock is waited for half a second at most, and nothing goes over the network while rows \
are locked. What the platform has locked is tried again at the end of each pass, and is a failure if it still is locked. \
A user who is enabled again stays, but what has gone by then is gone.";
    const REQUIRES: &'static [&'static [Requirement]] = &[
        &schema::REQUIRES,
        &user_removal::GO,
        &user_removal::PASS,
        &event_removal::REQUIRES,
        &room_removal::REQUIRES,
        &permissions::REQUIRES,
    ];
    const SCHEDULE: Option<Nightly> = Some(Nightly::at(
        3,
        25,
        "After keycloak-account-sync, by whose changes it goes, and before event-cleanup, which finds less to do.",
    ));
    type Parameters = Parameters;

    fn check(parameters: &Parameters, now: DateTime<Utc>) -> Result<(), Problem> {
        parameters.cutoff(now).map(drop)
    }

    fn execute(context: &Context, parameters: Parameters) -> anyhow::Result<Report> {
        let cutoff = parameters.cutoff(context.now)?;
        context.looking_for("users that were disabled at or before", cutoff);
        let mut database = context.database_to_delete_in()?;
        let schema = Schema::of(&mut database)?;
        if parameters.days_since_user_has_been_disabled == 0 {
            let due = database.read(|connection| disabled_users::number_due(connection, cutoff))?;
            match context.guard.permit_no_retention(due, "users") {
                Err(refusal) if context.is_dry_run() => {
                    context.report().warn(format!("A run would be refused: {refusal}"));
                }
                permitted => permitted?,
            }
        }
        // Also those that would let a user go: what went or changed along would be in no count and no dry run, and the
        // objects of such rows would be forgotten.
        let foreign =
            database.read(|connection| ForeignReferences::find(connection, "users", user_removal::is_known))?;
        let removal = EventRemoval::new(schema.clone(), parameters.fail_on_shared_folder_deletion_error);
        let schema = &schema;
        let mut kept = KeptUsers::default();
        clean_up_in_passes::<DisabledUsers>(context, &mut database, |passes| {
            let worked = passes
                .next(&mut OwnedEvents { cutoff, removal, kept: &mut kept })
                .and_then(|()| passes.next(&mut OwnedRooms { cutoff, schema, kept: &mut kept }))
                .and_then(|()| passes.next(&mut DisabledUsers { cutoff, schema, foreign, kept: &mut kept }));
            if worked.is_err() {
                kept.fail_all(context);
            }
            worked
        })?;
        Ok(context.take_report())
    }
}
