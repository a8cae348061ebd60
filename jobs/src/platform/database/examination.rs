//! What an operator wants to know of a database before trusting jobs to it: who answers, by which clock, and where its
//! jobs would be slow. Nothing is changed.

use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use diesel::{QueryResult, QueryableByName, RunQueryDsl};

use super::types::{Instant, SqlInstant, SqlTexts, Texts};
use super::{Connection, Database, DatabaseError};

/// A server that answered.
#[derive(Debug, Clone, QueryableByName)]
pub struct Server {
    /// For example `PostgreSQL 17.2`.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// Its present time.
    #[diesel(sql_type = SqlInstant)]
    pub clock: Instant,
    /// Whether the session is encrypted, as the server sees it: behind a pooler that is the pooler's.
    #[diesel(sql_type = Nullable<Bool>)]
    pub encrypted: Option<bool>,
    /// Whether the server is on the same host, as it sees it.
    #[diesel(sql_type = Bool)]
    pub local: bool,
    /// Whether it only follows another server, and can be read but not changed.
    #[diesel(sql_type = Bool)]
    pub standby: bool,
}

// Not qualified with their schema, so that a test can put other answers in front.
const POSTGRES_SERVER: &str = "SELECT 'PostgreSQL ' || split_part(current_setting('server_version'), ' ', 1) AS name, \
    clock_timestamp() AS clock, (SELECT s.ssl FROM pg_stat_ssl s WHERE s.pid = pg_backend_pid()) AS encrypted, \
    coalesce(inet_server_addr() <<= '127.0.0.0/8' OR inet_server_addr() = '::1', true) AS local, \
    pg_is_in_recovery() AS standby";
const SQLITE_SERVER: &str = "SELECT 'SQLite ' || sqlite_version() AS name, \
    CAST(unixepoch('subsec') * 1000000 AS INTEGER) AS clock, NULL AS encrypted, 1 AS local, 0 AS standby";

/// Asks the server who it is.
///
/// # Errors
/// When it cannot be reached or does not let the user in.
pub fn server(database: &mut Database) -> Result<Server, DatabaseError> {
    database.read(|connection| match connection {
        Connection::Postgres(c) => diesel::sql_query(POSTGRES_SERVER).get_result(c),
        Connection::Sqlite(c) => diesel::sql_query(SQLITE_SERVER).get_result(c),
    })
}

/// A foreign key that no index serves. For each row that is deleted from the referenced table, PostgreSQL has to read
/// the whole referencing one.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct UnindexedReference {
    /// The referencing table, as SQL names it.
    #[diesel(sql_type = Text)]
    pub table: String,
    /// The referencing columns, as SQL lists them.
    #[diesel(sql_type = Text)]
    pub columns: String,
    /// The referenced table, as SQL names it.
    #[diesel(sql_type = Text)]
    pub references: String,
    /// The size of the referencing table, in bytes: what is read for each row.
    #[diesel(sql_type = BigInt)]
    pub bytes: i64,
}

impl UnindexedReference {
    /// The statement that helps; the platform can go on writing while it runs.
    pub fn remedy(&self) -> String {
        format!("CREATE INDEX CONCURRENTLY ON {} ({});", self.table, self.columns)
    }
}

/// An index helps if the referencing columns come first in it, in whatever order, and if it holds all rows (or all in
/// which they are not null) and is valid: one whose creation was interrupted is not. Of a partitioned table the
/// partitions count, which hold the rows; only there can an index be created while the platform goes on writing.
const UNINDEXED: &str = "SELECT k.confrelid::regclass::text AS references, \
        CASE WHEN home.nspname = 'public' THEN quote_ident(referencing.relname) \
             ELSE format('%I.%I', home.nspname, referencing.relname) END AS table, \
        (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY key.position) \
         FROM unnest(k.conkey) WITH ORDINALITY AS key(attnum, position) \
         JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = key.attnum) AS columns, \
        pg_relation_size(k.conrelid) AS bytes \
    FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class referenced ON referenced.oid = k.confrelid \
    JOIN pg_catalog.pg_class referencing ON referencing.oid = k.conrelid AND referencing.relkind = 'r' \
    JOIN pg_catalog.pg_namespace home ON home.oid = referencing.relnamespace \
    WHERE k.contype = 'f' AND referenced.relname = ANY($1) AND pg_catalog.pg_table_is_visible(referenced.oid) \
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i \
        JOIN pg_catalog.pg_class helper ON helper.oid = i.indexrelid \
        JOIN pg_catalog.pg_am method ON method.oid = helper.relam \
        WHERE i.indrelid = k.conrelid AND i.indisvalid AND method.amname IN ('btree', 'hash') \
        AND (i.indpred IS NULL OR EXISTS (SELECT FROM pg_catalog.pg_attribute a \
            WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey) \
            AND pg_get_expr(i.indpred, i.indrelid) = format('(%I IS NOT NULL)', a.attname))) \
        AND i.indnkeyatts >= cardinality(k.conkey) \
        AND (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey) \
    ORDER BY bytes DESC, 2, 3, 1";

/// The foreign keys without an index that reference one of `tables`, the most expensive ones first. None on SQLite,
/// where the schema is upkeep's own.
///
/// # Errors
/// When the catalogue cannot be read.
pub fn unindexed_references(
    database: &mut Database,
    tables: &[&'static str],
) -> Result<Vec<UnindexedReference>, DatabaseError> {
    let tables = Texts(tables.iter().map(|&table| table.to_owned()).collect());
    database.read(|connection| -> QueryResult<_> {
        match connection {
            Connection::Postgres(c) => diesel::sql_query(UNINDEXED).bind::<SqlTexts, _>(&tables).load(c),
            Connection::Sqlite(_) => Ok(Vec::new()),
        }
    })
}
