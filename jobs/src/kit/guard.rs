//! What may not be done without a person's word, whatever the parameters say.

use std::cell::Cell;
use std::time::Duration;

use crate::platform::{Kind, Problem};

/// The `[safety]` settings, together with what this one run was allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// Whether jobs may delete at all.
    pub deletion: bool,
    /// How many percent of a table an externally caused change may touch.
    pub max_affected_percent: u8,
    /// A change to fewer rows than this is never refused.
    pub max_affected_floor: u64,
    /// Rooms that are not older than this are left alone by room-cleanup; at most a hundred years.
    pub room_minimum_age: Duration,
    /// `--allow-affected`: so many rows may be touched in this run, whatever the percentage.
    pub allowance: Allowance,
}

/// A person's word for a number of rows in one run. What it has let pass is used up: the word for one change is none for
/// another that comes later in the run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowance {
    granted: Option<u64>,
    used: Cell<u64>,
}

impl Allowance {
    /// The word for so many rows, if it was given.
    pub fn new(granted: Option<u64>) -> Self {
        Self { granted, used: Cell::new(0) }
    }

    /// How many rows may still pass; `None` without a word.
    fn left(&self) -> Option<u64> {
        self.granted.map(|granted| granted.saturating_sub(self.used.get()))
    }

    /// Uses the word for `number` rows, or says which would be needed.
    fn take(&self, number: u64) -> Result<(), u64> {
        let needed = self.used.get().saturating_add(number);
        if self.left().is_none_or(|left| number > left) {
            return Err(needed);
        }
        self.used.set(needed);
        Ok(())
    }
}

/// Nothing is allowed that needs a word.
impl Default for Guard {
    fn default() -> Self {
        Self {
            deletion: false,
            max_affected_percent: 0,
            max_affected_floor: 0,
            room_minimum_age: Duration::ZERO,
            allowance: Allowance::default(),
        }
    }
}

impl Guard {
    /// Lets a job delete, or refuses.
    ///
    /// # Errors
    /// When `[safety] deletion` is false.
    pub fn permit_deletion(&self) -> Result<(), Problem> {
        if self.deletion {
            return Ok(());
        }
        Err(Problem::new(
            Kind::Refused,
            "deleting is switched off by `deletion = false` in [safety]; nothing was changed",
        )
        .hint("look at what would be deleted with --dry-run, then set `deletion = true`"))
    }

    /// How many of `total` rows such a change may touch at most in this run.
    pub fn most_affected(&self, total: u64) -> u64 {
        self.plausible(total).max(self.allowance.left().unwrap_or(0))
    }

    /// How many of `total` rows such a change may touch without anybody's word.
    fn plausible(&self, total: u64) -> u64 {
        // At most `total`, since it is a percentage.
        let share = u128::from(total) * u128::from(self.max_affected_percent.min(100)) / 100;
        u64::try_from(share).unwrap_or(total).max(self.max_affected_floor.saturating_sub(1))
    }

    /// Lets a change that something outside the platform causes touch `affected` of `total` rows, or refuses because
    /// that is implausibly many. `what` names the rows, in the plural.
    ///
    /// # Errors
    /// When it is more than the configured percentage, and neither below the floor nor allowed for this run.
    pub fn permit_affected(&self, affected: u64, total: u64, what: &str) -> Result<(), Problem> {
        if affected <= self.plausible(total) {
            return Ok(());
        }
        self.allowance.take(affected).map_err(|needed| {
            let what = format!(
                "{affected} of {total} {what} would be changed, more than the {}% that [safety] max_affected_percent \
                 allows; nothing was changed",
                self.max_affected_percent
            );
            let hint = format!("if that is right, let this one run pass with --allow-affected {needed}");
            Problem::new(Kind::Refused, what).hint(hint)
        })
    }

    /// What to say of a store that has none of the `total` objects that the database knows. No word of a person lets
    /// that pass.
    pub fn refuse_empty_store(&self, total: u64, store: &str) -> Problem {
        let what = format!("{store} seems to have none of {total} assets; nothing was changed");
        Problem::new(Kind::Refused, what)
            .hint("check that [storage] names the platform's own store, and that its volume is mounted")
    }

    /// Lets a job delete in a store that has none of `looked_for` objects that the database knows, or refuses.
    ///
    /// # Errors
    /// Unless at least that many were allowed for this run.
    pub fn permit_store_without(&self, looked_for: u64, store: &str) -> Result<(), Problem> {
        self.allowance.take(looked_for).map_err(|needed| {
            let what = format!("{store} has none of {looked_for} assets that were looked for; nothing was changed");
            Problem::new(Kind::Refused, what).hint(format!(
                "check that [storage] names the platform's own store; if its objects really are gone, let this one \
                 run pass with --allow-affected {needed}"
            ))
        })
    }

    /// Lets a job delete `affected` rows, which no retention period keeps, or refuses. `what` names the rows, in the
    /// plural.
    ///
    /// # Errors
    /// Unless at least that many were allowed for this run.
    pub fn permit_no_retention(&self, affected: u64, what: &str) -> Result<(), Problem> {
        self.allowance.take(affected).map_err(|needed| {
            let what = format!("without a retention period {affected} {what} would be deleted; nothing was changed");
            Problem::new(Kind::Refused, what).hint(format!(
                "choose a period of at least one day; if 0 days are right, let this one run pass with \
                 --allow-affected {needed}"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        Guard { deletion: true, max_affected_percent: 10, max_affected_floor: 100, ..Guard::default() }
    }

    #[test]
    fn a_tenth_passes_and_one_more_does_not() {
        assert!(guard().permit_affected(1_000, 10_000, "assets").is_ok());
        let refusal = guard().permit_affected(1_001, 10_000, "assets").unwrap_err();
        assert_eq!(refusal.kind(), Kind::Refused);
        assert!(refusal.advice().unwrap().contains("--allow-affected 1001"));
    }

    #[test]
    fn below_the_floor_everything_passes() {
        assert!(guard().permit_affected(99, 99, "accounts").is_ok());
        assert!(guard().permit_affected(100, 100, "accounts").is_err());
    }

    #[test]
    fn the_allowance_is_for_that_number_only() {
        let allowed = Guard { allowance: Allowance::new(Some(500)), ..guard() };
        assert!(allowed.permit_affected(500, 500, "accounts").is_ok());
        assert!(allowed.permit_affected(501, 501, "accounts").is_err());
    }

    #[test]
    fn the_most_that_may_be_affected_is_where_refusals_begin() {
        let guards = [
            guard(),
            Guard { max_affected_floor: 0, ..guard() },
            Guard { max_affected_percent: 0, ..guard() },
            Guard { max_affected_percent: 0, max_affected_floor: 0, ..guard() },
            Guard { max_affected_percent: 100, ..guard() },
            Guard { allowance: Allowance::new(Some(150)), ..guard() },
        ];
        for guard in guards {
            for total in [0, 1, 9, 10, 99, 100, 999, 1_000, 1_999, u64::MAX] {
                let most = guard.most_affected(total);
                assert!(guard.permit_affected(most, total, "assets").is_ok(), "{guard:?} {total}");
                if let Some(more) = most.checked_add(1) {
                    assert!(guard.permit_affected(more, total, "assets").is_err(), "{guard:?} {total}");
                }
            }
        }
    }

    #[test]
    fn a_store_without_objects_needs_a_word() {
        let refusal = guard().permit_store_without(20, "bucket b").unwrap_err();
        assert_eq!(refusal.kind().exit_code(), 4);
        assert!(refusal.advice().unwrap().contains("--allow-affected 20"));
        assert!(Guard { allowance: Allowance::new(Some(20)), ..guard() }.permit_store_without(20, "bucket b").is_ok());
        assert!(Guard { allowance: Allowance::new(Some(19)), ..guard() }.permit_store_without(20, "bucket b").is_err());
    }

    #[test]
    fn no_retention_needs_a_word_whatever_the_number() {
        for affected in [0, 1, 500] {
            let refusal = guard().permit_no_retention(affected, "users").unwrap_err();
            assert_eq!(refusal.kind().exit_code(), 4);
            assert!(refusal.advice().unwrap().contains(&format!("--allow-affected {affected}")));
            assert!(
                Guard { allowance: Allowance::new(Some(affected)), ..guard() }
                    .permit_no_retention(affected, "users")
                    .is_ok()
            );
        }
        assert!(Guard { allowance: Allowance::new(Some(499)), ..guard() }.permit_no_retention(500, "users").is_err());
    }

    #[test]
    fn a_word_for_one_change_is_none_for_another() {
        let allowed = Guard { allowance: Allowance::new(Some(519)), ..guard() };
        assert!(allowed.permit_affected(99, 99, "users").is_ok(), "needs no word and uses none up");
        assert!(allowed.permit_no_retention(500, "users").is_ok());
        let refusal = allowed.permit_store_without(20, "bucket b").unwrap_err();
        assert!(refusal.advice().unwrap().contains("--allow-affected 520"));
        let allowed = Guard { allowance: Allowance::new(Some(520)), ..guard() };
        assert!(allowed.permit_no_retention(500, "users").is_ok());
        assert_eq!(allowed.most_affected(1_000), 100);
        assert!(allowed.permit_store_without(20, "bucket b").is_ok());
        assert!(allowed.permit_no_retention(1, "users").is_err());
    }

    #[test]
    fn deletion_can_be_switched_off() {
        assert!(guard().permit_deletion().is_ok());
        let refusal = Guard { deletion: false, ..guard() }.permit_deletion().unwrap_err();
        assert_eq!(refusal.kind().exit_code(), 4);
    }
}
