//! The pure-Rust PostgreSQL connection: it obeys the run's deadline and signals in the middle of a statement, by
//! cancelling the statement at the server.

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use diesel::sql_types::Text;
use diesel::{QueryResult, QueryableByName, RunQueryDsl};
use diesel_async::async_connection_wrapper::{AsyncConnectionWrapper, BlockOn};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use secrecy::{ExposeSecret, SecretString};
use tokio::runtime::Runtime;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tokio_postgres::config::Host;
use tokio_postgres::error::SqlState;
use tokio_postgres::{CancelToken, Config};

use super::super::problem::{Kind, Problem};
use super::super::stop::Stop;
use super::tls::{self, Tls};
use super::{Access, Connection};

/// A synchronous diesel connection to PostgreSQL.
pub(super) type PostgresConnection = AsyncConnectionWrapper<AsyncPgConnection, Driver>;

/// Selections read without locks and may take a while. The settings are local to the transaction, so that they hold
/// behind a transaction-mode pooler, too.
pub(super) const BEGIN_READING: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; \
     SET LOCAL statement_timeout = '300s'; SET LOCAL lock_timeout = '1s'; \
     SET LOCAL idle_in_transaction_session_timeout = '30s'";
/// A transaction that writes holds locks that the live platform may want. It gives way before the server looks for
/// deadlocks (`deadlock_timeout`, one second), since then the platform could lose. The isolation level is spelled out,
/// since a role may have another default: rows that were locked have to be looked at again as they are then.
pub(super) const BEGIN_WRITING: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
     SET LOCAL statement_timeout = '30s'; SET LOCAL lock_timeout = '500ms'; \
     SET LOCAL idle_in_transaction_session_timeout = '30s'";

/// Longer than any statement may take at the server: beyond it the network is dead, not the statement slow.
const SILENCE: Duration = Duration::from_secs(330);
/// How long all statements of a connection together have to end once the run has been told to, before the connection is
/// cut; what it takes to ask for that is part of it. Two of these and [`Stop::last_words`] have to fit into the two
/// seconds within which a signal must be obeyed.
const CANCEL_GRACE: Duration = Duration::from_millis(500);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A session may take this many times longer than a connection: there may be several addresses to try, then there is
/// the password, and a pooler may have to wait for a free session.
const SESSION_FACTOR: u32 = 6;

/// Waits for the connection's futures, and for the reason to stop.
pub struct Driver {
    /// Drives the connection's own task too, in the calling thread: no hand-over between threads per statement.
    runtime: Arc<Runtime>,
    stop: Stop,
    cancel: CancelToken,
    tls: Tls,
    connection_task: AbortHandle,
    /// Cancelling is done once: what follows — rolling back — has to get through, until this moment.
    end: OnceLock<Instant>,
}

impl BlockOn for Driver {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(async {
            let mut future = std::pin::pin!(future);
            if self.end.get().is_none() {
                tokio::select! {
                    biased;
                    output = &mut future => return output,
                    _ = self.stop.triggered() => {}
                    () = tokio::time::sleep(SILENCE) => {}
                }
            }
            let cancels = self.end.get().is_none();
            let end = *self.end.get_or_init(|| Instant::now() + CANCEL_GRACE);
            let cancel = async {
                if cancels && let Err(error) = tls::cancel(&self.cancel, &self.tls).await {
                    log::debug!("the server could not be asked to cancel the statement: {error}");
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                biased;
                output = &mut future => return output,
                () = cancel => {}
                () = tokio::time::sleep_until(end) => self.connection_task.abort(),
            }
            // Without its task the connection counts as closed, so this ends at once.
            future.await
        })
    }

    fn get_runtime() -> Self {
        let handed_over = HANDED_OVER.take();
        #[expect(clippy::expect_used, reason = "`connect` is the only place that makes connections")]
        handed_over.expect("a driver was handed over just before")
    }
}

thread_local! {
    /// [`BlockOn::get_runtime`] takes no argument, so [`connect`] leaves the new connection's driver here for the
    /// conversion in its next line.
    static HANDED_OVER: RefCell<Option<Driver>> = const { RefCell::new(None) };
}

pub(super) fn connect(address: &SecretString, client: &str, stop: &Stop) -> Result<PostgresConnection, Problem> {
    let (mut config, tls) = tls::from_address(address.expose_secret())?;
    config.application_name(client);
    config.keepalives_idle(Duration::from_secs(10)).keepalives_interval(Duration::from_secs(5)).keepalives_retries(3);

    let connect_timeout = config.get_connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT);
    config.connect_timeout(connect_timeout);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Problem::new(Kind::Failed, "cannot start the database driver").because(error))?;
    let opened = runtime.block_on(async {
        tokio::select! {
            biased;
            reason = stop.triggered() => Err(reason.into()),
            opened = session(&config, &tls) => opened,
            () = tokio::time::sleep(connect_timeout.saturating_mul(SESSION_FACTOR)) => Err(no_answer(&config)),
        }
    });
    let (connection, cancel, task) = match opened {
        Ok(opened) => opened,
        Err(problem) => {
            // Not dropped: that would wait for a name server that does not answer.
            runtime.shutdown_background();
            return Err(problem);
        }
    };
    HANDED_OVER.set(Some(Driver {
        runtime: Arc::new(runtime),
        stop: stop.clone(),
        cancel,
        tls,
        connection_task: task,
        end: OnceLock::new(),
    }));
    Ok(PostgresConnection::from(connection))
}

async fn session(config: &Config, tls: &Tls) -> Result<(AsyncPgConnection, CancelToken, AbortHandle), Problem> {
    let (client, task) = tls::open(config, tls).await.map_err(|error| cannot_connect(config, error))?;
    let cancel = client.cancel_token();
    let failed = |error: &dyn std::fmt::Display| no_answer(config).because(error.to_string());
    // diesel sets up its session with prepared statements. In a transaction a pooler keeps them together; what they
    // set is not needed, since nothing relies on it.
    client.batch_execute("BEGIN").await.map_err(|error| failed(&error))?;
    let mut connection = AsyncPgConnection::try_from(client).await.map_err(|error| failed(&error))?;
    connection.batch_execute("ROLLBACK").await.map_err(|error| failed(&error))?;
    Ok((connection, cancel, task))
}

fn no_answer(config: &Config) -> Problem {
    Problem::new(Kind::Unreachable, format!("PostgreSQL at {} does not answer", places(config).join(" or ")))
        .hint("look at the log of the database server, or of the pooler in between")
}

/// Sorts a failed connection: what a correct configuration would cure (exit 78) from what time may cure (exit 69).
fn cannot_connect(config: &Config, error: tokio_postgres::Error) -> Problem {
    let place = format!("PostgreSQL at {}", places(config).join(" or "));
    let user = config.get_user().unwrap_or("the operating system's user").to_owned();
    let database = config.get_dbname().unwrap_or(&user).to_owned();
    let wrong = |what: String| Problem::new(Kind::Configuration, what);
    let words = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
    let words = words.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    let problem = match error.code() {
        Some(&SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION) => {
            wrong(format!("{place} does not let user {user} in"))
                .hint("check user and password in [database] url, and the server's pg_hba.conf")
        }
        Some(&SqlState::INVALID_CATALOG_NAME) => {
            wrong(format!("{place} has no database {database}")).hint("check the name in [database] url")
        }
        Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            wrong(format!("{place} does not let user {user} into database {database}"))
                .hint(format!("GRANT CONNECT ON DATABASE {database} TO {user}"))
        }
        None if words.contains("tls") || words.contains("TLS") => wrong(format!("no secure connection to {place}"))
            .hint("check sslmode and sslrootcert in [database] url, and the server's certificate"),
        None if words.contains("password missing") => {
            wrong(format!("{place} asks user {user} for a password")).hint("set it in [database] url")
        }
        _ => Problem::new(Kind::Unreachable, format!("cannot reach {place}"))
            .hint("check that the server runs and that host and port in [database] url are right"),
    };
    match error.as_db_error() {
        // The words of the server, without "db error" in front.
        Some(said) => problem.because(said.clone()),
        None => problem.because(error),
    }
}

/// The addresses that are tried, each with the port that the driver takes for it.
fn places(config: &Config) -> Vec<String> {
    let ports = config.get_ports();
    let port_of = |index| ports.get(index).or(ports.first()).copied().unwrap_or(5432);
    let place = |(index, host): (usize, &Host)| match host {
        Host::Tcp(name) if name.contains(':') => format!("[{name}]:{}", port_of(index)),
        Host::Tcp(name) => format!("{name}:{}", port_of(index)),
        Host::Unix(directory) => directory.join(format!(".s.PGSQL.{}", port_of(index))).display().to_string(),
    };
    config.get_hosts().iter().enumerate().map(place).collect()
}

#[derive(QueryableByName)]
struct TransactionId {
    #[diesel(sql_type = Text)]
    id: String,
}

/// Identifies the running server: after a failover, another one may have given the same number to another transaction.
macro_rules! server {
    () => {
        "extract(epoch FROM pg_postmaster_start_time())::text"
    };
}

/// The transaction's identifier, to ask [`transaction_status`] about; `None` where there is nothing to ask.
pub(super) fn transaction_id(connection: &mut Connection, access: Access) -> QueryResult<Option<String>> {
    match (connection, access) {
        (Connection::Postgres(c), Access::ReadWrite) => {
            let found: TransactionId =
                diesel::sql_query(concat!("SELECT pg_current_xact_id()::text || '@' || ", server!(), " AS id"))
                    .get_result(c)?;
            Ok(Some(found.id))
        }
        _ => Ok(None),
    }
}

#[derive(QueryableByName)]
struct TransactionStatus {
    #[diesel(sql_type = diesel::sql_types::Nullable<Text>)]
    status: Option<String>,
}

/// What became of a transaction, in the server's words; `None` if it cannot know.
pub(super) fn transaction_status(connection: &mut Connection, transaction: &str) -> QueryResult<Option<String>> {
    let Connection::Postgres(c) = connection else { return Ok(None) };
    let found: TransactionStatus = diesel::sql_query(concat!(
        "SELECT CASE WHEN split_part($1, '@', 2) = ",
        server!(),
        " THEN pg_xact_status(split_part($1, '@', 1)::xid8) END AS status"
    ))
    .bind::<Text, _>(transaction)
    .get_result(c)?;
    Ok(found.status)
}

pub(super) fn unsure() -> Problem {
    Problem::new(
        Kind::Unreachable,
        "the connection broke during a commit and the server does not say what became of it",
    )
    .hint("run the job again: it finishes whatever is left, only this run's count may lack one batch")
}

#[cfg(test)]
mod tests;
