//! A store that is not there, not the right one, or not allowed: no row goes whose objects could not follow.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;
use upkeep_test_servers::fault_proxy::{Fault, FaultProxy};
use upkeep_test_servers::s3::{ACCESS_KEY, SECRET_KEY};

use super::{EXECUTE, complaint, fails, fill};
use crate::site::{BUCKET, DatabaseKind, Event, Sample, Site, StorageKind, WRONG_SECRET, bound_by_permissions, finish};

fn site() -> Site {
    let site = Site::new(DatabaseKind::Postgres, StorageKind::S3);
    fill(&site);
    site
}

fn s3(site: &Site, bucket: &str, access_key: &str, secret_key: &str) -> String {
    format!(
        "kind = \"s3\"\nuri = {:?}\nbucket = {bucket:?}\naccess_key = {access_key:?}\nsecret_key = {secret_key:?}",
        site.s3().uri()
    )
}

#[test]
fn a_wrong_bucket_or_key() {
    let mut site = site();
    site.set("storage", &s3(&site, "no-such-bucket", ACCESS_KEY, SECRET_KEY));
    assert_snapshot!(complaint(&site, &fails(&site, 78)), @"
    error: cannot delete objects from s3 bucket no-such-bucket at http://127.0.0.1:[port]: NoSuchBucket: there is no bucket of this name
    hint: check the storage's bucket, uri and force_path_style
    ");
    site.set("storage", &s3(&site, BUCKET, ACCESS_KEY, WRONG_SECRET));
    assert_snapshot!(complaint(&site, &fails(&site, 78)), @"
    error: cannot delete objects from s3 bucket controller at http://127.0.0.1:[port]: SignatureDoesNotMatch
    hint: check the storage's access_key and secret_key
    ");
    site.set("storage", &s3(&site, BUCKET, WRONG_SECRET, SECRET_KEY));
    assert_snapshot!(complaint(&site, &fails(&site, 78)), @"
    error: cannot delete objects from s3 bucket controller at http://127.0.0.1:[port]: NotSignedUp: Your account is not signed up
    hint: check the storage's access_key and secret_key, and that they may get, put, delete and list the bucket's objects (s3:GetObject, s3:PutObject, s3:DeleteObject, s3:ListBucket)
    ");
}

#[test]
fn a_store_that_forbids_or_does_not_answer() {
    let mut site = site();
    let proxy = FaultProxy::in_front_of_bucket(site.s3(), BUCKET);
    site.set_storage_uri(&proxy.uri());
    proxy.set(|_| Fault::Answer(403, "AccessDenied"));
    assert_snapshot!(complaint(&site, &fails(&site, 78)), @"
    error: cannot delete objects from s3 bucket controller at http://127.0.0.1:[port]: AccessDenied: injected fault AccessDenied
    hint: check the storage's access_key and secret_key, and that they may get, put, delete and list the bucket's objects (s3:GetObject, s3:PutObject, s3:DeleteObject, s3:ListBucket)
    ");
    proxy.set(|_| Fault::AnswerNothing(404));
    assert_snapshot!(complaint(&site, &fails(&site, 78)), @"
    error: cannot delete objects from s3 bucket controller at http://127.0.0.1:[port]: NotFound
    hint: check the storage's bucket, uri and force_path_style
    ");

    let before = site.state();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    site.set_storage_uri(&format!("http://127.0.0.1:{port}"));
    assert_snapshot!(complaint(&site, &site.upkeep(&EXECUTE).expect(69)), @"
    error: cannot delete objects from s3 bucket controller at http://127.0.0.1:[port]: dispatch failure: io error: client error (Connect): tcp connect error: Connection refused (os error 111)
    hint: check that the store is up and that the storage's uri is right; running again is safe
    ");
    site.set_storage_uri(&proxy.uri());
    proxy.set(|_| Fault::Answer(503, "SlowDown"));
    assert_snapshot!(complaint(&site, &site.upkeep(&EXECUTE).expect(69)), @"
    error: cannot delete objects from s3 bucket controller at http://127.0.0.1:[port]: SlowDown: injected fault SlowDown
    hint: check that the store is up and that the storage's uri is right; running again is safe
    ");
    assert_eq!(site.state(), before);
}

#[test]
fn a_directory_that_is_none_or_may_not_be_written() {
    let mut site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    fill(&site);
    let before = site.state();
    let assets = site.path().join("objects/assets");
    std::fs::set_permissions(&assets, PermissionsExt::from_mode(0o500)).unwrap();
    let run = finish(bound_by_permissions(site.command(&EXECUTE)).spawn().unwrap()).expect(78);
    assert_snapshot!(complaint(&site, &run), @"
    error: cannot create and remove files in [site]/objects/assets: Permission denied (os error 13)
    hint: let the user that upkeep runs as read and write there
    ");
    std::fs::set_permissions(&assets, PermissionsExt::from_mode(0o700)).unwrap();
    assert_eq!(site.state(), before);

    let missing = site.path().join("object");
    site.set("storage", &format!("kind = \"directory\"\npath = \"{}\"", missing.display()));
    assert_snapshot!(complaint(&site, &fails(&site, 78)), @"
    error: cannot delete objects from directory [site]/object: it does not exist
    hint: check the storage's path and that its volume is mounted; create the directory if nothing was ever stored
    ");
    assert!(!missing.exists());

    let file = site.path().join("file");
    std::fs::write(&file, "").unwrap();
    site.set("storage", &format!("kind = \"directory\"\npath = \"{}\"", file.display()));
    assert_snapshot!(complaint(&site, &fails(&site, 78)), @"
    error: [site]/file is not a directory, so it cannot hold objects
    hint: set the storage's path to a directory
    ");
}

#[test]
fn the_embedded_default_needs_no_directory_before_anything_is_stored() {
    let mut site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    let objects = site.path().join("objects");
    std::fs::remove_dir(&objects).unwrap();
    site.fill(&Sample::of([Event::ended(31)]));
    // A database that is named is somebody's, and so are its objects.
    site.unset("storage");
    let mut command = site.command(&EXECUTE);
    finish(command.env("STATE_DIRECTORY", site.path()).spawn().unwrap()).expect(78);
    assert!(!objects.exists());
    site.unset("database");
    let mut command = site.command(&[&EXECUTE[..], &["--output", "json"]].concat());
    let run = finish(command.env("STATE_DIRECTORY", site.path()).spawn().unwrap()).expect(0);
    assert_eq!(run.report()["counts"]["deleted"], 1);
    assert!(objects.is_dir());
}
