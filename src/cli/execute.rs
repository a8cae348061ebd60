//! `upkeep jobs execute`

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::Value;
use upkeep_jobs::kit::{AnyJob, parse_parameters};
use upkeep_jobs::platform::{Kind, Problem};

use super::{Session, job_type, output};
use crate::run::{self, ErrorParts, IfRunning, LogTo, Outcome, Request, Verbosity, init_logging, is_pipe, may_colour};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// The log
    Text,
    /// The report as one JSON document; the log goes to standard error
    Json,
}

#[derive(Debug, Args)]
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
    /// Directory to write metrics for Prometheus to [default: metrics.dir]
    #[arg(long, value_name = "DIR")]
    metrics_dir: Option<PathBuf>,
    /// Let this run pass a guard that would refuse it; N is the number that the refusal names
    #[arg(long, value_name = "N")]
    allow_affected: Option<u64>,
}

pub(super) fn run(session: &Session, arguments: Arguments) -> ExitCode {
    let Arguments { job, parameters, timeout, hide_duration, dry_run, output, if_running, metrics_dir, allow_affected } =
        arguments;
    init_logging(session.verbosity, if output == Output::Json { LogTo::Stderr } else { LogTo::Stdout });
    let is_quiet = session.verbosity == Verbosity::Quiet;
    // What goes into a pipe may come out on the same terminal, in the midst of the bar: `upkeep … | tee log`.
    let is_piped = is_pipe(&io::stdout());
    let has_bar = output == Output::Text && !is_quiet && !is_piped && may_colour(&io::stderr());
    let show_duration = !hide_duration;
    let request = Request { job, dry_run, timeout, if_running, allow_affected, metrics_dir, show_duration, has_bar };
    let (document, error) = run::run(&request, || read_parameters(&parameters), || session.configuration());
    // Another run does the work: nobody has to act, and the exit code says it.
    let nobody_acts = is_quiet && document.outcome == Some(Outcome::Busy);
    if let Some(error) = error.filter(|_| !nobody_acts) {
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
    let (source, text) = match given.strip_prefix('@') {
        Some(path) => (format!("the file {path:?}"), File::open(path).and_then(read_all)),
        None if given == "-" => ("standard input".to_owned(), read_all(io::stdin())),
        None => return parse_parameters(given),
    };
    let text = text.map_err(|error| {
        Problem::new(Kind::Usage, format!("cannot read the parameters from {source}"))
            .because(error)
            .hint("--parameters takes a JSON object, @FILE for the contents of a file, or - for standard input")
    })?;
    parse_parameters(&text)
}

/// Many times more than any parameters need, so that the wrong file does not fill the memory.
const LARGEST: usize = 1 << 20;

fn read_all(from: impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    from.take(LARGEST as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > LARGEST {
        return Err(io::Error::other("more than 1 MiB, so these cannot be parameters"));
    }
    String::from_utf8(bytes).map_err(|error| io::Error::other(format!("not UTF-8 ({})", error.utf8_error())))
}

/// Plain seconds, or what humantime reads.
fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let duration = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => humantime::parse_duration(text)
            .map_err(|_| "write whole seconds, or a length of time like `90s` or `1h 30m`")?,
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
