//! The merge against the obvious way: two maps.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::assets::listed::key;
use crate::assets::remembered::{Place, Remembered};
use crate::platform::database::Uid;
use crate::platform::storage::Object;

fn id(number: u8) -> Uuid {
    Uuid::from_u128(u128::from(number) << 100 | u128::from(number))
}

fn row(number: u8) -> Asset {
    Asset { id: Uid(id(number)), size: i64::from(number), settled: true }
}

/// Keys of assets, and some that lie before, between and behind them.
fn object_key(number: u8) -> String {
    match number % 7 {
        0 => format!("assets/{}", id(number).to_string().to_uppercase().replace('0', "A")),
        1 => format!("assets/.{number}"),
        2 => format!("assets/{}/part", id(number)),
        _ => key(id(number)),
    }
}

fn objects(sizes: &BTreeMap<u8, u64>) -> Vec<Object> {
    let mut objects: Vec<_> =
        sizes.iter().map(|(number, size)| Object { key: object_key(*number), size: *size }).collect();
    objects.sort_by(|a, b| a.key.cmp(&b.key));
    objects
}

/// What has to be found, in no particular order.
fn expected(rows: &BTreeSet<u8>, sizes: &BTreeMap<u8, u64>) -> Vec<String> {
    let of_asset = |number: &u8| object_key(*number) == key(id(*number));
    let with_row = rows.iter().map(|number| match sizes.get(number).filter(|_| of_asset(number)) {
        Some(size) => Found::Both(row(*number), *size),
        None => Found::RowAlone(row(*number)),
    });
    let without = sizes.iter().filter(|(number, _)| !(rows.contains(number) && of_asset(number)));
    sorted(with_row.chain(without.map(|(_, size)| Found::ObjectAlone(*size))))
}

fn sorted(found: impl Iterator<Item = Found>) -> Vec<String> {
    let mut found: Vec<_> = found.map(|found| format!("{found:?}")).collect();
    found.sort();
    found
}

/// Answers like the database, with pages of `window` rows.
fn reading(rows: &BTreeSet<u8>, window: usize) -> impl ReadRows {
    move |after, until| {
        let rows = rows.iter().map(|number| row(*number));
        let wanted = rows
            .filter(|row| after.is_none_or(|after| row.id.0 > after) && until.is_none_or(|until| row.id.0 <= until));
        Ok(wanted.take(window).collect())
    }
}

proptest! {
    #[test]
    fn every_row_and_every_object_is_found_once(
        rows in prop::collection::btree_set(any::<u8>(), 0..80),
        sizes in prop::collection::btree_map(any::<u8>(), 0_u64..1_000, 0..80),
        bounds in prop::collection::btree_set(any::<u8>(), 0..5),
        (window, page) in (1_usize..9, 1_usize..9),
        order in any::<prop::sample::Index>(),
    ) {
        let objects = objects(&sizes);
        let bounds: Vec<_> = bounds.into_iter().collect();
        let starts = std::iter::once(None).chain(bounds.iter().copied().map(Some));
        let ends = bounds.iter().copied().map(Some).chain([None]);
        let mut read = reading(&rows, window);
        let mut all = Vec::new();
        let mut found = |one| { all.push(one); Ok(()) };
        // The pages of several ranges come in any order.
        let mut under_way: Vec<_> = starts
            .zip(ends)
            .map(|(after, until)| {
                let belongs = |object: &&Object| {
                    after.is_none_or(|after| object.key > key(id(after)))
                        && until.is_none_or(|until| object.key <= key(id(until)))
                };
                let objects: Vec<_> = objects.iter().filter(belongs).map(Listed::from).collect();
                (Range::new(after.map(id), until.map(id)), objects)
            })
            .collect();
        while !under_way.is_empty() {
            let next = order.index(under_way.len());
            let (range, objects) = &mut under_way[next];
            let page: Vec<_> = objects.drain(..page.min(objects.len())).collect();
            range.merge(page, &mut read, &mut found).unwrap();
            if under_way[next].1.is_empty() {
                let (mut range, _) = under_way.swap_remove(next);
                range.finish(&mut read, &mut found).unwrap();
            }
        }
        prop_assert_eq!(sorted(all.into_iter()), expected(&rows, &sizes));
    }

    #[test]
    fn a_listing_in_any_order_with_duplicates_comes_to_the_same(
        rows in prop::collection::btree_set(any::<u8>(), 0..80),
        sizes in prop::collection::btree_map(any::<u8>(), 0_u64..1_000, 0..80),
        again in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        shuffle in any::<u64>(),
        (window, capacity) in (1_usize..9, 1_usize..30),
    ) {
        let mut objects = objects(&sizes);
        let copies: Vec<_> = again.iter().filter(|_| !objects.is_empty()).map(|i| i.get(&objects).clone()).collect();
        objects.extend(copies);
        objects.sort_by_key(|object| {
            use std::hash::{DefaultHasher, Hash, Hasher};
            let mut hasher = DefaultHasher::new();
            (shuffle, &object.key).hash(&mut hasher);
            hasher.finish()
        });
        let mut read = reading(&rows, window);
        let mut all = Vec::new();
        let mut after: Option<Place> = None;
        loop {
            let mut remembered = Remembered::new(after, capacity);
            objects.iter().for_each(|object| remembered.add(object));
            let (until, listed) = remembered.finish();
            let mut range = Range::new(after.and_then(Place::asset), until.and_then(Place::asset));
            let mut found = |one| { all.push(one); Ok(()) };
            range.merge(listed, &mut read, &mut found).unwrap();
            if after.is_none_or(|after| after.asset().is_some()) {
                range.finish(&mut read, &mut found).unwrap();
            }
            match until {
                Some(until) => after = Some(until),
                None => break,
            }
        }
        prop_assert_eq!(sorted(all.into_iter()), expected(&rows, &sizes));
    }
}

#[test]
fn an_object_listed_with_two_sizes_counts_as_not_listed() {
    let listed = |key: &str, size| Object { key: key.to_owned(), size };
    for capacity in [1, 100] {
        let mut remembered = Remembered::new(None, capacity);
        for (number, size) in [(3, 5), (4, 7), (3, 6), (4, 7), (3, 5)] {
            remembered.add(&listed(&key(id(number)), size));
        }
        let (until, listed) = remembered.finish();
        let listed: Vec<_> = listed.collect();
        if capacity == 1 {
            assert_eq!((until.and_then(Place::asset), listed), (Some(id(3)), vec![]));
        } else {
            assert_eq!((until, listed), (None, vec![Listed { asset: Some(id(4)), size: 7 }]));
        }
    }
}

#[test]
fn errors_on_either_side_end_the_merge() {
    let objects = [Listed { asset: Some(id(3)), size: 1 }];
    let mut nothing = |_| Ok(());
    let mut broken = |_, _| anyhow::bail!("the database is gone");
    assert!(Range::new(None, None).merge(objects, &mut broken, &mut nothing).is_err());
    assert!(Range::new(None, None).finish(&mut broken, &mut nothing).is_err());
    let rows = BTreeSet::from([3]);
    let mut refuse = |_| anyhow::bail!("the store is gone");
    assert!(Range::new(None, None).merge(objects, &mut reading(&rows, 10), &mut refuse).is_err());
    assert!(Range::new(None, None).finish(&mut reading(&rows, 10), &mut refuse).is_err());
}
