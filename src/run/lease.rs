//! The lease: one run of a job at a time, without anybody ever having to unlock by hand.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum;
use diesel::sql_types::Text;
use diesel::{OptionalExtension, QueryResult, QueryableByName, RunQueryDsl};
use upkeep_jobs::each;
use upkeep_jobs::platform::database::{
    Access, Connection, Database, DatabaseError, DatabaseUrl, Json, SqlJson, SqlUuid, Uid, require_migrated,
};
use upkeep_jobs::platform::{Kind, Problem, Stop, StopReason};
use uuid::Uuid;

use super::document::Document;
use super::history;
use super::owner::Owner;

/// A lease that is not renewed lapses after this many seconds; it is renewed three times as often.
const LAPSE_SECONDS: u32 = 30;
const RENEWAL: Duration = Duration::from_secs(10);
/// How often a waiting run looks again.
const WAIT: Duration = Duration::from_secs(1);

/// What to do while another run of the job is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum IfRunning {
    /// Give up with exit code 75
    Fail,
    /// Leave it to the other run and succeed
    Skip,
    /// Wait for it, up to --timeout
    Wait,
}

/// The right to run the job, and the record of the run.
pub(super) struct Lease {
    url: DatabaseUrl,
    database: Database,
    /// Dropped to end the thread that renews.
    _keep: Sender<()>,
}

/// A lease as it stands in the database.
#[derive(QueryableByName)]
pub(crate) struct HeldLease {
    /// The job.
    #[diesel(sql_type = Text)]
    pub(crate) job: String,
    #[diesel(sql_type = SqlUuid)]
    run_id: Uid,
    #[diesel(sql_type = SqlJson)]
    owner: Json,
    #[diesel(sql_type = diesel::sql_types::Bool)]
    lapsed: bool,
}

impl HeldLease {
    /// Who holds it.
    pub(crate) fn holder(&self) -> String {
        in_words(self.run_id.0, self.owner().as_ref())
    }

    /// Whether the run has ended without saying so, so that the next one takes its place.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.lapsed || is_dead(&self.owner)
    }

    fn owner(&self) -> Option<Owner> {
        owner_in(&self.owner)
    }
}

fn owner_in(lease: &Json) -> Option<Owner> {
    serde_json::from_value(lease.0.clone()).ok()
}

/// Whether the process that entered itself as the `owner` of a lease is certainly gone.
pub(super) fn is_dead(owner: &Json) -> bool {
    owner_in(owner).as_ref().is_some_and(Owner::is_dead)
}

/// All leases.
pub(crate) fn held_leases(connection: &mut Connection) -> QueryResult<Vec<HeldLease>> {
    let sql = format!(
        "SELECT job, run_id, owner, expires_at <= {} AS lapsed FROM upkeep_leases ORDER BY job",
        connection.clock()
    );
    each!(connection, c => diesel::sql_query(&sql).load(c))
}

fn in_words(run: Uuid, owner: Option<&Owner>) -> String {
    match owner {
        Some(Owner { host, pid, .. }) => format!("run {run}, process {pid} on {host}"),
        None => format!("run {run}"),
    }
}

/// What came of asking for the lease.
enum Asked {
    Taken { from: Option<Uuid> },
    HeldBy(String),
}

impl Lease {
    /// Takes the lease and records the run; `None` if another run has it and that is to be left at that.
    ///
    /// # Errors
    /// When another run has it, or the database does not work.
    pub(super) fn take(
        url: DatabaseUrl,
        document: &Document,
        if_running: IfRunning,
        stop: &Stop,
    ) -> anyhow::Result<Option<Self>> {
        let client = format!("upkeep:{}", document.job);
        let mut database = Database::new(url.clone(), client.clone(), Access::ReadWrite, stop.clone());
        require_migrated(&mut database)?;
        let owner = Owner::this_process(&document.host);
        let mut waiting = false;
        loop {
            let asked = database.write(|connection| {
                let asked = ask(connection, document, &owner)?;
                if let Asked::Taken { from } = &asked {
                    if let Some(dead) = from {
                        history::mark_died(connection, &[*dead])?;
                    }
                    history::begin(connection, document)?;
                }
                Ok(asked)
            });
            let asked = asked.map_err(|error| cannot_take(error, document.job, &database))?;
            let holder = match asked {
                Asked::Taken { from } => {
                    if let Some(dead) = from {
                        log::warn!("Took over from run {dead}, which ended without saying so");
                    }
                    break;
                }
                Asked::HeldBy(holder) => holder,
            };
            match if_running {
                IfRunning::Skip => return Ok(None),
                IfRunning::Fail => {
                    return Err(Problem::new(
                        Kind::LeaseHeld,
                        format!("another run of {} is under way: {holder}", document.job),
                    )
                    .hint("wait for it, or choose --if-running wait or skip; a run that died is taken over by itself")
                    .into());
                }
                IfRunning::Wait if !waiting => {
                    log::info!("Waiting for another run of {}: {holder}", document.job);
                    waiting = true;
                }
                IfRunning::Wait => {}
            }
            stop.sleep(WAIT);
            stop.check()?;
        }
        let keep = renew(url.clone(), client, document, stop.clone())?;
        Ok(Some(Self { url, database, _keep: keep }))
    }

    /// Finishes the record and gives the lease back. What cannot be written is said; the work itself is done.
    pub(super) fn close(mut self, document: &Document, stop: &Stop) {
        if stop.reason().is_some() {
            // The run's own handle refuses every statement by now.
            let client = format!("upkeep:{}", document.job);
            self.database = Database::new(self.url, client, Access::ReadWrite, stop.last_words());
        }
        let closed = self.database.write(|connection| {
            history::finish(connection, document)?;
            give_back(connection, document)
        });
        if let Err(error) = closed {
            log::warn!("The run could not be entered into the history: {error}");
        }
    }
}

fn cannot_take(error: DatabaseError, job: &str, database: &Database) -> Problem {
    match error {
        DatabaseError::Problem(problem) => problem,
        DatabaseError::Constraint(words) | DatabaseError::Rejected(words) => Problem::new(
            Kind::Unreachable,
            format!("cannot take the lease of {job} in {}: {words}", database.location()),
        )
        .hint("another session, such as a backup, keeps the database locked; run the job again when it is done"),
    }
}

fn ask(connection: &mut Connection, document: &Document, owner: &Owner) -> QueryResult<Asked> {
    let sql = format!(
        "SELECT job, run_id, owner, expires_at <= {} AS lapsed FROM upkeep_leases WHERE job = $1",
        connection.clock()
    );
    let holder: Option<HeldLease> =
        each!(&mut *connection, c => diesel::sql_query(&sql).bind::<Text, _>(document.job).get_result(c)).optional()?;
    let from = match &holder {
        None => None,
        Some(holder) if holder.is_abandoned() => Some(holder.run_id.0),
        Some(holder) => return Ok(Asked::HeldBy(holder.holder())),
    };
    // Whoever else came to the same conclusion at the same time: only one replaces exactly that holder.
    let sql = format!(
        "INSERT INTO upkeep_leases AS l (job, run_id, owner, expires_at) VALUES ($1, $2, $3, {}) \
         ON CONFLICT (job) DO UPDATE SET run_id = excluded.run_id, owner = excluded.owner, \
         expires_at = excluded.expires_at WHERE l.run_id = $4",
        connection.from_now(LAPSE_SECONDS)
    );
    let taken = each!(connection, c => {
        diesel::sql_query(&sql)
            .bind::<Text, _>(document.job)
            .bind::<SqlUuid, _>(Uid(document.run_id))
            .bind::<SqlJson, _>(Json(serde_json::json!(owner)))
            .bind::<SqlUuid, _>(Uid(from.unwrap_or(Uuid::nil())))
            .execute(c)
    })?;
    Ok(if taken == 1 { Asked::Taken { from } } else { Asked::HeldBy("it began at this moment".into()) })
}

fn give_back(connection: &mut Connection, document: &Document) -> QueryResult<()> {
    each!(connection, c => {
        diesel::sql_query("DELETE FROM upkeep_leases WHERE job = $1 AND run_id = $2")
            .bind::<Text, _>(document.job)
            .bind::<SqlUuid, _>(Uid(document.run_id))
            .execute(c)
    })?;
    Ok(())
}

/// Renews the lease in the background until the returned end is dropped. A lease that somebody else took over ends
/// the run: this one was thought dead.
fn renew(url: DatabaseUrl, client: String, document: &Document, stop: Stop) -> anyhow::Result<Sender<()>> {
    let (keep, ended) = channel();
    let (job, run) = (document.job, document.run_id);
    let mut database = Database::new(url, client, Access::ReadWrite, Stop::without_deadline());
    let renewal = move || {
        while ended.recv_timeout(RENEWAL) == Err(RecvTimeoutError::Timeout) {
            let renewed = database.write(|connection| {
                let sql = format!(
                    "UPDATE upkeep_leases SET expires_at = {} WHERE job = $1 AND run_id = $2",
                    connection.from_now(LAPSE_SECONDS)
                );
                each!(connection, c => {
                    diesel::sql_query(&sql).bind::<Text, _>(job).bind::<SqlUuid, _>(Uid(run)).execute(c)
                })
            });
            match renewed {
                Ok(0) => stop.trigger(StopReason::LeaseLost),
                Ok(_) => {}
                // Two more renewals may fail before the lease lapses.
                Err(error) => log::debug!("the lease could not be renewed: {error}"),
            }
        }
    };
    std::thread::Builder::new()
        .name("lease".into())
        .spawn(renewal)
        .context("cannot start the thread that renews the lease")?;
    Ok(keep)
}
