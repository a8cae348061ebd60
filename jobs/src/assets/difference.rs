//! What differs between rows and objects, as far as it has been found out.

use uuid::Uuid;

use super::listed::key;
use super::merge::Found;
use super::rows::Wrong;
use super::sync_storage_files::Handling;
use crate::kit::{Context, Report};
use crate::platform::storage::ReadObjects;
use crate::platform::{Kind, Problem};

/// So many assets that the listing lacked are looked up together.
const LOOKED_UP_TOGETHER: usize = 1_000;
/// When the listing had no asset at all, so many are looked up before the store counts as another platform's.
const LAST_DOUBTS: usize = 1_000;

/// An asset without an object, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Missing {
    pub(super) id: Uuid,
    /// Its size as it was read, in bytes.
    pub(super) was: i64,
}

/// What has to change and is not kept, only counted.
#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    /// Assets with objects of other sizes.
    wrong: u64,
    /// Assets without an object.
    missing: u64,
}

/// The difference. What has to change is kept until the guard has had its say about the assets without an object, in 24
/// or 32 bytes each. Of more than memory should hold, the first are kept, in the order of identifiers, and the others
/// left to a further look from there on. Once the assets without an object are certainly more than the guard lets pass,
/// everything is only counted.
#[derive(Debug)]
pub(super) struct Difference {
    handling: Handling,
    /// How many assets without an object may pass.
    bound: u64,
    /// How many assets are kept, and twice as many for a moment.
    capacity: usize,
    /// The last asset that is kept, if some had to be left to a further look.
    pub(super) until: Option<Uuid>,
    /// Assets looked at.
    pub(super) examined: u64,
    /// Assets whose objects are there.
    present: u64,
    /// Assets that need no change.
    pub(super) in_sync: u64,
    /// Assets that would need one if the platform were not at work on them.
    pub(super) unsettled: u64,
    /// Objects that no asset has, and their sizes in bytes.
    pub(super) objects_without_row: u64,
    pub(super) bytes_without_row: u64,
    /// Assets with objects of other sizes.
    pub(super) wrong: Vec<Wrong>,
    /// Assets that the listing lacked.
    pub(super) lacking: Vec<Missing>,
    /// Of those, the ones that the store has confirmed not to have.
    pub(super) confirmed: Vec<Missing>,
    /// What is not kept.
    counted: Counted,
    /// Whether the assets without an object are too many to go on.
    too_many: bool,
}

impl Difference {
    /// Nothing is known yet. `bound` is how many assets without an object may pass; up to `capacity` assets are kept.
    pub(super) fn new(handling: Handling, bound: u64, capacity: usize) -> Self {
        Self {
            handling,
            bound,
            capacity,
            until: None,
            examined: 0,
            present: 0,
            in_sync: 0,
            unsettled: 0,
            objects_without_row: 0,
            bytes_without_row: 0,
            wrong: Vec::new(),
            lacking: Vec::new(),
            confirmed: Vec::new(),
            counted: Counted::default(),
            too_many: false,
        }
    }

    /// Takes in what the merge has found.
    ///
    /// # Errors
    /// The store's, when it has to be asked.
    pub(super) fn add(&mut self, found: Found, store: &dyn ReadObjects) -> anyhow::Result<()> {
        match found {
            Found::ObjectAlone(size) => {
                self.objects_without_row += 1;
                self.bytes_without_row = self.bytes_without_row.saturating_add(size);
            }
            Found::Both(row, size) => {
                self.examined += 1;
                self.present += 1;
                self.compare(Missing { id: row.id.0, was: row.size }, size, row.settled);
            }
            Found::RowAlone(row) => {
                self.examined += 1;
                if row.size == 0 && self.handling == Handling::SetFileSizeToZero {
                    // Whether it is missing or not, nothing would be changed by what is known.
                    self.in_sync += 1;
                } else if row.settled {
                    self.lacking.push(Missing { id: row.id.0, was: row.size });
                } else {
                    self.unsettled += 1;
                }
            }
        }
        self.stay_bounded(store)
    }

    fn compare(&mut self, row: Missing, size: u64, settled: bool) {
        let Missing { id, was } = row;
        // What the column cannot hold is more than any store can.
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        if was == size {
            self.in_sync += 1;
        } else if settled {
            self.wrong.push(Wrong { id, was, size });
        } else {
            self.unsettled += 1;
        }
    }

    fn stay_bounded(&mut self, store: &dyn ReadObjects) -> anyhow::Result<()> {
        if !self.too_many && self.missing() > self.bound {
            // Only what is certain may lead to a refusal, so the listing is not taken at its word.
            if self.lacking.len() >= LOOKED_UP_TOGETHER {
                self.look_up(store, LOOKED_UP_TOGETHER)?;
            }
            self.too_many = self.confirmed.len() as u64 + self.counted.missing > self.bound;
        }
        if self.too_many {
            self.counted = Counted { wrong: self.wrong(), missing: self.missing() };
            (self.wrong, self.lacking, self.confirmed) = Default::default();
        } else if self.kept() >= 2 * self.capacity {
            let wrong = self.wrong.iter().map(|wrong| wrong.id);
            let missing = self.lacking.iter().chain(&self.confirmed).map(|missing| missing.id);
            let mut ids: Vec<_> = wrong.chain(missing).collect();
            let (_, last, _) = ids.select_nth_unstable(self.capacity.saturating_sub(1));
            self.forget_beyond(*last, store)?;
        }
        Ok(())
    }

    fn kept(&self) -> usize {
        self.wrong.len() + self.lacking.len() + self.confirmed.len()
    }

    /// Only counts what comes after the asset `until`. What the listing lacked of that is confirmed, so that what is
    /// counted is certain.
    fn forget_beyond(&mut self, until: Uuid, store: &dyn ReadObjects) -> anyhow::Result<()> {
        let (stay, beyond) = std::mem::take(&mut self.lacking).into_iter().partition(|missing| missing.id <= until);
        self.lacking = beyond;
        while !self.lacking.is_empty() {
            self.look_up(store, LOOKED_UP_TOGETHER)?;
        }
        self.lacking = stay;
        let (wrong, missing) = (self.wrong.len(), self.confirmed.len());
        self.wrong.retain(|wrong| wrong.id <= until);
        self.confirmed.retain(|missing| missing.id <= until);
        self.counted.wrong += (wrong - self.wrong.len()) as u64;
        self.counted.missing += (missing - self.confirmed.len()) as u64;
        self.until = Some(until);
        Ok(())
    }

    /// Ends the look: what came to be kept behind the last asset that is, is left to a further look with all the others
    /// there.
    ///
    /// # Errors
    /// The store's, when it has to be asked.
    pub(super) fn close(mut self, store: &dyn ReadObjects) -> anyhow::Result<Self> {
        if let Some(until) = self.until {
            self.forget_beyond(until, store)?;
        }
        Ok(self)
    }

    /// How many assets have an object of another size.
    fn wrong(&self) -> u64 {
        self.wrong.len() as u64 + self.counted.wrong
    }

    /// How many assets have no object as far as is known: what the guard is asked about. A size that differs is no sign
    /// of another platform's bucket.
    fn missing(&self) -> u64 {
        (self.lacking.len() + self.confirmed.len()) as u64 + self.counted.missing
    }

    /// How many assets have to change, those included that the listing lacked.
    pub(super) fn changes(&self) -> u64 {
        self.wrong() + self.missing()
    }

    /// Whether the store has the object of any asset.
    pub(super) fn has_present(&self) -> bool {
        self.present > 0
    }

    /// How many assets that have to change are left to a further look.
    pub(super) fn beyond(&self) -> u64 {
        self.counted.wrong + self.counted.missing
    }

    /// How many of them have no object.
    pub(super) fn missing_beyond(&self) -> u64 {
        self.counted.missing
    }

    /// Asks the store for up to `number` of the assets that the listing lacked.
    fn look_up(&mut self, store: &dyn ReadObjects, number: usize) -> anyhow::Result<()> {
        let rest = self.lacking.split_off(number.min(self.lacking.len()));
        let asked = std::mem::replace(&mut self.lacking, rest);
        let keys: Vec<_> = asked.iter().map(|missing| key(missing.id)).collect();
        for (missing, size) in asked.into_iter().zip(store.sizes(&keys)?) {
            match size {
                None => self.confirmed.push(missing),
                Some(size) => {
                    self.present += 1;
                    self.compare(missing, size, true);
                }
            }
        }
        Ok(())
    }

    /// Asks the store for all the assets that the listing lacked.
    ///
    /// # Errors
    /// The store's, or that the run has to stop.
    pub(super) fn look_up_all(&mut self, context: &Context, store: &dyn ReadObjects) -> anyhow::Result<()> {
        while !self.lacking.is_empty() {
            context.checkpoint()?;
            self.look_up(store, LOOKED_UP_TOGETHER)?;
        }
        Ok(())
    }

    /// Lets everything that was found be changed, or refuses. What the guard might refuse is confirmed before.
    ///
    /// # Errors
    /// A refusal of the guard, or the store's.
    pub(super) fn permit(&mut self, context: &Context, total: u64, store: &dyn ReadObjects) -> anyhow::Result<()> {
        self.look_up_what_may_be_too_much(context, store)?;
        if self.present == 0 && self.confirmed.is_empty() {
            self.look_up(store, LAST_DOUBTS)?;
        }
        if self.present == 0 && self.changes() > 0 {
            return Err(context.guard.refuse_empty_store(self.examined, store.location()).into());
        }
        Ok(context.guard.permit_affected(self.missing(), total, "assets")?)
    }

    /// Lets the assets without an object be changed that an earlier look has left to this one, or ends the run.
    ///
    /// # Errors
    /// When there are more than were counted then, or the store's.
    pub(super) fn permit_rest(&mut self, context: &Context, store: &dyn ReadObjects) -> anyhow::Result<()> {
        self.look_up_what_may_be_too_much(context, store)?;
        if self.missing() <= self.bound {
            return Ok(());
        }
        let what = format!(
            "{} assets have no object, of which only {} had none when this run began; they are left alone",
            self.missing(),
            self.bound
        );
        let hint = "see what happens to the store; what was done is safe, and the next run goes on";
        Err(Problem::new(Kind::Failed, what).hint(hint).into())
    }

    fn look_up_what_may_be_too_much(&mut self, context: &Context, store: &dyn ReadObjects) -> anyhow::Result<()> {
        if !self.too_many && self.missing() > self.bound {
            self.look_up_all(context, store)?;
        }
        Ok(())
    }

    /// Puts into the report what is known when everything has been looked at.
    pub(super) fn report(&self, report: &mut Report) {
        report.counts.examined = self.examined;
        report.counts.skipped = self.unsettled;
        report.figures.insert("in_sync", self.in_sync);
        report.figures.insert("objects_without_row", self.objects_without_row);
        report.figures.insert("bytes_without_row", self.bytes_without_row);
    }
}
