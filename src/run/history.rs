//! The run history, table `upkeep_runs`: what was run, when, with which parameters and which result.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Integer, Nullable, Text};
use diesel::{OptionalExtension, QueryResult, QueryableByName, RunQueryDsl};
use serde_json::{Value, json};
use upkeep_jobs::each;
use upkeep_jobs::platform::database::{Connection, Ids, Instant, Json, SqlIds, SqlInstant, SqlJson, SqlUuid, Uid};
use uuid::Uuid;

use super::document::Document;

/// Enters a run that begins.
pub(super) fn begin(connection: &mut Connection, document: &Document) -> QueryResult<()> {
    each!(connection, c => {
        diesel::sql_query("INSERT INTO upkeep_runs (id, job, started_at, report) VALUES ($1, $2, $3, $4)")
            .bind::<SqlUuid, _>(Uid(document.run_id))
            .bind::<Text, _>(document.job)
            .bind::<SqlInstant, _>(Instant(document.started_at))
            .bind::<SqlJson, _>(Json(json!(document)))
            .execute(c)
    })?;
    Ok(())
}

/// Enters how a run ended.
pub(super) fn finish(connection: &mut Connection, document: &Document) -> QueryResult<()> {
    let outcome = json!(document.outcome);
    each!(connection, c => {
        diesel::sql_query(
            "UPDATE upkeep_runs SET finished_at = $1, outcome = $2, exit_code = $3, report = $4 WHERE id = $5",
        )
        .bind::<Nullable<SqlInstant>, _>(document.finished_at.map(Instant))
        .bind::<Nullable<Text>, _>(outcome.as_str())
        .bind::<Nullable<Integer>, _>(document.exit_code.map(i32::from))
        .bind::<SqlJson, _>(Json(json!(document)))
        .bind::<SqlUuid, _>(Uid(document.run_id))
        .execute(c)
    })?;
    Ok(())
}

/// Enters that runs ended without saying so.
pub(crate) fn mark_died(connection: &mut Connection, runs: &[Uuid]) -> QueryResult<()> {
    let sql =
        format!("UPDATE upkeep_runs SET outcome = 'died' WHERE id {} AND outcome IS NULL", connection.is_among_ids(1));
    each!(connection, c => diesel::sql_query(&sql).bind::<SqlIds, _>(Ids(runs.to_vec())).execute(c))?;
    Ok(())
}

/// What the history tells monitoring about a job; a failed run hides no earlier success.
#[derive(Debug, Default)]
pub(super) struct Landmarks {
    /// When the latest run started.
    pub(super) started: Option<DateTime<Utc>>,
    /// When the latest run that succeeded ended.
    pub(super) succeeded: Option<DateTime<Utc>>,
    /// The document of the latest run that ended.
    pub(super) ended: Option<Value>,
}

#[derive(QueryableByName)]
struct Moment {
    #[diesel(sql_type = SqlInstant)]
    moment: Instant,
}

#[derive(QueryableByName)]
struct Ended {
    #[diesel(sql_type = SqlJson)]
    report: Json,
}

/// What there is to tell about `job` at the time `now`. A run of the future, which a host recorded whose clock was wrong,
/// is left out: no alarm would ever go off after it.
pub(super) fn landmarks(connection: &mut Connection, job: &str, now: DateTime<Utc>) -> QueryResult<Landmarks> {
    let now = Instant(now);
    let latest = |what: &str, which: &str| {
        format!(
            "SELECT {what} FROM upkeep_runs WHERE job = $1 AND started_at <= $2 AND {which} \
             ORDER BY started_at DESC, id DESC LIMIT 1"
        )
    };
    let mut moment = |column: &str, which: &str| -> QueryResult<Option<DateTime<Utc>>> {
        let sql = latest(&format!("{column} AS moment"), which);
        let found: Option<Moment> = each!(&mut *connection, c => {
            diesel::sql_query(&sql).bind::<Text, _>(job).bind::<SqlInstant, _>(now).get_result(c)
        })
        .optional()?;
        Ok(found.map(|row| row.moment.0))
    };
    let started = moment("started_at", "true")?;
    let succeeded = moment("finished_at", "outcome = 'succeeded' AND finished_at IS NOT NULL")?;
    let sql = latest("report", "finished_at IS NOT NULL");
    let ended: Option<Ended> = each!(connection, c => {
        diesel::sql_query(&sql).bind::<Text, _>(job).bind::<SqlInstant, _>(now).get_result(c)
    })
    .optional()?;
    Ok(Landmarks { started, succeeded, ended: ended.map(|row| row.report.0) })
}
