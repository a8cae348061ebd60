//! One thing that was found.

use serde::Serialize;
use upkeep_jobs::platform::{Kind, Problem};

use crate::run::{ErrorParts, kind_of, on_one_line};

/// What a finding means for the jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// Good to know.
    Note,
    /// Jobs run, but slower or less thoroughly than they could.
    Warning,
    /// Jobs fail.
    Problem,
}

/// One thing that was found, and what to do about it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Finding {
    pub(super) area: &'static str,
    pub(super) level: Level,
    pub(super) finding: String,
    pub(super) causes: Vec<String>,
    pub(super) fix: Option<String>,
    /// Lines to paste somewhere, such as SQL.
    pub(super) statements: Vec<String>,
    /// For a problem, what decides the exit code.
    #[serde(skip)]
    pub(super) kind: Kind,
}

impl Finding {
    fn new(area: &'static str, level: Level, finding: impl Into<String>) -> Self {
        let (finding, causes, statements) = (on_one_line(&finding.into()), Vec::new(), Vec::new());
        Self { area, level, finding, causes, fix: None, statements, kind: Kind::Failed }
    }

    pub(super) fn ok(area: &'static str, finding: impl Into<String>) -> Self {
        Self::new(area, Level::Ok, finding)
    }

    pub(super) fn note(area: &'static str, finding: impl Into<String>) -> Self {
        Self::new(area, Level::Note, finding)
    }

    pub(super) fn warning(area: &'static str, finding: impl Into<String>) -> Self {
        Self::new(area, Level::Warning, finding)
    }

    /// What stands in the way of jobs, in the words they would use.
    pub(super) fn problem(area: &'static str, error: &anyhow::Error) -> Self {
        let ErrorParts { message, causes, hint } = ErrorParts::of(error);
        let causes = causes.iter().map(|cause| on_one_line(cause)).collect();
        let finding = Self { causes, kind: kind_of(error), ..Self::new(area, Level::Problem, message) };
        // What there is to paste is not to be folded.
        match hint {
            Some(hint) if hint.starts_with("GRANT ") => {
                let statements = hint.split_inclusive(';').map(|statement| statement.trim().to_owned());
                Self { statements: statements.collect(), ..finding }.fix("let somebody who may grant it say")
            }
            Some(hint) => finding.fix(hint),
            None => finding,
        }
    }

    /// A problem of the setup.
    pub(super) fn wrong(area: &'static str, finding: impl std::fmt::Display) -> Self {
        Self::problem(area, &Problem::new(Kind::Configuration, finding).into())
    }

    pub(super) fn fix(self, fix: impl AsRef<str>) -> Self {
        Self { fix: Some(on_one_line(fix.as_ref())), ..self }
    }
}
