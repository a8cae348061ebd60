//! Walks through the occurrences of one RRULE in bounded work.
//!
//! The crate `rrule` (0.14) is not used for this, only as a second opinion in the tests. Much of what it gets wrong
//! makes a series end too early: it leaves out occurrences on days whose midnight the clocks skip or repeat (Havana,
//! São Paulo), joins `BYDAY=FR,1TU` to nothing, and spends COUNT on all seven days of `BYWEEKNO=20`, on every day of
//! `FREQ=WEEKLY;BYDAY=1MO` and twice on an hour that the clocks skip. It also drops a first occurrence with fractions
//! of a second, takes floating times for those of the server's own zone, and one `next()` can take seconds and
//! gigabytes (`FREQ=YEARLY` with every BYHOUR, BYMINUTE and BYSECOND).

use std::ops::ControlFlow;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Utc};

use super::rule::{Anchor, End, Frequency, Rule, allows, days_into_week, instant_of};

/// iCalendar dates have four digits for the year.
pub(super) const LAST_YEAR: i32 = 9999;

/// Days, times and periods that may still be looked at. A number of steps instead of a time, so that the verdict on
/// an event depends on the event alone.
pub(super) struct Budget(pub(super) u32);

impl Budget {
    /// Enough for 19 years of every hour, more than anybody meets; takes some hundredths of a second.
    pub(super) const FOR_ONE_SERIES: u32 = 500_000;

    fn spend(&mut self) -> Result<(), String> {
        self.0 = self
            .0
            .checked_sub(1)
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
/// Why the occurrences cannot all be worked out: the budget is exhausted or the calendar ends.
pub(super) fn walk(
    rule: &Rule,
    anchor: &Anchor,
    budget: &mut Budget,
    mut found: impl FnMut(DateTime<Utc>) -> ControlFlow<()>,
) -> Result<(), String> {
    let rule = rule.anchored(anchor.local);
    let fraction = TimeDelta::nanoseconds(anchor.local.nanosecond().into());
    let until_local = match rule.end {
        End::Until(until) => Some(until.with_timezone(&anchor.zone).naive_local()),
        _ => None,
    };
    let mut counted = 0;
    let mut latest = None;
    let mut days = Vec::new();
    for index in 0.. {
        budget.spend()?;
        let Some((first, length)) = period(&rule, anchor.local, index) else {
            // UNTIL cannot be later than the calendar ends.
            return match rule.end {
                End::Until(_) => Ok(()),
                _ => Err(format!("its occurrences do not end before the year {LAST_YEAR}")),
            };
        };
        // Both, since local times are not in the order of instants where the clocks change.
        if let (End::Until(until), Some(until_local)) = (rule.end, until_local)
            && first > until_local
            && instant_of(first, anchor.zone).is_none_or(|first| first > until)
        {
            return Ok(());
        }
        days.clear();
        for day in first.date().iter_days().take(length) {
            budget.spend()?;
            if rule.allows_day(day) {
                days.push(day);
            }
        }
        let clock = [first.hour(), first.minute(), first.second()].map(u32::cast_signed);
        let times = Times::of(&rule, &clock);
        let available = days.len() * times.count();
        let chosen = set_positions(&rule.by_set_pos, available);
        for step in 0..chosen.as_ref().map_or(available, Vec::len) {
            budget.spend()?;
            let position = chosen.as_ref().map_or(step, |chosen| chosen[step]);
            let time = times.at(position % times.count()).ok_or("its times of day cannot be read")?;
            let local = days[position / times.count()].and_time(time) + fraction;
            if local < anchor.local {
                continue;
            }
            // The start is known exactly, even if it is the second of two equal local times.
            let instant = if local == anchor.local { Some(anchor.instant) } else { instant_of(local, anchor.zone) };
            let instant = instant.ok_or("its occurrences leave the calendar")?;
            if let (End::Until(until), Some(until_local)) = (rule.end, until_local)
                && instant.timestamp() > until.timestamp()
            {
                if local > until_local {
                    return Ok(());
                }
                // The clocks skip this local time. Its instant lies beyond those of the next local times, so that it
                // does not show that UNTIL has passed.
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
    }
    Ok(())
}

/// The start of the period `index` of the rule and its length in days; `None` beyond [`LAST_YEAR`].
///
/// Hours, minutes and seconds are counted by the local clock: RFC 5545 section 3.3.10 computes a "local start time".
fn period(rule: &Rule, start: NaiveDateTime, index: i64) -> Option<(NaiveDateTime, usize)> {
    let offset = index.checked_mul(i64::from(rule.interval))?;
    let month = |months: i64| {
        let year = i32::try_from(months / 12).ok()?;
        NaiveDate::from_ymd_opt(year, u32::try_from(months % 12).ok()? + 1, 1)
    };
    let months = i64::from(start.year()) * 12;
    let midnight = start.date().and_time(NaiveTime::MIN);
    let week_start = midnight - TimeDelta::days(days_into_week(start.date(), rule.week_start).into());
    let later = |first: NaiveDateTime, unit_secs: i64| {
        first.checked_add_signed(TimeDelta::try_seconds(offset.checked_mul(unit_secs)?)?)
    };
    let second_of_day = i64::from(start.num_seconds_from_midnight());
    let (first, length) = match rule.frequency {
        Frequency::Yearly => {
            let first = month(offset.checked_mul(12)?.checked_add(months)?)?;
            (first.and_time(NaiveTime::MIN), if first.leap_year() { 366 } else { 365 })
        }
        Frequency::Monthly => {
            let first = month(offset.checked_add(months + i64::from(start.month0()))?)?;
            (first.and_time(NaiveTime::MIN), first.num_days_in_month().into())
        }
        Frequency::Weekly => (later(week_start, 7 * 86_400)?, 7),
        Frequency::Daily => (later(midnight, 86_400)?, 1),
        Frequency::Hourly => (later(midnight + TimeDelta::seconds(second_of_day / 3600 * 3600), 3600)?, 1),
        Frequency::Minutely => (later(midnight + TimeDelta::seconds(second_of_day / 60 * 60), 60)?, 1),
        Frequency::Secondly => (later(midnight + TimeDelta::seconds(second_of_day), 1)?, 1),
    };
    (first.year() <= LAST_YEAR).then_some((first, length))
}

/// The positions that BYSETPOS chooses out of `available` ones, in order; `None` without BYSETPOS.
fn set_positions(by_set_pos: &[i32], available: usize) -> Option<Vec<usize>> {
    if by_set_pos.is_empty() {
        return None;
    }
    let position = |number: &i32| {
        let magnitude = usize::try_from(number.unsigned_abs()).ok()?;
        let position = if *number > 0 { magnitude.checked_sub(1) } else { available.checked_sub(magnitude) };
        position.filter(|position| *position < available)
    };
    let mut positions: Vec<usize> = by_set_pos.iter().filter_map(position).collect();
    positions.sort_unstable();
    positions.dedup();
    Some(positions)
}

/// The times of day of one period: every combination of these numbers.
struct Times<'rule> {
    hours: &'rule [i32],
    minutes: &'rule [i32],
    seconds: &'rule [i32],
}

impl<'rule> Times<'rule> {
    /// `clock` is hour, minute and second of the period's start; a rule of that frequency or a higher one has no
    /// others.
    fn of(rule: &'rule Rule, clock: &'rule [i32; 3]) -> Self {
        let numbers = |unit: Frequency, list: &'rule [i32], value: &'rule i32| {
            if rule.frequency < unit {
                list
            } else if allows(list, [*value]) {
                std::slice::from_ref(value)
            } else {
                &[]
            }
        };
        Self {
            hours: numbers(Frequency::Hourly, &rule.by_hour, &clock[0]),
            minutes: numbers(Frequency::Minutely, &rule.by_minute, &clock[1]),
            seconds: numbers(Frequency::Secondly, &rule.by_second, &clock[2]),
        }
    }

    fn count(&self) -> usize {
        self.hours.len() * self.minutes.len() * self.seconds.len()
    }

    fn at(&self, position: usize) -> Option<NaiveTime> {
        let (minutes, seconds) = (self.minutes.len(), self.seconds.len());
        let hour = self.hours[position / (seconds * minutes)];
        let minute = self.minutes[position / seconds % minutes];
        let second = self.seconds[position % seconds];
        NaiveTime::from_hms_opt(hour.cast_unsigned(), minute.cast_unsigned(), second.cast_unsigned())
    }
}
