//! What a failed statement means for the caller.

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error};

use super::super::problem::{Kind, Problem};

/// Why a transaction did not happen; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// A row in it violates a constraint. The text is the database's own.
    #[error("{0}")]
    Constraint(String),
    /// The database rejected the statement, most likely because of its rows: a lock held by somebody else, a statement
    /// that took too long. With fewer rows, or later, it may pass. The text is the database's own.
    #[error("{0}")]
    Rejected(String),
    /// The database does not work at all, or the run has been told to stop. Not transparent: the exit code is decided
    /// by the problem, which has to be found among the causes.
    #[error("{0}")]
    Problem(#[from] Problem),
}

/// A failed statement, sorted by what can be done about it.
pub(super) enum Trouble {
    /// The connection is gone.
    Lost(String),
    /// See [`DatabaseError::Constraint`].
    Constraint(String),
    /// See [`DatabaseError::Rejected`].
    Rejected(String),
    /// Trying again, or with fewer rows, is no use.
    Fatal(Problem),
}

impl Trouble {
    /// Sorts an error. Without the SQLSTATE, which diesel does not pass on, and with messages in the server's
    /// language, what is not certainly fatal counts as a rejection: the batch is narrowed down to single rows, and
    /// the loop gives up when those fail all alike.
    pub(super) fn of(error: Error) -> Self {
        match error {
            Error::DatabaseError(
                DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ClosedConnection,
                info,
            ) => Trouble::Lost(info.message().to_owned()),
            Error::DatabaseError(_, info) if server_went_away(info.message()) => {
                Trouble::Lost(info.message().to_owned())
            }
            Error::DatabaseError(
                DatabaseErrorKind::ForeignKeyViolation
                | DatabaseErrorKind::RestrictViolation
                | DatabaseErrorKind::UniqueViolation
                | DatabaseErrorKind::NotNullViolation
                | DatabaseErrorKind::CheckViolation
                | DatabaseErrorKind::ExclusionViolation,
                info,
            ) => Trouble::Constraint(words(info.as_ref())),
            Error::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, info) => fatal(info.as_ref()),
            Error::DatabaseError(_, info) if hopeless(info.message()) => fatal(info.as_ref()),
            Error::DatabaseError(_, info) => Trouble::Rejected(words(info.as_ref())),
            other => Trouble::Fatal(Problem::new(Kind::Failed, "a database statement failed").because(other)),
        }
    }
}

/// The server's farewell (SQLSTATE class 57P) arrives as an ordinary error before the connection closes.
fn server_went_away(message: &str) -> bool {
    ["terminating connection", "the database system is"].iter().any(|start| message.starts_with(start))
}

/// Errors of which every smaller batch would die as well; only a short cut, see [`Trouble::of`].
fn hopeless(message: &str) -> bool {
    const TELLS: [&str; 7] = [
        "permission denied",
        "database or disk is full",
        "disk I/O error",
        "attempt to write a readonly database",
        "file is not a database",
        "database disk image is malformed",
        "could not extend file",
    ];
    TELLS.iter().any(|tell| message.contains(tell))
}

fn fatal(info: &(dyn DatabaseErrorInformation + Send + Sync)) -> Trouble {
    let kind = match info.message() {
        m if m.contains("permission denied") || m.contains("readonly database") => Kind::Configuration,
        _ => Kind::Failed,
    };
    let problem = Problem::new(kind, format!("the database refused a statement: {}", words(info)));
    Trouble::Fatal(match info.message() {
        m if m.contains("disk is full") || m.contains("could not extend") => {
            problem.hint("make room on the database's disk and run the job again; nothing was lost")
        }
        m if m.contains("permission denied") => {
            problem.hint("grant the privilege to the user in [database] url and run again")
        }
        m if m.contains("readonly database") => {
            problem.hint("let the user that upkeep runs as write to the database's file and its directory")
        }
        _ => problem,
    })
}

/// The database's own words, with the table and constraint where it names them. Its `DETAIL` is left out: it quotes
/// row contents, which do not belong into logs.
fn words(info: &(dyn DatabaseErrorInformation + Send + Sync)) -> String {
    let mut words = info.message().to_owned();
    for (what, name) in [("table", info.table_name()), ("constraint", info.constraint_name())] {
        if let Some(name) = name
            && !words.contains(name)
        {
            words.push_str(&format!(" ({what} {name})"));
        }
    }
    words
}
