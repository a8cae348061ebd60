//! Walks through the occurrences of one RRULE, worked out by the crate `rrule`, in bounded work.
//!
//! The crate is given the local time of the event as if it were UTC, and no COUNT and UNTIL: where clocks change it
//! leaves out days without midnight, spends COUNT twice on an hour that is skipped, and takes floating times for
//! those of the server's zone. Local times become instants, and are counted and compared with UNTIL, only here.

use std::ops::ControlFlow;

use chrono::{DateTime, Datelike, TimeDelta, Timelike, Utc};

use super::rule::{Anchor, End, Rule, instant_of};

/// Work that may still be done. A number of steps instead of a time, so that the verdict on an event depends on the
/// event alone.
pub(super) struct Budget(pub(super) u64);

impl Budget {
    /// Enough for eleven years of every hour, more than anybody meets; takes less than a tenth of a second.
    pub(super) const FOR_ONE_SERIES: u64 = 100_000;

    fn spend(&mut self, steps: u64) -> Result<(), String> {
        self.0 = self
            .0
            .checked_sub(steps)
            .ok_or_else(|| format!("working out its occurrences takes more than {} steps", Self::FOR_ONE_SERIES))?;
        Ok(())
    }
}

/// Calls `found` with the start of every occurrence, in the order of the local clock, until it breaks.
///
/// The start of the series is an occurrence only if the rule says so. RFC 5545 leaves the other case undefined;
/// counting a start that does not match would use up COUNT and end the series earlier.
///
/// # Errors
///
/// Why the occurrences cannot all be worked out: the rule is not supported, the budget is exhausted or no further
/// occurrence turns up for two centuries or 100,000 periods of the rule.
pub(super) fn walk(
    rule: &Rule,
    anchor: &Anchor,
    budget: &mut Budget,
    mut found: impl FnMut(DateTime<Utc>) -> ControlFlow<()>,
) -> Result<(), String> {
    rule.check_supported()?;
    // The crate works out whole periods at once, a year of them if the rule is YEARLY.
    budget.spend(1000 * rule.combinations())?;
    let fraction = TimeDelta::nanoseconds(anchor.local.nanosecond().into());
    // The crate searches until the year 10000. Since the calendar repeats every 400 years, this leaves it 200 to 600.
    let shift = TimeDelta::days(146_097 * i64::from((9_800 - anchor.local.year()).div_euclid(400)));
    let start = anchor.local - fraction + shift;
    let set = rule.parts.clone().build(start.and_utc().with_timezone(&rrule::Tz::UTC));
    let set = set.map_err(|_| "the BYDAY or BYSETPOS of its RRULE has a number that is not supported")?.limit();
    let until_local = match rule.end {
        End::Until(until) => Some(until.with_timezone(&anchor.zone).naive_local()),
        _ => None,
    };
    let mut counted = 0;
    let mut latest = None;
    let mut previous = start;
    for shifted in &set {
        let shifted = shifted.naive_utc();
        // The crate looks at the days in between one by one.
        budget.spend(1 + (shifted - previous).num_days().unsigned_abs())?;
        previous = shifted;
        let local = shifted - shift + fraction;
        // The start is known exactly, even if it is the second of two equal local times.
        let instant = if local == anchor.local { Some(anchor.instant) } else { instant_of(local, anchor.zone) };
        let instant = instant.ok_or("its occurrences leave the calendar")?;
        if let (End::Until(until), Some(until_local)) = (rule.end, until_local)
            && instant.timestamp() > until.timestamp()
        {
            if local > until_local {
                return Ok(());
            }
            // The clocks skip this local time. Its instant lies beyond those of the next local times, so that it does
            // not show that UNTIL has passed.
            continue;
        }
        if found(instant).is_break() {
            return Ok(());
        }
        // For the same reason several local times can be one instant, which counts once.
        if latest.is_none_or(|latest| instant > latest) {
            latest = Some(instant);
            counted += 1;
        }
        if rule.end == End::Count(counted) {
            return Ok(());
        }
    }
    Err("no further occurrence of its rule could be found".to_owned())
}
