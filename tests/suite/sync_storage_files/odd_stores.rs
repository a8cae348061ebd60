//! Stores that do not list as S3 does: it is noticed, and the result is the same.

use serde_json::json;
use upkeep_test_servers::fault_proxy::FaultProxy;
use upkeep_test_servers::lister::Lister;
use uuid::Uuid;

use super::is_head;
use super::platform::{DELETE, Platform, key};
use crate::site::{DatabaseKind, StorageKind};

/// So many that they are listed in two ranges.
const ASSETS: usize = 5_200;

/// A platform with as many assets, of which 5 have other sizes and 4 are missing, and 6 objects without an asset; and
/// all its objects in order.
fn filled() -> (Platform, FaultProxy, Vec<(String, u64)>) {
    let mut platform = Platform::new(DatabaseKind::Postgres, StorageKind::S3);
    let proxy = platform.site.put_proxy_before_bucket();
    let assets = platform.many(ASSETS, 3);
    let mut objects: Vec<_> = assets.iter().map(|asset| (key(*asset), 3)).collect();
    for wrong in [1, 1_000, 2_974, 2_975, 5_000] {
        objects[wrong].1 = 4;
    }
    for missing in [5_199, 4_000, 2_000, 0] {
        objects.remove(missing);
    }
    objects.extend((0..4).map(|_| (key(Uuid::new_v4()), 10)));
    objects.extend([("assets/.hidden".to_owned(), 1), ("assets/zzz".to_owned(), 2)]);
    objects.sort();
    (platform, proxy, objects)
}

fn assert_right(platform: &Platform, proxy: &FaultProxy, what: &str) -> serde_json::Value {
    let run = platform.sync(DELETE, &[]).expect(0);
    let report = run.report();
    let counts = json!({"examined": ASSETS, "matched": 9, "deleted": 4, "updated": 5, "skipped": 0, "failed": 0});
    assert_eq!(report["counts"], counts, "{what}: {run:?}");
    assert_eq!(report["figures"]["in_sync"], ASSETS - 9, "{what}");
    assert_eq!(report["figures"]["objects_without_row"], 6, "{what}");
    assert_eq!(report["figures"]["bytes_without_row"], 43, "{what}");
    assert_eq!(platform.assets().values().filter(|size| **size == 4).count(), 5);
    assert_eq!(proxy.requests().iter().filter(|request| is_head(request)).count(), 4, "{what}");
    report
}

fn listed_by(proxy: &FaultProxy, objects: Vec<(String, u64)>, per_page: usize, knows_start_after: bool) {
    let lister = Lister { objects, per_page, knows_start_after };
    proxy.set(move |request| lister.answer(request));
}

fn shuffled(mut objects: Vec<(String, u64)>) -> Vec<(String, u64)> {
    objects.sort_by_cached_key(|_| Uuid::new_v4());
    objects
}

#[test]
fn a_store_that_lists_in_order_is_listed_once() {
    let (platform, proxy, objects) = filled();
    listed_by(&proxy, objects, 1_000, true);
    let report = assert_right(&platform, &proxy, "in order");
    assert_eq!(report["warnings_total"], 0);
    let listings = proxy.requests().iter().filter(|request| request.is_listing()).count();
    assert!(listings <= 7, "{listings}");
}

#[test]
fn a_store_that_lists_in_another_order_is_noticed_and_served() {
    for way in ["backwards", "by chance", "by chance and some twice"] {
        let (platform, proxy, mut objects) = filled();
        match way {
            "backwards" => objects.reverse(),
            "by chance" => objects = shuffled(objects),
            _ => {
                objects.extend_from_within(100..300);
                let last = objects.len() - 203;
                objects.extend_from_within(last..);
                objects = shuffled(objects);
            }
        }
        listed_by(&proxy, objects, 1_000, true);
        let report = assert_right(&platform, &proxy, way);
        assert_eq!(report["warnings_total"], 1);
        assert!(report["warnings"][0].as_str().unwrap().contains("does not list objects in the order"), "{report}");
    }
}

#[test]
fn a_store_that_always_begins_at_the_beginning_is_noticed_and_served() {
    let (platform, proxy, objects) = filled();
    listed_by(&proxy, objects, 1_000, false);
    let report = assert_right(&platform, &proxy, "without StartAfter");
    assert_eq!(report["warnings_total"], 0);
    // The two ranges, what was on its way, and the whole once more.
    let listings = proxy.requests().iter().filter(|request| request.is_listing()).count();
    assert!(listings <= 4 + 7, "{listings}");
}

#[test]
fn short_pages_are_as_good_as_long_ones() {
    let (platform, proxy, objects) = filled();
    listed_by(&proxy, objects, 97, true);
    assert_right(&platform, &proxy, "pages of 97");
}

/// A listing that breaks off as if it were complete, or leaves some out: what it lacks is looked up, and is there.
#[test]
fn what_an_incomplete_listing_lacks_is_looked_up() {
    for left_out in [0..5_199, 100..5_200, 0..5_200] {
        let mut platform = Platform::new(DatabaseKind::Sqlite, StorageKind::S3);
        let proxy = platform.site.put_proxy_before_bucket();
        platform.site.set("safety", "max_affected_floor = 3");
        let assets = platform.many(400, 3);
        for (number, asset) in assets.iter().enumerate() {
            platform.site.store(&key(*asset), if number % 200 == 7 { b"4444" } else { b"333" });
        }
        let missing = platform.missing(3);
        let objects = assets.iter().enumerate().filter(|(number, _)| !left_out.contains(&(number * 13)));
        listed_by(&proxy, objects.map(|(_, asset)| (key(*asset), 3)).collect(), 1_000, true);
        let run = platform.sync(DELETE, &[]).expect(0);
        let report = run.report();
        assert_eq!(report["counts"]["deleted"], 1, "{run:?}");
        assert!(!platform.assets().contains_key(&missing));
        assert_eq!(report["counts"]["examined"], 401);
        // Where the listing had a size, that counts.
        let wrong = platform.assets().values().filter(|size| **size == 4).count();
        assert_eq!(report["figures"]["corrected"], wrong);
        assert_eq!(wrong, [7, 207].iter().filter(|number| left_out.contains(&(*number * 13))).count());
        assert_eq!(report["figures"]["in_sync"], 400 - wrong);
    }
}
