//! The users who are about to go, when their events and rooms have gone.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use diesel::sql_types::BigInt;
use diesel::{QueryResult, QueryableByName, RunQueryDsl};
use uuid::Uuid;

use super::kept_users::KeptUsers;
use super::user_removal;
use crate::each;
use crate::kit::{Cleanup, Context, Due, ForeignReferences, Removal, Step};
use crate::meetings::schema::Schema;
use crate::platform::database::{Connection, Id, Ids, Instant, Number, SqlIds, SqlInstant, SqlUuid, Uid};

/// The users that were disabled at or before the cutoff.
pub(super) struct DisabledUsers<'a> {
    pub(super) schema: &'a Schema,
    pub(super) cutoff: DateTime<Utc>,
    pub(super) foreign: ForeignReferences,
    pub(super) kept: &'a mut KeptUsers,
}

/// A user whose account is disabled.
#[derive(Debug, Clone, QueryableByName)]
pub(super) struct DisabledUser {
    #[diesel(sql_type = SqlUuid)]
    id: Uid,
    #[diesel(sql_type = SqlInstant)]
    disabled_since: Instant,
}

impl Cleanup for DisabledUsers<'_> {
    const ITEM: (&'static str, &'static str) = ("user", "users");
    /// For each user who goes PostgreSQL searches whole tables, since the columns that refer to users have no index.
    const SMALLEST_BATCH: usize = 10;
    type Row = DisabledUser;

    fn page(
        &mut self,
        connection: &mut Connection,
        after: Option<&DisabledUser>,
        limit: usize,
    ) -> QueryResult<Vec<DisabledUser>> {
        let sql = format!(
            "SELECT id, disabled_since FROM users WHERE disabled_since IS NOT NULL AND id {} $1 ORDER BY id LIMIT $2",
            if after.is_some() { ">" } else { ">=" }
        );
        each!(connection, c => {
            diesel::sql_query(&sql)
                .bind::<SqlUuid, _>(Uid(after.map_or(Uuid::nil(), |last| last.id.0)))
                .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
                .load(c)
        })
    }

    fn total(&mut self, connection: &mut Connection) -> QueryResult<Option<u64>> {
        let sql = "SELECT count(*) AS number FROM users WHERE disabled_since IS NOT NULL";
        let found: Number = each!(connection, c => diesel::sql_query(sql).get_result(c))?;
        Ok(Some(found.number.unsigned_abs()))
    }

    fn key(row: &DisabledUser) -> Uuid {
        row.id.0
    }

    fn judge(&self, row: &DisabledUser) -> Due {
        if row.disabled_since.0 <= self.cutoff { Due::Now } else { Due::NotYet }
    }

    fn stays(&mut self, context: &Context, row: &DisabledUser, reason: String) {
        context.report().fail(row.id.0, reason);
        self.kept.told(row.id.0);
    }

    fn remove(&mut self, connection: &mut Connection, due: &[&DisabledUser], step: Step) -> QueryResult<Removal> {
        let users = Ids(due.iter().map(|row| row.id.0).collect());
        let mut at_hand = Ids(due_among(connection, &users, self.cutoff, step)?);
        let mut removal = Removal::default();
        let found: BTreeSet<_> = at_hand.0.iter().copied().collect();
        let others = Ids(users.0.into_iter().filter(|user| !found.contains(user)).collect());
        if !others.0.is_empty() {
            removal.locked = due_among(connection, &others, self.cutoff, Step::Count)?;
        }
        removal.failed = self.foreign.to(connection, &at_hand)?;
        if step == Step::Remove {
            let owners = user_removal::owners(connection, &at_hand)?;
            removal.failed.extend(owners.into_iter().map(|owner| (owner, self.kept.reason(owner))));
        }
        at_hand.0.retain(|user| !removal.failed.contains_key(user));
        removal.rows = match step {
            Step::Count => user_removal::count(connection, self.schema, &at_hand, self.cutoff)?,
            Step::Remove => user_removal::remove(connection, self.schema, &at_hand)?,
        };
        removal.ids = at_hand.0;
        Ok(removal)
    }
}

/// Those of `users` that are due. When removing, their rows are locked, so that they cannot be enabled and nothing can
/// be made to refer to them any more; users that are locked already are left out.
fn due_among(connection: &mut Connection, users: &Ids, cutoff: DateTime<Utc>, step: Step) -> QueryResult<Vec<Uuid>> {
    let sql = format!(
        "SELECT id FROM users WHERE id {} AND disabled_since <= $2 ORDER BY id {}",
        connection.is_among_ids(1),
        if step == Step::Remove { connection.locking("FOR UPDATE SKIP LOCKED") } else { "" },
    );
    let rows: Vec<Id> = each!(connection, c => {
        diesel::sql_query(&sql).bind::<SqlIds, _>(users).bind::<SqlInstant, _>(Instant(cutoff)).load(c)
    })?;
    Ok(rows.into_iter().map(|row| row.id.0).collect())
}

/// How many users are due.
pub(super) fn number_due(connection: &mut Connection, cutoff: DateTime<Utc>) -> QueryResult<u64> {
    let sql = "SELECT count(*) AS number FROM users WHERE disabled_since <= $1";
    let found: Number =
        each!(connection, c => diesel::sql_query(sql).bind::<SqlInstant, _>(Instant(cutoff)).get_result(c))?;
    Ok(found.number.unsigned_abs())
}
