//! Errors that an operator acts on: what was attempted, why it failed, what to do, and which exit code says so.

use std::fmt;

use super::stop::StopReason;

/// The kind of a [`Problem`]; it alone decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The work failed.
    Failed,
    /// Wrong flags, job type or parameters.
    Usage,
    /// A guard said no; nothing was changed.
    Refused,
    /// Database, storage or provider could not be reached, after retries.
    Unreachable,
    /// Another run of the same job is under way.
    LeaseHeld,
    /// The configuration is invalid, or migrations are pending.
    Configuration,
    /// The run was stopped by its deadline or by a signal.
    Stopped(StopReason),
}

impl Kind {
    /// The process exit code of a run that finished although some items failed, which is no single problem's.
    pub const SOME_FAILED: u8 = 3;

    /// The process exit code for this kind (`--help` lists them all).
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Failed => 1,
            Kind::Usage => 2,
            Kind::Refused => 4,
            Kind::Unreachable => 69,
            Kind::LeaseHeld | Kind::Stopped(StopReason::LeaseLost) => 75,
            Kind::Configuration => 78,
            Kind::Stopped(StopReason::TimedOut(_)) => 124,
            Kind::Stopped(StopReason::Interrupted) => 130,
            Kind::Stopped(StopReason::Terminated) => 143,
        }
    }
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// An error with the kind that decides the exit code, and a hint at what to do about it.
///
/// `Display` is the message alone; causes are reached through `source()`, the hint through [`Problem::advice`].
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    kind: Kind,
    message: String,
    #[source]
    cause: Option<Cause>,
    hint: Option<String>,
}

impl Problem {
    /// A problem of `kind`; `message` says what was attempted, on what, and why it failed.
    pub fn new(kind: Kind, message: impl fmt::Display) -> Self {
        Self { kind, message: message.to_string(), cause: None, hint: None }
    }

    /// Adds the error underneath.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Cause>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Adds what the operator can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// The outermost problem in an error's chain, if there is one.
    pub fn within(error: &anyhow::Error) -> Option<&Self> {
        error.chain().find_map(|part| part.downcast_ref())
    }

    /// The kind, which decides the exit code.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What the operator can do, if there is anything specific to say.
    pub fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::database::DatabaseError;

    #[test]
    fn a_problem_is_found_however_it_is_wrapped() {
        let problem = || Problem::new(Kind::Configuration, "no").hint("do");
        let wrapped = [
            anyhow::Error::from(problem()),
            anyhow::Error::from(problem()).context("while trying"),
            anyhow::Error::from(DatabaseError::from(problem())),
            anyhow::Error::from(DatabaseError::from(problem())).context("while trying"),
        ];
        for error in wrapped {
            assert_eq!(Problem::within(&error).map(|found| found.kind().exit_code()), Some(78), "{error:#}");
        }
        assert!(Problem::within(&anyhow::anyhow!("something else")).is_none());
    }
}
