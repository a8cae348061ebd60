//! Verdicts on hand-made series.

mod cases;
mod examples;
mod hostile;
mod random;

use chrono::{DateTime, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use super::{Series, Verdict, judge};

/// A one-hour meeting that starts at the local time `start`.
fn series(start: &str, zone: &str, pattern: &str) -> Series {
    Series {
        starts_at: at(start, zone),
        starts_at_tz: zone.to_owned(),
        duration_secs: 3600,
        pattern: pattern.to_owned(),
        exceptions: Vec::new(),
    }
}

fn at(local: &str, zone: &str) -> DateTime<Utc> {
    let local = NaiveDateTime::parse_from_str(local, "%Y-%m-%d %H:%M").unwrap();
    zone.parse::<Tz>().unwrap().from_local_datetime(&local).unwrap().to_utc()
}

fn utc(time: &str) -> DateTime<Utc> {
    at(time, "UTC")
}

/// The series ends exactly at `end`: it is over at that instant and not a microsecond earlier.
#[track_caller]
fn assert_ends(series: &Series, end: DateTime<Utc>) {
    assert_eq!(judge(series, end), Verdict::Over, "at its end: {}", series.pattern);
    assert_eq!(judge(series, end - TimeDelta::microseconds(1)), Verdict::NotOver, "before its end: {}", series.pattern);
}

/// The last occurrence of the series starts at the local time `last`.
#[track_caller]
fn assert_last(series: &Series, last: &str) {
    assert_ends(series, at(last, &series.starts_at_tz) + TimeDelta::seconds(series.duration_secs.into()));
}

#[track_caller]
fn assert_unclear(series: &Series, reason: &str) {
    // Long after everything that the series could hold, so that nothing but the reason keeps it.
    assert_eq!(judge(series, utc("2999-01-01 00:00")), Verdict::Unclear(reason.to_owned()), "{}", series.pattern);
}
