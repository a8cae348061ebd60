//! `upkeep doctor`: tries everything that jobs need, for real, and says what to do about what it finds.
//!
//! Each part looks at one thing that jobs depend on and hides nothing of the others. Nothing is changed: the database
//! is read in read-only transactions, providers are asked harmless questions, and the store gets the one trial that
//! every run makes, too: deleting a key that no object has.

mod database;
mod finding;
mod monitoring;
mod providers;
mod storage;
mod text;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde::Serialize;
use upkeep_jobs::platform::{Kind, Stop};

use self::finding::{Finding, Level};
use super::exit_status::Codes;
use super::{Session, output};
use crate::config::Config;
use crate::run::{may_colour, present};

pub(super) const NOTES: &str = "\
Nothing is changed, but for a trial that every run of a job makes, too: an
object is deleted under a key that no object has (in a directory, an empty file
is made and removed, and so in that for metrics).

With `--output json` each finding has a level: ok, note, warning or problem. A
problem makes jobs fail, a warning makes them slow or less thorough.";

pub(super) const EXIT_CODES: Codes = &[
    (0, "no problem; there may be warnings and notes"),
    (1, "problems of several kinds, or of none of these:"),
    (69, "the only kind of problem: something is not reachable"),
    (78, "the only kind of problem: something is not set up as jobs need it"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Findings with what to do about them
    Text,
    /// All of it as one JSON document
    Json,
}

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// What to write to standard output
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// What one examination came to.
#[derive(Serialize)]
struct Diagnosis {
    /// The version of this document's form.
    schema: u32,
    version: &'static str,
    host: String,
    examined_at: chrono::DateTime<chrono::Utc>,
    exit_code: u8,
    findings: Vec<Finding>,
}

pub(super) fn run(session: &Session, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let colour = may_colour(&std::io::stdout());
    let mut findings = Vec::new();
    let examined_at = present();
    examine(session, |part| {
        // Told as they come: what is slow to answer may be the very problem.
        if arguments.output == Output::Text {
            output::print(&text::part(&part, colour))?;
        }
        findings.extend(part);
        Ok(())
    })?;
    let exit_code = exit_code(&findings);
    match arguments.output {
        Output::Text => output::print(&text::summary(&findings))?,
        Output::Json => output::print_json(&Diagnosis {
            schema: 1,
            version: env!("CARGO_PKG_VERSION"),
            host: gethostname::gethostname().to_string_lossy().into_owned(),
            examined_at,
            exit_code,
            findings,
        })?,
    }
    Ok(ExitCode::from(exit_code))
}

/// Examines part after part and tells about each.
fn examine(session: &Session, mut tell: impl FnMut(Vec<Finding>) -> anyhow::Result<()>) -> anyhow::Result<()> {
    const AREA: &str = "Configuration";
    let config = match session.configuration() {
        Ok(config) => config,
        Err(problem) => return tell(vec![Finding::problem(AREA, &problem.into())]),
    };
    tell(configuration(AREA, &config))?;
    let stop = Stop::without_deadline();
    let monitored = config.monitored.clone();
    let (guard, resources) = config.for_run(None);
    let database::Examined { findings, database, sample } = database::examine(&resources.database, &stop);
    tell(findings)?;
    tell(storage::examine(&resources.storage, sample, &guard, &stop))?;
    tell(providers::identity(resources.identity.as_ref(), &stop))?;
    tell(providers::shared_folders(resources.shared_folders.as_ref(), &stop))?;
    tell(monitoring::examine(&monitored))?;
    tell(database::unfinished(database, &resources, &stop)).context("cannot write to standard output")
}

fn configuration(area: &'static str, config: &Config) -> Vec<Finding> {
    let valid = match config.file() {
        Some(file) => format!("{} is valid", file.display()),
        None => "there is no configuration file; the defaults and the environment are valid".to_owned(),
    };
    let mut findings = vec![Finding::ok(area, valid)];
    if let Some(file) = config.inherited_file() {
        findings.push(Finding::ok(area, format!("what is not set there is inherited from {}", file.display())));
    }
    if !config.safety.deletion {
        let text = "deletion = false in [safety]: every job that deletes is refused";
        findings.push(Finding::note(area, text).fix("set deletion = true when jobs may delete"));
    }
    findings
}

/// 0 without a problem; the exit code of their kind if all problems are of one kind, else 1.
fn exit_code(findings: &[Finding]) -> u8 {
    let mut kinds = findings.iter().filter(|finding| finding.level == Level::Problem).map(|finding| finding.kind);
    match kinds.next() {
        None => 0,
        Some(kind) if kinds.all(|other| other == kind) => kind.exit_code(),
        Some(_) => Kind::Failed.exit_code(),
    }
}
