//! Putting a listing into order that comes in any other: for stores that do not list by key.

use std::hash::{DefaultHasher, Hash, Hasher};

use uuid::Uuid;

use super::listed::{self, Listed};
use crate::platform::storage::Object;

/// Objects remembered at a time, some 50 bytes each, and twice as many for a moment. A store with more is listed again
/// for each further so many.
pub(super) const AT_A_TIME: usize = 250_000;

/// What stands for a key: assets first, in their order, then a digest of every other key. No two keys of a bucket have
/// the same digest but by a chance that does not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    other: bool,
    number: u128,
}

impl Place {
    fn of(key: &str) -> Self {
        match listed::asset(key) {
            Some(asset) => Self { other: false, number: asset.as_u128() },
            None => {
                let half = |salt: u64| {
                    let mut hasher = DefaultHasher::new();
                    (salt, key).hash(&mut hasher);
                    u128::from(hasher.finish())
                };
                Self { other: true, number: half(1) << 64 | half(2) }
            }
        }
    }

    /// The asset, if it is the place of one.
    pub(super) fn asset(self) -> Option<Uuid> {
        (!self.other).then(|| Uuid::from_u128(self.number))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    place: Place,
    size: u64,
    /// Whether it was listed with several sizes.
    doubtful: bool,
}

/// The first objects of a listing behind a given place, in order.
#[derive(Debug)]
pub(super) struct Remembered {
    after: Option<Place>,
    capacity: usize,
    entries: Vec<Entry>,
    /// The last place that is remembered, if any had to be forgotten behind it.
    until: Option<Place>,
}

impl Remembered {
    /// To remember up to `capacity` objects that come `after` a place.
    pub(super) fn new(after: Option<Place>, capacity: usize) -> Self {
        Self { after, capacity, entries: Vec::new(), until: None }
    }

    /// Takes note of an object.
    pub(super) fn add(&mut self, object: &Object) {
        let place = Place::of(&object.key);
        if self.after.is_some_and(|after| place <= after) || self.until.is_some_and(|until| place > until) {
            return;
        }
        self.entries.push(Entry { place, size: object.size, doubtful: false });
        if self.entries.len() >= 2 * self.capacity {
            self.tidy();
        }
    }

    /// Sorts, lets each key stand once however often it was listed, and forgets what is too much.
    fn tidy(&mut self) {
        self.entries.sort_unstable();
        self.entries.dedup_by(|later, kept| {
            let same = later.place == kept.place;
            if same {
                kept.doubtful |= later.doubtful || later.size != kept.size;
            }
            same
        });
        if self.entries.len() > self.capacity {
            self.entries.truncate(self.capacity);
            self.until = self.entries.last().map(|entry| entry.place);
        }
    }

    /// The last place if there is more to be listed behind it, and what is remembered, in order. An asset listed with
    /// several sizes is left out, as if it had not been listed at all: the store has to be asked.
    pub(super) fn finish(mut self) -> (Option<Place>, impl Iterator<Item = Listed>) {
        self.tidy();
        let certain = self.entries.into_iter().filter(|entry| entry.place.other || !entry.doubtful);
        (self.until, certain.map(|Entry { place, size, .. }| Listed { asset: place.asset(), size }))
    }
}
