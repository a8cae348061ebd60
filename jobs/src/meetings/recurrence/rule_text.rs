//! Reads the recurrence pattern of an event: iCalendar content lines, RFC 5545 sections 3.1, 3.3.10 and 3.8.5.
//!
//! Whatever is not understood in full is refused: a part that is ignored could be the one that prolongs the series.

use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike, Month, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc, Weekday};
use chrono_tz::Tz;
use rrule::{NWeekday, RRule};

use super::rule::{Anchor, End, Rule, instant_of};

/// The platform's column holds about 4,090 characters; this is more than they can take in UTF-8.
const LONGEST_PATTERN: usize = 16 * 1024;

/// The properties that a recurrence pattern may consist of.
const PROPERTIES: [&str; 5] = ["RRULE", "EXRULE", "RDATE", "EXDATE", "DTSTART"];

/// A recurrence pattern that was understood completely.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Pattern {
    pub(super) rules: Vec<Rule>,
    pub(super) removed: Vec<DateTime<Utc>>,
    pub(super) added: Vec<DateTime<Utc>>,
}

/// Reads `text`. Floating times are times in the zone of `anchor`.
///
/// # Errors
///
/// Why the text cannot be relied on, as words for the operator. They repeat nothing of the text but names of
/// properties and rule parts, since anything else may be personal.
pub(super) fn read(text: &str, anchor: &Anchor) -> Result<Pattern, String> {
    if text.len() > LONGEST_PATTERN {
        return Err(format!("its recurrence pattern is longer than {LONGEST_PATTERN} bytes"));
    }
    let mut pattern = Pattern::default();
    for line in unfold(text) {
        let (head, value) = match line.split_once(':') {
            Some((head, value)) => (head.trim_end(), value.trim_start()),
            None => ("RRULE", line.as_str()),
        };
        let (name, parameters) = head.split_once(';').unwrap_or((head, ""));
        match name.trim_end().to_ascii_uppercase().as_str() {
            "RRULE" if parameters.is_empty() => pattern.rules.push(rule(value, anchor)?),
            "RRULE" => return Err("its RRULE has parameters".to_owned()),
            // The platform stores the start in a column of its own, which wins over a copy in the text.
            "DTSTART" => {}
            // A date alone is midnight, so that it removes only instances of all-day events: an exclusion that fails
            // to match can but keep the event for longer.
            "EXDATE" => dates("EXDATE", parameters, value, anchor, NaiveTime::MIN, &mut pattern.removed)?,
            // A date alone takes the time of day of the event (midnight for an all-day event).
            "RDATE" => dates("RDATE", parameters, value, anchor, anchor.local.time(), &mut pattern.added)?,
            name => return Err(format!("its recurrence pattern has a line that is not supported: {}", shown(name))),
        }
    }
    if pattern.rules.is_empty() {
        return Err("its recurrence pattern has no RRULE".to_owned());
    }
    Ok(pattern)
}

/// The lines of `text`, trimmed, without empty ones, folded lines joined again.
fn unfold(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let content = line.trim();
        // A line that starts with a blank continues the one above it, unless it is merely indented.
        let folded = line.starts_with([' ', '\t']) && !starts_property(content);
        match lines.last_mut() {
            Some(above) if folded => above.push_str(content),
            _ if content.is_empty() => {}
            _ => lines.push(content.to_owned()),
        }
    }
    lines
}

fn starts_property(line: &str) -> bool {
    let name = line.split([':', ';']).next().unwrap_or_default();
    PROPERTIES.iter().any(|property| property.eq_ignore_ascii_case(name.trim_end()))
}

fn rule(text: &str, anchor: &Anchor) -> Result<Rule, String> {
    let text = text.to_ascii_uppercase();
    let mut seen: Vec<&str> = Vec::new();
    let (mut count, mut until) = (None, None);
    let mut parts = RRule::default();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').ok_or("its RRULE has a part without a value")?;
        let (name, value) = (name.trim(), value.trim());
        if seen.contains(&name) {
            return Err(format!("its RRULE has a part twice: {}", shown(name)));
        }
        seen.push(name);
        let read = match name {
            "FREQ" => value.parse().map(|frequency| parts.freq(frequency)).ok(),
            "COUNT" => positive(value).map(|number| count = Some(number)).map(|()| parts),
            "UNTIL" => self::until(value, anchor).map(|instant| until = Some(instant)).map(|()| parts),
            "INTERVAL" => positive(value).map(|number| parts.interval(number)),
            "WKST" => weekday(value).map(|day| parts.week_start(day)),
            "BYMONTH" => months(value).map(|months| parts.by_month(&months)),
            "BYMONTHDAY" => numbers(value, 1..=31, true).map(|numbers| parts.by_month_day(numbers)),
            "BYYEARDAY" => numbers(value, 1..=366, true).map(|numbers| parts.by_year_day(numbers)),
            "BYWEEKNO" => numbers(value, 1..=53, true).map(|numbers| parts.by_week_no(numbers)),
            "BYSETPOS" => numbers(value, 1..=366, true).map(|numbers| parts.by_set_pos(numbers)),
            "BYHOUR" => numbers(value, 0..=23, false).map(|numbers| parts.by_hour(numbers)),
            "BYMINUTE" => numbers(value, 0..=59, false).map(|numbers| parts.by_minute(numbers)),
            // RFC 5545 also has 60, the leap second, which no clock here can show.
            "BYSECOND" => numbers(value, 0..=59, false).map(|numbers| parts.by_second(numbers)),
            "BYDAY" => weekdays(value).map(|days| parts.by_weekday(days)),
            _ => return Err(format!("its RRULE has a part that is not supported: {}", shown(name))),
        };
        parts = read.ok_or_else(|| format!("the {name} of its RRULE cannot be read"))?;
    }
    if !seen.contains(&"FREQ") {
        return Err("its RRULE has no FREQ".to_owned());
    }
    // Week numbers alone mean the weekday of the start; the crate would take the whole weeks.
    let days = [parts.get_by_weekday().len(), parts.get_by_month_day().len(), parts.get_by_year_day().len()];
    if !parts.get_by_week_no().is_empty() && days == [0; 3] {
        parts = parts.by_weekday(vec![NWeekday::Every(anchor.local.weekday())]);
    }
    let end = match (count, until) {
        (None, None) => End::Never,
        (Some(count), None) => End::Count(count),
        (None, Some(until)) => End::Until(until),
        (Some(_), Some(_)) => return Err("its RRULE has both COUNT and UNTIL".to_owned()),
    };
    let rule = Rule { parts, end };
    rule.check_allowed()?;
    Ok(rule)
}

fn positive<T: TryFrom<u32>>(text: &str) -> Option<T> {
    let number = digits(text).filter(|number| *number > 0)?;
    T::try_from(number).ok()
}

/// Plain digits only: the standard parser would take a sign as well.
fn digits(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

/// Comma-separated numbers; negative ones (counted from the end) only where `signed`.
fn numbers<T: TryFrom<i32>>(text: &str, range: RangeInclusive<u32>, signed: bool) -> Option<Vec<T>> {
    let number = |item: &str| {
        let item = item.trim();
        let unsigned = if signed { item.strip_prefix(['+', '-']).unwrap_or(item) } else { item };
        let magnitude = digits(unsigned).filter(|magnitude| range.contains(magnitude))?;
        let number = i32::try_from(magnitude).ok()?;
        T::try_from(if item.starts_with('-') { -number } else { number }).ok()
    };
    text.split(',').map(number).collect()
}

fn months(text: &str) -> Option<Vec<Month>> {
    numbers::<u8>(text, 1..=12, false)?.into_iter().map(|number| Month::try_from(number).ok()).collect()
}

fn weekday(text: &str) -> Option<Weekday> {
    let number = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"].iter().position(|name| *name == text)?;
    Weekday::try_from(u8::try_from(number).ok()?).ok()
}

/// The values of BYDAY: weekdays, each maybe with its number within the month or year.
fn weekdays(text: &str) -> Option<Vec<NWeekday>> {
    let day = |item: &str| {
        let item = item.trim();
        let (number, name) = item.split_at_checked(item.len().checked_sub(2)?)?;
        let number = if number.is_empty() { None } else { Some(*numbers(number, 1..=53, true)?.first()?) };
        Some(NWeekday::new(number, weekday(name)?))
    };
    text.split(',').map(day).collect()
}

/// The last moment at which an occurrence may start.
fn until(text: &str, anchor: &Anchor) -> Option<DateTime<Utc>> {
    match stamp(text)? {
        // RFC 5545 wants a date here only if DTSTART is one. Taking the whole day is the reading that deletes later.
        Stamp::Date(date) => {
            let last_second = date.and_time(NaiveTime::MIN).checked_add_signed(TimeDelta::seconds(86_399))?;
            instant_of(last_second, anchor.zone)
        }
        Stamp::Local(local) => instant_of(local, anchor.zone),
        Stamp::Utc(instant) => Some(instant),
    }
}

fn dates(
    property: &str,
    parameters: &str,
    values: &str,
    anchor: &Anchor,
    time_of_dates: NaiveTime,
    into: &mut Vec<DateTime<Utc>>,
) -> Result<(), String> {
    let mut zone = anchor.zone;
    for parameter in parameters.split(';').map(str::trim).filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match (name.trim().to_ascii_uppercase().as_str(), value.trim().trim_matches('"')) {
            ("TZID", name) => {
                zone = name.parse::<Tz>().map_err(|_| format!("its {property} names an unknown time zone"))?;
            }
            ("VALUE", kind) if kind.eq_ignore_ascii_case("DATE") || kind.eq_ignore_ascii_case("DATE-TIME") => {}
            // Above all VALUE=PERIOD, which would bring a duration of its own.
            _ => return Err(format!("its {property} has parameters that are not supported")),
        }
    }
    for value in values.split(',').map(str::trim).filter(|value| !value.is_empty()) {
        let instant = match stamp(&value.to_ascii_uppercase()) {
            Some(Stamp::Date(date)) => instant_of(date.and_time(time_of_dates), zone),
            Some(Stamp::Local(local)) => instant_of(local, zone),
            Some(Stamp::Utc(instant)) => Some(instant),
            None => None,
        };
        into.push(instant.ok_or_else(|| format!("its {property} holds a time that cannot be read"))?);
    }
    Ok(())
}

enum Stamp {
    Date(NaiveDate),
    Local(NaiveDateTime),
    Utc(DateTime<Utc>),
}

/// `20240131`, `20240131T093000` or `20240131T093000Z`.
fn stamp(text: &str) -> Option<Stamp> {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let pair = |text: &str, at: usize| digits(text.get(at..at + 2)?);
    if date.len() != 8 {
        return None;
    }
    let year = i32::try_from(digits(date.get(..4)?)?).ok()?;
    let date = NaiveDate::from_ymd_opt(year, pair(date, 4)?, pair(date, 6)?)?;
    let Some(time) = time else { return Some(Stamp::Date(date)) };
    let (clock, is_utc) = time.strip_suffix('Z').map_or((time, false), |clock| (clock, true));
    if clock.len() != 6 {
        return None;
    }
    let local = date.and_hms_opt(pair(clock, 0)?, pair(clock, 2)?, pair(clock, 4)?)?;
    Some(if is_utc { Stamp::Utc(local.and_utc()) } else { Stamp::Local(local) })
}

/// `name`, unless it is no iCalendar name and might be anything.
fn shown(name: &str) -> &str {
    let is_name = name.len() <= 20 && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
    if is_name && !name.is_empty() { name } else { "not an iCalendar name" }
}
