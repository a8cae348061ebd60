//! One RRULE and the days and times it allows (RFC 5545 section 3.3.10).

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, Offset, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;

/// Where a series starts.
#[derive(Debug, Clone)]
pub(super) struct Anchor {
    pub(super) zone: Tz,
    pub(super) instant: DateTime<Utc>,
    /// The same in `zone`.
    pub(super) local: NaiveDateTime,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Frequency {
    #[default]
    Yearly,
    Monthly,
    Weekly,
    Daily,
    Hourly,
    Minutely,
    Secondly,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) enum End {
    #[default]
    Never,
    /// So many occurrences.
    Count(u32),
    /// No occurrence starts after this instant; fractions of a second do not matter.
    Until(DateTime<Utc>),
}

/// An RRULE. The `by_…` lists are sorted, without duplicates, and empty if the part is missing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rule {
    pub(super) frequency: Frequency,
    /// At least 1.
    pub(super) interval: u32,
    pub(super) end: End,
    /// Days since Monday, like every weekday here.
    pub(super) week_start: u32,
    pub(super) by_month: Vec<i32>,
    pub(super) by_month_day: Vec<i32>,
    pub(super) by_year_day: Vec<i32>,
    pub(super) by_week_no: Vec<i32>,
    /// Ordinal within the month or year (0: every such day) and weekday.
    pub(super) by_day: Vec<(i32, u32)>,
    pub(super) by_hour: Vec<i32>,
    pub(super) by_minute: Vec<i32>,
    pub(super) by_second: Vec<i32>,
    pub(super) by_set_pos: Vec<i32>,
}

impl Default for Rule {
    fn default() -> Self {
        Self {
            frequency: Frequency::default(),
            interval: 1,
            end: End::default(),
            week_start: 0,
            by_month: Vec::new(),
            by_month_day: Vec::new(),
            by_year_day: Vec::new(),
            by_week_no: Vec::new(),
            by_day: Vec::new(),
            by_hour: Vec::new(),
            by_minute: Vec::new(),
            by_second: Vec::new(),
            by_set_pos: Vec::new(),
        }
    }
}

impl Rule {
    /// Whether the rule has any BY… part that chooses days or times.
    pub(super) fn has_by_part(&self) -> bool {
        let times = [&self.by_hour, &self.by_minute, &self.by_second];
        self.chooses_days() || !self.by_month.is_empty() || times.iter().any(|list| !list.is_empty())
    }

    fn chooses_days(&self) -> bool {
        let days = [&self.by_month_day, &self.by_year_day, &self.by_week_no];
        !self.by_day.is_empty() || days.iter().any(|list| !list.is_empty())
    }

    /// The rule with everything filled in that it leaves to the start of the series.
    pub(super) fn anchored(&self, start: NaiveDateTime) -> Self {
        let mut rule = self.clone();
        let weekday = vec![(0, start.weekday().num_days_from_monday())];
        if !self.chooses_days() {
            match self.frequency {
                Frequency::Yearly => {
                    rule.by_month_day = vec![start.day().cast_signed()];
                    if rule.by_month.is_empty() {
                        rule.by_month = vec![start.month().cast_signed()];
                    }
                }
                Frequency::Monthly => rule.by_month_day = vec![start.day().cast_signed()],
                Frequency::Weekly => rule.by_day = weekday,
                _ => {}
            }
        } else if self.by_day.is_empty() && self.by_month_day.is_empty() && self.by_year_day.is_empty() {
            // Week numbers alone: the weekday is that of the start.
            rule.by_day = weekday;
        }
        let times = [
            (&mut rule.by_hour, start.hour(), Frequency::Hourly),
            (&mut rule.by_minute, start.minute(), Frequency::Minutely),
            (&mut rule.by_second, start.second(), Frequency::Secondly),
        ];
        for (list, value, counted_by) in times {
            if list.is_empty() && self.frequency < counted_by {
                list.push(value.cast_signed());
            }
        }
        rule
    }

    /// Whether the day-related parts allow `day`. The rule must be [`anchored`](Self::anchored).
    pub(super) fn allows_day(&self, day: NaiveDate) -> bool {
        let day_of_month = day.day().cast_signed();
        let month_length = i32::from(day.num_days_in_month());
        let day_of_year = day.ordinal().cast_signed();
        let year_length = if day.leap_year() { 366 } else { 365 };
        allows(&self.by_month, [day.month().cast_signed()])
            && allows(&self.by_month_day, [day_of_month, day_of_month - month_length - 1])
            && allows(&self.by_year_day, [day_of_year, day_of_year - year_length - 1])
            && (self.by_week_no.is_empty() || allows(&self.by_week_no, week_number(day, self.week_start)))
            && (self.by_day.is_empty() || {
                let weekday = day.weekday().num_days_from_monday();
                // Ordinals count within the month, in a YEARLY rule without BYMONTH within the year.
                let in_year = self.frequency == Frequency::Yearly && self.by_month.is_empty();
                let (number, length) = if in_year { (day_of_year, year_length) } else { (day_of_month, month_length) };
                let ordinals = [0, (number - 1) / 7 + 1, (number - length) / 7 - 1];
                ordinals.iter().any(|ordinal| self.by_day.binary_search(&(*ordinal, weekday)).is_ok())
            })
    }
}

/// Whether `list` is missing or has one of `values`.
pub(super) fn allows<const N: usize>(list: &[i32], values: [i32; N]) -> bool {
    list.is_empty() || values.iter().any(|value| list.binary_search(value).is_ok())
}

/// The number of the week of `day`, from the start and from the end of the year that the week belongs to: the year
/// of the week's fourth day, as in ISO 8601.
fn week_number(day: NaiveDate, week_start: u32) -> [i32; 2] {
    let number = |day: NaiveDate| {
        let back = Days::new(u64::from(days_into_week(day, week_start)));
        let fourth_day = day.checked_sub_days(back)?.checked_add_days(Days::new(3))?;
        Some((fourth_day.year(), fourth_day.ordinal0().cast_signed() / 7 + 1))
    };
    // 28 December is always in the last week of its year. 0 is no week number and so never allowed; it cannot happen
    // in the years that series are confined to.
    let Some((year, week)) = number(day) else { return [0, 0] };
    let Some((_, weeks)) = NaiveDate::from_ymd_opt(year, 12, 28).and_then(number) else { return [0, 0] };
    [week, week - weeks - 1]
}

pub(super) fn days_into_week(day: NaiveDate, week_start: u32) -> u32 {
    (day.weekday().num_days_from_monday() + 7 - week_start) % 7
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
