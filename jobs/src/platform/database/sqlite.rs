//! The embedded database.

use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use diesel::connection::{Connection, SimpleConnection};
use diesel::{QueryResult, SqliteConnection};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::super::problem::{Kind, Problem};
use super::Access;
use super::error::{DatabaseError, Trouble};

pub(super) const BEGIN_READING: &str = "BEGIN DEFERRED";
/// Takes the write lock at once: a transaction that first reads and then writes could otherwise only fail.
pub(super) const BEGIN_WRITING: &str = "BEGIN IMMEDIATE";

/// How long other writers are waited for; in short steps, since nothing interrupts `busy_timeout` and a signal must be
/// obeyed within two seconds.
pub(super) const PATIENCE: Duration = Duration::from_millis(1500);
/// Whether a statement failed because somebody else writes.
pub(super) fn is_locked(error: &diesel::result::Error) -> bool {
    matches!(error, diesel::result::Error::DatabaseError(_, info) if info.message() == "database is locked")
}

/// `secure_delete` overwrites deleted content, which is personal data.
const SESSION: &str = "PRAGMA busy_timeout = 200; PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; \
                       PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY;";

pub(super) fn open(path: &Path, access: Access) -> Result<SqliteConnection, Problem> {
    let cannot_open = |why: String| {
        Problem::new(Kind::Configuration, format!("cannot open the embedded database {}: {why}", path.display())).hint(
            "check [database] url, that upkeep may write to the file and its directory, and that the disk is not full",
        )
    };
    if !path.exists() {
        if access == Access::ReadOnly {
            return Err(cannot_open("there is no such file".into())
                .hint("`upkeep database migrate` creates it, and so does the first run that is no dry run"));
        }
        create(path).map_err(|error| cannot_open(error.to_string()))?;
    }
    let Some(name) = path.to_str() else {
        return Err(cannot_open("its path is not valid Unicode".into()));
    };
    let uri = format!("file:{}?mode=ro", utf8_percent_encode(name, NON_ALPHANUMERIC));
    // The last to close a database writes the log back into it, unless it may not; without a log there is nothing to
    // write, but whoever may not write could not remove the new one either.
    let leaves_log = access == Access::ReadOnly && Path::new(&format!("{name}-wal")).exists();
    let mut connection = SqliteConnection::establish(if leaves_log { &uri } else { name })
        .map_err(|error| cannot_open(error.to_string()))?;
    connection
        .batch_execute(SESSION)
        .and_then(|()| match access {
            Access::ReadOnly => connection.batch_execute("PRAGMA query_only = ON; SELECT 1 FROM sqlite_schema LIMIT 1"),
            Access::ReadWrite => connection.batch_execute("PRAGMA journal_mode = WAL"),
        })
        .map_err(|error| cannot_open(error.to_string()))?;
    Ok(connection)
}

/// Makes an empty file, which SQLite takes for an empty database, with permissions that its log then has, too: nobody
/// but its owner may read it.
fn create(path: &Path) -> std::io::Result<()> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    // Not `create_new`: somebody else may do the same at this moment.
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    Ok(())
}

/// Deleted personal data must not linger in the write-ahead log. A reader that still needs the log only postpones it.
pub(super) fn truncate_log(connection: &mut SqliteConnection) -> Result<(), DatabaseError> {
    let done: QueryResult<()> = connection.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)");
    match done.map_err(Trouble::of) {
        Ok(()) => Ok(()),
        Err(Trouble::Lost(words) | Trouble::Constraint(words) | Trouble::Rejected(words)) => {
            Err(DatabaseError::Rejected(words))
        }
        Err(Trouble::Fatal(problem)) => Err(DatabaseError::Problem(problem)),
    }
}
