//! A connection to either backend, and the SQL in which they differ.

use super::postgres;

/// An open connection to either backend.
#[expect(clippy::large_enum_variant, reason = "one per database handle, never moved about")]
pub enum Connection {
    /// A pure-Rust PostgreSQL connection.
    Postgres(postgres::PostgresConnection),
    /// The bundled SQLite.
    Sqlite(diesel::SqliteConnection),
}

impl Connection {
    /// SQL that holds for a column whose value is among the identifiers bound as parameter `number` ([`Ids`](super::Ids)).
    pub fn is_among_ids(&self, number: usize) -> String {
        match self {
            Connection::Postgres(_) => format!("= ANY(${number})"),
            Connection::Sqlite(_) => format!("IN (SELECT unhex(value) FROM json_each(${number}))"),
        }
    }

    /// SQL that holds for a column whose value is among the texts bound as parameter `number` ([`Texts`](super::Texts)).
    pub fn is_among_texts(&self, number: usize) -> String {
        match self {
            Connection::Postgres(_) => format!("= ANY(${number})"),
            Connection::Sqlite(_) => format!("IN (SELECT value FROM json_each(${number}))"),
        }
    }

    /// SQL for the identifier that `text`, SQL too, holds in hexadecimal digits.
    pub fn uuid_of(&self, text: &str) -> String {
        match self {
            Connection::Postgres(_) => format!("CAST({text} AS uuid)"),
            Connection::Sqlite(_) => format!("unhex({text})"),
        }
    }

    /// The table function that yields `key` and `value` (as text) of each member of a JSON object.
    pub fn each_of_object(&self) -> &'static str {
        match self {
            Connection::Postgres(_) => "jsonb_each_text",
            Connection::Sqlite(_) => "json_each",
        }
    }

    /// SQL for the present by the database's own clock, the one that all its clients share.
    pub fn clock(&self) -> &'static str {
        match self {
            Connection::Postgres(_) => "now()",
            Connection::Sqlite(_) => "CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
        }
    }

    /// SQL for the instant so many seconds after the [`clock`](Connection::clock).
    pub fn from_now(&self, seconds: u32) -> String {
        match self {
            Connection::Postgres(_) => format!("now() + interval '{seconds} seconds'"),
            Connection::Sqlite(_) => format!("{} + {seconds} * 1000000", self.clock()),
        }
    }

    /// A row-locking clause: as given on PostgreSQL, nothing on SQLite, where a writer has the database to itself.
    pub fn locking<'a>(&self, clause: &'a str) -> &'a str {
        match self {
            Connection::Postgres(_) => clause,
            Connection::Sqlite(_) => "",
        }
    }

    /// Whether this is PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        matches!(self, Connection::Postgres(_))
    }
}
