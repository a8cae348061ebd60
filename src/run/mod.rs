//! One run of one job: validate → configure → lease → record → execute → finish the record → result.
//!
//! Whoever starts a job — the command line now, others later — comes through [`run`].

mod bar;
mod document;
mod frame;
mod history;
mod lease;
mod logging;
mod monitoring;
mod overtime;
mod owner;
mod past_runs;
mod progress;
mod service_manager;
mod signals;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};
use serde_json::Value;
use upkeep_jobs::kit::{AnyJob, Context, Guard, crash_point};
use upkeep_jobs::platform::{Problem, Stop};

pub(crate) use self::document::{Document, ErrorParts, Outcome, kind_of};
pub(crate) use self::history::mark_died;
use self::lease::Lease;
pub(crate) use self::lease::{IfRunning, held_leases};
pub(crate) use self::logging::{LogTo, Verbosity, init as init_logging, is_pipe, may_colour, on_one_line, priority};
use self::monitoring::Monitoring;
pub(crate) use self::past_runs::{PastRun, RunPrefix, Wanted, past_runs, runs_named};
use self::progress::Display;
use self::service_manager::ServiceManager;
use crate::config::Config;

/// What is to be run, and how.
pub(crate) struct Request {
    /// The job.
    pub(crate) job: &'static dyn AnyJob,
    /// Only look.
    pub(crate) dry_run: bool,
    /// The time limit; waiting for another run counts.
    pub(crate) timeout: Duration,
    /// What to do while another run of the job is under way.
    pub(crate) if_running: IfRunning,
    /// What a guard may let pass in this run all the same.
    pub(crate) allow_affected: Option<u64>,
    /// Where to write metrics, in place of the directory that is configured.
    pub(crate) metrics_dir: Option<PathBuf>,
    /// Whether the log says how long the run took.
    pub(crate) show_duration: bool,
    /// Whether progress is shown by a bar on standard error, which has to be a terminal.
    pub(crate) has_bar: bool,
}

/// The present, to the microsecond, as both databases store it.
pub(crate) fn present() -> DateTime<Utc> {
    #[expect(clippy::disallowed_methods, reason = "the one place where the time of day comes in")]
    let now = Utc::now();
    now.trunc_subsecs(6)
}

/// Runs a job and tells all about it. `parameters` is the JSON object as given; `configuration` is asked only if the
/// job needs one.
pub(crate) fn run(
    request: &Request,
    parameters: impl FnOnce() -> Result<Value, Problem>,
    configuration: impl FnOnce() -> Result<Config, Problem>,
) -> (Document, Option<anyhow::Error>) {
    let stop = Stop::after(request.timeout);
    let document = Document::begin(request.job.name(), request.dry_run);
    let mut under_way = UnderWay { document, lease: None, monitoring: Monitoring::default() };
    let service_manager = Arc::new(ServiceManager::find());
    frame::begin();
    // Before signals are watched: whoever is still waiting for standard input has begun nothing and may end at once.
    let parameters = parameters();
    let watched = signals::watch(&stop);
    let overtime = overtime::end_after(request.timeout);
    frame::loading();
    let attention = service_manager.attend(&stop);
    let display = Display::new(request.has_bar, Arc::clone(&service_manager));
    let result = watched.and_then(|()| attempt(request, parameters, configuration, display, &stop, &mut under_way));
    let UnderWay { mut document, lease, monitoring } = under_way;
    document.conclude(result.as_ref());
    if let Some(lease) = lease {
        crash_point("done");
        lease.close(&document, &stop);
    }
    monitoring.ended(&document, &stop);
    drop(attention);
    service_manager.end(&document);
    frame::end(&document, request.show_duration);
    drop(overtime);
    (document, result.err())
}

/// What there is of a run, whatever ends it.
struct UnderWay {
    document: Document,
    lease: Option<Lease>,
    monitoring: Monitoring,
}

/// Whether the job ran, or was left to the run that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ran {
    Here,
    Elsewhere,
}

fn attempt(
    request: &Request,
    parameters: Result<Value, Problem>,
    configuration: impl FnOnce() -> Result<Config, Problem>,
    display: Display,
    stop: &Stop,
    under_way: &mut UnderWay,
) -> anyhow::Result<Ran> {
    let UnderWay { document, lease, monitoring } = under_way;
    let job = request.job;
    let parameters = job.complete(&parameters?, document.now)?;
    document.parameters = parameters.clone();
    let configured = if job.requires().is_empty() { None } else { Some(configuration()?) };
    let (guard, resources) = match configured {
        None => {
            Monitoring::without_database(request);
            (Guard::default(), None)
        }
        Some(config) => {
            *monitoring = Monitoring::of(request, &config);
            let (guard, resources) = config.for_run(request.allow_affected);
            if !request.dry_run {
                match Lease::take(resources.database.clone(), document, request.if_running, stop)? {
                    Some(taken) => *lease = Some(taken),
                    None => return Ok(Ran::Elsewhere),
                }
                monitoring.begun(document, stop);
            }
            (guard, Some(resources))
        }
    };
    crash_point("leased");
    let context = Context::new(job, document.run_id, document.now, request.dry_run, guard, resources, stop.clone())
        .shown_by(Box::new(display));
    let executed = job.execute(&context, parameters);
    let (report, result) = match executed {
        Ok(report) => (report, Ok(Ran::Here)),
        Err(error) => (context.take_report(), Err(error)),
    };
    document.report = report;
    result
}
