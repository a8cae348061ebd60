//! Deletes records of runs that nobody needs any more.
//!
//! Why: a job that runs every few minutes leaves a hundred thousand records a year. They are the evidence of what was
//! erased, by which parameters and when, and evidence, too, is kept only for as long as it serves its purpose.
//!
//! Which: runs that started long enough ago. Of every job the latest run that ended and the latest that succeeded stay,
//! however old, because monitoring compares with them. A run under way stays, and so does one whose objects or shared
//! folders still wait to be deleted: it explains them. Nothing of the platform is touched, neither its tables nor its
//! storage.

use chrono::{DateTime, Utc};
use diesel::sql_types::BigInt;
use diesel::{QueryResult, QueryableByName, RunQueryDsl};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::each;
use crate::kit::{Candidates, Cleanup, Context, Held, Job, Nightly, Removal, Report, Step, clean_up, days_before};
use crate::platform::Problem;
use crate::platform::database::{Connection, Ids, Instant, Requirement, SqlIds, SqlInstant, SqlUuid, Uid};

/// Deletes records of runs that nobody needs any more.
pub struct RunHistoryCleanup;

/// What an operator may set.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Parameters {
    /// Days since the run started: records of runs that started at least so long ago are deleted. A day is 24 hours.
    #[schemars(range(min = 1), example = 365)]
    days_since_run_started: u64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { days_since_run_started: 730 }
    }
}

impl Parameters {
    fn cutoff(&self, now: DateTime<Utc>) -> Result<DateTime<Utc>, Problem> {
        days_before(now, self.days_since_run_started, "days_since_run_started")
    }
}

impl Job for RunHistoryCleanup {
    const NAME: &'static str = "run-history-cleanup";
    const ABOUT: &'static str = "A job for cleaning up the records of runs that started a defined duration ago";
    const REMOVES: &'static str = "\
Records of upkeep's own runs that started long enough ago, as `upkeep jobs history` shows them.";
    const KEEPS: &'static str = "\
Of each job the latest run that ended and the latest that succeeded, however old; runs under way; runs whose stored \
objects or shared folders still wait to be deleted. Nothing of the platform is touched, neither its tables nor its \
storage.";
    const ORDER: &'static str = "Runs batch by batch, the oldest first, each batch in one transaction.";
    const BESIDE_PLATFORM: &'static str = "\
Yes: the platform has nothing to do with these records. Runs of other jobs may be under way; those that need a record \
keep it.";
    const REQUIRES: &'static [&'static [Requirement]] = &[&[Requirement::OwnTables]];
    const SCHEDULE: Option<Nightly> = Some(Nightly::at(5, 25, "After all other jobs, whose runs it has records of."));
    type Parameters = Parameters;

    fn check(parameters: &Parameters, now: DateTime<Utc>) -> Result<(), Problem> {
        parameters.cutoff(now).map(drop)
    }

    fn execute(context: &Context, parameters: Parameters) -> anyhow::Result<Report> {
        let cutoff = parameters.cutoff(context.now)?;
        context.looking_for("runs that started at or before", cutoff);
        let mut database = context.database_to_delete_in()?;
        let candidates = Candidates { tables: "upkeep_runs t", due: DUE, moment: cutoff };
        clean_up(context, &mut database, &mut OldRuns { candidates })?;
        Ok(context.take_report())
    }
}

/// Only a run that is over counts as a later one: the present run, which is not, must not push out what a dry run finds
/// to be the latest. One that died pushes out only others without an end, as monitoring tells of the latest that ended.
/// Whose lease is only lapsed may still come back, and stays until another run takes its place.
const DUE: &str = "t.started_at <= $1 \
    AND NOT EXISTS (SELECT 1 FROM upkeep_leases l WHERE l.run_id = t.id) \
    AND t.id NOT IN (SELECT DISTINCT p.run_id FROM upkeep_pending_deletions p) \
    AND EXISTS (SELECT 1 FROM upkeep_runs later WHERE later.job = t.job \
        AND (later.started_at, later.id) > (t.started_at, t.id) AND later.outcome IS NOT NULL \
        AND (t.finished_at IS NULL OR later.finished_at IS NOT NULL) \
        AND (t.outcome IS DISTINCT FROM 'succeeded' OR later.outcome = 'succeeded'))";

/// The runs that started at or before the cutoff.
struct OldRuns {
    candidates: Candidates,
}

/// A run, and its place in the order of time.
#[derive(Debug, Clone, Copy, QueryableByName)]
struct Run {
    #[diesel(sql_type = SqlUuid)]
    id: Uid,
    #[diesel(sql_type = SqlInstant)]
    started_at: Instant,
}

impl Cleanup for OldRuns {
    const ITEM: (&'static str, &'static str) = ("run", "runs");
    const NONE_DUE: Option<&'static str> = Some("No record of a run is old enough to be deleted");
    const WINDOW: usize = Candidates::WINDOW;
    const SEES_TO_LEFTOVERS: bool = false;
    type Row = Run;

    /// In the order of an index, so that a page costs no look at the others.
    fn page(&mut self, connection: &mut Connection, after: Option<&Run>, limit: usize) -> QueryResult<Vec<Run>> {
        let sql = format!(
            "SELECT t.id, t.started_at FROM upkeep_runs t WHERE {} AND (t.started_at, t.id) > ($2, $3) \
             ORDER BY t.started_at, t.id LIMIT $4",
            self.candidates.due
        );
        each!(connection, c => {
            diesel::sql_query(&sql)
                .bind::<SqlInstant, _>(Instant(self.candidates.moment))
                // Nothing was run before there were such clocks.
                .bind::<SqlInstant, _>(after.map_or(Instant(DateTime::UNIX_EPOCH), |last| last.started_at))
                .bind::<SqlUuid, _>(after.map_or(Uid(Uuid::nil()), |last| last.id))
                .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
                .load(c)
        })
    }

    fn total(&mut self, connection: &mut Connection) -> QueryResult<Option<u64>> {
        self.candidates.number(connection).map(Some)
    }

    fn key(row: &Run) -> Uuid {
        row.id.0
    }

    fn remove(&mut self, connection: &mut Connection, due: &[&Run], step: Step) -> QueryResult<Removal> {
        let runs = Ids(due.iter().map(|run| run.id.0).collect());
        let Held { due, locked } = self.candidates.hold_ids(connection, runs, step)?;
        let runs = Ids(due);
        if step == Step::Remove {
            let sql = format!("DELETE FROM upkeep_runs WHERE id {}", connection.is_among_ids(1));
            each!(connection, c => diesel::sql_query(sql).bind::<SqlIds, _>(&runs).execute(c))?;
        }
        let number = runs.0.len() as u64;
        let rows = (number > 0).then_some(("upkeep_runs", number)).into_iter().collect();
        Ok(Removal { ids: runs.0, locked, rows, ..Removal::default() })
    }
}
