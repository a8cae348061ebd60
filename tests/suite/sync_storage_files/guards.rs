//! What is refused, and that a refusal changes nothing.

use insta::assert_snapshot;

use super::platform::{DELETE, Platform, ZERO, key};
use crate::site::{DatabaseKind, EVERYWHERE, StorageKind};

#[test]
fn implausibly_many_changes_are_refused_with_the_number_that_would_pass() {
    for (database, storage) in EVERYWHERE {
        let mut platform = Platform::new(database, storage);
        platform.site.set("safety", "max_affected_floor = 5");
        let assets = platform.many(120, 3);
        // 13 of 120 are more than a tenth. Those with other sizes do not count.
        for (number, asset) in assets.iter().enumerate().skip(13) {
            platform.site.store(&key(*asset), if number < 33 { b"1" } else { b"123" });
        }
        let before = platform.site.state();
        for handling in [ZERO, DELETE] {
            for allowed in [&[][..], &["--allow-affected", "12"]] {
                let run = platform.sync(handling, allowed).expect(4);
                assert!(run.stderr.contains("13 of 120 assets would be changed"), "{run:?}");
                assert!(run.stderr.contains("--allow-affected 13"), "{run:?}");
                let report = run.report();
                assert_eq!((&report["outcome"], &report["counts"]["matched"]), (&"refused".into(), &33.into()));
                assert_eq!((&report["counts"]["updated"], &report["counts"]["deleted"]), (&0.into(), &0.into()));
                assert_eq!(platform.site.state(), before, "{database:?} {storage:?}");
            }
            // A dry run lists everything, and says what would become of a run.
            let dry = platform.sync(handling, &["--dry-run"]).expect(0).report();
            assert_eq!(dry["plan"]["ids"].as_array().unwrap().len(), 33);
            assert!(dry["warnings"].to_string().contains("13 of 120 assets would be changed"), "{dry}");
            assert_eq!(platform.site.state(), before);
        }
        let report = platform.sync(DELETE, &["--allow-affected", "13"]).expect(0).report();
        assert_eq!((&report["counts"]["updated"], &report["counts"]["deleted"]), (&20.into(), &13.into()));
        assert_eq!(platform.assets().len(), 107);
    }
}

#[test]
fn sizes_are_corrected_however_many_there_are() {
    let platform = Platform::new(DatabaseKind::Postgres, StorageKind::Directory);
    for asset in platform.many(150, 3) {
        platform.site.store(&key(asset), b"12345");
    }
    assert_eq!(platform.sync(ZERO, &[]).expect(0).report()["figures"]["corrected"], 150);
    assert_eq!(platform.site.number("SELECT sum(size) FROM assets"), 750);
}

#[test]
fn a_tenth_passes_and_so_does_what_is_below_the_floor() {
    let platform = Platform::new(DatabaseKind::Postgres, StorageKind::Directory);
    let assets = platform.many(1_000, 3);
    for asset in assets.iter().skip(100) {
        platform.site.store(&key(*asset), b"123");
    }
    assert_eq!(platform.sync(ZERO, &[]).expect(0).report()["figures"]["zeroed"], 100);
    let platform = Platform::new(DatabaseKind::Postgres, StorageKind::Directory);
    let assets = platform.many(100, 3);
    platform.site.store(&key(assets[50]), b"123");
    assert_eq!(platform.sync(ZERO, &[]).expect(0).report()["figures"]["zeroed"], 99);
}

/// More than are remembered before it is certain that the run is refused.
#[test]
fn the_number_is_exact_however_many_there_are() {
    for storage in [StorageKind::Directory, StorageKind::S3] {
        let mut platform = Platform::new(DatabaseKind::Postgres, storage);
        platform.site.set("safety", "max_affected_floor = 5");
        let assets = platform.many(2_600, 3);
        for asset in assets.iter().step_by(26) {
            platform.site.store(&key(*asset), b"123");
        }
        let before = platform.site.state();
        let run = platform.sync(DELETE, &[]).expect(4);
        assert!(run.stderr.contains("2500 of 2600 assets would be changed"), "{run:?}");
        assert_eq!(platform.site.state(), before);
        let report = platform.sync(DELETE, &["--allow-affected", "2500"]).expect(0).report();
        assert_eq!(report["counts"]["deleted"], 2_500);
        assert_eq!(platform.assets().len(), 100);
    }
}

#[test]
fn a_store_that_has_none_of_the_assets_is_always_refused() {
    for (database, storage) in EVERYWHERE {
        for number in [1, 30, 1_500] {
            let platform = Platform::new(database, storage);
            platform.many(number, 3);
            let before = platform.site.rows();
            for handling in [ZERO, DELETE] {
                let run = platform.sync(handling, &["--allow-affected", "1000000"]).expect(4);
                let none = format!("seems to have none of {number} assets");
                assert!(run.stderr.contains(&none) && run.stderr.contains("[storage]"), "{run:?}");
                assert!(!run.stderr.contains("--allow-affected"), "{run:?}");
                assert_eq!(run.report()["outcome"], "refused");
                let dry = platform.sync(handling, &["--dry-run"]).expect(0).report();
                assert!(dry["warnings"].to_string().contains(&none), "{dry}");
            }
            // It is not empty, it has the objects of another platform.
            let other = key(uuid::Uuid::new_v4());
            platform.site.store(&other, b"123");
            platform.sync(DELETE, &["--allow-affected", "1000000"]).expect(4);
            assert_eq!(platform.site.objects(), [other].into());
            assert_eq!(platform.site.rows(), before);
        }
    }
}

/// That the store is the right one has been found out by then, from all assets and not from the first few.
#[test]
fn leftovers_are_no_reason_to_refuse_what_the_guard_has_let_pass() {
    for (database, storage) in EVERYWHERE {
        let platform = Platform::new(database, storage);
        let assets = platform.many(60, 3);
        for asset in &assets[30..] {
            platform.site.store(&key(*asset), b"123");
        }
        let dialect = platform.site.dialect();
        platform.site.execute(&format!(
            "INSERT INTO upkeep_pending_deletions (kind, location, target, bytes, job, run_id, recorded_at) \
             VALUES ('shared_folder', 'elsewhere', 'x', 0, 'event-cleanup', {}, {})",
            dialect.uuid(uuid::Uuid::new_v4()),
            dialect.instant(chrono::Utc::now()),
        ));
        let report = platform.sync(DELETE, &[]).expect(0).report();
        assert_eq!((&report["counts"]["deleted"], &report["backlog"]), (&30.into(), &1.into()));
    }
}

/// Nobody expects objects of assets that were set to zero for want of them.
#[test]
fn assets_that_were_set_to_zero_do_not_make_it_another_platforms_store() {
    for (database, storage) in EVERYWHERE {
        let platform = Platform::new(database, storage);
        let assets = platform.many(60, 3);
        for asset in &assets[30..] {
            platform.site.store(&key(*asset), b"123");
        }
        let clean_up = || platform.site.job("event-cleanup", &["--parameters", r#"{"days_since_last_occurrence": 2}"#]);
        clean_up().expect(4);
        assert_eq!(platform.sync(ZERO, &[]).expect(0).report()["figures"]["zeroed"], 30);
        let report = clean_up().expect(0).report();
        assert_eq!((&report["counts"]["deleted"], &report["rows"]["assets"]), (&1.into(), &60.into()));
        assert!(platform.site.objects().is_empty());
    }
}

#[test]
fn deletion_can_be_switched_off_and_zeroing_is_none() {
    for database in [DatabaseKind::Postgres, DatabaseKind::Sqlite] {
        let mut platform = Platform::new(database, StorageKind::Directory);
        platform.present(1);
        platform.missing(5);
        platform.site.set("safety", "deletion = false");
        let before = platform.site.state();
        let run = platform.sync(DELETE, &[]).expect(4);
        assert!(run.stderr.contains("deletion = false"), "{run:?}");
        assert_eq!(run.report()["counts"]["examined"], 0);
        assert_eq!(platform.site.state(), before);
        assert_eq!(platform.sync(DELETE, &["--dry-run"]).expect(0).report()["plan"]["rows"]["assets"], 1);
        assert_eq!(platform.sync(ZERO, &[]).expect(0).report()["figures"]["zeroed"], 1);
    }
}

#[test]
fn parameters_are_checked_before_anything_is_connected() {
    let say = |parameters: &str| {
        let run = crate::site::run_bare(&["jobs", "execute", "sync-storage-files", "--parameters", parameters]);
        assert_eq!(run.code, Some(2), "{run:?}");
        run.stderr
    };
    assert_snapshot!(say(r#"{"missing_storage_file_handling": "delete"}"#), @r#"
    error: parameter missing_storage_file_handling: expected "set_file_size_to_zero" or "delete_asset_entry", not the text "delete"
    hint: `upkeep jobs describe sync-storage-files` lists the parameters of this job
    "#);
    assert_snapshot!(say(r#"{"missing_file_handling": "delete_asset_entry"}"#), @r#"
    error: sync-storage-files has no parameter "missing_file_handling"; did you mean missing_storage_file_handling?
    hint: `upkeep jobs describe sync-storage-files` lists the parameters of this job
    "#);
    for value in ["null", "1", "true", "\"\"", "[]", "{}", r#"{"delete_asset_entry": null}"#, "\"DELETE_ASSET_ENTRY\""]
    {
        let said = say(&format!("{{\"missing_storage_file_handling\": {value}}}"));
        assert!(said.contains("parameter missing_storage_file_handling: expected \"set_file"), "{value}: {said}");
    }
}

#[test]
fn refusals_say_what_to_do() {
    let mut platform = Platform::new(DatabaseKind::Sqlite, StorageKind::Directory);
    platform.missing(5);
    let run = |platform: &Platform| {
        platform
            .site
            .upkeep(&["jobs", "execute", "sync-storage-files", "--hide-duration"])
            .transcript_at(&platform.site)
    };
    assert_snapshot!(run(&platform), @"
    exit code 4
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Comparing the assets with the objects in directory [site]/objects
    [INFO ]
    [ERROR] directory [site]/objects seems to have none of 1 assets; nothing was changed
    [ERROR] Job failed
    --- stderr
    error: directory [site]/objects seems to have none of 1 assets; nothing was changed
    hint: check that [storage] names the platform's own store, and that its volume is mounted
    ");
    platform.present(1);
    platform.site.set("safety", "max_affected_floor = 1");
    assert_snapshot!(run(&platform), @"
    exit code 4
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Comparing the assets with the objects in directory [site]/objects
    [INFO ]
    [ERROR] 1 of 2 assets would be changed, more than the 10% that [safety] max_affected_percent allows; nothing was changed
    [ERROR] Job failed
    --- stderr
    error: 1 of 2 assets would be changed, more than the 10% that [safety] max_affected_percent allows; nothing was changed
    hint: if that is right, let this one run pass with --allow-affected 1
    ");
}
