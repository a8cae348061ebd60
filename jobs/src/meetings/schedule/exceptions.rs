//! The exceptions to recurrences.

use std::collections::BTreeMap;

use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::{QueryResult, QueryableByName, RunQueryDsl};
use uuid::Uuid;

use super::super::recurrence::{Change, Exception};
use crate::each;
use crate::platform::database::{Connection, Ids, Instant, Requirement, SqlIds, SqlInstant, SqlUuid, Uid};

/// The columns that are read here.
pub(in super::super) const REQUIRES: [Requirement; 1] = [Requirement::Table(
    "event_exceptions",
    &["event_id", "exception_date", "exception_date_tz", "kind", "starts_at", "ends_at"],
)];

#[derive(QueryableByName)]
struct ExceptionRow {
    #[diesel(sql_type = SqlUuid)]
    event_id: Uid,
    #[diesel(sql_type = SqlInstant)]
    exception_date: Instant,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Nullable<SqlInstant>)]
    starts_at: Option<Instant>,
    #[diesel(sql_type = Nullable<SqlInstant>)]
    ends_at: Option<Instant>,
}

#[derive(QueryableByName)]
struct ExceptionCount {
    #[diesel(sql_type = SqlUuid)]
    event_id: Uid,
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// How many exceptions each of `events` has; those without any are left out.
pub(super) fn counts(connection: &mut Connection, events: &Ids) -> QueryResult<BTreeMap<Uuid, i64>> {
    let sql = format!(
        "SELECT event_id, count(*) AS number FROM event_exceptions WHERE event_id {} GROUP BY event_id",
        connection.is_among_ids(1)
    );
    let rows: Vec<ExceptionCount> = each!(connection, c => diesel::sql_query(&sql).bind::<SqlIds, _>(events).load(c))?;
    Ok(rows.into_iter().map(|row| (row.event_id.0, row.number)).collect())
}

/// The exceptions of `events` by event, in the order of their dates.
pub(super) fn of(connection: &mut Connection, events: &Ids, lock: &str) -> QueryResult<BTreeMap<Uuid, Vec<Exception>>> {
    let mut exceptions = BTreeMap::<_, Vec<_>>::new();
    if events.0.is_empty() {
        return Ok(exceptions);
    }
    let sql = format!(
        "SELECT event_id, exception_date, CAST(kind AS TEXT) AS kind, starts_at, ends_at FROM event_exceptions \
         WHERE event_id {} ORDER BY event_id, exception_date, exception_date_tz {lock}",
        connection.is_among_ids(1)
    );
    let rows: Vec<ExceptionRow> = each!(connection, c => diesel::sql_query(&sql).bind::<SqlIds, _>(events).load(c))?;
    for row in rows {
        let change = match row.kind.as_str() {
            "cancelled" => Change::Cancelled,
            // Any other kind may prolong the series.
            _ => Change::Modified {
                starts_at: row.starts_at.map(|instant| instant.0),
                ends_at: row.ends_at.map(|instant| instant.0),
            },
        };
        let exception = Exception { original_start: row.exception_date.0, change };
        exceptions.entry(row.event_id.0).or_default().push(exception);
    }
    Ok(exceptions)
}
