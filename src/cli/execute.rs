//! `upkeep jobs execute`

use std::io::Read;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::Value;
use upkeep_jobs::kit::{AnyJob, parse_parameters};
use upkeep_jobs::platform::{Kind, Problem};

use super::{Session, job_type, output};
use crate::run::{self, ErrorParts, IfRunning, LogTo, Request, init_logging};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// The log
    Text,
    /// The report as one JSON document; the log goes to standard error
    Json,
}

#[derive(Args)]
pub(super) struct Arguments {
    /// The job
    #[arg(value_name = "JOB_TYPE", value_parser = job_type())]
    job: &'static dyn AnyJob,
    /// A JSON object, `@FILE` for the contents of a file, or `-` for standard input
    #[arg(long, default_value = "{}", allow_hyphen_values = true)]
    parameters: String,
    /// Time limit in seconds, or like `90s` or `1h 30m`
    #[arg(long, default_value = "3600", value_parser = duration)]
    timeout: Duration,
    /// Do not say how long it took
    #[arg(long)]
    hide_duration: bool,
    /// Only show what would be done; nothing is changed anywhere
    #[arg(long)]
    dry_run: bool,
    /// What to write to standard output
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// What to do while another run of the job is under way
    #[arg(long, value_enum, default_value_t = IfRunning::Fail)]
    if_running: IfRunning,
    /// Let this run affect so many rows although a guard of [safety] would refuse it
    #[arg(long, value_name = "N")]
    allow_affected: Option<u64>,
}

impl std::fmt::Debug for Arguments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Arguments").field("job", &self.job.name()).finish_non_exhaustive()
    }
}

pub(super) fn run(session: &Session, arguments: Arguments) -> ExitCode {
    let Arguments { job, parameters, timeout, hide_duration, dry_run, output, if_running, allow_affected } = arguments;
    init_logging(session.verbosity, if output == Output::Json { LogTo::Stderr } else { LogTo::Stdout });
    let request = Request { job, dry_run, timeout, if_running, allow_affected, show_duration: !hide_duration };
    let (document, error) = run::run(&request, || read_parameters(&parameters), || session.configuration());
    if let Some(error) = error {
        output::complain(&ErrorParts::of(&error));
    }
    if output == Output::Json
        && let Err(error) = output::print_json(&document)
        && !output::is_broken_pipe(&error)
    {
        output::complain(&ErrorParts::of(&error));
        return ExitCode::FAILURE;
    }
    document.exit_code.map_or(ExitCode::FAILURE, ExitCode::from)
}

fn read_parameters(given: &str) -> Result<Value, Problem> {
    let cannot_read = |what: &str, error: std::io::Error| {
        Problem::new(Kind::Usage, format!("cannot read the parameters from {what}")).because(error)
    };
    match given.strip_prefix('@') {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| cannot_read(path, error))?;
            parse_parameters(&text)
        }
        None if given == "-" => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map_err(|error| cannot_read("standard input", error))?;
            parse_parameters(&text)
        }
        None => parse_parameters(given),
    }
}

/// Plain seconds, or what humantime reads.
fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let duration = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => humantime::parse_duration(text)
            .map_err(|error| format!("{error}; write seconds, or a duration like `90s` or `1h 30m`"))?,
    };
    if duration.is_zero() {
        return Err("the time limit must be longer than nothing".into());
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_seconds_or_with_units() {
        assert_eq!(duration("3600").unwrap(), Duration::from_secs(3600));
        assert_eq!(duration("1h 30m").unwrap(), Duration::from_secs(5400));
        assert_eq!(duration(" 90s ").unwrap(), Duration::from_secs(90));
        for nonsense in ["", "0", "-1", "1.5", "99999999999999999999", "soon", "1h30"] {
            assert!(duration(nonsense).is_err(), "{nonsense}");
        }
    }
}
