//! What every store has to do, whatever it is made of.

use tempfile::TempDir;
use upkeep_jobs::platform::storage::{Directory, Object, WriteObjects};

use super::*;

/// Runs a check on a directory and on an S3 server.
fn on_each(check: impl Fn(&dyn WriteObjects)) {
    let directory = TempDir::new().unwrap();
    check(&Directory::new(directory.path().to_owned()));
    let fixture = Fixture::new();
    check(&fixture.store);
}

const HOSTILE: [&str; 16] = [
    "assets/with space",
    "assets/ends with space ",
    "assets/Übergröße/ä",
    "assets/plus+plus",
    "assets/percent%20%",
    "assets/a&b<c>\"d'e",
    "assets/question?mark=1&delete",
    "assets/hash#tag",
    "assets/back\\slash",
    "assets/colon:semi;comma,",
    "assets/日本語/🗑",
    "assets/~tilde!*()[]{}|^`$@=",
    "assets/line\nbreak and\ttab",
    "assets/carriage\rreturn",
    "assets/...",
    "-rf",
];

#[test]
fn what_is_put_can_be_looked_up_and_read() {
    on_each(|store| {
        put(store, "assets/a", b"hello");
        assert_eq!(store.head("assets/a").unwrap(), Some(Object { key: "assets/a".to_owned(), size: 5 }));
        assert_eq!(get(store, "assets/a"), b"hello");
        put(store, "assets/empty", b"");
        assert_eq!(store.head("assets/empty").unwrap().unwrap().size, 0);
        assert_eq!(get(store, "assets/empty"), b"");
    });
}

#[test]
fn a_second_put_replaces_the_first() {
    on_each(|store| {
        put(store, "assets/a", b"a longer first version");
        put(store, "assets/a", b"second");
        assert_eq!(get(store, "assets/a"), b"second");
        assert_eq!(list(store, "").len(), 1);
    });
}

#[test]
fn what_was_never_put_is_missing() {
    on_each(|store| {
        assert_eq!(store.head("assets/a").unwrap(), None);
        assert_problem(store.get("assets/a").map(drop), Kind::Failed, &["assets/a"]);
        assert_eq!(list(store, ""), []);
        put(store, "assets/a", b"x");
        assert_eq!(store.head("assets/b").unwrap(), None);
        assert_eq!(refused(store, &strings(&["assets/b", "other/c"])), []);
        assert_eq!(list(store, "").len(), 1);
    });
}

#[test]
fn a_body_that_cannot_be_read_replaces_nothing() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the disk is on fire"))
        }
    }
    on_each(|store| {
        put(store, "assets/a", b"first");
        let error = store.put("assets/a", &mut (&b"begin"[..]).chain(Broken)).unwrap_err();
        assert!(format!("{error:#}").contains("the disk is on fire"), "{error:#}");
        assert!(store.put("assets/b", &mut Broken).is_err());
        assert_eq!(get(store, "assets/a"), b"first");
        assert_eq!(list(store, "").len(), 1);
    });
}

#[test]
fn listing_is_in_the_order_of_the_bytes_and_obeys_the_prefix() {
    on_each(|store| {
        let mut keys =
            ["b", "a/z", "a-b", "a.b", "a/b/c", "a0", "a/b-c", "A", "ab", "assets/1", "assets/10", "assets/2"];
        for key in keys {
            put(store, key, key.as_bytes());
        }
        keys.sort_unstable();
        let listed = |prefix: &str| list(store, prefix).into_iter().map(|object| object.key).collect::<Vec<_>>();
        for prefix in
            ["", "a", "a/", "a/b", "a/b/", "assets/", "assets/1", "assets/2", "nothing", "a/b/c/d", "../", "/"]
        {
            let expected: Vec<_> = keys.iter().filter(|key| key.starts_with(prefix)).collect();
            // S3 servers differ in what a leading slash means; no key of the platform has one.
            if prefix != "/" || store.location().starts_with("directory") {
                assert_eq!(listed(prefix), *expected.into_iter().copied().collect::<Vec<_>>(), "{prefix}");
            }
        }
        assert!(list(store, "").iter().all(|object| object.size == object.key.len() as u64));
    });
}

#[test]
fn thousands_of_objects_are_listed_and_deleted() {
    let directory = TempDir::new().unwrap();
    let keys: Vec<String> = (0..2_500).map(|n| format!("assets/{n:05}")).collect();
    let (fixture, _) = Fixture::with_objects(2_500);
    std::fs::create_dir(directory.path().join("assets")).unwrap();
    for key in &keys {
        std::fs::write(directory.path().join(key), key).unwrap();
    }
    let directory = Directory::new(directory.path().to_owned());
    let stores: [&dyn WriteObjects; 2] = [&directory, &fixture.store];
    for store in stores {
        let listed: Vec<_> = list(store, "assets/").into_iter().map(|object| object.key).collect();
        assert_eq!(listed, keys);
        assert_eq!(list(store, "assets/").last().unwrap().key, "assets/02499");
        // An iterator that is dropped in the middle leaves nothing behind that matters.
        assert_eq!(store.list("").take(1_001).count(), 1_001);
        assert_eq!(refused(store, &keys), []);
        assert_eq!(list(store, ""), []);
    }
    assert_eq!(fixture.server.count("DeleteObjects"), 3);
    assert_eq!(fixture.server.count("DeleteObject"), 0);
}

#[test]
fn deleting_counts_missing_ones_as_gone_and_answers_once_for_duplicates() {
    on_each(|store| {
        put(store, "assets/a", b"x");
        put(store, "assets/b", b"x");
        assert_eq!(refused(store, &strings(&["assets/a", "assets/missing", "assets/a"])), []);
        assert_eq!(refused(store, &strings(&["assets/a"])), []);
        assert_eq!(refused(store, &[]), []);
        assert_eq!(list(store, "").len(), 1);
    });
}

#[test]
fn keys_may_contain_anything() {
    on_each(|store| {
        for key in HOSTILE {
            put(store, key, key.as_bytes());
        }
        for key in HOSTILE {
            assert_eq!(store.head(key).unwrap().unwrap().size, key.len() as u64, "{key}");
            assert_eq!(get(store, key), key.as_bytes());
        }
        let mut keys = strings(&HOSTILE);
        keys.sort();
        assert_eq!(list(store, "").into_iter().map(|object| object.key).collect::<Vec<_>>(), keys);
        assert_eq!(refused(store, &keys), []);
        assert_eq!(list(store, ""), []);
    });
}

#[test]
fn an_empty_key_names_no_object() {
    on_each(|store| {
        put(store, "assets/a", b"x");
        assert!(store.head("").is_err());
        assert!(store.get("").is_err());
        assert!(store.put("", &mut &b"x"[..]).is_err());
        let refused = refused(store, &strings(&["", "assets/a"]));
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert_eq!(list(store, ""), []);
    });
}

#[test]
fn a_store_that_works_can_be_deleted_from() {
    on_each(|store| {
        store.check_deletable().unwrap();
        put(store, "assets/a", b"x");
        store.check_deletable().unwrap();
        assert_eq!(list(store, "").len(), 1);
    });
}
