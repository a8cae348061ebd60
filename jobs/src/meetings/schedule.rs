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

/// An event with more exceptions than this is not judged: all of them would have to be held in memory.
const MOST_EXCEPTIONS: i64 = 5_000;
/// A page ends early when its events have more exceptions than this together, for the same reason.
const MOST_IN_A_PAGE: i64 = 20_000;

/// When one event takes place, as the platform has it. Equal schedules have equal ends.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Schedule {
    /// The event.
    pub(super) event: Uuid,
    /// Its number in the order of creation.
    serial: i64,
    occurs: Occurs,
}

#[derive(Debug, Clone, PartialEq)]
enum Occurs {
    OnceUntil(DateTime<Utc>),
    Again(Series),
    TooManyExceptions,
}

/// What is known of an event's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// Its last occurrence ended at or before the cutoff.
    Past,
    /// It goes on after the cutoff.
    Ahead,
    /// It cannot be told, for the given reason.
    Unclear(String),
}

impl Schedule {
    /// Tells whether the event ended at or before `cutoff`. That of a single event is its stored end; never that of a
    /// series, where it is the start of the last occurrence, or a date a century ahead.
    pub(super) fn end(&self, cutoff: DateTime<Utc>) -> End {
        match &self.occurs {
            Occurs::OnceUntil(end) if *end <= cutoff => End::Past,
            Occurs::OnceUntil(_) => End::Ahead,
            Occurs::Again(series) => match judge(series, cutoff) {
                Verdict::Over => End::Past,
                Verdict::NotOver => End::Ahead,
                Verdict::Unclear(reason) => End::Unclear(reason),
            },
            Occurs::TooManyExceptions => End::Unclear(format!("it has more than {MOST_EXCEPTIONS} exceptions")),
        }
    }
}

const COLUMNS: &str = "d.event_id, e.id_serial, d.starts_at, d.starts_at_tz, d.ends_at, d.duration_secs";

#[derive(QueryableByName)]
struct Dates {
    #[diesel(sql_type = SqlUuid)]
    event_id: Uid,
    #[diesel(sql_type = BigInt)]
    id_serial: i64,
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

#[derive(QueryableByName)]
struct EventId {
    #[diesel(sql_type = SqlUuid)]
    event_id: Uid,
}

#[derive(QueryableByName)]
struct ExceptionCount {
    #[diesel(sql_type = SqlUuid)]
    event_id: Uid,
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// The schedules of the events that follow `after` in the order of creation, at most `limit` of them and at least one
/// if there is one; events without dates have none.
///
/// In this order rather than that of the random ids, because events created together lie together on disk, as do their
/// rooms and all else that belongs to them: fewer pages are read and written, and pages whose rows are all gone cost
/// nearly nothing in the searches that PostgreSQL makes of a whole table for each foreign key without an index.
pub(super) fn page(connection: &mut Connection, after: Option<&Schedule>, limit: usize) -> QueryResult<Vec<Schedule>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM events e JOIN event_dates d ON d.event_id = e.id \
         WHERE (e.id_serial, e.id) > ($1, $2) ORDER BY e.id_serial, e.id LIMIT $3"
    );
    let mut dates: Vec<Dates> = each!(&mut *connection, c => {
        diesel::sql_query(&sql)
            .bind::<BigInt, _>(after.map_or(i64::MIN, |last| last.serial))
            .bind::<SqlUuid, _>(Uid(after.map_or(Uuid::nil(), |last| last.event)))
            .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
            .load(c)
    })?;
    let exceptions = exception_counts(connection, &Ids(dates.iter().map(|row| row.event_id.0).collect()))?;
    let mut in_page = 0;
    let fitting = dates.iter().take_while(|row| {
        let first = in_page == 0;
        in_page += exceptions.get(&row.event_id.0).copied().unwrap_or(0).min(MOST_EXCEPTIONS);
        first || in_page <= MOST_IN_A_PAGE
    });
    let fitting = fitting.count();
    dates.truncate(fitting);
    complete(connection, dates, Step::Count)
}

/// The schedules of those of `events` that have one.
///
/// When removing, the rows of the events, of their dates and of their rooms are locked, which also keeps anything from
/// being attached to them; events of which one of these rows is locked already are left out.
pub(super) fn of(connection: &mut Connection, events: &Ids, step: Step) -> QueryResult<Vec<Schedule>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM events e JOIN event_dates d ON d.event_id = e.id JOIN rooms r ON r.id = e.room \
         WHERE e.id {} ORDER BY e.id {}",
        connection.is_among_ids(1),
        if step == Step::Remove { connection.locking("FOR UPDATE OF e, d, r SKIP LOCKED") } else { "" },
    );
    let dates = each!(&mut *connection, c => diesel::sql_query(&sql).bind::<SqlIds, _>(events).load(c))?;
    complete(connection, dates, step)
}

/// Those of `events` that have dates, locked or not.
pub(super) fn existing(connection: &mut Connection, events: &Ids) -> QueryResult<Vec<Uuid>> {
    let sql = format!("SELECT event_id FROM event_dates WHERE event_id {}", connection.is_among_ids(1));
    let rows: Vec<EventId> = each!(connection, c => diesel::sql_query(&sql).bind::<SqlIds, _>(events).load(c))?;
    Ok(rows.into_iter().map(|row| row.event_id.0).collect())
}

/// Adds recurrences and exceptions to dates.
///
/// When removing, the rows read here are locked too. They are waited for, not skipped: a recurrence that is passed
/// over would make a series look like a single event.
fn complete(connection: &mut Connection, dates: Vec<Dates>, step: Step) -> QueryResult<Vec<Schedule>> {
    let lock = if step == Step::Remove { connection.locking("FOR UPDATE") } else { "" };
    let all = Ids(dates.iter().map(|row| row.event_id.0).collect());
    let mut patterns = recurrences(connection, &all, lock)?;
    let mut recurring = Ids(patterns.keys().copied().collect());
    let counts = if recurring.0.is_empty() { BTreeMap::new() } else { exception_counts(connection, &recurring)? };
    let is_overfull = |event: &Uuid| counts.get(event).is_some_and(|number| *number > MOST_EXCEPTIONS);
    recurring.0.retain(|event| counts.contains_key(event) && !is_overfull(event));
    let mut exceptions = exceptions(connection, &recurring, lock)?;
    let schedules = dates.into_iter().map(|row| {
        let event = row.event_id.0;
        let occurs = match patterns.remove(&event) {
            None => Occurs::OnceUntil(row.ends_at.0),
            Some(_) if is_overfull(&event) => Occurs::TooManyExceptions,
            Some(pattern) => Occurs::Again(Series {
                starts_at: row.starts_at.0,
                starts_at_tz: row.starts_at_tz,
                duration_secs: row.duration_secs,
                pattern,
                exceptions: exceptions.remove(&event).unwrap_or_default(),
            }),
        };
        Schedule { event, serial: row.id_serial, occurs }
    });
    Ok(schedules.collect())
}

fn recurrences(connection: &mut Connection, events: &Ids, lock: &str) -> QueryResult<BTreeMap<Uuid, String>> {
    let sql = format!(
        "SELECT event_id, recurrence_pattern FROM event_recurrences WHERE event_id {} {lock}",
        connection.is_among_ids(1)
    );
    let rows: Vec<Recurrence> = each!(connection, c => diesel::sql_query(&sql).bind::<SqlIds, _>(events).load(c))?;
    Ok(rows.into_iter().map(|row| (row.event_id.0, row.recurrence_pattern)).collect())
}

/// How many exceptions each of `events` has; those without any are left out.
fn exception_counts(connection: &mut Connection, events: &Ids) -> QueryResult<BTreeMap<Uuid, i64>> {
    let sql = format!(
        "SELECT event_id, count(*) AS number FROM event_exceptions WHERE event_id {} GROUP BY event_id",
        connection.is_among_ids(1)
    );
    let rows: Vec<ExceptionCount> = each!(connection, c => diesel::sql_query(&sql).bind::<SqlIds, _>(events).load(c))?;
    Ok(rows.into_iter().map(|row| (row.event_id.0, row.number)).collect())
}

fn exceptions(connection: &mut Connection, events: &Ids, lock: &str) -> QueryResult<BTreeMap<Uuid, Vec<Exception>>> {
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
