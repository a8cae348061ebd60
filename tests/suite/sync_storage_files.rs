//! sync-storage-files: sizes follow the objects, rows without objects are zeroed or go, everything else stays.

mod crashes;
mod failures;
mod guards;
mod meanwhile;
mod odd_stores;
mod platform;
mod random;

use std::collections::{BTreeMap, BTreeSet};

use insta::assert_snapshot;
use serde_json::json;
use upkeep_test_servers::fault_proxy::Request;
use uuid::Uuid;

use self::platform::{DELETE, Platform, ZERO, key};
use crate::site::{DATABASES, DatabaseKind, EVERYWHERE, StorageKind};

fn is_head(request: &Request) -> bool {
    request.method == "HEAD" && request.path.contains("/assets/")
}

/// Objects that no asset has, and their sizes together.
fn store_strangers(platform: &Platform, missing: Uuid) -> (u64, u64) {
    let strangers = [
        key(Uuid::new_v4()),
        key(missing).to_uppercase().replace("ASSETS/", "assets/"),
        format!("assets/{}", missing.simple()),
        format!("assets/{missing}.webm"),
        format!("assets/parts/{missing}"),
        "assets/parts/deeper/still".to_owned(),
        "assets/.upkeep-access-check".to_owned(),
        "assets/zzz".to_owned(),
        "assets/0".to_owned(),
    ];
    for stranger in &strangers {
        platform.site.store(stranger, b"12345");
    }
    // Not looked at at all.
    platform.site.store(&format!("other/{missing}"), b"12345");
    platform.site.store(&missing.to_string(), b"12345");
    (strangers.len() as u64, 5 * strangers.len() as u64)
}

/// A row that is written over with what it says already makes work for everybody, and a new version of it.
#[test]
fn rows_that_need_no_change_are_not_written() {
    for database in [DatabaseKind::Postgres, DatabaseKind::PostgresOld] {
        for handling in [ZERO, DELETE] {
            let platform = Platform::new(database, StorageKind::Directory);
            let in_sync = [platform.present(0), platform.present(7)];
            let (wrong, missing) = (platform.with_id(Uuid::new_v4(), 9, Some(3)), platform.missing(5));
            let zero_already = platform.missing(0);
            let versions = || {
                let rows = platform.site.texts("SELECT id || ' ' || xmin || ' ' || ctid FROM assets");
                let rows = rows.iter().map(|row| row.split_once(' ').unwrap());
                rows.map(|(id, version)| (id.parse().unwrap(), version.to_owned())).collect::<BTreeMap<Uuid, _>>()
            };
            let before = versions();
            platform.sync(handling, &[]).expect(0);
            let after = versions();
            let written = before.keys().filter(|id| before.get(id) != after.get(id)).copied().collect::<BTreeSet<_>>();
            let mut expected = BTreeSet::from([wrong, missing]);
            expected.extend((handling == DELETE).then_some(zero_already));
            assert_eq!(written, expected, "{handling}; in sync are {in_sync:?}");
            platform.sync(handling, &[]).expect(0);
            assert_eq!(versions(), after, "{handling}: a second run finds nothing to write");
        }
    }
}

#[test]
fn sizes_follow_the_objects_and_nothing_else_changes() {
    for (database, storage) in EVERYWHERE {
        for handling in [ZERO, DELETE] {
            let platform = Platform::new(database, storage);
            // The least and the greatest identifier, too.
            let in_sync = [platform.present(0), platform.present(7), platform.with_id(Uuid::nil(), 3, Some(3))];
            let too_small = platform.with_id(Uuid::max(), 3, Some(9));
            let too_large = platform.with_id(Uuid::new_v4(), 9, Some(3));
            let negative = platform.with_id(Uuid::new_v4(), -1, Some(4));
            let emptied = platform.with_id(Uuid::new_v4(), 5, Some(0));
            let missing = [platform.missing(5), platform.missing(1), platform.missing(i64::MAX)];
            let zero_already = platform.missing(0);
            let strangers = store_strangers(&platform, missing[0]);
            let before = (platform.site.rows(), platform.site.objects());
            let gone = if handling == DELETE { 4 } else { 0 };
            let zeroed = if handling == DELETE { 0 } else { 3 };

            let dry = platform.sync(handling, &["--dry-run"]).expect(0).report();
            assert_eq!((platform.site.rows(), platform.site.objects()), before);
            let run = platform.sync(handling, &[]).expect(0);

            let report = run.report();
            let mut expected = platform.assets_of(&in_sync);
            expected.extend([(too_small, 9), (too_large, 3), (negative, 4), (emptied, 0)]);
            if handling == ZERO {
                expected.extend(missing.map(|id| (id, 0)));
                expected.insert(zero_already, 0);
            }
            let what = format!("{database:?} {storage:?} {handling}: {run:?}");
            assert_eq!(platform.assets(), expected, "{what}");
            assert_eq!(platform.links(), expected.keys().copied().collect(), "{what}");
            assert_eq!(platform.site.objects(), before.1);
            assert_eq!(
                report["counts"],
                json!({"examined": 11, "matched": 7 + gone / 4, "deleted": gone, "updated": 4 + zeroed, "skipped": 0,
                    "failed": 0}),
                "{what}"
            );
            assert_eq!(report["figures"]["in_sync"], 3 + u64::from(handling == ZERO));
            assert_eq!(report["figures"]["corrected"], 4);
            assert_eq!(report["figures"]["objects_without_row"], strangers.0, "{what}");
            assert_eq!(report["figures"]["bytes_without_row"], strangers.1);
            if handling == DELETE {
                assert_eq!(report["rows"], json!({"assets": 4, "room_assets": 4}));
                assert_eq!(dry["plan"]["rows"], report["rows"]);
            }
            // What a dry run lists is what a run does.
            assert_eq!(dry["counts"]["matched"], report["counts"]["matched"]);
            let mut listed: Vec<Uuid> = serde_json::from_value(dry["plan"]["ids"].clone()).unwrap();
            listed.sort();
            let mut changed = vec![too_small, too_large, negative, emptied];
            changed.extend(missing);
            changed.extend((handling == DELETE).then_some(zero_already));
            changed.sort();
            assert_eq!(listed, changed);

            // Not a column of a row but the sizes, and of the other tables nothing.
            let mut rows = before.0;
            let mut after = platform.site.rows();
            for table in ["assets", "room_assets"] {
                rows.remove(table);
                after.remove(table);
            }
            assert_eq!(after, rows, "{what}");
            platform.assert_only_sizes_changed();
            let settled = platform.site.state();
            let again = platform.sync(handling, &[]).expect(0).report();
            assert_eq!((&again["counts"]["matched"], &again["counts"]["updated"]), (&json!(0), &json!(0)));
            assert_eq!(platform.site.state(), settled, "a second run changes nothing");
        }
    }
}

#[test]
fn an_empty_platform_is_in_sync() {
    for (database, storage) in EVERYWHERE {
        let platform = Platform::new(database, storage);
        let report = platform.sync(DELETE, &[]).expect(0).report();
        assert_eq!(report["counts"]["examined"], 0);
        platform.site.store(&key(Uuid::new_v4()), b"12");
        let report = platform.sync(ZERO, &[]).expect(0).report();
        assert_eq!(report["figures"]["objects_without_row"], 1);
        assert_eq!(report["figures"]["bytes_without_row"], 2);
        assert_eq!(platform.site.objects().len(), 1);
    }
}

#[test]
fn thousands_of_assets_cost_a_few_requests() {
    for (number, missing) in [(0, 0), (1_000, 1), (5_300, 7), (10_000, 60)] {
        let platform = Platform::new(DatabaseKind::Postgres, StorageKind::S3);
        let assets = platform.many(number, 3);
        for asset in assets.iter().skip(missing) {
            platform.site.store(&key(*asset), b"123");
        }
        platform.site.s3().forget_counts();
        let report = platform.sync(DELETE, &[]).expect(0).report();
        assert_eq!(report["counts"]["deleted"], missing, "{report}");
        let count = |operation| platform.site.s3().count(operation);
        let all: u64 = ["ListObjectsV2", "HeadObject", "HeadBucket", "DeleteObjects", "DeleteObject", "GetObject"]
            .map(count)
            .iter()
            .sum();
        assert_eq!(count("HeadObject"), missing as u64);
        assert!(count("ListObjectsV2") <= number as u64 / 1_000 + 2, "{}", count("ListObjectsV2"));
        assert!(all <= (number / 1_000 + missing + 10) as u64, "{number}: {all} requests");
    }
}

/// Statements take as long as there are rows to change, not as long as their square.
#[test]
fn thousands_of_changes_are_made_in_batches() {
    for database in DATABASES {
        let platform = Platform::new(database, StorageKind::Directory);
        let assets = platform.many(9_000, 3);
        for asset in assets.iter().step_by(2) {
            platform.site.store(&key(*asset), b"12345");
        }
        let more = ["--allow-affected", "9000", "--timeout", "30"];
        let report = platform.sync(ZERO, &more).expect(0).report();
        assert_eq!((&report["figures"]["corrected"], &report["figures"]["zeroed"]), (&json!(4_500), &json!(4_500)));
        let sizes = platform.assets();
        assert!(assets.iter().enumerate().all(|(number, asset)| sizes[asset] == if number % 2 == 0 { 5 } else { 0 }));
        let report = platform.sync(DELETE, &more).expect(0).report();
        assert_eq!(report["rows"], json!({"assets": 4_500, "room_assets": 4_500}));
    }
}

#[test]
fn the_log_says_what_was_found_and_done() {
    let platform = Platform::new(DatabaseKind::Sqlite, StorageKind::Directory);
    platform.present(5);
    platform.with_id(Uuid::from_u128(1), 5, Some(6));
    platform.missing(7);
    platform.site.store("assets/left over", &[0; 3_000]);
    let run = |handling: &str, more: &[&str]| {
        let parameters = format!("{{\"missing_storage_file_handling\": \"{handling}\"}}");
        let command = ["jobs", "execute", "sync-storage-files", "--hide-duration", "--parameters", &parameters];
        platform.site.upkeep(&[&command, more].concat()).expect(0).transcript_at(&platform.site)
    };
    assert_snapshot!(run(ZERO, &["--dry-run"]), @"
    exit code 0
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Comparing the assets with the objects in directory [site]/objects
    [INFO ] Would set the size of asset [uuid] from 5 to 6
    [INFO ] Would set the size of asset [uuid] from 7 to 0: no object
    [INFO ] Assets looked at: 3, of which 1 in sync
    [INFO ] Would correct 1, set 1 to zero, delete 0
    [INFO ] Objects without an asset: 1 (2.9 KiB); they are left alone
    [INFO ]
    [INFO ] Job finished successfully
    ");
    assert_snapshot!(run(DELETE, &["--dry-run"]), @"
    exit code 0
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Comparing the assets with the objects in directory [site]/objects
    [INFO ] Would set the size of asset [uuid] from 5 to 6
    [INFO ] Would delete asset [uuid]: no object
    [INFO ] Assets looked at: 3, of which 1 in sync
    [INFO ] Would correct 1, set 0 to zero, delete 1
    [INFO ] Objects without an asset: 1 (2.9 KiB); they are left alone
    [INFO ]
    [INFO ] Job finished successfully
    ");
    assert_snapshot!(run(DELETE, &[]), @"
    exit code 0
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Comparing the assets with the objects in directory [site]/objects
    [INFO ] Assets looked at: 3, of which 1 in sync
    [INFO ] Corrected: 1, set to zero: 0, deleted: 1
    [INFO ] Objects without an asset: 1 (2.9 KiB); they are left alone
    [INFO ]
    [INFO ] Job finished successfully
    ");
    platform.missing(7);
    platform.with_id(Uuid::from_u128(2), 5, Some(6));
    assert_snapshot!(run(ZERO, &["-v"]), @"
    exit code 0
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Comparing the assets with the objects in directory [site]/objects
    [DEBUG] corrected the size of asset [uuid]
    [DEBUG] zeroed the size of asset [uuid]
    [INFO ] Assets looked at: 4, of which 2 in sync
    [INFO ] Corrected: 1, set to zero: 1, deleted: 0
    [INFO ] Objects without an asset: 1 (2.9 KiB); they are left alone
    [INFO ]
    [INFO ] Job finished successfully
    ");
}
