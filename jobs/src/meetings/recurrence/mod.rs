//! Decides whether a recurring event is over: whether its very last occurrence has ended.
//!
//! Pure code: no database and no clock. Where the platform's data or RFC 5545 leave something open, the reading is
//! taken that keeps the event for longer; what cannot be judged is kept and named.

mod occurrences;
mod rule;
mod rule_text;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::ops::ControlFlow;

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use chrono_tz::Tz;

use occurrences::Budget;
use rule::{Anchor, End};

/// A recurring event as the platform stores it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    /// `starts_at`, the start of the first occurrence (DTSTART).
    pub(crate) starts_at: DateTime<Utc>,
    /// `starts_at_tz`, the IANA name of the zone in which the event recurs.
    pub(crate) starts_at_tz: String,
    /// `duration_secs`, of each occurrence.
    pub(crate) duration_secs: i32,
    /// `recurrence_pattern`: iCalendar lines, the RRULE with or without its name.
    pub(crate) pattern: String,
    /// The rows of `event_exceptions` of this event.
    pub(crate) exceptions: Vec<Exception>,
}

/// One occurrence that differs from the rule.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Exception {
    /// `exception_date`: when the occurrence would have started.
    pub(crate) original_start: DateTime<Utc>,
    /// What became of it.
    pub(crate) change: Change,
}

/// What became of an occurrence.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    /// It does not take place.
    Cancelled,
    /// It takes place at another time, or at the same one (both `None`) with other details.
    Modified {
        /// The new start, if it was changed.
        starts_at: Option<DateTime<Utc>>,
        /// The new end, if it was changed.
        ends_at: Option<DateTime<Utc>>,
    },
}

/// Whether a series is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Every occurrence ended at or before the cutoff.
    Over,
    /// Some occurrence ends after the cutoff, or the rule has no end.
    NotOver,
    /// It cannot be judged, and so must be kept. The reason is for the operator ("its …") and repeats nothing of the
    /// event but names of rule parts and of the time zone.
    Unclear(String),
}

/// Judges `series` by RFC 5545: it is over if it is finite and the end of its last occurrence is `<= cutoff`.
///
/// Never panics and takes at most some hundredths of a second, whatever the series holds.
pub(crate) fn judge(series: &Series, cutoff: DateTime<Utc>) -> Verdict {
    match decide(series, cutoff) {
        Ok(true) => Verdict::Over,
        Ok(false) => Verdict::NotOver,
        Err(reason) => Verdict::Unclear(reason),
    }
}

fn decide(series: &Series, cutoff: DateTime<Utc>) -> Result<bool, String> {
    let anchor = anchor(series)?;
    let pattern = rule_text::read(&series.pattern, &anchor)?;
    if pattern.rules.iter().any(|rule| rule.end == End::Never) {
        return Ok(false);
    }
    let replaced = series.exceptions.iter().map(|exception| exception.original_start);
    let mut tally = Tally {
        cutoff,
        duration: TimeDelta::seconds(series.duration_secs.into()),
        removed: pattern.removed.iter().copied().chain(replaced).map(|start| start.timestamp()).collect(),
        taken_place: false,
        outlasts: false,
    };
    for exception in &series.exceptions {
        tally.add_exception(exception);
    }
    // By RFC 5545 the start of the series is an occurrence whatever the rule says.
    for start in pattern.added.into_iter().chain([anchor.instant]) {
        tally.add(start);
    }
    let mut budget = Budget(Budget::FOR_ONE_SERIES);
    let mut yields = false;
    for rule in &pattern.rules {
        // A second more, since starts with fractions are compared with UNTIL in whole seconds.
        let past = matches!(rule.end, End::Until(until) if tally.ended(until + TimeDelta::seconds(1)));
        if tally.outlasts {
            return Ok(false);
        }
        occurrences::walk(rule, &anchor, &mut budget, |start| {
            yields = true;
            tally.add(start);
            // Of a rule whose UNTIL is that long ago it only matters that some occurrence took place.
            if tally.outlasts || past && tally.taken_place { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
    }
    if tally.outlasts {
        return Ok(false);
    }
    if !yields {
        return Err("its rule yields no occurrence".to_owned());
    }
    if !tally.taken_place {
        return Err("all its occurrences are cancelled or excluded".to_owned());
    }
    Ok(true)
}

fn anchor(series: &Series) -> Result<Anchor, String> {
    if series.duration_secs < 0 {
        return Err("its duration is negative".to_owned());
    }
    let zone: Tz = series.starts_at_tz.parse().map_err(|_| {
        let name: String = series.starts_at_tz.escape_debug().take(40).collect();
        format!("its time zone '{name}' is unknown")
    })?;
    // Those that iCalendar dates have room for.
    if !(1..=9999).contains(&series.starts_at.year()) {
        return Err("its start is not within the years 1 to 9999".to_owned());
    }
    let local = series.starts_at.with_timezone(&zone).naive_local();
    Ok(Anchor { zone, instant: series.starts_at, local })
}

/// What is known so far about the occurrences of a series.
struct Tally {
    cutoff: DateTime<Utc>,
    duration: TimeDelta,
    /// Starts of occurrences that do not take place, or not then, in whole seconds since 1970: iCalendar texts have no
    /// fractions, the start of the event may have.
    removed: HashSet<i64>,
    /// Whether anything is left of the series.
    taken_place: bool,
    /// Whether something ends after the cutoff.
    outlasts: bool,
}

impl Tally {
    fn add(&mut self, start: DateTime<Utc>) {
        if !self.removed.contains(&start.timestamp()) {
            self.taken_place = true;
            self.outlasts |= !self.ended(start);
        }
    }

    /// A modified occurrence counts with its new time even if no rule yields the old one.
    fn add_exception(&mut self, exception: &Exception) {
        let Change::Modified { starts_at, ends_at } = exception.change else { return };
        self.taken_place = true;
        let start = starts_at.unwrap_or(exception.original_start);
        let ended = match ends_at {
            Some(end) => start.max(end) <= self.cutoff,
            None => self.ended(start),
        };
        self.outlasts |= !ended;
    }

    /// Whether an occurrence that starts at `start` has ended. An end beyond the calendar has not come.
    fn ended(&self, start: DateTime<Utc>) -> bool {
        start.checked_add_signed(self.duration).is_some_and(|end| end <= self.cutoff)
    }
}
