//! Which generation of the platform's schema a database has, and whether it has what a job needs: read from its
//! catalogue, never from a version number.

use std::collections::{BTreeMap, BTreeSet};

use diesel::sql_types::{Bool, Text};
use diesel::{QueryResult, QueryableByName, RunQueryDsl};

use super::super::problem::{Kind, Problem};
use super::types::{SqlTexts, Texts};
use super::{Connection, Database, DatabaseError};

/// A generation of the platform's schema. Jobs do not go by it but by the tables and columns they need, since databases
/// in between exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// An event's dates are in `event_dates`.
    New,
    /// An event's dates are columns of `events`.
    Old,
    /// Neither.
    Unknown,
}

impl std::fmt::Display for Generation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Generation::New => "new, with dates in event_dates",
            Generation::Old => "old, with dates in events; no job of this version works on it",
            Generation::Unknown => "unknown",
        })
    }
}

/// Which generation `database` has.
///
/// # Errors
/// When the catalogue cannot be read.
pub fn generation(database: &mut Database) -> Result<Generation, DatabaseError> {
    let tables = Texts(vec!["events".into(), "event_dates".into()]);
    let found = database.read(|connection| columns(connection, &tables))?;
    let has = |table: &str, column: &str| found.get(table).is_some_and(|columns| columns.contains(column));
    Ok(match (has("event_dates", "starts_at"), has("events", "starts_at")) {
        (true, _) => Generation::New,
        (false, true) => Generation::Old,
        (false, false) => Generation::Unknown,
    })
}

/// A table that a job works on, with the columns it reads.
#[derive(Debug, Clone, Copy)]
pub struct Requirement {
    /// The table.
    pub table: &'static str,
    /// The columns that must be there.
    pub columns: &'static [&'static str],
}

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    relation: String,
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct Privileges {
    #[diesel(sql_type = Text)]
    relation: String,
    #[diesel(sql_type = Bool)]
    sufficient: bool,
}

const POSTGRES_COLUMNS: &str = "SELECT c.relname::text AS relation, a.attname::text AS name \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid \
    WHERE c.relname = ANY($1) AND c.relkind IN ('r', 'p') AND pg_catalog.pg_table_is_visible(c.oid) \
    AND a.attnum > 0 AND NOT a.attisdropped";
const SQLITE_COLUMNS: &str = "SELECT s.name AS relation, c.name AS name \
    FROM sqlite_schema s, pragma_table_info(s.name) c \
    WHERE s.type = 'table' AND s.name IN (SELECT value FROM json_each($1))";

/// Locking rows needs UPDATE, removing them DELETE.
const POSTGRES_PRIVILEGES: &str = "SELECT name AS relation, \
    has_table_privilege(name, 'SELECT') AND has_table_privilege(name, 'UPDATE') \
    AND has_table_privilege(name, 'DELETE') AS sufficient FROM unnest($1) AS given(name)";

fn columns(connection: &mut Connection, tables: &Texts) -> QueryResult<BTreeMap<String, BTreeSet<String>>> {
    let columns: Vec<Column> = match connection {
        Connection::Postgres(c) => diesel::sql_query(POSTGRES_COLUMNS).bind::<SqlTexts, _>(tables).load(c)?,
        Connection::Sqlite(c) => diesel::sql_query(SQLITE_COLUMNS).bind::<SqlTexts, _>(tables).load(c)?,
    };
    let mut found = BTreeMap::<_, BTreeSet<_>>::new();
    for column in columns {
        found.entry(column.relation).or_default().insert(column.name);
    }
    Ok(found)
}

fn lacking_privileges(connection: &mut Connection, tables: &Texts) -> QueryResult<Vec<String>> {
    let Connection::Postgres(c) = connection else { return Ok(Vec::new()) };
    let privileges: Vec<Privileges> = diesel::sql_query(POSTGRES_PRIVILEGES).bind::<SqlTexts, _>(tables).load(c)?;
    Ok(privileges.into_iter().filter(|table| !table.sufficient).map(|table| table.relation).collect())
}

/// Makes sure that `database` has all that is required, and lets upkeep change it.
///
/// # Errors
/// A configuration problem that names what is missing.
pub fn check_generation(database: &mut Database, required: &[Requirement]) -> Result<(), DatabaseError> {
    // Several parts of a job may require the same table.
    let tables: BTreeSet<_> = required.iter().map(|one| one.table.to_owned()).collect();
    let tables = Texts(tables.into_iter().collect());
    let found = database.read(|connection| columns(connection, &tables))?;
    let mut missing = Vec::new();
    for Requirement { table, columns } in required {
        match found.get(*table) {
            None => missing.push(format!("table {table}")),
            Some(there) => {
                missing.extend(columns.iter().filter(|c| !there.contains(**c)).map(|c| format!("column {table}.{c}")));
            }
        }
    }
    let mut seen = BTreeSet::new();
    missing.retain(|one| seen.insert(one.clone()));
    if !missing.is_empty() {
        return Err(Problem::new(
            Kind::Configuration,
            format!("{} has no schema that upkeep knows; it lacks {}", database.location(), missing.join(", ")),
        )
        .hint("check that [database] url names the platform's own database and that its schema is on the search path")
        .into());
    }
    let lacking = database.read(|connection| lacking_privileges(connection, &tables))?;
    if !lacking.is_empty() {
        let list = lacking.join(", ");
        return Err(Problem::new(
            Kind::Configuration,
            format!("upkeep's user may not clean up in {}: missing privileges on {list}", database.location()),
        )
        .hint(format!("GRANT SELECT, UPDATE, DELETE ON {list} TO the user in [database] url"))
        .into());
    }
    Ok(())
}
