//! When an event takes place: its dates, its recurrence and the exceptions to it, as rows of the platform.

mod exceptions;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use diesel::{QueryResult, QueryableByName, RunQueryDsl};
use uuid::Uuid;

pub(super) use self::exceptions::REQUIRES;
use super::recurrence::{Series, Verdict, judge};
use super::schema::{Place, Schema};
use crate::each;
use crate::kit::Step;
use crate::platform::database::{Connection, Id, Ids, Instant, Number, SqlIds, SqlInstant, SqlUuid, Uid};

/// An event with more exceptions than this is not judged: all of them would have to be held in memory.
const MOST_EXCEPTIONS: i64 = 5_000;
const TOO_MANY_EXCEPTIONS: &str = "it has more than 5000 exceptions";
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
    /// It cannot be told, for the given reason.
    Unclear(&'static str),
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
            Occurs::Unclear(reason) => End::Unclear((*reason).to_owned()),
        }
    }
}

/// The dates of an event, or of a series; what only a series needs may come from another table. In the old generation
/// every column may be empty.
#[derive(QueryableByName)]
struct Dates {
    #[diesel(sql_type = SqlUuid)]
    event_id: Uid,
    #[diesel(sql_type = BigInt)]
    id_serial: i64,
    #[diesel(sql_type = SqlInstant)]
    starts_at: Instant,
    #[diesel(sql_type = Nullable<Text>)]
    starts_at_tz: Option<String>,
    #[diesel(sql_type = Nullable<SqlInstant>)]
    ends_at: Option<Instant>,
    #[diesel(sql_type = Nullable<Text>)]
    recurrence_pattern: Option<String>,
    #[diesel(sql_type = Nullable<Integer>)]
    duration_secs: Option<i32>,
}

impl Dates {
    /// What is selected [`From`] a schema's tables.
    fn columns(schema: &Schema) -> String {
        let From { e, .. } = From::of(schema);
        let here = |place: Place| if place == schema.dates { "d." } else { "NULL AS " };
        format!(
            "{e}.id AS event_id, {e}.id_serial, d.starts_at, d.starts_at_tz, d.ends_at, {}recurrence_pattern, \
             {}duration_secs",
            here(schema.recurrence),
            here(schema.duration),
        )
    }
}

/// Where events are read together with their dates.
struct From {
    tables: &'static str,
    /// What the events are called in there; the dates are `d`, which may be the same.
    e: &'static str,
}

impl From {
    fn of(schema: &Schema) -> Self {
        if schema.dates.table == "events" {
            Self { tables: "events d", e: "d" }
        } else {
            Self { tables: "events e JOIN event_dates d ON d.event_id = e.id", e: "e" }
        }
    }
}

#[derive(QueryableByName)]
struct Pattern {
    #[diesel(sql_type = SqlUuid)]
    event_id: Uid,
    #[diesel(sql_type = Text)]
    recurrence_pattern: String,
}

#[derive(QueryableByName)]
struct Duration {
    #[diesel(sql_type = SqlUuid)]
    event_id: Uid,
    #[diesel(sql_type = Integer)]
    duration_secs: i32,
}

/// The schedules of the events that follow `after` in the order of creation, at most `limit` of them and at least one
/// if there is one; events without dates have none.
///
/// In this order rather than that of the random ids, because events created together lie together on disk, as do their
/// rooms and all else that belongs to them: fewer pages are read and written, and pages whose rows are all gone cost
/// nearly nothing in the searches that PostgreSQL makes of a whole table for each foreign key without an index.
pub(super) fn page(
    connection: &mut Connection,
    schema: &Schema,
    after: Option<&Schedule>,
    limit: usize,
) -> QueryResult<Vec<Schedule>> {
    let From { tables, e } = From::of(schema);
    let sql = format!(
        "SELECT {} FROM {tables} WHERE ({e}.id_serial, {e}.id) > ($1, $2) AND d.starts_at IS NOT NULL \
         ORDER BY {e}.id_serial, {e}.id LIMIT $3",
        Dates::columns(schema),
    );
    let mut dates: Vec<Dates> = each!(&mut *connection, c => {
        diesel::sql_query(&sql)
            .bind::<BigInt, _>(after.map_or(i64::MIN, |last| last.serial))
            .bind::<SqlUuid, _>(Uid(after.map_or(Uuid::nil(), |last| last.event)))
            .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
            .load(c)
    })?;
    let exceptions = complete(connection, schema, &mut dates, "")?;
    let mut in_page = 0;
    let fitting = dates.iter().take_while(|row| {
        let first = in_page == 0;
        in_page += exceptions.get(&row.event_id.0).copied().unwrap_or(0).min(MOST_EXCEPTIONS);
        first || in_page <= MOST_IN_A_PAGE
    });
    let fitting = fitting.count();
    dates.truncate(fitting);
    schedules(connection, dates, &exceptions, "")
}

/// How many events have a schedule.
pub(super) fn number(connection: &mut Connection, schema: &Schema) -> QueryResult<u64> {
    let sql = format!("SELECT count(*) AS number FROM {} WHERE starts_at IS NOT NULL", schema.dates.table);
    let found: Number = each!(connection, c => diesel::sql_query(&sql).get_result(c))?;
    Ok(found.number.unsigned_abs())
}

/// The schedules of those of `events` that have one.
///
/// When removing, the rows of the events, of their dates and of their rooms are locked, which also keeps anything from
/// being attached to them; events of which one of these rows is locked already are left out.
pub(super) fn of(connection: &mut Connection, schema: &Schema, events: &Ids, step: Step) -> QueryResult<Vec<Schedule>> {
    let From { tables, e } = From::of(schema);
    let lock = if e == "d" { "FOR UPDATE OF d, r SKIP LOCKED" } else { "FOR UPDATE OF e, d, r SKIP LOCKED" };
    let sql = format!(
        "SELECT {} FROM {tables} JOIN rooms r ON r.id = {e}.room \
         WHERE {e}.id {} AND d.starts_at IS NOT NULL ORDER BY {e}.id {}",
        Dates::columns(schema),
        connection.is_among_ids(1),
        if step == Step::Remove { connection.locking(lock) } else { "" },
    );
    let mut dates = each!(&mut *connection, c => diesel::sql_query(&sql).bind::<SqlIds, _>(events).load(c))?;
    // The rows read from now on are locked too. They are waited for, not skipped: a recurrence that is passed over
    // would make a series look like a single event.
    let lock = if step == Step::Remove { connection.locking("FOR UPDATE") } else { "" };
    let exceptions = complete(connection, schema, &mut dates, lock)?;
    schedules(connection, dates, &exceptions, lock)
}

/// Those of `events` that have dates, locked or not.
pub(super) fn existing(connection: &mut Connection, schema: &Schema, events: &Ids) -> QueryResult<Vec<Uuid>> {
    let Place { table, key } = schema.dates;
    let among = connection.is_among_ids(1);
    let sql = format!("SELECT {key} AS id FROM {table} WHERE {key} {among} AND starts_at IS NOT NULL");
    let rows: Vec<Id> = each!(connection, c => diesel::sql_query(&sql).bind::<SqlIds, _>(events).load(c))?;
    Ok(rows.into_iter().map(|row| row.id.0).collect())
}

/// Adds to `dates` what this generation has in other tables, and answers how many exceptions each series has; those
/// without any are left out.
fn complete(
    connection: &mut Connection,
    schema: &Schema,
    dates: &mut [Dates],
    lock: &str,
) -> QueryResult<BTreeMap<Uuid, i64>> {
    let all = Ids(dates.iter().map(|row| row.event_id.0).collect());
    let among = connection.is_among_ids(1);
    let elsewhere = |place: Place, column: &str| {
        let Place { table, key } = place;
        format!("SELECT {key} AS event_id, {column} FROM {table} WHERE {key} {among} AND {column} IS NOT NULL {lock}")
    };
    if schema.recurrence != schema.dates {
        let sql = elsewhere(schema.recurrence, "recurrence_pattern");
        let rows: Vec<Pattern> = each!(&mut *connection, c => diesel::sql_query(sql).bind::<SqlIds, _>(&all).load(c))?;
        let mut rows: BTreeMap<_, _> = rows.into_iter().map(|row| (row.event_id.0, row.recurrence_pattern)).collect();
        dates.iter_mut().for_each(|date| date.recurrence_pattern = rows.remove(&date.event_id.0));
    }
    let series = dates.iter().filter(|date| date.recurrence_pattern.is_some());
    let series = Ids(series.map(|date| date.event_id.0).collect());
    if series.0.is_empty() {
        return Ok(BTreeMap::new());
    }
    if schema.duration != schema.dates {
        let sql = elsewhere(schema.duration, "duration_secs");
        let rows: Vec<Duration> =
            each!(&mut *connection, c => diesel::sql_query(sql).bind::<SqlIds, _>(&series).load(c))?;
        let rows: BTreeMap<_, _> = rows.into_iter().map(|row| (row.event_id.0, row.duration_secs)).collect();
        dates.iter_mut().for_each(|date| date.duration_secs = rows.get(&date.event_id.0).copied());
    }
    exceptions::counts(connection, &series)
}

/// The schedules that `dates` with so many `exceptions` are about.
fn schedules(
    connection: &mut Connection,
    dates: Vec<Dates>,
    exceptions: &BTreeMap<Uuid, i64>,
    lock: &str,
) -> QueryResult<Vec<Schedule>> {
    let is_overfull = |event: &Uuid| exceptions.get(event).is_some_and(|number| *number > MOST_EXCEPTIONS);
    let with_exceptions = dates.iter().map(|row| row.event_id.0);
    let with_exceptions = with_exceptions.filter(|event| exceptions.contains_key(event) && !is_overfull(event));
    let mut exceptions = exceptions::of(connection, &Ids(with_exceptions.collect()), lock)?;
    let schedules = dates.into_iter().map(|row| {
        let event = row.event_id.0;
        let occurs = match (row.recurrence_pattern, row.ends_at, row.starts_at_tz, row.duration_secs) {
            (None, Some(end), _, _) => Occurs::OnceUntil(end.0),
            (None, None, _, _) => Occurs::Unclear("it has a start but no end"),
            (Some(_), _, _, _) if is_overfull(&event) => Occurs::Unclear(TOO_MANY_EXCEPTIONS),
            (Some(pattern), _, Some(starts_at_tz), Some(duration_secs)) => Occurs::Again(Series {
                starts_at: row.starts_at.0,
                starts_at_tz,
                duration_secs,
                pattern,
                exceptions: exceptions.remove(&event).unwrap_or_default(),
            }),
            (Some(_), _, None, _) => Occurs::Unclear("it is a series without a time zone"),
            (Some(_), _, _, None) => Occurs::Unclear("it is a series without a duration"),
        };
        Schedule { event, serial: row.id_serial, occurs }
    });
    Ok(schedules.collect())
}
