//! The doctor on the object storage.

use insta::assert_snapshot;
use upkeep_test_servers::fault_proxy::Fault;

use super::{asks_for_versioning, doctor, proxy, trouble, without_versioning};
use crate::site::{BUCKET, DatabaseKind, Event, Sample, Site, StorageKind, is_trial};

fn site() -> Site {
    Site::new(DatabaseKind::Sqlite, StorageKind::S3)
}

#[test]
fn a_bucket_that_cannot_be_used() {
    let mut site = site();
    let proxy = proxy(&mut site);
    let mut said = String::new();
    for (fault, code) in [
        (Fault::Answer(404, "NoSuchBucket"), 78),
        (Fault::Answer(403, "AccessDenied"), 78),
        (Fault::Answer(403, "SignatureDoesNotMatch"), 78),
        (Fault::AnswerPage(200), 78),
        (Fault::Answer(400, "InvalidArgument"), 1),
    ] {
        proxy.set(move |_| fault.clone());
        said += &trouble(&site, &doctor(&site, code));
    }
    assert_snapshot!(said, @r#"
    exit code 78
    Object storage
      problem  cannot list objects under "assets/" in s3 bucket controller at http://127.0.0.1:[port]: NoSuchBucket: injected fault NoSuchBucket
               fix: check the storage's bucket, uri and force_path_style
    1 problem, 0 warnings
    exit code 78
    Object storage
      problem  cannot list objects under "assets/" in s3 bucket controller at http://127.0.0.1:[port]: AccessDenied: injected fault AccessDenied
               fix: check the storage's access_key and secret_key, and that they may get, put, delete and list the bucket's objects (s3:GetObject, s3:PutObject, s3:DeleteObject, s3:ListBucket)
    1 problem, 0 warnings
    exit code 78
    Object storage
      problem  cannot list objects under "assets/" in s3 bucket controller at http://127.0.0.1:[port]: SignatureDoesNotMatch: injected fault SignatureDoesNotMatch
               fix: check the storage's access_key and secret_key
    1 problem, 0 warnings
    exit code 78
    Object storage
      problem  cannot list objects under "assets/" in s3 bucket controller at http://127.0.0.1:[port]: an answer (HTTP status 200) that is not S3's
               fix: check the storage's uri: it must be that of an S3 store, without a page or a proxy in front of it
    1 problem, 0 warnings
    exit code 1
    Object storage
      problem  cannot list objects under "assets/" in s3 bucket controller at http://127.0.0.1:[port]: InvalidArgument: injected fault InvalidArgument
      problem  cannot delete assets/.upkeep-access-check, as a trial, from s3 bucket controller at http://127.0.0.1:[port]: InvalidArgument: injected fault InvalidArgument
    2 problems, 0 warnings
    "#);
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    site.set_storage_uri(&format!("http://{port}"));
    let said = trouble(&site, &site.upkeep(&["doctor"]).expect(69));
    assert!(said.contains("cannot list objects under \"assets/\""), "{said}");
}

#[test]
fn credentials_that_may_list_but_not_delete_and_the_other_way_round() {
    let mut site = site();
    let proxy = proxy(&mut site);
    proxy.set(without_versioning(|request| match request.is_delete_objects() {
        true => Fault::Answer(403, "AccessDenied"),
        false => Fault::None,
    }));
    assert_snapshot!(trouble(&site, &doctor(&site, 78)), @"
    exit code 78
    Object storage
      problem  cannot delete objects from s3 bucket controller at http://127.0.0.1:[port]: AccessDenied: injected fault AccessDenied
               fix: check the storage's access_key and secret_key, and that they may get, put, delete and list the bucket's objects (s3:GetObject, s3:PutObject, s3:DeleteObject, s3:ListBucket)
    1 problem, 0 warnings
    ");
    // Without anything to advise, it is still told.
    proxy.set(without_versioning(|request| match request.is_delete_objects() || request.method == "DELETE" {
        true => Fault::Answer(400, "InvalidArgument"),
        false => Fault::None,
    }));
    assert!(trouble(&site, &doctor(&site, 1)).contains("InvalidArgument"));
    proxy.set(without_versioning(|request| match is_trial(request) {
        true => Fault::RefuseKeys(vec!["assets/.upkeep-access-check".into()], "AccessDenied"),
        false => Fault::None,
    }));
    assert!(trouble(&site, &doctor(&site, 78)).contains("cannot delete assets/.upkeep-access-check, as a trial"));
    proxy.set(without_versioning(|request| match request.query.contains("list-type") {
        true => Fault::Answer(403, "AccessDenied"),
        false => Fault::None,
    }));
    assert!(trouble(&site, &doctor(&site, 78)).contains("problem  cannot list objects"));
}

#[test]
fn a_bucket_that_keeps_old_versions_erases_nothing() {
    let mut site = site();
    let proxy = proxy(&mut site);
    let mut said = String::new();
    for fault in [
        Fault::AnswerDocument("<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>".into()),
        Fault::AnswerDocument("<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>".into()),
        Fault::AnswerDocument("<VersioningConfiguration><Status>Perhaps</Status></VersioningConfiguration>".into()),
        Fault::Answer(403, "AccessDenied"),
        Fault::Answer(501, "NotImplemented"),
    ] {
        proxy.set(move |request| if asks_for_versioning(request) { fault.clone() } else { Fault::None });
        said += &trouble(&site, &doctor(&site, 0));
    }
    assert_snapshot!(said, @"
    exit code 0
    Object storage
      warning  the bucket keeps old versions: what jobs delete there is hidden, not erased
               fix: add a lifecycle rule that expires noncurrent versions, or switch versioning off
    Jobs can run; 1 warning
    exit code 0
    Object storage
      warning  the bucket has kept old versions for a time: those of deleted objects remain
               fix: add a lifecycle rule that expires noncurrent versions
    Jobs can run; 1 warning
    exit code 0
    Object storage
      note     it is not known whether the bucket keeps old versions: cannot ask for the versioning of s3 bucket controller at http://127.0.0.1:[port]: the answer has the unknown status Perhaps
               fix: if the store has versioning, see that it is off, or allow s3:GetBucketVersioning
    Nothing has to be done
    exit code 0
    Object storage
      note     it is not known whether the bucket keeps old versions: cannot ask for the versioning of s3 bucket controller at http://127.0.0.1:[port]: AccessDenied: injected fault AccessDenied
               fix: if the store has versioning, see that it is off, or allow s3:GetBucketVersioning
    Nothing has to be done
    exit code 0
    Object storage
      note     it is not known whether the bucket keeps old versions: cannot ask for the versioning of s3 bucket controller at http://127.0.0.1:[port]: NotImplemented: injected fault NotImplemented
               fix: if the store has versioning, see that it is off, or allow s3:GetBucketVersioning
    Nothing has to be done
    ");
}

#[test]
fn a_store_without_the_platforms_objects_is_most_likely_another_one() {
    let mut site = site();
    let _proxy = proxy(&mut site);
    let event = Event::ended(31).with_assets(3);
    site.fill(&Sample::of([event.clone()]));
    site.s3().bucket(BUCKET).remove(&event.keys()[0]);
    let said = trouble(&site, &doctor(&site, 0));
    assert!(said.contains("note     2 of 3 assets that were looked for are there"), "{said}");
    for key in event.keys() {
        site.s3().bucket(BUCKET).remove(&key);
    }
    assert_snapshot!(trouble(&site, &doctor(&site, 78)), @"
    exit code 78
    Object storage
      problem  s3 bucket controller at http://127.0.0.1:[port] has none of 3 assets that were looked for
               fix: check that [storage] names the platform's own store; if its objects really are gone, let this one run pass with --allow-affected 3
    1 problem, 0 warnings
    ");
}

#[test]
fn a_directory_that_is_not_there() {
    let mut site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    site.set("storage", "kind = \"directory\"\npath = \"nowhere\"");
    let run = site.upkeep(&["doctor"]).expect(78);
    assert_snapshot!(trouble(&site, &run), @"
    exit code 78
    Object storage
      problem  cannot delete objects from directory [site]/nowhere: it does not exist
               fix: check the storage's path and that its volume is mounted; create the directory if nothing was ever stored
    1 problem, 0 warnings
    ");
    assert!(!site.path().join("nowhere").exists());
}
