//! How far a run is, for whoever shows it: a job says what it has done, not where or how that is shown.

use std::fmt;

/// How far one stage of a run is. In words: "1200 of 4000 events looked at, 800 deleted".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is counted, in the plural.
    pub items: &'static str,
    /// What is done to them.
    pub deed: &'static str,
    /// To how many it is done.
    pub done: u64,
    /// How many there are in all, if that is known.
    pub total: Option<u64>,
    /// How many of them were deleted, where most may only be looked at.
    pub deleted: Option<u64>,
}

impl Progress {
    /// `done` of the `items` are `deed`.
    pub fn new(items: &'static str, deed: &'static str, done: u64) -> Self {
        Self { items, deed, done, total: None, deleted: None }
    }

    /// Of so many in all.
    pub fn out_of(self, total: impl Into<Option<u64>>) -> Self {
        // What was counted at the beginning may have grown meanwhile.
        Self { total: total.into().filter(|total| *total >= self.done), ..self }
    }

    /// So many of them were deleted.
    pub fn with_deleted(self, deleted: u64) -> Self {
        Self { deleted: Some(deleted), ..self }
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { items, deed, done, total, deleted } = self;
        match total {
            Some(total) => write!(f, "{done} of {total} {items} {deed}")?,
            None => write!(f, "{done} {items} {deed}")?,
        }
        deleted.map_or(Ok(()), |deleted| write!(f, ", {deleted} deleted"))
    }
}

/// Whoever shows progress. It must not take long: it is told between batches.
pub trait ShowProgress {
    /// Whether it is of use to know how many there are in all. If not, nobody should count them.
    fn wants_totals(&self) -> bool;

    /// Shows it, or not, if something was shown a moment ago.
    fn show(&self, progress: &Progress);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_words() {
        let progress = Progress::new("events", "looked at", 1_200);
        assert_eq!(progress.to_string(), "1200 events looked at");
        assert_eq!(progress.out_of(4_000).to_string(), "1200 of 4000 events looked at");
        assert_eq!(progress.out_of(None).with_deleted(0).to_string(), "1200 events looked at, 0 deleted");
        assert_eq!(progress.out_of(1_199).to_string(), "1200 events looked at", "that was once the total");
    }
}
