//! upkeep's own tables: creating and upgrading them, and knowing which are there.
//!
//! diesel's own migration harness keeps its books in `__diesel_schema_migrations`; on somebody else's database every
//! table of ours has to be called `upkeep_*`, so the few lines it takes are here.

use std::collections::BTreeSet;

use diesel::connection::SimpleConnection;
use diesel::sql_types::{Bool, Text};
use diesel::{QueryResult, QueryableByName, RunQueryDsl};

use super::super::problem::{Kind, Problem};
use super::{Connection, Database, DatabaseError};
use crate::each;

/// One step; both backends have the same steps, of which one may be empty.
struct Migration {
    version: &'static str,
    postgres: &'static str,
    sqlite: &'static str,
}

macro_rules! migrations {
    ($($version:literal),* $(,)?) => {
        [$(Migration {
            version: $version,
            postgres: include_str!(concat!("../../../migrations/postgres/", $version, ".sql")),
            sqlite: include_str!(concat!("../../../migrations/sqlite/", $version, ".sql")),
        }),*]
    };
}

/// All steps, oldest first.
const MIGRATIONS: &[Migration] = &migrations!["0001_upkeep", "0002_embedded_platform"];

/// Any number that other users of advisory locks in the same database are unlikely to use.
const POSTGRES_LOCK: &str = "SELECT pg_advisory_xact_lock(7390158241)";
const BOOKS: &str = "CREATE TABLE IF NOT EXISTS upkeep_migrations (version TEXT NOT NULL PRIMARY KEY)";

/// Which migrations a database has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationState {
    /// Versions that are there.
    pub applied: Vec<String>,
    /// Versions that this upkeep knows and the database lacks.
    pub pending: Vec<String>,
    /// Versions that the database has from a newer upkeep.
    pub unknown: Vec<String>,
}

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = Text)]
    version: String,
}

#[derive(QueryableByName)]
struct Exists {
    #[diesel(sql_type = Bool)]
    found: bool,
}

fn applied(connection: &mut Connection) -> QueryResult<BTreeSet<String>> {
    let sql = match connection {
        Connection::Postgres(_) => "SELECT to_regclass('upkeep_migrations') IS NOT NULL AS found",
        Connection::Sqlite(_) => {
            "SELECT count(*) > 0 AS found FROM sqlite_schema WHERE type = 'table' AND name = 'upkeep_migrations'"
        }
    };
    let books: Exists = each!(&mut *connection, c => diesel::sql_query(sql).get_result(c))?;
    if !books.found {
        return Ok(BTreeSet::new());
    }
    let versions: Vec<Version> =
        each!(connection, c => diesel::sql_query("SELECT version FROM upkeep_migrations").load(c))?;
    Ok(versions.into_iter().map(|row| row.version).collect())
}

/// Those of upkeep's own tables, as far as they are there, that the user may not use. Every run writes to all of them,
/// except for the books, which it reads.
const POSTGRES_LACKING: &str = "SELECT c.relname::text AS name, quote_ident(current_user) AS whose, \
    CASE WHEN home.nspname = 'public' THEN quote_ident(c.relname) \
         ELSE format('%I.%I', home.nspname, c.relname) END AS place \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace home ON home.oid = c.relnamespace \
    WHERE c.relname LIKE 'upkeep\\_%' AND c.relkind IN ('r', 'p') AND pg_catalog.pg_table_is_visible(c.oid) \
    AND NOT (has_table_privilege(c.oid, 'SELECT') AND (c.relname = 'upkeep_migrations' \
    OR (has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE') \
    AND has_table_privilege(c.oid, 'DELETE')))) ORDER BY c.relname";

#[derive(QueryableByName)]
struct Table {
    #[diesel(sql_type = Text)]
    name: String,
    /// The table, as SQL names it wherever one looks for tables by default.
    #[diesel(sql_type = Text)]
    place: String,
    /// The user, as SQL names it.
    #[diesel(sql_type = Text)]
    whose: String,
}

fn require_privileges(database: &mut Database) -> Result<(), DatabaseError> {
    let lacking: Vec<Table> = database.read(|connection| match connection {
        Connection::Postgres(c) => diesel::sql_query(POSTGRES_LACKING).load(c),
        Connection::Sqlite(_) => Ok(Vec::new()),
    })?;
    let Some(user) = lacking.first().map(|table| table.whose.clone()) else { return Ok(()) };
    let list = |part: fn(&Table) -> &str| lacking.iter().map(part).collect::<Vec<_>>().join(", ");
    let (names, places) = (list(|table| &table.name), list(|table| &table.place));
    Err(Problem::new(
        Kind::Configuration,
        format!(
            "upkeep's user may not use upkeep's own tables in {}: missing privileges on {names}",
            database.location()
        ),
    )
    .hint(format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {places} TO {user};"))
    .into())
}

/// Which migrations `database` has and lacks.
///
/// # Errors
/// When the database cannot be read, or has upkeep's own tables but not for this user.
pub fn migration_state(database: &mut Database) -> Result<MigrationState, DatabaseError> {
    require_privileges(database)?;
    let applied = database.read(applied)?;
    let known: Vec<_> = MIGRATIONS.iter().map(|migration| migration.version.to_owned()).collect();
    Ok(MigrationState {
        pending: known.iter().filter(|version| !applied.contains(*version)).cloned().collect(),
        unknown: applied.iter().filter(|version| !known.contains(version)).cloned().collect(),
        applied: applied.into_iter().filter(|version| known.contains(version)).collect(),
    })
}

/// Applies what is pending, each migration in a transaction of its own, and returns the versions applied. Two that do
/// this at once do it one after the other.
///
/// # Errors
/// When a newer upkeep was here, and when a statement fails; its migration is then rolled back, earlier ones stay.
pub fn migrate(database: &mut Database) -> Result<Vec<&'static str>, DatabaseError> {
    let state = migration_state(database)?;
    refuse_newer(database, &state)?;
    let mut done = Vec::new();
    for migration in MIGRATIONS {
        let news = database.write(|connection| {
            if connection.is_postgres() {
                each!(&mut *connection, c => c.batch_execute(POSTGRES_LOCK))?;
            }
            if applied(connection)?.contains(migration.version) {
                return Ok(false);
            }
            // Not earlier: it takes a privilege that is not needed when everything is there.
            each!(&mut *connection, c => c.batch_execute(BOOKS))?;
            let sql = if connection.is_postgres() { migration.postgres } else { migration.sqlite };
            each!(&mut *connection, c => c.batch_execute(sql))?;
            each!(connection, c => {
                diesel::sql_query("INSERT INTO upkeep_migrations (version) VALUES ($1)")
                    .bind::<Text, _>(migration.version)
                    .execute(c)
            })?;
            Ok(true)
        })?;
        if news {
            done.push(migration.version);
        }
    }
    Ok(done)
}

/// Makes sure that the database has exactly the tables this upkeep works with. An embedded database is migrated;
/// a PostgreSQL database belongs to somebody, who has to ask for it.
///
/// # Errors
/// A configuration problem naming the command to run.
pub fn require_migrated(database: &mut Database) -> Result<(), DatabaseError> {
    let state = migration_state(database)?;
    refuse_newer(database, &state)?;
    if state.pending.is_empty() {
        return Ok(());
    }
    if database.is_postgres() || database.access() == super::Access::ReadOnly {
        return Err(Problem::new(
            Kind::Configuration,
            format!("{} lacks upkeep's own tables ({} pending)", database.location(), state.pending.join(", ")),
        )
        .hint("run `upkeep database migrate` once; it creates tables named upkeep_* and touches no other")
        .into());
    }
    for version in migrate(database)? {
        log::debug!("migrated {} to {version}", database.location());
    }
    Ok(())
}

fn refuse_newer(database: &Database, state: &MigrationState) -> Result<(), Problem> {
    if state.unknown.is_empty() {
        return Ok(());
    }
    Err(Problem::new(
        Kind::Configuration,
        format!("{} was migrated by a newer upkeep ({})", database.location(), state.unknown.join(", ")),
    )
    .hint("use that version of upkeep here, or a newer one"))
}
