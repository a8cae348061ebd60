//! All that a run could change, for tests that nothing was.

use std::collections::{BTreeMap, BTreeSet};

use diesel::connection::{Connection, SimpleConnection};

use super::{Database, Site};

/// Rows by table, objects, and the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    rows: BTreeMap<String, BTreeSet<String>>,
    objects: BTreeSet<String>,
}

impl Site {
    /// The platform's rows, the objects, and what waits in the outbox. The books that upkeep keeps of its runs are
    /// left out.
    pub(crate) fn state(&self) -> State {
        let mut rows = match &self.database {
            Database::Postgres(_) => {
                let tables =
                    "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
                self.texts(tables).into_iter().map(|table| (table.clone(), self.rows_of(&table))).collect()
            }
            Database::Sqlite(path) if !path.exists() => BTreeMap::new(),
            Database::Sqlite(_) => {
                let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
                self.texts(tables).into_iter().map(|table| (table.clone(), self.rows_of(&table))).collect()
            }
        };
        for books in ["upkeep_runs", "upkeep_leases"] {
            rows.remove(books);
        }
        State { rows, objects: self.objects() }
    }

    /// Keeps everybody else from writing to an embedded database until dropped.
    pub(crate) fn hold_write_lock(&self) -> diesel::SqliteConnection {
        let Database::Sqlite(path) = &self.database else { panic!("this site has no embedded database") };
        let mut connection = diesel::SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        connection.batch_execute("BEGIN IMMEDIATE").unwrap();
        connection
    }
}
