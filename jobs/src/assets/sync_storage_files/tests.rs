//! Several looks, where more has to change than is kept: with a capacity that a few assets exceed.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;

use diesel::RunQueryDsl;
use tempfile::TempDir;

use super::*;
use crate::each;
use crate::kit::{Guard, Resources, StorageSettings};
use crate::platform::Stop;
use crate::platform::database::{Access, DatabaseUrl, Instant, Number, SqlInstant, SqlUuid, Uid, migrate};
use crate::platform::storage::{Directory, Object, Page};

const CAPACITY: usize = 7;
const ASSETS: u32 = 90;
/// Of three assets, one has its object, one has another size and one has no object: so many each.
const EACH: u64 = 30;

fn now() -> DateTime<Utc> {
    "2026-11-01T03:00:00Z".parse().unwrap()
}

fn id(number: u32) -> Uuid {
    Uuid::from_u128(u128::from(number.wrapping_mul(2_654_435_761)) << 96 | u128::from(number))
}

struct Place {
    directory: TempDir,
    database: Database,
}

impl Place {
    fn filled() -> Self {
        let directory = TempDir::new().unwrap();
        std::fs::create_dir_all(directory.path().join("objects/assets")).unwrap();
        let mut place = Self { database: Self::open(directory.path()), directory };
        migrate(&mut place.database).unwrap();
        let tenant = Uuid::new_v4();
        place.execute(
            "INSERT INTO tenants (id, created_at, updated_at, oidc_tenant_id) VALUES ($1, $2, $2, $3)",
            tenant,
            0,
        );
        for number in 0..ASSETS {
            let size = if number % 3 == 1 { 4 } else { 3 };
            let sql = format!(
                "INSERT INTO assets (id, created_at, updated_at, kind, filename, size, tenant_id) \
                 SELECT $1, $2, $2, 'recording', '', {size}, id FROM tenants WHERE $3 = $3"
            );
            place.execute(&sql, id(number), number);
            if number % 3 != 2 {
                std::fs::write(place.directory.path().join(format!("objects/assets/{}", id(number))), "123").unwrap();
            }
        }
        place
    }

    fn open(directory: &Path) -> Database {
        let url = format!("sqlite:{}", directory.join("upkeep.db").display());
        Database::new(DatabaseUrl::parse(&url).unwrap(), "test", Access::ReadWrite, Stop::without_deadline())
    }

    fn execute(&mut self, sql: &str, key: Uuid, number: u32) {
        let long_ago = Instant(now() - chrono::TimeDelta::days(9));
        let executed = self.database.write(|connection| {
            each!(connection, c => {
                diesel::sql_query(sql)
                    .bind::<SqlUuid, _>(Uid(key))
                    .bind::<SqlInstant, _>(long_ago)
                    .bind::<diesel::sql_types::Text, _>(number.to_string())
                    .execute(c)
            })
        });
        assert_eq!(executed.unwrap(), 1);
    }

    fn number(&mut self, sql: &str) -> i64 {
        let found: Number =
            self.database.read(|connection| each!(connection, c => diesel::sql_query(sql).get_result(c))).unwrap();
        found.number
    }

    fn objects(&self) -> Directory {
        Directory::new(self.directory.path().join("objects"))
    }

    fn context(&self, dry_run: bool) -> Context {
        let resources = Resources {
            database: DatabaseUrl::parse(&format!("sqlite:{}", self.directory.path().join("upkeep.db").display()))
                .unwrap(),
            storage: StorageSettings::Directory(self.directory.path().join("objects")),
            identity: None,
            shared_folders: None,
        };
        let guard = Guard { deletion: true, max_affected_floor: EACH + 1, ..Guard::default() };
        let stop = Stop::without_deadline();
        Context::new(&SyncStorageFiles, Uuid::now_v7(), now(), dry_run, guard, Some(resources), stop)
    }

    fn synchronization<'a>(
        &self,
        context: &'a Context,
        store: Arc<dyn ReadObjects>,
        handling: Handling,
    ) -> Synchronization<'a> {
        let database = Self::open(self.directory.path());
        Synchronization { context, database, store, handling, total: ASSETS.into(), began: now(), capacity: CAPACITY }
    }
}

#[test]
fn several_looks_do_what_one_would() {
    for handling in [Handling::SetFileSizeToZero, Handling::DeleteAssetEntry] {
        let mut place = Place::filled();
        let context = place.context(false);
        place.synchronization(&context, Arc::new(place.objects()), handling).run().unwrap();
        let report = context.take_report();
        let counts = &report.counts;
        assert_eq!((counts.examined, counts.matched, counts.skipped), (ASSETS.into(), 2 * EACH, 0));
        assert_eq!((counts.failed, report.warnings_total), (0, 0));
        assert_eq!(report.figures["in_sync"], EACH);
        assert_eq!(report.figures["corrected"], EACH);
        assert_eq!(place.number("SELECT count(*) AS number FROM assets WHERE size = 3"), 2 * EACH as i64);
        let rest = place.number("SELECT count(*) AS number FROM assets WHERE size <> 3");
        match handling {
            Handling::SetFileSizeToZero => {
                assert_eq!((counts.updated, report.figures["zeroed"], rest), (2 * EACH, EACH, EACH as i64));
            }
            Handling::DeleteAssetEntry => assert_eq!((counts.updated, counts.deleted, rest), (EACH, EACH, 0)),
        }
    }
}

#[test]
fn a_dry_run_in_several_looks_lists_each_asset_once() {
    for handling in [Handling::SetFileSizeToZero, Handling::DeleteAssetEntry] {
        let place = Place::filled();
        let context = place.context(true);
        place.synchronization(&context, Arc::new(place.objects()), handling).preview().unwrap();
        let report = context.take_report();
        let plan = report.plan.unwrap();
        let expected: BTreeSet<_> = (0..ASSETS).filter(|number| number % 3 != 0).map(id).collect();
        assert_eq!(plan.ids.len() as u64, 2 * EACH);
        assert_eq!(plan.ids.into_iter().collect::<BTreeSet<_>>(), expected);
        assert_eq!((report.counts.examined, report.counts.matched), (ASSETS.into(), 2 * EACH));
        assert_eq!((report.figures["in_sync"], report.figures["to_correct"]), (EACH, EACH));
        assert_eq!(report.warnings_total, 0);
    }
}

/// A directory whose objects are lost before it is listed for the second time.
struct Losing {
    objects: Directory,
    path: std::path::PathBuf,
    listings: Mutex<u32>,
}

impl ReadObjects for Losing {
    fn location(&self) -> &str {
        self.objects.location()
    }

    fn head(&self, key: &str) -> anyhow::Result<Option<Object>> {
        self.objects.head(key)
    }

    fn sizes(&self, keys: &[String]) -> anyhow::Result<Vec<Option<u64>>> {
        self.objects.sizes(keys)
    }

    fn get(&self, key: &str) -> anyhow::Result<Box<dyn std::io::Read + Send>> {
        self.objects.get(key)
    }

    fn list<'a>(&'a self, prefix: &str) -> Box<dyn Iterator<Item = anyhow::Result<Object>> + 'a> {
        self.objects.list(prefix)
    }

    fn list_ranges<'a>(
        &'a self,
        prefix: &str,
        bounds: &[String],
    ) -> Box<dyn Iterator<Item = anyhow::Result<Page>> + 'a> {
        let mut listings = self.listings.lock().unwrap();
        *listings += 1;
        if *listings == 2 {
            for file in std::fs::read_dir(self.path.join("assets")).unwrap() {
                std::fs::remove_file(file.unwrap().path()).unwrap();
            }
        }
        self.objects.list_ranges(prefix, bounds)
    }
}

/// What the guard has let pass is so many assets without an object; objects that are lost between two looks must not
/// take the others' rows with them.
#[test]
fn objects_that_are_lost_between_two_looks_end_the_run() {
    let mut place = Place::filled();
    let context = place.context(false);
    let path = place.directory.path().join("objects");
    let store = Losing { objects: place.objects(), path, listings: Mutex::new(0) };
    let error = place.synchronization(&context, Arc::new(store), Handling::DeleteAssetEntry).run().unwrap_err();
    assert!(error.to_string().contains("have no object, of which only"), "{error:#}");
    let report = context.take_report();
    assert!(report.counts.deleted <= CAPACITY as u64, "only what the first look kept");
    assert_eq!(place.number("SELECT count(*) AS number FROM assets") as u64, u64::from(ASSETS) - report.counts.deleted);
}
