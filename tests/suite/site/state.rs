//! What is left on a site: rows, objects, and what waits in the outbox.

use std::collections::{BTreeMap, BTreeSet};

use upkeep_jobs::kit::{Resources, StorageSettings};
use upkeep_jobs::platform::database::DatabaseUrl;
use upkeep_test_servers::Postgres;

use super::{BUCKET, Database, Dialect, Sample, Site, Storage, sql};

impl Site {
    /// Stores an object.
    pub(crate) fn store(&self, key: &str, body: &[u8]) {
        match &self.storage {
            Storage::S3(server) => server.bucket(BUCKET).put(key, body),
            Storage::Directory(path) => {
                let file = path.join(key);
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(file, body).unwrap();
            }
        }
    }

    /// The keys of all stored objects.
    pub(crate) fn objects(&self) -> BTreeSet<String> {
        match &self.storage {
            Storage::S3(server) => server.bucket(BUCKET).keys().into_iter().collect(),
            Storage::Directory(path) => match std::fs::read_dir(path.join("assets")) {
                Ok(entries) => {
                    entries.map(|entry| format!("assets/{}", entry.unwrap().file_name().to_str().unwrap())).collect()
                }
                Err(_) => BTreeSet::new(),
            },
        }
    }

    /// Every row of every table but upkeep's own, as text.
    pub(crate) fn rows(&self) -> BTreeMap<String, BTreeSet<String>> {
        let tables = match &self.database {
            Database::Postgres(_) => {
                "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                 WHERE c.relkind = 'r' AND n.nspname = 'public'"
            }
            Database::Sqlite(_) => "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
        };
        let tables = self.texts(tables).into_iter().filter(|table| !table.starts_with("upkeep_"));
        tables.map(|table| (table.clone(), self.rows_of(&table))).collect()
    }

    /// Every row of one table, as text.
    pub(crate) fn rows_of(&self, table: &str) -> BTreeSet<String> {
        match &self.database {
            Database::Postgres(_) => self.texts(&format!("SELECT t::text FROM {table} t")).into_iter().collect(),
            Database::Sqlite(_) => {
                let columns = self.texts(&format!("SELECT name FROM pragma_table_info('{table}')"));
                let quoted: Vec<_> = columns.iter().map(|column| format!("quote({column})")).collect();
                self.texts(&format!("SELECT {} FROM {table}", quoted.join("||','||"))).into_iter().collect()
            }
        }
    }

    /// The entries of the outbox: kind and target.
    pub(crate) fn outbox(&self) -> BTreeSet<String> {
        self.texts("SELECT kind || ' ' || target FROM upkeep_pending_deletions").into_iter().collect()
    }

    /// The identifiers of all events.
    pub(crate) fn events(&self) -> BTreeSet<uuid::Uuid> {
        let sql = match self.dialect() {
            Dialect::Postgres => "SELECT id::text FROM events",
            Dialect::Sqlite => "SELECT hex(id) FROM events",
        };
        self.texts(sql).iter().map(|id| id.parse().unwrap()).collect()
    }

    /// The single text column of a query.
    pub(crate) fn texts(&self, sql: &str) -> Vec<String> {
        match &self.database {
            Database::Postgres(_) => {
                let rows = self.in_platform(|session| session.query(sql, &[])).unwrap();
                rows.iter().map(|row| row.get(0)).collect()
            }
            Database::Sqlite(path) => sql::sqlite_texts(path, sql),
        }
    }

    /// Single numbers, such as counts.
    pub(crate) fn number(&self, sql: &str) -> i64 {
        self.texts(&format!("SELECT CAST(({sql}) AS TEXT)"))[0].parse().unwrap()
    }

    /// Asserts that nothing is lost: every row's object is there, and every object has a row or waits in the outbox.
    #[track_caller]
    pub(crate) fn assert_nothing_lost(&self, filled: &Sample) {
        let (objects, outbox, events) = (self.objects(), self.outbox(), self.events());
        let columns = match self.dialect() {
            Dialect::Postgres => "id::text",
            Dialect::Sqlite => "hex(id)",
        };
        let rows = self.texts(&format!("SELECT {columns} FROM assets"));
        let rows: BTreeSet<uuid::Uuid> = rows.iter().map(|id| id.parse().unwrap()).collect();
        for event in &filled.events {
            for (id, key) in event.assets.iter().map(|(id, _)| id).zip(event.keys()) {
                assert_eq!(rows.contains(id), events.contains(&event.id), "row of {key}");
                if rows.contains(id) {
                    assert!(objects.contains(&key), "{key} is gone although its row is there");
                    assert!(
                        !outbox.contains(&format!("object {key}")),
                        "{key} is to be deleted although its row is there"
                    );
                } else if objects.contains(&key) {
                    assert!(outbox.contains(&format!("object {key}")), "{key} is lost");
                }
            }
        }
    }

    /// What jobs work on, for running one in this process; with storage in a directory.
    pub(crate) fn resources(&self) -> Resources {
        let Storage::Directory(path) = &self.storage else { panic!("this site stores in S3") };
        let url = match &self.database {
            Database::Postgres(name) => Postgres::shared().url(name),
            Database::Sqlite(path) => format!("sqlite:{}", path.display()),
        };
        Resources {
            database: DatabaseUrl::parse(&url).unwrap(),
            storage: StorageSettings::Directory(path.clone()),
            identity: None,
            shared_folders: None,
        }
    }
}
