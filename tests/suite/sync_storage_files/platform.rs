//! A platform with a room full of assets.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Mutex;

use chrono::{TimeDelta, Utc};
use uuid::Uuid;

use crate::site::{DatabaseKind, Dialect, Event, Run, Sample, Site, StorageKind};

pub(super) const ZERO: &str = "set_file_size_to_zero";
pub(super) const DELETE: &str = "delete_asset_entry";

/// As the fixture has it.
const TENANT: Uuid = Uuid::from_u128(1);

pub(super) fn key(asset: Uuid) -> String {
    format!("assets/{asset}")
}

pub(super) struct Platform {
    pub(super) site: Site,
    pub(super) room: Uuid,
    /// The columns of every asset that was ever inserted, without its size.
    inserted: Mutex<BTreeSet<String>>,
}

impl Platform {
    pub(super) fn new(database: DatabaseKind, storage: StorageKind) -> Self {
        let site = Site::new(database, storage);
        let event = Event::ended(3);
        site.fill(&Sample::of([event.clone()]));
        Self { site, room: event.room, inserted: Mutex::default() }
    }

    /// Runs the job to its end, with a report as JSON.
    pub(super) fn sync(&self, handling: &str, more: &[&str]) -> Run {
        self.site.job("sync-storage-files", &[&["--parameters", &parameters(handling)], more].concat())
    }

    /// The SQL that inserts assets with these sizes and links them to the room.
    pub(super) fn sql(&self, assets: &[(Uuid, i64)]) -> String {
        let dialect = self.site.dialect();
        let u = |id| dialect.uuid(id);
        let (tenant, room, long_ago) = (u(TENANT), u(self.room), dialect.instant(Utc::now() - TimeDelta::days(400)));
        let mut sql = String::from("BEGIN;\n");
        for assets in assets.chunks(500) {
            let rows: Vec<_> = assets
                .iter()
                .map(|(id, size)| format!("({}, {long_ago}, {long_ago}, 'x', '{id}', {tenant}, {size})", u(*id)))
                .collect();
            let columns = "id, created_at, updated_at, kind, filename, tenant_id, size";
            writeln!(sql, "INSERT INTO assets ({columns}) VALUES {};", rows.join(",")).unwrap();
            let links: Vec<_> = assets.iter().map(|(id, _)| format!("({room}, {})", u(*id))).collect();
            writeln!(sql, "INSERT INTO room_assets (room_id, asset_id) VALUES {};", links.join(",")).unwrap();
        }
        sql + "COMMIT;"
    }

    pub(super) fn insert(&self, assets: &[(Uuid, i64)]) {
        self.site.execute(&self.sql(assets));
        self.inserted.lock().unwrap().extend(self.rows_without_sizes());
    }

    /// An asset whose row has one size and whose object, if there is one, has another.
    pub(super) fn with_id(&self, id: Uuid, size: i64, object: Option<usize>) -> Uuid {
        self.insert(&[(id, size)]);
        if let Some(size) = object {
            self.site.store(&key(id), &vec![b'x'; size]);
        }
        id
    }

    pub(super) fn present(&self, size: u32) -> Uuid {
        self.with_id(Uuid::new_v4(), i64::from(size), Some(size as usize))
    }

    pub(super) fn missing(&self, size: i64) -> Uuid {
        self.with_id(Uuid::new_v4(), size, None)
    }

    /// So many rows of this size, without objects, in the order of their identifiers.
    pub(super) fn many(&self, number: usize, size: i64) -> Vec<Uuid> {
        let mut ids: Vec<_> = (0..number).map(|_| Uuid::new_v4()).collect();
        ids.sort();
        if number > 0 {
            self.site.execute(&self.sql(&ids.iter().map(|id| (*id, size)).collect::<Vec<_>>()));
        }
        ids
    }

    /// All assets with their sizes.
    pub(super) fn assets(&self) -> BTreeMap<Uuid, i64> {
        let rows = self.site.texts(&format!("SELECT {} || ' ' || CAST(size AS TEXT) FROM assets", self.as_text("id")));
        let pairs = rows.iter().map(|row| row.split_once(' ').unwrap());
        pairs.map(|(id, size)| (id.parse().unwrap(), size.parse().unwrap())).collect()
    }

    pub(super) fn assets_of(&self, ids: &[Uuid]) -> BTreeMap<Uuid, i64> {
        self.assets().into_iter().filter(|(id, _)| ids.contains(id)).collect()
    }

    /// The assets that have a link to a room.
    pub(super) fn links(&self) -> BTreeSet<Uuid> {
        let links = self.site.texts(&format!("SELECT {} FROM room_assets", self.as_text("asset_id")));
        links.iter().map(|id| id.parse().unwrap()).collect()
    }

    /// Asserts that every asset that is left is as it was inserted, but for its size.
    pub(super) fn assert_only_sizes_changed(&self) {
        let left = self.rows_without_sizes();
        assert!(left.is_subset(&self.inserted.lock().unwrap()), "{left:?}");
    }

    fn rows_without_sizes(&self) -> BTreeSet<String> {
        let columns = ["created_at", "updated_at", "coalesce(namespace, '-')", "kind", "filename"];
        let columns = columns.map(|column| format!("CAST({column} AS TEXT)")).join(" || ' ' || ");
        let rows = self.site.texts(&format!("SELECT {} || ' ' || {columns} FROM assets", self.as_text("id")));
        rows.into_iter().collect()
    }

    fn as_text(&self, column: &str) -> String {
        match self.site.dialect() {
            Dialect::Postgres => format!("{column}::text"),
            Dialect::Sqlite => format!("hex({column})"),
        }
    }
}

pub(super) fn parameters(handling: &str) -> String {
    format!("{{\"missing_storage_file_handling\": \"{handling}\"}}")
}
