//! What is on the sample platform, counted where it is.

use std::collections::{BTreeMap, BTreeSet};

use diesel::sql_types::Text;
use diesel::{QueryResult, QueryableByName, RunQueryDsl};
use upkeep_jobs::each;
use upkeep_jobs::platform::database::{Connection, Database, Id, Number};
use upkeep_jobs::platform::storage::ReadObjects;
use uuid::Uuid;

/// All that is there at one time.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Census {
    /// Rows of the platform's tables.
    pub(super) rows: BTreeMap<String, u64>,
    /// The events there are.
    pub(super) events: BTreeSet<Uuid>,
    /// The objects that rows say there are.
    pub(super) owned: BTreeSet<String>,
    /// The objects there are, with their sizes in bytes.
    pub(super) objects: BTreeMap<String, u64>,
    /// Objects that wait to be deleted, their rows being gone.
    pub(super) waiting: u64,
}

#[derive(QueryableByName)]
struct Table {
    #[diesel(sql_type = Text)]
    name: String,
}

impl Census {
    /// Counts.
    ///
    /// # Errors
    /// The database's or the store's.
    pub(super) fn take(database: &mut Database, store: &dyn ReadObjects) -> anyhow::Result<Self> {
        let objects = store.list("").map(|object| object.map(|object| (object.key, object.size)));
        let objects = objects.collect::<anyhow::Result<_>>()?;
        let census = database.read(|connection| {
            let mut rows = BTreeMap::new();
            for table in tables(connection)? {
                let number = count(connection, &table)?;
                rows.insert(table, number);
            }
            let waiting = count(connection, "upkeep_pending_deletions")?;
            let owned = ids(connection, "assets")?.iter().map(|id| format!("assets/{id}")).collect();
            Ok(Self { rows, events: ids(connection, "events")?, owned, objects: BTreeMap::new(), waiting })
        })?;
        Ok(Self { objects, ..census })
    }

    /// All rows.
    pub(super) fn all_rows(&self) -> u64 {
        self.rows.values().sum()
    }

    /// The size of all objects, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.objects.values().sum()
    }

    /// Whether every object has its row, every row its object, and nothing waits.
    pub(super) fn has_no_orphans(&self) -> bool {
        self.waiting == 0 && self.owned.iter().eq(self.objects.keys())
    }
}

/// The platform's tables.
fn tables(connection: &mut Connection) -> QueryResult<Vec<String>> {
    let sql = r"SELECT name FROM sqlite_schema WHERE type = 'table'
                AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name NOT LIKE 'upkeep\_%' ESCAPE '\'";
    let tables: Vec<Table> = each!(connection, c => diesel::sql_query(sql).load(c))?;
    Ok(tables.into_iter().map(|table| table.name).collect())
}

fn count(connection: &mut Connection, table: &str) -> QueryResult<u64> {
    let sql = format!("SELECT count(*) AS number FROM \"{table}\"");
    let count: Number = each!(connection, c => diesel::sql_query(&sql).get_result(c))?;
    Ok(count.number.unsigned_abs())
}

fn ids(connection: &mut Connection, table: &str) -> QueryResult<BTreeSet<Uuid>> {
    let sql = format!("SELECT id FROM {table}");
    let ids: Vec<Id> = each!(connection, c => diesel::sql_query(&sql).load(c))?;
    Ok(ids.into_iter().map(|row| row.id.0).collect())
}
