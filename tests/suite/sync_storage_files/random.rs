//! Random platforms: a run leaves exactly what two maps would, and a dry run lists exactly what a run changes.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;
use upkeep_jobs::kit::Guard;
use uuid::Uuid;

use super::platform::{DELETE, Platform, ZERO, key};
use crate::site::{DatabaseKind, StorageKind};

#[test]
fn any_platform_comes_to_what_its_objects_say() {
    let mut runner = TestRunner::new(Config { cases: 40, failure_persistence: None, ..Config::default() });
    let platform = Platform::new(DatabaseKind::Sqlite, StorageKind::Directory);
    // Always there, so that the store counts as the platform's own.
    let sizes = || prop::collection::btree_map(any::<u8>(), 0_u8..4, 0..60);
    let cases = (sizes(), sizes(), any::<bool>());
    let guard = Guard { deletion: true, max_affected_floor: 1_000, ..Guard::default() };
    #[expect(clippy::disallowed_methods, reason = "any time will do")]
    let now = chrono::Utc::now();
    let result = runner.run(&cases, |(rows, objects, deletes)| {
        platform.site.execute("DELETE FROM room_assets; DELETE FROM assets");
        for object in platform.site.objects() {
            std::fs::remove_file(platform.site.path().join("objects").join(object)).unwrap();
        }
        let id = |number: u8| Uuid::from_u128(u128::from(number) << 64 | 5);
        let own = platform.present(2);
        let rows: BTreeMap<Uuid, i64> = rows.into_iter().map(|(n, size)| (id(n), i64::from(size))).collect();
        let objects: BTreeMap<Uuid, i64> = objects.into_iter().map(|(n, size)| (id(n), i64::from(size))).collect();
        if !rows.is_empty() {
            platform.insert(&rows.iter().map(|(id, size)| (*id, *size)).collect::<Vec<_>>());
        }
        for (id, size) in &objects {
            platform.site.store(&key(*id), &vec![b'x'; usize::try_from(*size).unwrap()]);
        }
        let mut expected: BTreeMap<Uuid, i64> = [(own, 2)].into();
        for id in rows.keys() {
            match objects.get(id) {
                Some(size) => drop(expected.insert(*id, *size)),
                None if !deletes => drop(expected.insert(*id, 0)),
                None => {}
            }
        }
        let changed = rows.iter().filter(|(id, size)| expected.get(id) != Some(size)).count() as u64;
        let parameters = json!({"missing_storage_file_handling": if deletes { DELETE } else { ZERO }});
        let report = platform.site.job_at("sync-storage-files", &parameters, guard.clone(), now);
        prop_assert_eq!(platform.assets(), expected);
        prop_assert_eq!(report.counts.examined, rows.len() as u64 + 1);
        prop_assert_eq!(report.counts.matched, changed);
        prop_assert_eq!(report.counts.updated + report.counts.deleted, changed);
        prop_assert_eq!(report.figures["in_sync"], rows.len() as u64 + 1 - changed);
        let strangers: Vec<_> = objects.iter().filter(|(id, _)| !rows.contains_key(id)).collect();
        prop_assert_eq!(report.figures["objects_without_row"], strangers.len() as u64);
        let bytes: i64 = strangers.iter().map(|(_, size)| **size).sum();
        prop_assert_eq!(report.figures["bytes_without_row"], bytes.unsigned_abs());
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
