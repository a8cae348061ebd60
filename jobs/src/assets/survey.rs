//! Finding out, without changing anything, what differs between rows and objects.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::difference::Difference;
use super::listed::{Listed, PREFIX, key};
use super::merge::Range;
use super::remembered::{AT_A_TIME, Place, Remembered};
use super::rows;
use super::sync_storage_files::Handling;
use crate::kit::{Context, Progress};
use crate::platform::database::Database;
use crate::platform::storage::{OutOfOrder, ReadObjects};

/// Rows read per statement.
const WINDOW: usize = 2_000;
/// Ranges listed at the same time at most, and the number of assets from which one more is worth it.
const MOST_RANGES: u64 = 8;
const ASSETS_PER_RANGE: u64 = 2_500;
/// A page of a listing: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>.
const OBJECTS_PER_PAGE: u64 = 1_000;
/// A range is so many assets shorter than a number of full pages, so that its last page shows that it is the last.
const SLACK: u64 = 25;

/// What is needed to look at everything.
pub(super) struct Survey<'a> {
    pub(super) context: &'a Context,
    pub(super) database: &'a mut Database,
    pub(super) store: &'a dyn ReadObjects,
    pub(super) handling: Handling,
    /// How many assets without an object may pass.
    pub(super) bound: u64,
    /// How many assets to keep that have to change.
    pub(super) capacity: usize,
    /// Assets up to this one have been seen to by earlier looks.
    pub(super) after: Option<Uuid>,
    /// How many assets there are.
    pub(super) total: u64,
    /// When the run began, by the database's clock.
    pub(super) began: DateTime<Utc>,
}

impl Survey<'_> {
    /// Looks at all assets and at all objects; of a further look only what it finds to be changed is of interest.
    ///
    /// # Errors
    /// The database's or the store's, or that the run has to stop.
    pub(super) fn take(mut self) -> anyhow::Result<Difference> {
        let (number, length) = ranges(self.total);
        let bounds = self.database.read(|connection| rows::bounds(connection, number - 1, length))?;
        let store = self.store;
        let surveyed = match self.in_ranges(&bounds) {
            Err(error) if error.is::<OutOfOrder>() => self.otherwise(error, !bounds.is_empty()),
            surveyed => surveyed,
        };
        surveyed?.close(store)
    }

    fn difference(&self) -> Difference {
        Difference::new(self.handling, self.bound, self.capacity)
    }

    /// For stores that cannot be listed in ranges, or not in order.
    fn otherwise(mut self, error: anyhow::Error, had_ranges: bool) -> anyhow::Result<Difference> {
        let error = match if had_ranges { self.in_ranges(&[]) } else { Err(error) } {
            Err(error) if error.is::<OutOfOrder>() => error,
            surveyed => {
                log::info!("The store cannot list from a given key on; listed it from beginning to end");
                return surveyed;
            }
        };
        if self.after.is_none() {
            self.context.report().note(format!("{error}; it takes longer to put its objects into order"));
        }
        self.remembering()
    }

    /// The rows between these that no earlier look has seen to.
    fn range(&self, after: Option<Uuid>, until: Option<Uuid>) -> Range {
        Range::new(after.max(self.after), until)
    }

    /// Merges as the objects come, in ranges of keys that end with those of the assets `bounds`.
    fn in_ranges(&mut self, bounds: &[Uuid]) -> anyhow::Result<Difference> {
        let mut difference = self.difference();
        let starts = std::iter::once(None).chain(bounds.iter().copied().map(Some));
        let ends = bounds.iter().copied().map(Some).chain([None]);
        let mut ranges: Vec<_> = starts.zip(ends).map(|(after, until)| self.range(after, until)).collect();
        let keys: Vec<_> = bounds.iter().map(|bound| key(*bound)).collect();
        let store = self.store;
        for page in store.list_ranges(PREFIX, &keys) {
            let page = page?;
            if let Some(range) = ranges.get_mut(page.range) {
                let objects = page.objects.iter().map(Listed::from);
                self.merge(range, objects, page.last, &mut difference)?;
            }
        }
        Ok(difference)
    }

    /// Puts the objects into order first, as many at a time as may be remembered.
    fn remembering(&mut self) -> anyhow::Result<Difference> {
        let mut difference = self.difference();
        let mut after: Option<Place> = None;
        loop {
            let mut remembered = Remembered::new(after, AT_A_TIME);
            for object in self.store.list(PREFIX) {
                remembered.add(&object?);
            }
            let (until, objects) = remembered.finish();
            // Behind the last asset come the other objects, which have no rows to be merged with.
            let begun_with_others = after.is_some_and(|place| place.asset().is_none());
            let mut range = self.range(after.and_then(Place::asset), until.and_then(Place::asset));
            self.merge(&mut range, objects, !begun_with_others, &mut difference)?;
            match until {
                Some(until) => after = Some(until),
                None => return Ok(difference),
            }
        }
    }

    fn merge(
        &mut self,
        range: &mut Range,
        objects: impl IntoIterator<Item = Listed>,
        last: bool,
        difference: &mut Difference,
    ) -> anyhow::Result<()> {
        let Self { context, database, store, total, began, after, .. } = self;
        let mut read = |from, until| {
            context.checkpoint()?;
            Ok(database.read(|connection| rows::page(connection, from, until, WINDOW, *began))?)
        };
        let mut found = |found| difference.add(found, *store);
        range.merge(objects, &mut read, &mut found)?;
        if last {
            range.finish(&mut read, &mut found)?;
        }
        if after.is_none() {
            context.report().counts.examined = difference.examined;
        }
        // A further look has fewer of them before it, and nobody counts them.
        let (deed, total) = if after.is_none() { ("looked at", Some(*total)) } else { ("looked at again", None) };
        context.progress(Progress::new("assets", deed, difference.examined).out_of(total));
        Ok(())
    }
}

/// Into how many ranges so many assets are divided, and how many of them are in each.
fn ranges(assets: u64) -> (u64, u64) {
    let number = (assets / ASSETS_PER_RANGE).clamp(1, MOST_RANGES);
    let pages = assets.div_ceil(number).div_ceil(OBJECTS_PER_PAGE).max(1);
    (number, pages * OBJECTS_PER_PAGE - SLACK)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests for that many objects, all of them with rows, in their ranges.
    fn requests(assets: u64) -> u64 {
        let (number, length) = ranges(assets);
        let whole = (assets / length).min(number - 1);
        let rest = assets - whole * length;
        // A range but the last ends with a page that shows an object behind it.
        whole * (length / OBJECTS_PER_PAGE + 1) + rest.div_ceil(OBJECTS_PER_PAGE).max(1)
    }

    #[test]
    fn ranges_cost_hardly_more_requests_than_a_plain_listing() {
        for assets in (0..1_000_000).step_by(333).chain([999, 1_000, 1_001, 2_500, 5_000, 19_999, 20_000, 20_001]) {
            let (number, _) = ranges(assets);
            assert!((1..=MOST_RANGES).contains(&number));
            let plain = assets.div_ceil(OBJECTS_PER_PAGE).max(1);
            assert!(requests(assets) <= plain + 1, "{assets}: {} against {plain}", requests(assets));
        }
    }
}
