//! The platform is at work at the same time: what changes meanwhile is left alone.

use std::time::Duration;

use serde_json::json;
use upkeep_test_servers::Postgres;
use upkeep_test_servers::fault_proxy::{Fault, FaultProxy};
use uuid::Uuid;

use super::is_head;
use super::platform::{DELETE, Platform, ZERO, key};
use crate::site::{BUCKET, DATABASES, DatabaseKind, StorageKind, once};

fn platform(database: DatabaseKind) -> (Platform, FaultProxy) {
    let mut platform = Platform::new(database, StorageKind::S3);
    let proxy = platform.site.put_proxy_before_bucket();
    platform.present(3);
    (platform, proxy)
}

#[test]
fn an_object_uploaded_after_the_listing_saves_its_asset() {
    for database in DATABASES {
        for handling in [ZERO, DELETE] {
            let (platform, proxy) = platform(database);
            let (same, other, missing) = (platform.missing(4), platform.missing(5), platform.missing(6));
            let bucket = platform.site.s3().bucket(BUCKET);
            once(&proxy, is_head, move || {
                bucket.put(&key(same), b"4444");
                bucket.put(&key(other), b"4444");
            });
            let report = platform.sync(handling, &[]).expect(0).report();
            assert_eq!(platform.assets()[&same], 4);
            assert_eq!(platform.assets()[&other], 4);
            assert_eq!(platform.assets().get(&missing).copied(), (handling == ZERO).then_some(0));
            assert_eq!(report["figures"]["corrected"], 1);
            assert_eq!((&report["counts"]["matched"], &report["figures"]["in_sync"]), (&json!(2), &json!(2)));
        }
    }
}

/// However long ago the run has seen that it is missing: it is asked for again before its row goes.
#[test]
fn an_object_uploaded_after_the_guard_was_asked_saves_its_asset() {
    let (mut platform, proxy) = platform(DatabaseKind::Postgres);
    platform.site.set("safety", "max_affected_floor = 3\nmax_affected_percent = 0");
    let (saved, late, missing) = (platform.missing(6), platform.missing(4), platform.missing(5));
    // Three would be too many, so all three are looked up. One of them is there, so the other two may go, and are
    // looked up once more.
    let bucket = platform.site.s3().bucket(BUCKET);
    let mut heads = 0;
    proxy.set(move |request| {
        heads += u32::from(is_head(request));
        match heads {
            1 => bucket.put(&key(saved), b"666666"),
            4 => bucket.put(&key(late), b"4444"),
            _ => {}
        }
        Fault::None
    });
    let report = platform.sync(DELETE, &[]).expect(0).report();
    assert_eq!(report["counts"]["deleted"], 1);
    assert_eq!((platform.assets()[&late], platform.assets()[&saved]), (4, 6));
    assert_eq!(proxy.requests().iter().filter(|request| is_head(request)).count(), 5);
    assert!(!platform.assets().contains_key(&missing));
}

#[test]
fn an_object_removed_after_the_listing_is_for_the_next_run() {
    let (platform, proxy) = platform(DatabaseKind::Sqlite);
    platform.missing(4);
    let removed = platform.present(5);
    let bucket = platform.site.s3().bucket(BUCKET);
    once(&proxy, is_head, move || bucket.remove(&key(removed)));
    assert_eq!(platform.sync(DELETE, &[]).expect(0).report()["counts"]["deleted"], 1);
    assert_eq!(platform.assets()[&removed], 5);
    assert_eq!(platform.sync(DELETE, &[]).expect(0).report()["counts"]["deleted"], 1);
    assert!(!platform.assets().contains_key(&removed));
}

#[test]
fn rows_that_change_or_vanish_before_they_are_written_are_left_alone() {
    for database in [DatabaseKind::Postgres, DatabaseKind::PostgresOld] {
        for handling in [ZERO, DELETE] {
            let (platform, proxy) = platform(database);
            let (vanishes, changes, stays) = (platform.missing(4), platform.missing(5), platform.missing(6));
            let name = platform.site.database_name().to_owned();
            once(&proxy, is_head, move || {
                let sql = format!(
                    "DELETE FROM room_assets WHERE asset_id = '{vanishes}'; DELETE FROM assets WHERE id = '{vanishes}'; \
                     UPDATE assets SET size = 55 WHERE id = '{changes}'"
                );
                Postgres::shared().client(&name).batch_execute(&sql).unwrap();
            });
            let report = platform.sync(handling, &[]).expect(0).report();
            let assets = platform.assets();
            assert_eq!((assets.get(&vanishes), assets.get(&changes)), (None, Some(&55)), "{report}");
            assert_eq!(assets.get(&stays).copied(), (handling == ZERO).then_some(0));
            assert_eq!((&report["counts"]["skipped"], &report["counts"]["matched"]), (&json!(2), &json!(3)));
        }
    }
}

/// The platform writes the row and uploads the object, in whichever order: neither is taken for what it is not.
#[test]
fn an_asset_that_appears_while_the_store_is_listed_is_left_to_the_next_run() {
    for database in [DatabaseKind::Postgres, DatabaseKind::PostgresOld] {
        let (platform, proxy) = platform(database);
        let (missing, new) = (platform.missing(4), Uuid::new_v4());
        let name = platform.site.database_name().to_owned();
        let sql = platform.sql(&[(new, 9)]) + &format!("UPDATE assets SET updated_at = now() WHERE id = '{new}'");
        once(
            &proxy,
            |request| request.is_listing(),
            move || {
                Postgres::shared().client(&name).batch_execute(&sql).unwrap();
            },
        );
        let report = platform.sync(DELETE, &[]).expect(0).report();
        assert_eq!(platform.assets().get(&new), Some(&9));
        assert!(!platform.assets().contains_key(&missing));
        assert_eq!((&report["counts"]["examined"], &report["counts"]["skipped"]), (&json!(3), &json!(1)), "{report}");
        assert_eq!(platform.sync(DELETE, &[]).expect(0).report()["counts"]["deleted"], 1);
    }
    // A date far ahead was not written just now.
    let (platform, _proxy) = platform(DatabaseKind::Postgres);
    let strange = platform.missing(4);
    platform.site.execute("UPDATE assets SET updated_at = now() + interval '50 years'");
    assert_eq!(platform.sync(DELETE, &[]).expect(0).report()["counts"]["deleted"], 1);
    assert!(!platform.assets().contains_key(&strange));
}

#[test]
fn rows_locked_for_the_whole_run_are_failed_items_and_the_others_are_seen_to() {
    for handling in [ZERO, DELETE] {
        let (platform, _proxy) = platform(DatabaseKind::Postgres);
        let locked = [platform.missing(4), platform.with_id(Uuid::new_v4(), 4, Some(5))];
        let others: Vec<_> = (0..20).map(|_| platform.missing(6)).collect();
        let mut session = platform.site.platform();
        let mut transaction = session.transaction().unwrap();
        let ids = locked.map(|id| id.to_string()).to_vec();
        transaction.query("SELECT FROM assets WHERE id = ANY($1::text[]::uuid[]) FOR UPDATE", &[&ids]).unwrap();
        let run = platform.sync(handling, &[]).expect(3);
        transaction.rollback().unwrap();
        let report = run.report();
        assert_eq!((&report["counts"]["failed"], &report["counts"]["skipped"]), (&json!(2), &json!(0)), "{report}");
        assert!(report["failures"].to_string().contains("locked by another session"), "{report}");
        assert!(locked.iter().all(|id| platform.assets()[id] == 4));
        assert!(others.iter().all(|id| platform.assets().get(id).is_none_or(|size| *size == 0)));
        platform.sync(handling, &[]).expect(0);
        assert_eq!(platform.assets()[&locked[1]], 5);
    }
}

#[test]
fn rows_that_the_database_refuses_again_and_again_do_not_keep_the_others() {
    let (platform, _proxy) = platform(DatabaseKind::Postgres);
    let (kept, other) = (platform.many(6, 7), platform.missing(4));
    platform.site.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF OLD.size = 7 THEN RAISE EXCEPTION 'not this one'; END IF; RETURN NEW; END $$; \
         CREATE TRIGGER refuse BEFORE UPDATE ON assets FOR EACH ROW EXECUTE FUNCTION refuse()",
    );
    let report = platform.sync(ZERO, &[]).expect(3).report();
    assert_eq!(report["counts"]["failed"], 6, "{report}");
    assert_eq!(report["failures"][0]["reason"], "not this one");
    let sizes = platform.assets();
    assert!(kept.iter().all(|id| sizes[id] == 7) && sizes[&other] == 0);
}

#[test]
fn a_table_that_upkeep_does_not_know_keeps_its_asset() {
    let (platform, _proxy) = platform(DatabaseKind::Postgres);
    let (kept, others) = (platform.missing(4), (0..5).map(|_| platform.missing(5)).collect::<Vec<_>>());
    platform.site.execute(&format!(
        "CREATE TABLE thumbnails (asset UUID CONSTRAINT thumbnail_of REFERENCES assets (id)); \
         INSERT INTO thumbnails VALUES ('{kept}')"
    ));
    let report = platform.sync(DELETE, &[]).expect(3).report();
    assert_eq!((&report["counts"]["deleted"], &report["counts"]["failed"]), (&json!(5), &json!(1)));
    assert_eq!(report["failures"][0]["subject"], kept.to_string());
    assert!(report["failures"][0]["reason"].as_str().unwrap().contains("thumbnail_of"), "{report}");
    assert!(platform.assets().contains_key(&kept) && platform.links().contains(&kept));
    assert!(others.iter().all(|id| !platform.assets().contains_key(id)));
}

/// Links that do not go by themselves, as may be on some platforms.
#[test]
fn links_go_whether_they_cascade_or_not() {
    let (platform, _proxy) = platform(DatabaseKind::Postgres);
    platform.missing(4);
    platform.site.execute(
        "ALTER TABLE room_assets DROP CONSTRAINT room_assets_asset_id_fkey; \
         ALTER TABLE room_assets ADD FOREIGN KEY (asset_id) REFERENCES assets (id) ON DELETE RESTRICT",
    );
    let report = platform.sync(DELETE, &[]).expect(0).report();
    assert_eq!(report["rows"], json!({"assets": 1, "room_assets": 1}));
    assert_eq!(platform.links().len(), 1);
}

#[test]
fn what_earlier_runs_left_in_the_outbox_is_seen_to_by_the_mode_that_deletes() {
    for database in DATABASES {
        let (platform, proxy) = platform(database);
        let site = &platform.site;
        let (left, dialect) = (key(Uuid::new_v4()), site.dialect());
        site.store(&left, b"left over");
        let location = format!("s3 bucket controller at {}", proxy.uri());
        site.execute(&format!(
            "INSERT INTO upkeep_pending_deletions (kind, location, target, bytes, job, run_id, recorded_at) \
             VALUES ('object', '{location}', '{left}', 9, 'room-cleanup', {}, {})",
            dialect.uuid(Uuid::new_v4()),
            dialect.instant(chrono::Utc::now()),
        ));
        let report = platform.sync(ZERO, &[]).expect(0).report();
        assert_eq!((&report["figures"]["objects_without_row"], &report["objects_deleted"]), (&json!(1), &json!(0)));
        assert_eq!(site.outbox().len(), 1);
        // Refused: nothing is changed.
        let (refused, objects) = (platform.many(200, 3), site.objects());
        platform.sync(DELETE, &[]).expect(4);
        assert_eq!((site.outbox().len(), site.objects()), (1, objects));
        for asset in refused {
            site.store(&key(asset), b"333");
        }
        let report = platform.sync(DELETE, &[]).expect(0).report();
        assert_eq!(
            (&report["objects_deleted"], &report["bytes_freed"], &report["backlog"]),
            (&json!(1), &json!(9), &json!(0))
        );
        assert!(site.outbox().is_empty() && !site.objects().contains(&left));
    }
}

#[test]
fn a_slow_store_is_waited_for() {
    let (platform, proxy) = platform(DatabaseKind::Sqlite);
    platform.missing(4);
    proxy.set(|_| Fault::Delay(Duration::from_millis(300)));
    assert_eq!(platform.sync(DELETE, &[]).expect(0).report()["counts"]["deleted"], 1);
}
