//! The platform's database: PostgreSQL in production, SQLite embedded, behind one set of statements.
//!
//! Everything runs in short transactions of [`Database::read`] and [`Database::write`]; nothing relies on session
//! state, so a transaction-mode connection pooler in between does no harm.

mod connection;
mod error;
mod examination;
mod generation;
mod migrations;
mod postgres;
mod rows;
mod sqlite;
mod tls;
mod types;
mod url;

use std::fmt;
use std::time::Duration;

use diesel::QueryResult;
use diesel::connection::SimpleConnection;

pub use self::connection::Connection;
pub use self::error::DatabaseError;
use self::error::Trouble;
pub use self::examination::{Server, UnindexedReference, server, unindexed_references};
pub use self::generation::{
    Catalogue, Columns, Generation, Requirement, check_generation, check_privileges, check_schema, generation,
};
pub use self::migrations::{MigrationState, migrate, migration_state, require_migrated};
pub use self::rows::{Id, Number};
pub use self::types::{Ids, Instant, Json, SqlIds, SqlInstant, SqlJson, SqlTexts, SqlUuid, Texts, Uid};
pub use self::url::{DatabaseUrl, PostgresUrl};
use super::problem::{Kind, Problem};
use super::stop::Stop;

/// Runs one expression against whichever backend a [`Connection`] is, type-checked against each of them.
#[macro_export]
macro_rules! each {
    ($connection:expr, $c:ident => $body:expr) => {
        match $connection {
            $crate::platform::database::Connection::Postgres($c) => $body,
            $crate::platform::database::Connection::Sqlite($c) => $body,
        }
    };
}

/// Whether a [`Database`] may be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Enforced by the database itself: read-only transactions, `query_only`.
    ReadOnly,
    /// Reads and writes.
    ReadWrite,
}

/// How often a lost connection is made again before the database counts as unreachable, and the first pause between
/// two attempts, which then doubles: six seconds in all.
const RECONNECTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// How long a rejected read is tried again, and the pause before each time.
const READ_PATIENCE: Duration = Duration::from_secs(15);
const READ_PAUSE: Duration = Duration::from_secs(1);
/// How often the server is asked about a commit, and the pause in between: it may still be at it, or may not yet have
/// noticed that its client is gone.
const STATUS_TRIES: u32 = 50;
const STATUS_PAUSE: Duration = Duration::from_millis(100);

/// A database handle that connects when it is first used and again when the connection is lost.
pub struct Database {
    url: DatabaseUrl,
    client: String,
    access: Access,
    stop: Stop,
    connection: Option<Connection>,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("url", &self.url).field("access", &self.access).finish_non_exhaustive()
    }
}

impl Database {
    /// A handle; connects nothing yet. `client` is the name the database's administrator sees, for example
    /// `upkeep:event-cleanup`; statements end when `stop` says so.
    pub fn new(url: DatabaseUrl, client: impl Into<String>, access: Access, stop: Stop) -> Self {
        Self { url, client: client.into(), access, stop, connection: None }
    }

    /// Which database this is, without secrets.
    pub fn location(&self) -> String {
        self.url.to_string()
    }

    /// Whether this handle may write.
    pub fn access(&self) -> Access {
        self.access
    }

    /// Whether this is PostgreSQL, where the platform is somebody else's and nothing is created unasked.
    pub fn is_postgres(&self) -> bool {
        self.url.is_postgres()
    }

    /// Runs `work` in one read-only transaction; it may run again after a lost connection, or for a while when it is
    /// rejected: whoever changes a table's definition locks it for a moment.
    ///
    /// # Errors
    /// See [`DatabaseError`].
    pub fn read<T>(&mut self, mut work: impl FnMut(&mut Connection) -> QueryResult<T>) -> Result<T, DatabaseError> {
        let begun = std::time::Instant::now();
        loop {
            match self.in_transaction(Access::ReadOnly, &mut work) {
                Err(DatabaseError::Rejected(words)) if begun.elapsed() < READ_PATIENCE => {
                    log::debug!("reading from {} will be tried again: {words}", self.url);
                    self.stop.sleep(READ_PAUSE);
                    self.stop.check()?;
                }
                Err(DatabaseError::Rejected(words)) => {
                    return Err(Problem::new(Kind::Failed, format!("{} refuses to be read: {words}", self.url))
                        .hint("if another session keeps a table locked, run the job again when it is done")
                        .into());
                }
                done => return done,
            }
        }
    }

    /// Runs `work` in one short write transaction that waits only briefly for locks. It may run again after a lost
    /// connection, but never twice with effect: when the connection breaks at the commit, the server is asked what
    /// became of it.
    ///
    /// # Errors
    /// See [`DatabaseError`]; nothing was changed then.
    pub fn write<T>(&mut self, work: impl FnMut(&mut Connection) -> QueryResult<T>) -> Result<T, DatabaseError> {
        self.in_transaction(self.access, work)
    }

    fn in_transaction<T>(
        &mut self,
        access: Access,
        mut work: impl FnMut(&mut Connection) -> QueryResult<T>,
    ) -> Result<T, DatabaseError> {
        for _ in 0..=RECONNECTS {
            self.stop.check()?;
            let stop = self.stop.clone();
            let connection = self.connected()?;
            let lost = match attempt(connection, access, &stop, &mut work) {
                Ok(value) => return Ok(value),
                Err(Failed { trouble, unsure_commit }) => {
                    // A statement that was cancelled on behalf of `stop` fails with words that mislead.
                    self.stop.check()?;
                    match trouble {
                        Trouble::Lost(words) => (words, unsure_commit),
                        Trouble::Constraint(violation) => return Err(DatabaseError::Constraint(violation)),
                        Trouble::Rejected(rejection) => return Err(DatabaseError::Rejected(rejection)),
                        Trouble::Fatal(problem) => return Err(DatabaseError::Problem(problem)),
                    }
                }
            };
            self.connection = None;
            log::debug!("lost the connection to {}: {}", self.url, lost.0);
            if let Some(Unsure { transaction, value }) = lost.1
                && self.was_committed(&transaction)?
            {
                return Ok(value);
            }
        }
        Err(Problem::new(Kind::Unreachable, format!("lost the connection to {} again and again", self.url))
            .hint("look at the database server's log; what was finished is safe, run the job again")
            .into())
    }

    /// What became of a transaction whose commit was sent but never answered.
    fn was_committed(&mut self, transaction: &str) -> Result<bool, DatabaseError> {
        for _ in 0..STATUS_TRIES {
            let status = self.read(|connection| postgres::transaction_status(connection, transaction))?;
            match status.as_deref() {
                Some("committed") => return Ok(true),
                Some("aborted") => return Ok(false),
                Some(_) => self.stop.sleep(STATUS_PAUSE),
                None => break,
            }
        }
        self.stop.check()?;
        Err(postgres::unsure().into())
    }

    /// The connection, made now if there is none.
    fn connected(&mut self) -> Result<&mut Connection, Problem> {
        if self.connection.is_none() {
            let mut pause = FIRST_PAUSE;
            let mut tries = 0;
            let connection = loop {
                self.stop.check()?;
                match self.connect() {
                    Ok(connection) => break connection,
                    Err(problem) if problem.kind() == Kind::Unreachable && tries < RECONNECTS => {
                        tries += 1;
                        log::debug!("attempt {tries} to reach {} failed: {problem}", self.url);
                        self.stop.sleep(pause);
                        pause *= 2;
                    }
                    Err(problem) => return Err(problem),
                }
            };
            self.connection = Some(connection);
        }
        match &mut self.connection {
            Some(connection) => Ok(connection),
            None => Err(Problem::new(Kind::Unreachable, format!("no connection to {}", self.url))),
        }
    }

    fn connect(&self) -> Result<Connection, Problem> {
        match &self.url {
            DatabaseUrl::Postgres(url) => {
                postgres::connect(&url.text, &self.client, &self.stop).map(Connection::Postgres)
            }
            DatabaseUrl::Sqlite(path) => sqlite::open(path, self.access).map(Connection::Sqlite),
        }
    }

    /// Makes sure that what was deleted does not linger in files of an embedded database; a no-op on PostgreSQL.
    ///
    /// # Errors
    /// When the write-ahead log cannot be truncated.
    pub fn forget_deleted(&mut self) -> Result<(), DatabaseError> {
        match &mut self.connection {
            Some(Connection::Sqlite(c)) => sqlite::truncate_log(c),
            Some(Connection::Postgres(_)) | None => Ok(()),
        }
    }
}

/// A failed attempt; `unsure_commit` if it broke in the one moment where it may have succeeded all the same.
struct Failed<T> {
    trouble: Trouble,
    unsure_commit: Option<Unsure<T>>,
}

struct Unsure<T> {
    transaction: String,
    value: T,
}

fn attempt<T>(
    connection: &mut Connection,
    access: Access,
    stop: &Stop,
    work: &mut impl FnMut(&mut Connection) -> QueryResult<T>,
) -> Result<T, Failed<T>> {
    let begin = match (&connection, access) {
        (Connection::Postgres(_), Access::ReadOnly) => postgres::BEGIN_READING,
        (Connection::Postgres(_), Access::ReadWrite) => postgres::BEGIN_WRITING,
        (Connection::Sqlite(_), Access::ReadOnly) => sqlite::BEGIN_READING,
        (Connection::Sqlite(_), Access::ReadWrite) => sqlite::BEGIN_WRITING,
    };
    let worked = patiently(stop, || each!(&mut *connection, c => c.batch_execute(begin)))
        .and_then(|()| work(connection))
        .and_then(|value| Ok((value, postgres::transaction_id(connection, access)?)));
    match worked {
        Ok((value, transaction)) => match each!(connection, c => c.batch_execute("COMMIT")) {
            Ok(()) => Ok(value),
            Err(error) => {
                let trouble = Trouble::of(error);
                let lost = matches!(trouble, Trouble::Lost(_));
                if !lost {
                    roll_back(connection);
                }
                let unsure_commit = transaction.filter(|_| lost).map(|transaction| Unsure { transaction, value });
                Err(Failed { trouble, unsure_commit })
            }
        },
        Err(error) => {
            roll_back(connection);
            Err(Failed { trouble: Trouble::of(error), unsure_commit: None })
        }
    }
}

/// Begins a transaction; while somebody else writes to an embedded database, again and again for a short time.
fn patiently(stop: &Stop, mut begin: impl FnMut() -> QueryResult<()>) -> QueryResult<()> {
    let started = std::time::Instant::now();
    loop {
        match begin() {
            Err(error)
                if sqlite::is_locked(&error) && started.elapsed() < sqlite::PATIENCE && stop.reason().is_none() => {}
            begun => return begun,
        }
    }
}

fn roll_back(connection: &mut Connection) {
    // A rollback that fails means a broken connection, which the next statement notices.
    if let Err(error) = each!(connection, c => c.batch_execute("ROLLBACK")) {
        log::debug!("rolling back failed: {error}");
    }
}
