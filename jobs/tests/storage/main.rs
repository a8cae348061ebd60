//! Object storage against a real S3 server, a real file system, and everything that can go wrong with them.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "what fails here fails the test")]

mod conformance;
mod deletion_faults;
mod directory;
mod faults;
mod ranges;
mod uploads;

use std::io::Read;
use std::time::Duration;

use upkeep_jobs::platform::storage::{Object, ReadObjects, RetryPolicy, S3, S3Settings, WriteObjects};
use upkeep_jobs::platform::{Kind, Problem, Stop};
use upkeep_test_servers::fault_proxy::FaultProxy;
use upkeep_test_servers::s3::{ACCESS_KEY, Bucket, S3Server, SECRET_KEY};

const BUCKET: &str = "controller";

fn settings(uri: &str) -> S3Settings {
    S3Settings {
        uri: uri.to_owned(),
        bucket: BUCKET.to_owned(),
        region: "us-east-1".to_owned(),
        access_key: ACCESS_KEY.to_owned(),
        secret_key: SECRET_KEY.into(),
        force_path_style: true,
    }
}

/// The usual number of attempts, without the usual pauses in between.
fn impatient() -> RetryPolicy {
    RetryPolicy { initial_backoff: Duration::from_millis(5), ..RetryPolicy::default() }
}

fn store(uri: &str) -> S3 {
    S3::new(settings(uri), Stop::without_deadline()).unwrap().with_retries(impatient())
}

/// An S3 server, the proxy in front of it, and a store that goes through the proxy.
struct Fixture {
    server: S3Server,
    proxy: FaultProxy,
    bucket: Bucket,
    store: S3,
}

impl Fixture {
    fn new() -> Self {
        let server = S3Server::start().with_bucket(BUCKET);
        let proxy = FaultProxy::in_front_of_bucket(&server, BUCKET);
        let (bucket, store) = (server.bucket(BUCKET), store(&proxy.uri()));
        Self { server, proxy, bucket, store }
    }

    fn with_objects(number: usize) -> (Self, Vec<String>) {
        let fixture = Self::new();
        let keys: Vec<String> = (0..number).map(|n| format!("assets/{n:05}")).collect();
        fixture.bucket.reset(&keys);
        (fixture, keys)
    }
}

/// The keys that were not deleted, with the reason, after checking that every key was answered once.
fn refused(store: &dyn WriteObjects, keys: &[String]) -> Vec<(String, String)> {
    let deletions = store.delete_many(keys).unwrap();
    let mut answered: Vec<_> = deletions.iter().map(|deletion| &deletion.key).collect();
    answered.sort();
    let mut asked: Vec<_> = keys.iter().collect();
    asked.sort();
    asked.dedup();
    assert_eq!(answered, asked);
    let refused = deletions.into_iter().filter_map(|deletion| Some((deletion.key, deletion.outcome.err()?)));
    let mut refused: Vec<_> = refused.collect();
    refused.sort();
    refused
}

fn problem(error: &anyhow::Error) -> &Problem {
    error.downcast_ref().unwrap_or_else(|| panic!("no Problem: {error:?}"))
}

/// Checks the kind of an error, and that it says all of `words` and no secret.
fn assert_problem<T>(result: anyhow::Result<T>, kind: Kind, words: &[&str]) {
    let error = result.err().expect("an error");
    let text = format!("{error:?} {:?}", problem(&error));
    assert_eq!(problem(&error).kind(), kind, "{text}");
    for word in words {
        assert!(text.contains(word), "{word:?} is missing in {text}");
    }
    assert!(!text.contains(SECRET_KEY), "{text}");
}

fn put(store: &dyn WriteObjects, key: &str, contents: &[u8]) {
    store.put(key, &mut &*contents).unwrap();
}

fn get(store: &dyn ReadObjects, key: &str) -> Vec<u8> {
    let mut contents = Vec::new();
    store.get(key).unwrap().read_to_end(&mut contents).unwrap();
    contents
}

fn list(store: &dyn ReadObjects, prefix: &str) -> Vec<Object> {
    store.list(prefix).collect::<anyhow::Result<_>>().unwrap()
}

fn strings(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|&key| key.to_owned()).collect()
}
