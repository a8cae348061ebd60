//! Deleting from an S3 store that answers badly, or not at all.

use upkeep_test_servers::fault_proxy::Fault;

use super::*;

#[test]
fn throttling_is_waited_out() {
    let (fixture, keys) = Fixture::with_objects(3);
    fixture.proxy.set(|request| if request.number <= 3 { Fault::Answer(503, "SlowDown") } else { Fault::None });
    assert_eq!(refused(&fixture.store, &keys), []);
    assert!(fixture.bucket.keys().is_empty());
    assert_eq!(fixture.proxy.requests().len(), 4);
}

#[test]
fn a_reset_connection_and_a_lost_answer_are_tried_again() {
    let (fixture, keys) = Fixture::with_objects(3);
    fixture.proxy.set(|request| match request.number {
        1 => Fault::Reset,
        2 => Fault::LoseAnswer,
        _ => Fault::None,
    });
    assert_eq!(refused(&fixture.store, &keys), []);
    assert!(fixture.bucket.keys().is_empty());
    assert_eq!(fixture.server.count("DeleteObjects"), 2);
}

#[test]
fn one_key_the_store_cannot_cope_with_holds_up_no_other() {
    let (fixture, keys) = Fixture::with_objects(1_000);
    let poisoned = "assets/00617";
    fixture.proxy.set(move |request| {
        let concerned = request.mentions(poisoned) || request.path.ends_with(poisoned);
        if concerned { Fault::Answer(503, "SlowDown") } else { Fault::None }
    });
    let refused = refused(&fixture.store, &keys);
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert_eq!(refused[0], (poisoned.to_owned(), "SlowDown: injected fault SlowDown".to_owned()));
    assert_eq!(fixture.bucket.keys().into_iter().collect::<Vec<_>>(), [poisoned]);
}

#[test]
fn several_such_keys_are_told_from_the_others_too() {
    let (fixture, keys) = Fixture::with_objects(64);
    fixture.proxy.set(|request| {
        let poisoned = |key: &str| request.mentions(key) || request.path.ends_with(key);
        let concerned =
            ["assets/00003", "assets/00031", "assets/00032", "assets/00060"].iter().any(|key| poisoned(key));
        if concerned { Fault::Reset } else { Fault::None }
    });
    assert_eq!(refused(&fixture.store, &keys).len(), 4);
    assert_eq!(fixture.bucket.keys().len(), 4);
}

#[test]
fn a_key_that_makes_the_request_malformed_is_deleted_by_a_simpler_one() {
    let (fixture, keys) = Fixture::with_objects(5);
    fixture.proxy.set(
        |request| {
            if request.mentions("assets/00003") { Fault::Answer(400, "MalformedXML") } else { Fault::None }
        },
    );
    assert_eq!(refused(&fixture.store, &keys), []);
    assert!(fixture.bucket.keys().is_empty());
    assert_eq!(fixture.server.count("DeleteObject"), 1);
}

#[test]
fn a_store_that_always_fails_is_given_up_soon() {
    let (fixture, keys) = Fixture::with_objects(5_000);
    fixture.proxy.set(|_| Fault::Answer(503, "SlowDown"));
    assert_problem(fixture.store.delete_many(&keys), Kind::Unreachable, &["SlowDown", BUCKET, "running again is safe"]);
    let requests = fixture.proxy.requests().len();
    assert!(requests <= 4 * 30, "{requests} requests");
    assert_eq!(fixture.bucket.keys().len(), 5_000);
}

#[test]
fn what_was_deleted_before_an_outage_is_reported_as_deleted() {
    let (fixture, keys) = Fixture::with_objects(2_500);
    // The first thousand only; whichever request that is, its keys are known by what is left.
    fixture.proxy.set(
        |request| if request.mentions("assets/00000") { Fault::None } else { Fault::Answer(500, "InternalError") },
    );
    let refused: Vec<String> = refused(&fixture.store, &keys).into_iter().map(|(key, _)| key).collect();
    assert_eq!(refused, keys[1_000..]);
    assert_eq!(fixture.bucket.keys().into_iter().collect::<Vec<_>>(), keys[1_000..]);
}

#[test]
fn keys_the_store_refuses_are_named_in_its_words() {
    let (fixture, keys) = Fixture::with_objects(4);
    fixture.proxy.set(|_| Fault::RefuseKeys(strings(&["assets/00001", "assets/00002"]), "AccessDenied"));
    let refused = refused(&fixture.store, &keys);
    let words = "AccessDenied: injected fault AccessDenied".to_owned();
    assert_eq!(refused, [("assets/00001".to_owned(), words.clone()), ("assets/00002".to_owned(), words)]);
    assert_eq!(fixture.bucket.keys().len(), 2);
    assert_eq!(fixture.proxy.requests().len(), 1);
}

#[test]
fn the_words_of_a_store_are_one_line_without_control_characters() {
    let (fixture, keys) = Fixture::with_objects(2);
    let key = keys[..1].to_vec();
    fixture.proxy.set(move |_| Fault::RefuseKeys(key.clone(), "No&#0;such\n[ERROR]&#x1b;"));
    let refused = refused(&fixture.store, &keys);
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0].1.starts_with("No such [ERROR]"), "{refused:?}");
    assert!(!refused[0].1.contains(char::is_control), "{refused:?}");
}

#[test]
fn a_refusal_of_every_key_is_no_outage() {
    let (fixture, keys) = Fixture::with_objects(2);
    let all = keys.clone();
    fixture.proxy.set(move |_| Fault::RefuseKeys(all.clone(), "AccessDenied"));
    assert_eq!(refused(&fixture.store, &keys).len(), 2);
}

#[test]
fn keys_the_store_only_puts_off_are_asked_for_again() {
    let (fixture, keys) = Fixture::with_objects(4);
    fixture.proxy.set(|request| match request.number {
        1 => Fault::RefuseKeys(strings(&["assets/00001"]), "InternalError"),
        _ => Fault::None,
    });
    assert_eq!(refused(&fixture.store, &keys), []);
    assert!(fixture.bucket.keys().is_empty());
    fixture.bucket.reset(&keys);
    fixture.proxy.set(|_| Fault::RefuseKeys(strings(&["assets/00001"]), "InternalError"));
    assert_eq!(refused(&fixture.store, &keys).len(), 1);
}

#[test]
fn a_key_that_was_not_there_is_deleted() {
    let (fixture, keys) = Fixture::with_objects(2);
    let missing = keys[..1].to_vec();
    fixture.proxy.set(move |_| Fault::RefuseKeys(missing.clone(), "NoSuchKey"));
    assert_eq!(refused(&fixture.store, &keys), []);
}

#[test]
fn content_md5_is_sent_once_a_store_has_asked_for_it() {
    let (fixture, keys) = Fixture::with_objects(3);
    fixture.proxy.set(|request| if request.is_delete_objects() { Fault::RequireContentMd5 } else { Fault::None });
    assert_eq!(refused(&fixture.store, &keys[..2]), []);
    assert_eq!(fixture.proxy.requests().len(), 2);
    assert_eq!(refused(&fixture.store, &keys[2..]), []);
    assert_eq!(fixture.proxy.requests().len(), 3);
    assert!(fixture.bucket.keys().is_empty());
    // The server has checked the signature, and the header is part of what is signed.
    let requests = fixture.proxy.requests();
    let last = requests.last().unwrap();
    assert!(last.header("authorization").unwrap().contains("content-md5"));
    assert_eq!(fixture.server.count("DeleteObjects"), 2);
}

#[test]
fn a_store_without_delete_objects_is_deleted_from_one_by_one() {
    for (status, code) in [(501, "NotImplemented"), (405, "MethodNotAllowed")] {
        let (fixture, keys) = Fixture::with_objects(20);
        fixture.proxy.set(
            move |request| {
                if request.is_delete_objects() { Fault::Answer(status, code) } else { Fault::None }
            },
        );
        let hostile = strings(&["assets/a b+c%20&ü", "assets/missing"]);
        fixture.bucket.put(&hostile[0], b"x");
        assert_eq!(refused(&fixture.store, &[&keys[..10], &hostile].concat()), []);
        assert_eq!(fixture.bucket.keys().len(), 10);
        fixture.proxy.forget_requests();
        assert_eq!(refused(&fixture.store, &keys[10..]), []);
        assert!(fixture.bucket.keys().is_empty());
        assert!(fixture.proxy.requests().iter().all(|request| request.method == "DELETE"));
    }
}

#[test]
fn an_answer_that_confirms_nothing_is_not_taken_for_a_confirmation() {
    let (fixture, keys) = Fixture::with_objects(30);
    let not_s3 = ["not S3's", "must be that of an S3 store"];
    for fault in [Fault::AnswerNothing(200), Fault::AnswerPage(200)] {
        let wrong = fault.clone();
        fixture.proxy.set(move |_| wrong.clone());
        assert_problem(fixture.store.delete_many(&keys), Kind::Configuration, &not_s3);
        assert_problem(fixture.store.check_deletable(), Kind::Configuration, &not_s3);
        // One by one, as well.
        let store = store(&fixture.proxy.uri());
        fixture.proxy.set(move |request| {
            if request.is_delete_objects() { Fault::Answer(501, "NotImplemented") } else { fault.clone() }
        });
        assert_problem(store.delete_many(&keys), Kind::Configuration, &not_s3);
    }
    assert_eq!(fixture.bucket.keys().len(), 30);

    // S3 may begin an answer with 200 and find out afterwards that it failed.
    let (fixture, keys) = Fixture::with_objects(3);
    fixture.proxy.set(|_| Fault::Answer(200, "InternalError"));
    assert_problem(fixture.store.delete_many(&keys), Kind::Unreachable, &["InternalError"]);
    assert_eq!(fixture.bucket.keys().len(), 3);
}

#[test]
fn without_delete_objects_too_one_protected_key_holds_up_no_other() {
    let (fixture, keys) = Fixture::with_objects(30);
    fixture.proxy.set(|request| match request.path.rsplit('/').next() {
        _ if request.is_delete_objects() => Fault::Answer(501, "NotImplemented"),
        Some("00000" | "00020") => Fault::Answer(403, "AccessDenied"),
        _ => Fault::None,
    });
    assert_eq!(refused(&fixture.store, &keys).len(), 2);
    assert_eq!(fixture.bucket.keys().len(), 2);
    // Where it is all of them, it is the credentials.
    fixture.bucket.reset(&keys);
    fixture.proxy.set(|_| Fault::Answer(403, "AccessDenied"));
    assert_problem(fixture.store.delete_many(&keys), Kind::Configuration, &["AccessDenied", "s3:DeleteObject"]);
}

#[test]
fn a_request_that_is_never_answered_ends_with_its_time() {
    let (fixture, keys) = Fixture::with_objects(3);
    let quick = RetryPolicy { attempt_timeout: Duration::from_millis(200), attempts: 2, ..impatient() };
    let store = fixture.store.with_retries(quick);
    fixture.proxy.set(|request| if request.number == 1 { Fault::Delay(Duration::from_secs(600)) } else { Fault::None });
    assert_eq!(refused(&store, &keys), []);
    fixture.bucket.reset(&keys);
    fixture.proxy.set(|_| Fault::Delay(Duration::from_secs(600)));
    assert_problem(store.delete_many(&keys), Kind::Unreachable, &["time"]);
    assert_eq!(fixture.bucket.keys().len(), 3);
}
