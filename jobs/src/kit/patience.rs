//! How long it is gone on when the database refuses single rows.

use std::time::{Duration, Instant};

use crate::platform::{Kind, Problem};

/// What was put off is tried again this often at the end, with a pause before each time.
pub(super) const LAST_TRIES: u32 = 3;
/// The pause.
pub(super) const LAST_PAUSE: Duration = Duration::from_secs(1);
/// Why a row is put off that somebody else has locked.
pub(super) const LOCKED: &str = "locked by another session, probably the platform";

/// When so many single rows in a row are refused, and nothing has passed for so long, the rows are not to blame: a
/// whole table may be locked. Rows that are refused at once, by somebody's trigger say, cost next to nothing, and must
/// not keep the run from those behind them, night after night; but there is a limit to these as well.
const HOPELESS: u32 = 20;
const HOPELESS_TIME: Duration = Duration::from_secs(10);
const HOPELESS_AT_ONCE: u32 = 1_000;

/// The patience with rows that are refused one after the other.
#[derive(Debug)]
pub(super) struct Patience {
    /// When the last batch passed.
    passed: Instant,
    /// Single rows that were refused since then.
    refused: u32,
    /// Whether only what was put off is left to try, which says nothing about the database.
    at_the_end: bool,
}

impl Patience {
    pub(super) fn new() -> Self {
        Self { passed: Instant::now(), refused: 0, at_the_end: false }
    }

    /// A batch has passed.
    pub(super) fn passed(&mut self) {
        (self.passed, self.refused) = (Instant::now(), 0);
    }

    /// Only what was put off is left, and is tried once more. Nobody loses patience any more; but when it would be
    /// lost, rows are no longer tried one by one.
    pub(super) fn last_try(&mut self) {
        self.at_the_end = true;
        self.passed();
    }

    /// A row, or several that are no longer tried one by one, was refused for `reason`; `what` says what rows are
    /// called, in the plural.
    ///
    /// # Errors
    /// When it is time to give up.
    pub(super) fn refused(&mut self, what: &str, reason: &str) -> Result<(), Problem> {
        self.refused += 1;
        if self.is_lost() && !self.at_the_end {
            let all = format!("the database refused {} {what} in a row", self.refused);
            return Err(Problem::new(Kind::Failed, format!("{all}; the last time it said: {reason}"))
                .hint("what was finished is safe; remove the cause and run the job again"));
        }
        Ok(())
    }

    /// Whether there is no point in looking for the one row to blame.
    pub(super) fn is_lost(&self) -> bool {
        let is_slow = self.refused >= HOPELESS && self.passed.elapsed() >= HOPELESS_TIME;
        is_slow || self.refused >= HOPELESS_AT_ONCE
    }
}
