//! The run history, table `upkeep_runs`: what was run, when, with which parameters and which result.

use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use diesel::{QueryResult, QueryableByName, RunQueryDsl};
use serde::Serialize;
use serde_json::{Value, json};
use upkeep_jobs::each;
use upkeep_jobs::platform::database::{Connection, Instant, Json, SqlInstant, SqlJson, SqlUuid, Uid};
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

/// Enters that a run ended without saying so.
pub(super) fn mark_died(connection: &mut Connection, run: Uuid) -> QueryResult<()> {
    each!(connection, c => {
        diesel::sql_query("UPDATE upkeep_runs SET outcome = 'died' WHERE id = $1 AND outcome IS NULL")
            .bind::<SqlUuid, _>(Uid(run))
            .execute(c)
    })?;
    Ok(())
}

/// A run of the past, or one under way.
#[derive(Debug, Serialize)]
pub(crate) struct PastRun {
    /// Its identifier.
    pub(crate) run_id: Uuid,
    /// The job.
    pub(crate) job: String,
    /// `running`, `died`, or how it ended.
    pub(crate) state: String,
    /// The whole document.
    pub(crate) document: Value,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    id: Uid,
    #[diesel(sql_type = Text)]
    job: String,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = SqlJson)]
    report: Json,
}

/// The latest runs, of one job or of all, the latest first. A run without an end whose lease is gone or has lapsed has
/// died.
pub(crate) fn past_runs(connection: &mut Connection, job: Option<&str>, limit: u32) -> QueryResult<Vec<PastRun>> {
    let sql = format!(
        "SELECT r.id, r.job, r.report, coalesce(r.outcome, CASE WHEN EXISTS \
             (SELECT 1 FROM upkeep_leases l WHERE l.run_id = r.id AND l.expires_at > {}) \
             THEN 'running' ELSE 'died' END) AS state \
         FROM upkeep_runs r WHERE $1 IN (r.job, '') ORDER BY r.started_at DESC, r.id DESC LIMIT $2",
        connection.clock()
    );
    let rows: Vec<Row> = each!(connection, c => {
        diesel::sql_query(&sql).bind::<Text, _>(job.unwrap_or("")).bind::<BigInt, _>(i64::from(limit)).load(c)
    })?;
    let runs = rows.into_iter().map(|row| PastRun {
        run_id: row.id.0,
        job: row.job,
        state: row.state,
        document: row.report.0,
    });
    Ok(runs.collect())
}
