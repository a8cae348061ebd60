//! Runs of the past, and those under way, as the run history has them; and which of them died.

use std::str::FromStr;

use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use diesel::{QueryResult, QueryableByName, RunQueryDsl};
use serde::Serialize;
use serde_json::Value;
use upkeep_jobs::platform::database::{Connection, Json, SqlJson, SqlUuid, Uid};
use upkeep_jobs::{JOBS, each};
use uuid::Uuid;

use super::lease;

/// A run of the past, or one under way.
#[derive(Debug, Serialize)]
pub(crate) struct PastRun {
    /// Its identifier.
    pub(crate) run_id: Uuid,
    /// The job.
    pub(crate) job: String,
    /// `running`, `died`, or how it ended.
    pub(crate) state: String,
    /// The whole document. That of a run which has not ended tells how it began.
    pub(crate) document: Value,
    /// That it died is certain, and not entered yet.
    #[serde(skip)]
    pub(crate) death_is_news: bool,
}

/// Which runs to show.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// Only runs of this job.
    pub(crate) job: Option<&'static str>,
    /// Only runs that ended with an exit code other than 0, or died.
    pub(crate) failed: bool,
    /// At most so many, the latest ones.
    pub(crate) limit: u32,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    id: Uid,
    #[diesel(sql_type = Text)]
    job: String,
    #[diesel(sql_type = Nullable<Text>)]
    outcome: Option<String>,
    #[diesel(sql_type = SqlJson)]
    report: Json,
    #[diesel(sql_type = Nullable<SqlJson>)]
    owner: Option<Json>,
    #[diesel(sql_type = Nullable<Bool>)]
    lapsed: Option<bool>,
}

impl From<Row> for PastRun {
    /// A run without an end has died if its lease is gone, if its process is, or if the lease has lapsed, as whoever
    /// takes over sees it. Only in the last case it may still come back.
    fn from(row: Row) -> Self {
        let (state, death_is_news) = match (row.outcome, &row.owner) {
            (Some(outcome), _) => (outcome, false),
            (None, None) => ("died".to_owned(), true),
            (None, Some(owner)) if lease::is_dead(owner) => ("died".to_owned(), true),
            (None, Some(_)) if row.lapsed == Some(true) => ("died".to_owned(), false),
            (None, Some(_)) => ("running".to_owned(), false),
        };
        Self { run_id: row.id.0, job: row.job, state, document: row.report.0, death_is_news }
    }
}

/// Runs and their leases in one statement: a run ends, and gives back its lease, at one moment.
fn selection(connection: &Connection) -> String {
    format!(
        "SELECT r.id, r.job, r.outcome, r.report, l.owner, l.expires_at <= {} AS lapsed \
         FROM upkeep_runs r LEFT JOIN upkeep_leases l ON l.run_id = r.id",
        connection.clock()
    )
}

/// The latest runs, the latest first.
pub(crate) fn past_runs(connection: &mut Connection, wanted: Wanted) -> QueryResult<Vec<PastRun>> {
    let sql = format!(
        "{} WHERE $1 IN (r.job, '') {} ORDER BY r.started_at DESC, r.id DESC LIMIT $2",
        selection(connection),
        if wanted.failed { "AND r.exit_code IS DISTINCT FROM 0" } else { "" }
    );
    // Of each job one run may be under way, which has not failed.
    let limit = i64::from(wanted.limit) + if wanted.failed { JOBS.len() as i64 } else { 0 };
    let rows: Vec<Row> = each!(connection, c => {
        diesel::sql_query(&sql).bind::<Text, _>(wanted.job.unwrap_or("")).bind::<BigInt, _>(limit).load(c)
    })?;
    let runs = rows.into_iter().map(PastRun::from).filter(|run| !wanted.failed || run.state != "running");
    Ok(runs.take(wanted.limit as usize).collect())
}

/// The beginning of a run's identifier, or all of it: hexadecimal digits, hyphens as one likes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunPrefix {
    written: String,
    first: Uuid,
    last: Uuid,
}

impl FromStr for RunPrefix {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "write the identifier that `upkeep jobs history` shows, or more of its digits";
        let digits = text.replace('-', "");
        // A sign would be read, too.
        if digits.len() > 32 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(EXPECTED);
        }
        let read = u128::from_str_radix(&digits, 16).map_err(|_| EXPECTED)?;
        let missing = 4 * (32 - digits.len() as u32);
        let (first, rest) = (read << missing, (1_u128 << missing) - 1);
        Ok(Self { written: text.to_owned(), first: Uuid::from_u128(first), last: Uuid::from_u128(first | rest) })
    }
}

impl std::fmt::Display for RunPrefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.written)
    }
}

/// The first `limit` runs whose identifier begins like this, in their order in time.
pub(crate) fn runs_named(connection: &mut Connection, prefix: &RunPrefix, limit: u32) -> QueryResult<Vec<PastRun>> {
    let sql = format!("{} WHERE r.id BETWEEN $1 AND $2 ORDER BY r.id LIMIT $3", selection(connection));
    let rows: Vec<Row> = each!(connection, c => {
        diesel::sql_query(&sql)
            .bind::<SqlUuid, _>(Uid(prefix.first))
            .bind::<SqlUuid, _>(Uid(prefix.last))
            .bind::<BigInt, _>(i64::from(limit))
            .load(c)
    })?;
    Ok(rows.into_iter().map(PastRun::from).collect())
}
