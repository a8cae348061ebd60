//! `upkeep jobs history`

use clap::{Args, ValueEnum};
use serde_json::Value;
use upkeep_jobs::kit::AnyJob;
use upkeep_jobs::platform::Stop;
use upkeep_jobs::platform::database::{Access, Database, require_migrated};

use super::{Session, job_type, output};
use crate::run::{PastRun, past_runs};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// A line each
    Text,
    /// All that is known, as a JSON list
    Json,
}

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Only runs of this job
    #[arg(long, value_parser = job_type())]
    job: Option<&'static dyn AnyJob>,
    /// At most so many, the latest first
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u32,
    /// What to write to standard output
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

pub(super) fn run(session: &Session, arguments: &Arguments) -> anyhow::Result<()> {
    let url = session.configuration()?.database;
    let mut database = Database::new(url, "upkeep:history", Access::ReadOnly, Stop::without_deadline());
    require_migrated(&mut database)?;
    let job = arguments.job.map(AnyJob::name);
    let runs = database.read(|connection| past_runs(connection, job, arguments.limit))?;
    match arguments.output {
        Output::Json => output::print_json(&runs),
        Output::Text if runs.is_empty() => output::print("No runs yet\n"),
        Output::Text => output::print(&runs.iter().map(line).collect::<String>()),
    }
}

fn line(run: &PastRun) -> String {
    let text = |field: &str| run.document.get(field).and_then(Value::as_str).unwrap_or("");
    let number = |value: Option<&Value>| value.and_then(Value::as_u64).unwrap_or(0);
    let count = |field: &str| number(run.document.get("counts").and_then(|counts| counts.get(field)));
    let started: String = text("started_at").chars().take(19).collect();
    format!(
        "{started}Z  {:<20} {:<11} {:>7} deleted {:>7} failed  {:>9}  {}\n",
        run.job,
        run.state,
        count("deleted"),
        count("failed"),
        format!("{:.1}s", number(run.document.get("duration_ms")) as f64 / 1000.0),
        run.run_id,
    )
}
