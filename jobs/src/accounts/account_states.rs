//! Which users of the platform are disabled, and changing that for many at once.

use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Bool, Text};
use diesel::{QueryResult, QueryableByName, RunQueryDsl};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::each;
use crate::platform::database::{Connection, Id, Instant, Json, Requirement, SqlInstant, SqlJson, SqlUuid, Uid};

pub(super) const REQUIRES: [Requirement; 1] =
    [Requirement::Table("users", &["id", "oidc_sub", "disabled_since", "updated_at"])];

/// A user of the platform.
#[derive(Debug, Clone, QueryableByName)]
pub(super) struct User {
    #[diesel(sql_type = SqlUuid)]
    pub(super) id: Uid,
    /// What the identity provider knows the user by; unique only within a tenant.
    #[diesel(sql_type = Text)]
    pub(super) oidc_sub: String,
    #[diesel(sql_type = Bool)]
    pub(super) is_disabled: bool,
}

/// What becomes of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Enable,
    Disable,
}

/// Reads the users after `after` in key order, of all tenants, at most `limit` of them.
pub(super) fn page(connection: &mut Connection, after: Option<Uid>, limit: i64) -> QueryResult<Vec<User>> {
    let sql = format!(
        "SELECT id, oidc_sub, disabled_since IS NOT NULL AS is_disabled FROM users \
         WHERE id {} $1 ORDER BY id LIMIT $2",
        if after.is_some() { ">" } else { ">=" }
    );
    each!(connection, c => {
        diesel::sql_query(&sql)
            .bind::<SqlUuid, _>(after.unwrap_or(Uid(Uuid::nil())))
            .bind::<BigInt, _>(limit)
            .load(c)
    })
}

/// Changes those of `users` that are still as they were read, and returns them. Rows that somebody else has locked are
/// left out, see [`still_due`].
pub(super) fn apply(
    connection: &mut Connection,
    change: Change,
    users: &[User],
    now: DateTime<Utc>,
) -> QueryResult<Vec<Uuid>> {
    // The platform has no trigger for updated_at: whoever updates a row sets it. The weaker of the two locks, as rows
    // that refer to the user may come and go.
    let sql = format!(
        "UPDATE users SET disabled_since = {}, updated_at = $1 WHERE id IN ({} {}) RETURNING id",
        if change == Change::Disable { "$1" } else { "NULL" },
        due(connection, change, 2),
        connection.locking("FOR NO KEY UPDATE OF u SKIP LOCKED"),
    );
    let changed: Vec<Id> = each!(connection, c => {
        diesel::sql_query(&sql).bind::<SqlInstant, _>(Instant(now)).bind::<SqlJson, _>(subjects(users)).load(c)
    })?;
    Ok(changed.into_iter().map(|user| user.id.0).collect())
}

/// Those of `users` that are still as they were read.
pub(super) fn still_due(connection: &mut Connection, change: Change, users: &[User]) -> QueryResult<Vec<Uuid>> {
    let sql = due(connection, change, 1);
    let due: Vec<Id> = each!(connection, c => diesel::sql_query(&sql).bind::<SqlJson, _>(subjects(users)).load(c))?;
    Ok(due.into_iter().map(|user| user.id.0).collect())
}

/// SQL for the identifiers of users that are in the state from which they are to be changed, and still known to the
/// identity provider by what they were found to be known by: the [`subjects`] bound as parameter `number`.
fn due(connection: &Connection, change: Change, number: usize) -> String {
    format!(
        "SELECT u.id FROM {each}(${number}) f JOIN users u ON u.id = {id} AND u.oidc_sub = f.value \
         WHERE u.disabled_since {state}",
        each = connection.each_of_object(),
        id = connection.uuid_of("f.key"),
        state = if change == Change::Disable { "IS NULL" } else { "IS NOT NULL" },
    )
}

/// By identifier, in hexadecimal, what the identity provider knows each user by.
fn subjects(users: &[User]) -> Json {
    let subjects = users.iter().map(|user| (user.id.0.simple().to_string(), Value::from(user.oidc_sub.as_str())));
    Json(Value::Object(subjects.collect::<Map<_, _>>()))
}
