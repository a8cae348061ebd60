//! When an event takes place: its dates, its recurrence and the exceptions to it, as rows of the platform.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use diesel::{QueryResult, QueryableByName, RunQueryDsl};
use uuid::Uuid;

use super::recurrence::{Change, Exception, Series, Verdict, judge};
use crate::each;
use crate::kit::Step;
use crate::platform::database::{Connection, Ids, Instant, Requirement, SqlIds, SqlInstant, SqlUuid, Uid};

/// The tables that say when an event takes place.
pub(super) const REQUIRES: [Requirement; 3] = [
    Requirement {
        table: "event_dates",
        columns: &["event_id", "starts_at", "starts_at_tz", "ends_at", "duration_secs"],
    },
    Requirement { table: "event_recurrences", columns: &["event_id", "recurrence_pattern"] },
    Requirement { table: "event_exceptions", columns: &["event_id", "exception_date", "kind", "starts_at", "ends_at"] },
];

/// The dates of one event.
#[derive(Debug, QueryableByName)]
pub(super) struct Dates {
    #[diesel(sql_type = SqlUuid)]
    event_id: Uid,
    #[diesel(sql_type = SqlInstant)]
    starts_at: Instant,
    #[diesel(sql_type = Text)]
    starts_at_tz: String,
    #[diesel(sql_type = SqlInstant)]
    ends_at: Instant,
    #[diesel(sql_type = Integer)]
    duration_secs: i32,
}

#[derive(QueryableByName)]
struct Recurrence {
    #[diesel(sql_type = SqlUuid)]
    event_id: Uid,
    #[diesel(sql_type = Text)]
    recurrence_pattern: String,
}

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

/// What is known of one event's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// Its last occurrence ended at or before the cutoff.
    Past,
    /// It goes on after the cutoff.
    Ahead,
    /// It cannot be told, for the given reason.
    Unclear(String),
}

/// The dates of the events after `after` in key order, at most `limit` of them.
pub(super) fn page(connection: &mut Connection, after: Option<Uuid>, limit: usize) -> QueryResult<Vec<Dates>> {
    let after = after.unwrap_or(Uuid::nil());
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    each!(connection, c => {
        diesel::sql_query(
            "SELECT event_id, starts_at, starts_at_tz, ends_at, duration_secs FROM event_dates \
             WHERE event_id > $1 ORDER BY event_id LIMIT $2",
        )
        .bind::<SqlUuid, _>(Uid(after))
        .bind::<BigInt, _>(limit)
        .load(c)
    })
}

/// The dates of those of `events` that have any; on PostgreSQL with the events' and the dates' rows locked, those that
/// are locked already left out.
pub(super) fn lock(connection: &mut Connection, events: &Ids, step: Step) -> QueryResult<Vec<Dates>> {
    let sql = format!(
        "SELECT d.event_id, d.starts_at, d.starts_at_tz, d.ends_at, d.duration_secs \
         FROM events e JOIN event_dates d ON d.event_id = e.id WHERE e.id {} ORDER BY e.id {}",
        connection.is_among_ids(1),
        if step == Step::Remove { connection.locking("FOR UPDATE OF e, d SKIP LOCKED") } else { "" },
    );
    each!(connection, c => diesel::sql_query(&sql).bind::<SqlIds, _>(events).load(c))
}

/// Those of `events` that have dates, locked or not.
pub(super) fn existing(connection: &mut Connection, events: &Ids) -> QueryResult<Vec<Uuid>> {
    let sql = format!(
        "SELECT event_id, starts_at, starts_at_tz, ends_at, duration_secs FROM event_dates WHERE event_id {}",
        connection.is_among_ids(1)
    );
    let rows: Vec<Dates> = each!(connection, c => diesel::sql_query(&sql).bind::<SqlIds, _>(events).load(c))?;
    Ok(rows.iter().map(Dates::event).collect())
}

/// Tells for each of `dates` whether the event ended at or before `cutoff`.
///
/// When removing, the rows read here are locked too. They are waited for, not skipped: a recurrence that is passed
/// over would make a series look like a single event.
pub(super) fn ends(
    connection: &mut Connection,
    dates: Vec<Dates>,
    cutoff: DateTime<Utc>,
    step: Step,
) -> QueryResult<Vec<(Uuid, End)>> {
    let all = Ids(dates.iter().map(|row| row.event_id.0).collect());
    let mut patterns = recurrences(connection, &all, step)?;
    let recurring = Ids(patterns.keys().copied().collect());
    let mut exceptions =
        if recurring.0.is_empty() { BTreeMap::new() } else { exceptions(connection, &recurring, step)? };
    let ends = dates.into_iter().map(|row| {
        let id = row.event_id.0;
        let end = match patterns.remove(&id) {
            None if row.ends_at.0 <= cutoff => End::Past,
            None => End::Ahead,
            Some(pattern) => {
                let series = Series {
                    starts_at: row.starts_at.0,
                    starts_at_tz: row.starts_at_tz,
                    duration_secs: row.duration_secs,
                    pattern,
                    exceptions: exceptions.remove(&id).unwrap_or_default(),
                };
                match judge(&series, cutoff) {
                    Verdict::Over => End::Past,
                    Verdict::NotOver => End::Ahead,
                    Verdict::Unclear(reason) => End::Unclear(reason),
                }
            }
        };
        (id, end)
    });
    Ok(ends.collect())
}

fn recurrences(connection: &mut Connection, events: &Ids, step: Step) -> QueryResult<BTreeMap<Uuid, String>> {
    let sql = format!(
        "SELECT event_id, recurrence_pattern FROM event_recurrences WHERE event_id {} {}",
        connection.is_among_ids(1),
        lock_clause(connection, step),
    );
    let rows: Vec<Recurrence> = each!(connection, c => diesel::sql_query(&sql).bind::<SqlIds, _>(events).load(c))?;
    Ok(rows.into_iter().map(|row| (row.event_id.0, row.recurrence_pattern)).collect())
}

fn exceptions(connection: &mut Connection, events: &Ids, step: Step) -> QueryResult<BTreeMap<Uuid, Vec<Exception>>> {
    let sql = format!(
        "SELECT event_id, exception_date, CAST(kind AS TEXT) AS kind, starts_at, ends_at FROM event_exceptions \
         WHERE event_id {} {}",
        connection.is_among_ids(1),
        lock_clause(connection, step),
    );
    let rows: Vec<ExceptionRow> = each!(connection, c => diesel::sql_query(&sql).bind::<SqlIds, _>(events).load(c))?;
    let mut exceptions = BTreeMap::<_, Vec<_>>::new();
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

fn lock_clause(connection: &Connection, step: Step) -> &'static str {
    if step == Step::Remove { connection.locking("FOR UPDATE") } else { "" }
}

impl Dates {
    /// The event.
    pub(super) fn event(&self) -> Uuid {
        self.event_id.0
    }
}
