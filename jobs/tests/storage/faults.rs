//! Stores that cannot be reached, do not exist, or say no.

use std::net::TcpListener;

use upkeep_jobs::platform::StopReason;
use upkeep_test_servers::fault_proxy::Fault;

use super::*;

/// What each call on `store` answers.
fn each_call(store: &S3) -> Vec<anyhow::Result<()>> {
    vec![
        store.head("assets/a").map(drop),
        store.get("assets/a").map(drop),
        store.list("assets/").collect::<anyhow::Result<Vec<_>>>().map(drop),
        store.put("assets/a", &mut &b"x"[..]),
        store.delete_many(&strings(&["assets/a", "assets/b"])).map(drop),
        store.check_deletable(),
    ]
}

fn assert_each_call_fails(store: &S3, kind: Kind, words: &[&str]) {
    for result in each_call(store) {
        assert_problem(result, kind, words);
    }
}

#[test]
fn settings_that_cannot_work_are_refused_without_connecting() {
    let refuse = |change: fn(&mut S3Settings), words: &[&str]| {
        let mut settings = settings("https://s3.example.org");
        change(&mut settings);
        assert_problem(S3::new(settings, Stop::without_deadline()), Kind::Configuration, words);
    };
    refuse(|s| s.uri = "s3.example.org".to_owned(), &["storage.uri"]);
    refuse(|s| s.uri = "ftp://s3.example.org".to_owned(), &["storage.uri", "must start with https:// or http://"]);
    refuse(|s| s.uri = "https://me:upkeep-test-secret@s3.example.org".to_owned(), &["user name or password"]);
    refuse(|s| s.uri = "https://s3.example.org/?a=b".to_owned(), &["storage.uri", "?"]);
    refuse(|s| s.bucket = "ab".to_owned(), &["\"ab\"", "3 to 63"]);
    refuse(|s| s.bucket = "a/../b".to_owned(), &["bucket"]);
    refuse(|s| s.bucket = "-bucket".to_owned(), &["bucket"]);
    refuse(|s| s.region = String::new(), &["region", "us-east-1"]);
    refuse(|s| s.access_key = String::new(), &["access_key"]);
    refuse(|s| s.secret_key = "".into(), &["secret_key"]);
    let good = settings("https://s3.example.org/");
    assert!(!format!("{good:?}").contains(SECRET_KEY));
    let store = S3::new(good, Stop::without_deadline()).unwrap();
    assert_eq!(store.location(), "s3 bucket controller at https://s3.example.org");
}

#[test]
fn an_unreachable_store_is_named() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let uri = format!("http://{port}");
    assert_each_call_fails(&store(&uri), Kind::Unreachable, &[&uri, BUCKET, "running again is safe"]);
}

#[test]
fn a_server_without_tls_is_not_taken_for_one_with_it() {
    let server = S3Server::start().with_bucket(BUCKET);
    let uri = server.uri().replace("http:", "https:");
    assert_problem(store(&uri).head("assets/a"), Kind::Unreachable, &[&uri]);
}

#[test]
fn a_missing_bucket_is_an_error_and_not_an_empty_one() {
    let server = S3Server::start().with_bucket("another");
    let store = store(&server.uri());
    assert_each_call_fails(&store, Kind::Configuration, &[&server.uri(), BUCKET, "check the storage's bucket"]);
    assert_problem(store.delete_many(&strings(&["a"])), Kind::Configuration, &["NoSuchBucket"]);
}

#[test]
fn whether_the_bucket_exists_is_asked_once() {
    let fixture = Fixture::new();
    for _ in 0..3 {
        assert_eq!(fixture.store.head("assets/a").unwrap(), None);
    }
    assert_eq!(fixture.server.count("HeadObject"), 3);
    assert_eq!(fixture.server.count("HeadBucket"), 1);
    assert_eq!(fixture.server.count("ListBuckets"), 0);
}

#[test]
fn a_wrong_secret_and_an_unknown_key_are_told() {
    let server = S3Server::start().with_bucket(BUCKET);
    let wrong = S3Settings { secret_key: "wrong".into(), ..settings(&server.uri()) };
    let store = S3::new(wrong, Stop::without_deadline()).unwrap();
    assert_each_call_fails(&store, Kind::Configuration, &["secret_key"]);
    assert_problem(store.check_deletable(), Kind::Configuration, &["SignatureDoesNotMatch"]);
    let unknown = S3Settings { access_key: "unknown".to_owned(), ..settings(&server.uri()) };
    let store = S3::new(unknown, Stop::without_deadline()).unwrap();
    assert_each_call_fails(&store, Kind::Configuration, &["access_key"]);
}

#[test]
fn forbidden_and_wrong_region_are_told_with_what_to_do() {
    let fixture = Fixture::new();
    fixture.proxy.set(|_| Fault::Answer(403, "AccessDenied"));
    assert_each_call_fails(&fixture.store, Kind::Configuration, &["s3:DeleteObject"]);
    assert_eq!(fixture.proxy.requests().len(), each_call(&fixture.store).len(), "refusals are not tried again");
    fixture.proxy.set(|_| Fault::Answer(301, "PermanentRedirect"));
    assert_each_call_fails(&fixture.store, Kind::Configuration, &["region"]);
}

#[test]
fn one_key_that_may_not_be_deleted_fails_the_check() {
    let fixture = Fixture::new();
    fixture.proxy.set(|_| Fault::RefuseKeys(strings(&["assets/.upkeep-access-check"]), "AccessDenied"));
    assert_problem(fixture.store.check_deletable(), Kind::Configuration, &["AccessDenied", "s3:DeleteObject", BUCKET]);
}

#[test]
fn reading_and_listing_survive_passing_trouble() {
    let (fixture, keys) = Fixture::with_objects(1_500);
    fixture.proxy.set(|request| match request.number % 3 {
        1 => Fault::Answer(500, "InternalError"),
        2 => Fault::LoseAnswer,
        _ => Fault::None,
    });
    assert_eq!(list(&fixture.store, "").len(), 1_500);
    assert_eq!(get(&fixture.store, &keys[7]), keys[7].as_bytes());
    assert_eq!(fixture.store.head(&keys[7]).unwrap().unwrap().size, 12);
    put(&fixture.store, "assets/new", b"new");
    assert_eq!(fixture.bucket.get("assets/new").unwrap(), b"new");
}

#[test]
fn a_listing_that_breaks_off_ends_with_the_error() {
    let (fixture, _) = Fixture::with_objects(1_500);
    fixture.proxy.set(|request| if request.number == 1 { Fault::None } else { Fault::Answer(403, "AccessDenied") });
    let listed: Vec<_> = fixture.store.list("").collect();
    assert_eq!(listed.len(), 1_001);
    assert_problem(listed.into_iter().last().unwrap(), Kind::Configuration, &["AccessDenied"]);
}

#[test]
fn a_stopped_run_ends_a_call_that_is_stuck() {
    let fixture = Fixture::new();
    fixture.proxy.set(|_| Fault::Delay(Duration::from_secs(600)));
    let stop = Stop::without_deadline();
    let store = S3::new(settings(&fixture.proxy.uri()), stop.clone()).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while fixture.proxy.requests().is_empty() {
                std::thread::sleep(Duration::from_millis(1));
            }
            stop.trigger(StopReason::Terminated);
        });
        let stopped = Kind::Stopped(StopReason::Terminated);
        assert_problem(store.delete_many(&strings(&["assets/a"])), stopped, &["SIGTERM"]);
    });
    // From then on nothing is begun.
    let before = fixture.proxy.requests().len();
    assert_each_call_fails(&store, Kind::Stopped(StopReason::Terminated), &[]);
    assert_eq!(fixture.proxy.requests().len(), before);
}

#[test]
fn the_deadline_of_a_run_ends_a_call_that_is_stuck() {
    let fixture = Fixture::new();
    fixture.proxy.set(|_| Fault::Delay(Duration::from_secs(600)));
    let limit = Duration::from_millis(300);
    let store = S3::new(settings(&fixture.proxy.uri()), Stop::after(limit)).unwrap();
    assert_problem(store.head("assets/a"), Kind::Stopped(StopReason::TimedOut(limit)), &["300ms"]);
}

#[test]
fn copying_an_object_that_cannot_be_read_says_which_one_and_keeps_the_kind() {
    let (fixture, keys) = Fixture::with_objects(1);
    fixture.bucket.put(&keys[0], &vec![7; 4 * 1024 * 1024]);
    let stop = Stop::without_deadline();
    let store = S3::new(settings(&fixture.proxy.uri()), stop.clone()).unwrap();
    let mut body = store.get(&keys[0]).unwrap();
    stop.trigger(StopReason::Interrupted);
    let another = Fixture::new();
    let error = another.store.put("assets/copy", &mut body).unwrap_err();
    assert_problem::<()>(Err(error), Kind::Stopped(StopReason::Interrupted), &["assets/copy", "SIGINT"]);
    assert!(another.bucket.keys().is_empty());
}
