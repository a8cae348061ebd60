//! A run as a document: what `--output json` prints and the run history keeps. Fields are only ever added.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use upkeep_jobs::kit::Report;
use upkeep_jobs::platform::{Kind, Problem, StopReason};
use uuid::Uuid;

use super::{Ran, present};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// Everything that was due is done.
    Succeeded,
    /// Finished, but some items failed.
    Incomplete,
    /// Left to another run that is under way.
    Skipped,
    /// Another run is under way.
    Busy,
    /// Refused by a guard.
    Refused,
    /// Ended by an error.
    Failed,
    /// Ended by its time limit.
    TimedOut,
    /// Ended by a signal, or because another run took its place.
    Interrupted,
}

/// An error in parts.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ErrorParts {
    pub(crate) message: String,
    pub(crate) causes: Vec<String>,
    pub(crate) hint: Option<String>,
}

/// All that can be told about a run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Document {
    /// The version of this document's form.
    schema: u32,
    /// The job's name.
    pub(crate) job: &'static str,
    /// The run's identifier, in the order of time.
    pub(crate) run_id: Uuid,
    /// The host it ran on.
    pub(crate) host: String,
    /// The version of upkeep.
    version: &'static str,
    /// Whether nothing was to be changed.
    dry_run: bool,
    /// When it started.
    pub(crate) started_at: DateTime<Utc>,
    /// When it ended; null while it runs.
    pub(crate) finished_at: Option<DateTime<Utc>>,
    /// How long it took, in milliseconds; null while it runs.
    pub(crate) duration_ms: Option<u64>,
    /// The point in time that cutoffs were computed from.
    pub(crate) now: DateTime<Utc>,
    /// All parameters, defaults included; null if they could not be read.
    pub(crate) parameters: Value,
    /// How it ended; null while it runs.
    pub(crate) outcome: Option<Outcome>,
    /// The exit code; null while it runs.
    pub(crate) exit_code: Option<u8>,
    /// What ended it early.
    error: Option<ErrorParts>,
    /// What it did.
    #[serde(flatten)]
    pub(crate) report: Report,
}

impl Document {
    /// A run that starts now.
    pub(super) fn begin(job: &'static str, dry_run: bool) -> Self {
        let now = present();
        Self {
            schema: 1,
            job,
            run_id: Uuid::now_v7(),
            host: gethostname::gethostname().to_string_lossy().into_owned(),
            version: env!("CARGO_PKG_VERSION"),
            dry_run,
            started_at: now,
            finished_at: None,
            duration_ms: None,
            now,
            parameters: Value::Null,
            outcome: None,
            exit_code: None,
            error: None,
            report: Report::default(),
        }
    }

    /// Fills in how the run ended.
    pub(super) fn conclude(&mut self, result: Result<&Ran, &anyhow::Error>) {
        let (outcome, exit_code) = match result {
            Ok(Ran::Elsewhere) => (Outcome::Skipped, 0),
            Ok(Ran::Here) if self.report.counts.failed > 0 => (Outcome::Incomplete, Kind::SOME_FAILED),
            Ok(Ran::Here) => (Outcome::Succeeded, 0),
            Err(error) => {
                let kind = kind_of(error);
                let outcome = match kind {
                    Kind::Refused => Outcome::Refused,
                    Kind::LeaseHeld => Outcome::Busy,
                    Kind::Stopped(StopReason::TimedOut(_)) => Outcome::TimedOut,
                    Kind::Stopped(_) => Outcome::Interrupted,
                    Kind::Failed | Kind::Usage | Kind::Unreachable | Kind::Configuration => Outcome::Failed,
                };
                (outcome, kind.exit_code())
            }
        };
        let finished_at = present();
        self.finished_at = Some(finished_at);
        self.duration_ms = (finished_at - self.started_at).num_milliseconds().try_into().ok();
        self.outcome = Some(outcome);
        self.exit_code = Some(exit_code);
        self.error = result.err().map(ErrorParts::of);
    }

    /// What ended the run early, if anything did.
    pub(super) fn error(&self) -> Option<&ErrorParts> {
        self.error.as_ref()
    }
}

impl ErrorParts {
    /// Takes an error apart; causes that only repeat what is said already are left out.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        let message = error.to_string();
        let mut causes = Vec::<String>::new();
        for cause in error.chain().skip(1).map(ToString::to_string) {
            let said = causes.last().unwrap_or(&message);
            if !said.contains(&cause) {
                causes.push(cause);
            }
        }
        let hint = Problem::within(error).and_then(Problem::advice).map(str::to_owned);
        Self { message, causes, hint }
    }

    /// One `error:` line, a `cause:` line for each cause, and a `hint:` line if there is one.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        let error = std::iter::once(format!("error: {}", self.message));
        let causes = self.causes.iter().map(|cause| format!("cause: {cause}"));
        error.chain(causes).chain(self.hint.iter().map(|hint| format!("hint: {hint}")))
    }

    /// The error with its causes in one line.
    pub(super) fn in_one_line(&self) -> String {
        let causes = self.causes.iter().map(|cause| format!(": {cause}"));
        std::iter::once(self.message.clone()).chain(causes).collect()
    }
}

/// The kind that decides the exit code: that of the outermost [`Problem`], if there is one.
pub(crate) fn kind_of(error: &anyhow::Error) -> Kind {
    Problem::within(error).map_or(Kind::Failed, Problem::kind)
}
