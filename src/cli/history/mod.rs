//! `upkeep jobs history`: past runs, or all that is known about one of them.

mod list;
mod one_run;

use std::time::Duration;

use clap::{Args, ValueEnum};
use upkeep_jobs::kit::AnyJob;
use upkeep_jobs::platform::database::{Access, Database, DatabaseUrl, require_migrated};
use upkeep_jobs::platform::{Kind, Problem, Stop};
use uuid::Uuid;

use super::{Session, job_type, output};
use crate::run::{PastRun, RunPrefix, Wanted, mark_died, past_runs, runs_named};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    Text,
    /// All that is known, as JSON
    Json,
}

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Show the full report of this run: its identifier, or enough of its beginning
    #[arg(value_name = "RUN", conflicts_with_all = ["job", "failed", "limit"])]
    run: Option<RunPrefix>,
    /// Only runs of this job
    #[arg(long, value_parser = job_type())]
    job: Option<&'static dyn AnyJob>,
    /// Only runs that ended with an exit code other than 0, or died
    #[arg(long)]
    failed: bool,
    /// At most so many, the latest first
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// What to write to standard output
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

pub(super) fn run(session: &Session, arguments: &Arguments) -> anyhow::Result<()> {
    let url = session.configuration()?.database;
    let mut database = Database::new(url.clone(), CLIENT, Access::ReadOnly, Stop::without_deadline());
    require_migrated(&mut database)?;
    match &arguments.run {
        Some(prefix) => {
            let run = the_run(&mut database, prefix)?;
            match arguments.output {
                Output::Json => output::print_json(&run)?,
                Output::Text => output::print(&one_run::text(&run))?,
            }
            record_deaths(url, std::slice::from_ref(&run));
        }
        None => {
            let wanted =
                Wanted { job: arguments.job.map(AnyJob::name), failed: arguments.failed, limit: arguments.limit };
            let runs = database.read(|connection| past_runs(connection, wanted))?;
            match arguments.output {
                Output::Json => output::print_json(&runs)?,
                Output::Text => output::print(&list::text(&runs, arguments.failed))?,
            }
            record_deaths(url, &runs);
        }
    }
    Ok(())
}

const CLIENT: &str = "upkeep:history";
/// So many runs are named when it is not clear which one is meant.
const NAMED: usize = 5;

/// The one run whose identifier begins like this.
fn the_run(database: &mut Database, prefix: &RunPrefix) -> anyhow::Result<PastRun> {
    let mut runs = database.read(|connection| runs_named(connection, prefix, NAMED as u32 + 1))?;
    let problem = match runs.len() {
        1 => return Ok(runs.remove(0)),
        0 => Problem::new(Kind::Usage, format!("there is no run whose identifier begins with {prefix}"))
            .hint("`upkeep jobs history` lists the latest runs, and with --limit earlier ones"),
        number => {
            let shown: Vec<_> = runs.iter().take(NAMED).map(|run| run.run_id.to_string()).collect();
            let more = if number > NAMED { ", and others" } else { "" };
            let what = format!("several runs have an identifier that begins with {prefix}: {}{more}", shown.join(", "));
            Problem::new(Kind::Usage, what).hint("write more of its digits")
        }
    };
    Err(problem.into())
}

/// Longer than it takes to enter a few words, unless somebody keeps the database locked.
const PATIENCE: Duration = Duration::from_secs(2);

/// Enters what was found out about runs that ended without saying so. Where nothing can be written, as on a standby
/// server, whoever looks next finds it out again.
fn record_deaths(url: DatabaseUrl, runs: &[PastRun]) {
    let died: Vec<Uuid> = runs.iter().filter(|run| run.death_is_news).map(|run| run.run_id).collect();
    if died.is_empty() {
        return;
    }
    let mut database = Database::new(url, CLIENT, Access::ReadWrite, Stop::after(PATIENCE));
    if let Err(error) = database.write(|connection| mark_died(connection, &died)) {
        log::debug!("that runs died could not be entered into the history: {error}");
    }
}
