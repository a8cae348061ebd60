//! Listing several ranges of keys at a time, and looking up many objects at once.

use tempfile::TempDir;
use upkeep_jobs::platform::StopReason;
use upkeep_jobs::platform::storage::{Directory, OutOfOrder, Page};
use upkeep_test_servers::fault_proxy::Fault;
use upkeep_test_servers::lister::Lister;

use super::*;

fn key(number: usize) -> String {
    format!("assets/{number:05}")
}

/// A directory and a bucket with the same objects, each as large as its number.
fn stores(numbers: &[usize]) -> (TempDir, Directory, Fixture) {
    let directory = TempDir::new().unwrap();
    std::fs::create_dir(directory.path().join("assets")).unwrap();
    let fixture = Fixture::new();
    for number in numbers {
        let contents = vec![b'x'; number % 50];
        std::fs::write(directory.path().join(key(*number)), &contents).unwrap();
        fixture.bucket.put(&key(*number), &contents);
    }
    let store = Directory::new(directory.path().to_owned());
    (directory, store, fixture)
}

/// All pages, after checking that every range ends once and nothing of it comes afterwards.
fn pages(store: &dyn ReadObjects, bounds: &[String]) -> Vec<Page> {
    let pages: Vec<Page> = store.list_ranges("assets/", bounds).collect::<anyhow::Result<_>>().unwrap();
    for range in 0..=bounds.len() {
        let of_range: Vec<_> = pages.iter().filter(|page| page.range == range).collect();
        assert_eq!(of_range.iter().filter(|page| page.last).count(), 1, "range {range} of {bounds:?}");
        assert!(of_range.last().unwrap().last);
    }
    assert!(pages.iter().all(|page| page.range <= bounds.len() && page.objects.len() <= 1_000));
    pages
}

#[test]
fn ranges_together_are_the_whole_listing_in_order() {
    let numbers: Vec<_> = (0..2_300).map(|n| n * 7).collect();
    let (_directory, directory, fixture) = stores(&numbers);
    let stores: [&dyn ReadObjects; 2] = [&directory, &fixture.store];
    for store in stores {
        let whole = list(store, "assets/");
        assert_eq!(whole.len(), numbers.len());
        let bounds: [&[String]; 7] = [
            &[],
            &[key(7_000)],
            // Between two keys, before the first and behind the last, and next to each other.
            &[key(1), key(7_001), key(7_002), key(99_999)],
            &["a".to_owned()],
            &["zzz".to_owned()],
            &[key(0), key(16_093)],
            // Ranges of exactly so many pages.
            &[key(999 * 7), key(1_999 * 7)],
        ];
        for bounds in bounds {
            let pages = pages(store, bounds);
            let of_range = |range| pages.iter().filter(move |page| page.range == range);
            let mut listed = Vec::new();
            for range in 0..=bounds.len() {
                let objects: Vec<_> = of_range(range).flat_map(|page| page.objects.clone()).collect();
                assert!(objects.iter().all(|object| range == 0 || object.key > bounds[range - 1]));
                assert!(objects.iter().all(|object| bounds.get(range).is_none_or(|bound| object.key <= *bound)));
                listed.extend(objects);
            }
            assert_eq!(listed, whole, "{bounds:?}");
        }
    }
}

#[test]
fn a_range_costs_one_request_per_thousand_and_at_most_one_more() {
    let numbers: Vec<_> = (0..3_500).collect();
    let (_directory, _, fixture) = stores(&numbers);
    for (bounds, requests) in
        [(vec![], 4), (vec![key(974), key(1_949), key(2_924)], 4), (vec![key(999), key(1_999)], 6)]
    {
        fixture.server.forget_counts();
        pages(&fixture.store, &bounds);
        assert_eq!(fixture.server.count("ListObjectsV2"), requests, "{bounds:?}");
    }
    fixture.server.forget_counts();
    // Ranges without any objects, and a listing that nobody reads to its end.
    pages(&fixture.store, &[key(50_000), key(60_000)]);
    assert_eq!(fixture.server.count("ListObjectsV2"), 6);
    assert!(fixture.store.list_ranges("assets/", &[key(10)]).next().unwrap().is_ok());
}

#[test]
fn stores_that_do_not_list_in_order_are_noticed() {
    let fixture = Fixture::new();
    let sorted: Vec<_> = (0..10).map(|n| (key(n), 1)).collect();
    let answer = |objects: &[(String, u64)], per_page, knows_start_after| {
        let lister = Lister { objects: objects.to_vec(), per_page, knows_start_after };
        fixture.proxy.set(move |request| lister.answer(request));
    };
    let is_noticed = |bounds: &[String]| {
        let listed: anyhow::Result<Vec<_>> = fixture.store.list_ranges("assets/", bounds).collect();
        listed.is_err_and(|error| error.is::<OutOfOrder>() && error.to_string().contains(BUCKET))
    };
    let swapped = |a: usize, b: usize| {
        let mut objects = sorted.clone();
        objects.swap(a, b);
        objects
    };
    for per_page in [1, 2, 3, 10, 1_000] {
        answer(&sorted, per_page, true);
        assert!(!is_noticed(&[]) && !is_noticed(&[key(4)]) && !is_noticed(&[key(0), key(9)]));
        assert_eq!(pages(&fixture.store, &[key(4)]).iter().map(|page| page.objects.len()).sum::<usize>(), 10);
        // Two neighbours, wherever they are among the pages, and the ends.
        for objects in [swapped(1, 2), swapped(2, 3), swapped(5, 6), swapped(0, 9), swapped(8, 9)] {
            answer(&objects, per_page, true);
            assert!(is_noticed(&[]), "{per_page} {objects:?}");
        }
        // The same again.
        answer(&[sorted.as_slice(), &sorted[9..]].concat(), per_page, true);
        assert!(is_noticed(&[]));
        // Whatever it is told, it begins at the beginning.
        answer(&sorted, per_page, false);
        assert!(!is_noticed(&[]));
        assert!(is_noticed(&[key(4)]), "{per_page}");
        // A plain listing takes it as it comes.
        answer(&swapped(0, 9), per_page, true);
        assert_eq!(list(&fixture.store, "assets/").len(), 10);
    }
}

#[test]
fn an_error_in_one_range_ends_the_listing_with_it() {
    let numbers: Vec<_> = (0..2_500).collect();
    let (_directory, _, fixture) = stores(&numbers);
    let bounds = [key(1_200)];
    fixture.proxy.set(|request| match request.parameter("start-after") {
        Some(_) => Fault::Answer(403, "AccessDenied"),
        None => Fault::None,
    });
    let listed: Vec<_> = fixture.store.list_ranges("assets/", &bounds).collect();
    assert_problem(listed.into_iter().last().unwrap(), Kind::Configuration, &["AccessDenied", "s3:ListBucket"]);
    fixture.proxy.forget_requests();
    fixture.proxy.set(|request| match request.number {
        1 => Fault::Answer(500, "InternalError"),
        2 | 3 => Fault::LoseAnswer,
        _ => Fault::None,
    });
    assert_eq!(pages(&fixture.store, &bounds).iter().map(|page| page.objects.len()).sum::<usize>(), 2_500);
    let store =
        S3::new(S3Settings { bucket: "another".into(), ..settings(&fixture.server.uri()) }, Stop::without_deadline());
    let listed: anyhow::Result<Vec<_>> = store.unwrap().list_ranges("assets/", &bounds).collect();
    assert_problem(listed, Kind::Configuration, &["NoSuchBucket"]);
}

#[test]
fn many_objects_are_looked_up_at_once_and_answered_in_order() {
    let numbers: Vec<_> = (0..200).map(|n| n * 2).collect();
    let (_directory, directory, fixture) = stores(&numbers);
    let stores: [&dyn ReadObjects; 2] = [&directory, &fixture.store];
    for store in stores {
        let asked: Vec<_> = (0..300).rev().collect();
        let keys: Vec<_> = asked.iter().map(|number| key(*number)).collect();
        let sizes = store.sizes(&keys).unwrap();
        let expected: Vec<_> = asked.iter().map(|n| (n % 2 == 0).then_some(n % 50).map(|size| size as u64)).collect();
        assert_eq!(sizes, expected);
        assert_eq!(store.sizes(&[]).unwrap(), []);
        assert_eq!(store.sizes(&strings(&["other/x"])).unwrap(), [None]);
        assert!(store.sizes(&strings(&["assets/00000", ""])).is_err());
    }
    fixture.server.forget_counts();
    fixture.store.sizes(&[key(0), key(1), key(3)]).unwrap();
    assert_eq!((fixture.server.count("HeadObject"), fixture.server.count("HeadBucket")), (3, 1));
    fixture.server.forget_counts();
    fixture.store.sizes(&[key(0), key(2)]).unwrap();
    assert_eq!((fixture.server.count("HeadObject"), fixture.server.count("HeadBucket")), (2, 0));
}

/// Only "not found" is missing, and not even that if the bucket is not found either.
#[test]
fn what_is_not_clearly_missing_is_an_error() {
    let numbers: Vec<_> = (0..20).collect();
    let (root, directory, fixture) = stores(&numbers);
    let keys: Vec<_> = (0..40).map(key).collect();
    let one = |request: &upkeep_test_servers::fault_proxy::Request| request.path.ends_with(&key(7));
    fixture.proxy.set(move |request| if one(request) { Fault::AnswerNothing(403) } else { Fault::None });
    assert_problem(fixture.store.sizes(&keys), Kind::Configuration, &[&key(7)]);
    fixture.proxy.set(move |request| if one(request) { Fault::AnswerNothing(503) } else { Fault::None });
    assert_problem(fixture.store.sizes(&keys), Kind::Unreachable, &[&key(7)]);
    fixture.proxy.set(move |request| if one(request) { Fault::Reset } else { Fault::None });
    assert_problem(fixture.store.sizes(&keys), Kind::Unreachable, &[&key(7)]);
    fixture.proxy.clear();
    assert_eq!(fixture.store.sizes(&keys).unwrap().iter().flatten().count(), 20);

    // A bucket that was seen before and is removed, and a volume that is no longer mounted.
    std::fs::remove_dir_all(fixture.server.root().join(BUCKET)).unwrap();
    assert_problem(fixture.store.sizes(&keys), Kind::Configuration, &["check the storage's bucket"]);
    assert_eq!(pages(&directory, &[]).len(), 1);
    let unmounted = root.path().with_extension("unmounted");
    std::fs::rename(root.path(), &unmounted).unwrap();
    assert_problem(directory.sizes(&keys), Kind::Configuration, &["look up", "does not exist"]);
    std::fs::create_dir(root.path()).unwrap();
    assert_problem(directory.sizes(&keys), Kind::Configuration, &["was replaced by another directory"]);
    assert!(directory.list_ranges("assets/", &[]).next().unwrap().is_err());
    std::fs::remove_dir(root.path()).unwrap();
    std::fs::rename(&unmounted, root.path()).unwrap();
    assert_eq!(directory.sizes(&keys).unwrap().iter().flatten().count(), 20);
}

#[test]
fn a_stopped_run_ends_lookups_and_listings_that_are_stuck() {
    let fixture = Fixture::new();
    fixture.proxy.set(|_| Fault::Delay(Duration::from_secs(600)));
    let stop = Stop::without_deadline();
    let store = S3::new(settings(&fixture.proxy.uri()), stop.clone()).unwrap();
    let keys: Vec<_> = (0..100).map(key).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while fixture.proxy.requests().len() < 40 {
                std::thread::sleep(Duration::from_millis(1));
            }
            stop.trigger(StopReason::Terminated);
        });
        let mut listing = store.list_ranges("assets/", &keys[..7]);
        scope.spawn(|| assert!(store.sizes(&keys).is_err()));
        let stopped = Kind::Stopped(StopReason::Terminated);
        assert_problem(listing.next().unwrap(), stopped, &["SIGTERM"]);
    });
}
