//! Values as literals of either database.

use std::path::Path;

use chrono::{DateTime, Utc};
use diesel::connection::Connection;
use diesel::sql_types::Text;
use diesel::{QueryableByName, RunQueryDsl};
use uuid::Uuid;

use super::DatabaseKind;

/// How literals are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Postgres,
    Sqlite,
}

impl Dialect {
    pub(crate) fn of(database: DatabaseKind) -> Self {
        match database {
            DatabaseKind::Postgres | DatabaseKind::PostgresOld => Dialect::Postgres,
            DatabaseKind::Sqlite => Dialect::Sqlite,
        }
    }

    pub(crate) fn uuid(self, id: Uuid) -> String {
        match self {
            Dialect::Postgres => format!("'{id}'"),
            Dialect::Sqlite => format!("x'{}'", id.simple()),
        }
    }

    pub(crate) fn instant(self, instant: DateTime<Utc>) -> String {
        match self {
            Dialect::Postgres => format!("'{}'", instant.to_rfc3339()),
            Dialect::Sqlite => instant.timestamp_micros().to_string(),
        }
    }

    pub(crate) fn optional_instant(self, instant: Option<DateTime<Utc>>) -> String {
        instant.map_or_else(|| "NULL".into(), |instant| self.instant(instant))
    }

    /// A new identifier for every row, and a relation of so many rows.
    pub(crate) fn fresh_ids(self, number: u32) -> (&'static str, String) {
        match self {
            Dialect::Postgres => ("gen_random_uuid()", format!("generate_series(1, {number})")),
            Dialect::Sqlite => (
                "randomblob(16)",
                format!(
                    "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {number}) SELECT i FROM n)"
                ),
            ),
        }
    }

    pub(crate) fn boolean(self, value: bool) -> &'static str {
        match (self, value) {
            (Dialect::Postgres, true) => "true",
            (Dialect::Postgres, false) => "false",
            (Dialect::Sqlite, true) => "1",
            (Dialect::Sqlite, false) => "0",
        }
    }
}

/// A text literal, the same in both.
pub(crate) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    value: String,
}

/// The single text column of a query of an SQLite file.
pub(crate) fn sqlite_texts(path: &Path, sql: &str) -> Vec<String> {
    let mut connection = diesel::SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    let rows: Vec<Row> =
        diesel::sql_query(format!("WITH q(value) AS ({sql}) SELECT value FROM q")).load(&mut connection).unwrap();
    rows.into_iter().map(|row| row.value).collect()
}
