//! A store that says no, says nothing, or is another: only a clear "not found" is missing, everything else ends the run
//! with what was done until then.

use std::os::unix::fs::symlink;

use serde_json::json;
use upkeep_test_servers::fault_proxy::{Fault, FaultProxy, Request};
use upkeep_test_servers::s3::{ACCESS_KEY, SECRET_KEY};

use super::is_head;
use super::platform::{DELETE, Platform, ZERO, key};
use crate::site::{DatabaseKind, StorageKind, bound_by_permissions, finish, wait_until};

/// 1,500 assets, so that the listing has two pages, two with other sizes and one missing.
fn filled() -> (Platform, FaultProxy) {
    let mut platform = Platform::new(DatabaseKind::Postgres, StorageKind::S3);
    let proxy = platform.site.put_proxy_before_bucket();
    for (number, asset) in platform.many(1_500, 3).iter().enumerate() {
        match number {
            700 => {}
            20 | 1_400 => platform.site.store(&key(*asset), b"55555"),
            _ => platform.site.store(&key(*asset), b"333"),
        }
    }
    (platform, proxy)
}

fn is_second_page(request: &Request) -> bool {
    request.is_listing() && request.parameter("continuation-token").is_some()
}

#[test]
fn a_listing_that_fails_in_the_middle_changes_nothing() {
    let (platform, proxy) = filled();
    let before = platform.site.state();
    for (fault, code) in [
        (Fault::Answer(403, "AccessDenied"), 78),
        (Fault::Answer(404, "NoSuchBucket"), 78),
        (Fault::AnswerNothing(404), 78),
        (Fault::AnswerPage(200), 78),
        (Fault::AnswerDocument("<ListBucketResult><IsTruncated>tr".into()), 78),
        (Fault::AnswerDocument("<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>".into()), 1),
        (Fault::Answer(503, "SlowDown"), 69),
        (Fault::Reset, 69),
    ] {
        let name = format!("{fault:?}");
        proxy.set(move |request| if is_second_page(request) { fault.clone() } else { Fault::None });
        let run = platform.sync(DELETE, &[]);
        assert_eq!(run.code, Some(code), "{name}: {run:#?}");
        assert!(run.stderr.contains("cannot list objects under \"assets/\""), "{run:#?}");
        assert_eq!(platform.site.state(), before, "{name}");
    }
    // All of it passes.
    let mut faults = vec![Fault::Answer(503, "SlowDown"), Fault::LoseAnswer, Fault::AnswerNothing(500)];
    proxy.set(move |_| faults.pop().unwrap_or(Fault::None));
    let report = platform.sync(DELETE, &[]).expect(0).report();
    assert_eq!((&report["counts"]["updated"], &report["counts"]["deleted"]), (&json!(2), &json!(1)));
}

#[test]
fn a_lookup_that_fails_leaves_what_was_corrected_and_changes_nothing_else() {
    for (fault, code) in [
        (Fault::AnswerNothing(403), 78),
        (Fault::AnswerNothing(503), 69),
        (Fault::Reset, 69),
        (Fault::AnswerNothing(400), 1),
    ] {
        let (platform, proxy) = filled();
        let name = format!("{fault:?}");
        proxy.set(move |request| if is_head(request) { fault.clone() } else { Fault::None });
        for handling in [ZERO, DELETE] {
            let run = platform.sync(handling, &[]);
            assert_eq!(run.code, Some(code), "{name}: {run:#?}");
            let report = run.report();
            assert_eq!(report["counts"]["updated"], if handling == ZERO { 2 } else { 0 }, "{name}: {report}");
            assert_eq!(report["counts"]["deleted"], 0);
            assert_eq!(platform.assets().values().filter(|size| **size == 5).count(), 2);
            assert_eq!(platform.assets().values().filter(|size| **size == 3).count(), 1_498);
        }
        proxy.clear();
        let report = platform.sync(DELETE, &[]).expect(0).report();
        assert_eq!((&report["counts"]["updated"], &report["counts"]["deleted"]), (&json!(0), &json!(1)));
    }
}

/// Whoever answers "not found" to everything has not said that an object is missing.
#[test]
fn a_bucket_that_goes_while_it_is_looked_at_is_not_full_of_missing_objects() {
    let (platform, proxy) = filled();
    proxy.set(|request| if request.method == "HEAD" { Fault::AnswerNothing(404) } else { Fault::None });
    for handling in [ZERO, DELETE] {
        let run = platform.sync(handling, &[]).expect(78);
        assert!(run.stderr.contains("check the storage's bucket"), "{run:?}");
        assert_eq!(platform.assets().len(), 1_500);
        assert!(platform.assets().values().all(|size| *size > 0));
    }
}

#[test]
fn a_wrong_bucket_or_directory_is_a_matter_of_configuration() {
    let (mut platform, _proxy) = filled();
    let before = platform.site.state();
    let uri = platform.site.s3().uri();
    platform.site.set(
        "storage",
        &format!(
            "kind = \"s3\"\nuri = {uri:?}\nbucket = \"another\"\naccess_key = \"{ACCESS_KEY}\"\n\
             secret_key = \"{SECRET_KEY}\""
        ),
    );
    let run = platform.sync(DELETE, &["--allow-affected", "100000"]).expect(78);
    assert!(run.stderr.contains("NoSuchBucket"), "{run:?}");
    let directory = platform.site.path().join("nowhere");
    platform.site.set("storage", &format!("kind = \"directory\"\npath = {:?}", directory.display().to_string()));
    let run = platform.sync(DELETE, &["--allow-affected", "100000"]).expect(78);
    assert!(run.stderr.contains("it does not exist"), "{run:?}");
    assert!(!directory.exists());
    assert_eq!(platform.site.state(), before);
}

#[test]
fn a_directory_with_something_strange_in_it_changes_nothing() {
    let platform = Platform::new(DatabaseKind::Sqlite, StorageKind::Directory);
    let assets = platform.site.path().join("objects/assets");
    platform.present(3);
    let missing = platform.missing(5);
    let before = platform.site.rows();
    // Moved to another disk, with a link in its place: it is not missing.
    let elsewhere = platform.site.path().join("elsewhere");
    std::fs::write(&elsewhere, b"12345").unwrap();
    symlink(&elsewhere, assets.join(missing.to_string())).unwrap();
    let run = platform.sync(DELETE, &[]).expect(1);
    assert!(run.stderr.contains("neither a file nor a directory"), "{run:?}");
    assert_eq!(platform.site.rows(), before);
    std::fs::remove_file(assets.join(missing.to_string())).unwrap();

    let locked = assets.join("locked");
    std::fs::create_dir(&locked).unwrap();
    std::fs::set_permissions(&locked, std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
    let command = platform.site.command(&["jobs", "execute", "sync-storage-files"]);
    let run = finish(bound_by_permissions(command).spawn().unwrap()).expect(78);
    assert!(run.stderr.contains("Permission denied"), "{run:?}");
    assert_eq!(platform.site.rows(), before);
    std::fs::set_permissions(&locked, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    assert_eq!(platform.sync(DELETE, &[]).expect(0).report()["counts"]["deleted"], 1);
}

#[test]
fn time_limits_and_signals_end_a_run_that_waits_for_the_store() {
    let (platform, proxy) = filled();
    let before = platform.site.state();
    let hour = Fault::Delay(std::time::Duration::from_secs(3_600));
    let delay = hour.clone();
    proxy.set(move |request| if is_second_page(request) { delay.clone() } else { Fault::None });
    let report = platform.sync(DELETE, &["--timeout", "1"]).expect(124).report();
    assert_eq!((&report["counts"]["updated"], &report["counts"]["deleted"]), (&json!(0), &json!(0)));
    assert_eq!(platform.site.state(), before);

    proxy.forget_requests();
    proxy.set(move |request| if is_head(request) { hour.clone() } else { Fault::None });
    let child = platform.site.start_job("sync-storage-files", &[]);
    wait_until("objects are looked up", || proxy.requests().iter().any(is_head));
    crate::site::signal(child.id(), "TERM");
    let report = finish(child).expect(143).report();
    assert_eq!((&report["counts"]["updated"], &report["outcome"]), (&json!(2), &json!("interrupted")));
    assert_eq!(platform.assets().values().filter(|size| **size == 0).count(), 0);
}
