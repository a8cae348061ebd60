//! How many rows a batch takes, so that a transaction is neither long nor a waste of round trips.

use std::time::Duration;

/// The smallest batch, unless a job has reason to go below.
pub(super) const SMALLEST: usize = 50;
const LARGEST: usize = 5_000;
/// A batch's transaction aims at the time between these two.
const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_millis(500);

/// The current batch size.
#[derive(Debug)]
pub(super) struct Pace {
    size: usize,
    smallest: usize,
}

impl Pace {
    /// Begins with `smallest`, since nothing is known yet of what a row costs, and never goes below.
    pub(super) fn new(smallest: usize) -> Self {
        Self { size: smallest, smallest }
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Learns from a batch of `size` rows that took `time`.
    pub(super) fn took(&mut self, size: usize, time: Duration) {
        if time > LONG {
            self.slow_down();
        } else if time < SHORT && size >= self.size {
            self.size = (self.size * 2).min(LARGEST);
        }
    }

    /// After a lock or statement timeout.
    pub(super) fn slow_down(&mut self) {
        self.size = (self.size / 2).max(self.smallest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_full_batches_grow_to_the_limit_and_slow_ones_shrink_to_the_other() {
        let mut pace = Pace::new(SMALLEST);
        for _ in 0..10 {
            pace.took(pace.size(), Duration::from_millis(10));
        }
        assert_eq!(pace.size(), LARGEST);
        pace.took(LARGEST, Duration::from_millis(300));
        assert_eq!(pace.size(), LARGEST);
        for _ in 0..10 {
            pace.took(pace.size(), Duration::from_secs(2));
        }
        assert_eq!(pace.size(), SMALLEST);
    }

    #[test]
    fn a_small_rest_says_nothing_about_full_batches() {
        let mut pace = Pace::new(SMALLEST);
        pace.took(3, Duration::from_millis(1));
        assert_eq!(pace.size(), SMALLEST);
    }
}
