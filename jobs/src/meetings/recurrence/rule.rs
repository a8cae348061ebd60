//! One RRULE, and which of them can be worked out.

use chrono::{DateTime, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use rrule::{Frequency, NWeekday, RRule, Unvalidated};

/// Where a series starts.
#[derive(Debug, Clone)]
pub(super) struct Anchor {
    pub(super) zone: Tz,
    pub(super) instant: DateTime<Utc>,
    /// The same in `zone`.
    pub(super) local: NaiveDateTime,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum End {
    Never,
    /// So many occurrences.
    Count(u32),
    /// No occurrence starts after this instant; fractions of a second do not matter.
    Until(DateTime<Utc>),
}

/// An RRULE.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rule {
    /// Everything but COUNT and UNTIL.
    pub(super) parts: RRule<Unvalidated>,
    pub(super) end: End,
}

impl Rule {
    /// The combinations that RFC 5545 section 3.3.10 forbids. They are refused because programs disagree on what they
    /// mean.
    pub(super) fn check_allowed(&self) -> Result<(), String> {
        let parts = &self.parts;
        let frequency = parts.get_freq();
        let yearly = frequency == Frequency::Yearly;
        let no_day_of_year = matches!(frequency, Frequency::Monthly | Frequency::Weekly | Frequency::Daily);
        let unusable = if !parts.get_by_month_day().is_empty() && frequency == Frequency::Weekly {
            "BYMONTHDAY"
        } else if !parts.get_by_year_day().is_empty() && no_day_of_year {
            "BYYEARDAY"
        } else if !parts.get_by_week_no().is_empty() && !yearly {
            "BYWEEKNO"
        } else if parts.get_by_weekday().iter().any(is_numbered)
            && !(frequency == Frequency::Monthly || yearly && parts.get_by_week_no().is_empty())
        {
            "a numbered BYDAY"
        } else if !parts.get_by_set_pos().is_empty() && !self.chooses_days() && !self.chooses_times() {
            "BYSETPOS"
        } else {
            return Ok(());
        };
        Err(format!("its RRULE has {unusable} where the iCalendar rules do not allow it"))
    }

    /// The combinations that the crate `rrule` (0.14) gets wrong, mostly so that a series seems to end too early, or
    /// can be kept busy with. The first two are all that anybody is likely to meet.
    pub(super) fn check_supported(&self) -> Result<(), String> {
        let parts = &self.parts;
        let frequency = parts.get_freq();
        let numbered = parts.get_by_weekday().iter().filter(|day| is_numbered(day)).count();
        let unsupported = if numbered > 0 && numbered < parts.get_by_weekday().len() {
            // It yields the days that are in both, `BYDAY=FR,1TU` nothing.
            "a BYDAY with and without numbers"
        } else if frequency == Frequency::Weekly && !parts.get_by_set_pos().is_empty() {
            // It counts the positions in the first week from the start of the series.
            "BYSETPOS in a WEEKLY rule"
        } else if parts.get_by_week_no().iter().any(|number| number.abs() >= 52) {
            // It mistakes how many weeks some years have.
            "BYWEEKNO 52 or 53, counted from either end"
        } else if frequency >= Frequency::Hourly && (self.chooses_times() || !parts.get_by_set_pos().is_empty()) {
            // It steps hours, minutes and seconds separately, so that after an hour that is left out it goes on at
            // another minute, and can be made to search the times of all the days of centuries.
            "BYHOUR, BYMINUTE, BYSECOND or BYSETPOS in a rule by the hour, minute or second"
        } else {
            return Ok(());
        };
        Err(format!("its RRULE has {unsupported}, which is not supported"))
    }

    /// A bound on the times of a day, and on the work to choose among them by BYSETPOS.
    pub(super) fn combinations(&self) -> u64 {
        let parts = &self.parts;
        let lists = [parts.get_by_hour(), parts.get_by_minute(), parts.get_by_second()].map(<[u8]>::len);
        lists.into_iter().chain([parts.get_by_set_pos().len()]).map(|length| length.max(1) as u64).product()
    }

    fn chooses_days(&self) -> bool {
        let parts = &self.parts;
        !parts.get_by_month().is_empty()
            || !parts.get_by_month_day().is_empty()
            || !parts.get_by_year_day().is_empty()
            || !parts.get_by_week_no().is_empty()
            || !parts.get_by_weekday().is_empty()
    }

    fn chooses_times(&self) -> bool {
        let lists = [self.parts.get_by_hour(), self.parts.get_by_minute(), self.parts.get_by_second()];
        lists.iter().any(|list| !list.is_empty())
    }
}

fn is_numbered(day: &NWeekday) -> bool {
    matches!(day, NWeekday::Nth(..))
}

/// The instant of a local time by RFC 5545 section 3.3.5: a time that occurs twice means the first, one that the
/// clocks skip is taken with the offset before the gap. `None` beyond the calendar.
pub(super) fn instant_of(local: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    if let Some(instant) = zone.from_local_datetime(&local).earliest() {
        return Some(instant.to_utc());
    }
    // No zone is further from UTC than 15 hours and no gap longer than a day, so this lies before the gap.
    let before = local.checked_sub_signed(TimeDelta::hours(40))?;
    let offset = zone.offset_from_utc_datetime(&before).fix();
    Some(local.checked_sub_offset(offset)?.and_utc())
}
