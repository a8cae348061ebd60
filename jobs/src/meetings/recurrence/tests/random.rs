//! Random series against independent calculations.

use chrono::{Datelike, Weekday};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;
use crate::meetings::recurrence::{Change, Exception};

const DAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

/// Instants of a local time by other means than the code under test: a skipped time is found three hours earlier.
fn instant(local: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    let found = zone.from_local_datetime(&local).earliest();
    let hours = TimeDelta::hours(3);
    found.unwrap_or_else(|| zone.from_local_datetime(&(local - hours)).unwrap() + hours).to_utc()
}

fn stamp(time: DateTime<Utc>) -> String {
    time.format("%Y%m%dT%H%M%SZ").to_string()
}

#[derive(Debug, Clone)]
struct Plan {
    zone: Tz,
    start: NaiveDateTime,
    interval: i64,
    /// Weekdays of a WEEKLY rule; DAILY without.
    weekdays: Option<Vec<u32>>,
    count: usize,
    by_until: bool,
    excluded: Vec<usize>,
    /// Minutes after the start.
    added: Vec<i64>,
    cancelled: Vec<usize>,
    /// Occurrence, minutes it is moved by, whether its end is stored, too.
    moved: Vec<(usize, i64, bool)>,
}

fn plans() -> impl Strategy<Value = Plan> {
    let zones = [Tz::Europe__Berlin, Tz::America__New_York, Tz::Australia__Lord_Howe, Tz::America__Havana, Tz::UTC];
    let start = (2015..2030_i32, 1..=365_u32, 0..24 * 60_u32).prop_map(|(year, day, minute)| {
        let day = chrono::NaiveDate::from_yo_opt(year, day).unwrap();
        day.and_hms_opt(minute / 60, minute % 60, 0).unwrap()
    });
    let weekdays = option::of(subsequence((0..7).collect::<Vec<u32>>(), 1..=7));
    let rule = (select(zones.to_vec()), start, 1..5_i64, weekdays, 1..40_usize, any::<bool>());
    let changes = (
        vec(0..40_usize, 0..5),
        vec(-9_000..90_000_i64, 0..3),
        vec(0..40_usize, 0..4),
        vec((0..40_usize, -20_000..20_000_i64, any::<bool>()), 0..3),
    );
    (rule, changes).prop_map(|((zone, start, interval, weekdays, count, by_until), changes)| {
        let (excluded, added, cancelled, moved) = changes;
        Plan { zone, start, interval, weekdays, count, by_until, excluded, added, cancelled, moved }
    })
}

impl Plan {
    /// Day by day from the start.
    fn occurrences(&self) -> Vec<DateTime<Utc>> {
        let monday = self.start.date().week(Weekday::Mon).first_day();
        let is_due = |day: &chrono::NaiveDate| match &self.weekdays {
            None => (*day - self.start.date()).num_days() % self.interval == 0,
            Some(weekdays) => {
                (*day - monday).num_days() / 7 % self.interval == 0
                    && weekdays.contains(&day.weekday().num_days_from_monday())
            }
        };
        let due = self.start.date().iter_days().filter(is_due).take(self.count);
        due.map(|day| instant(day.and_time(self.start.time()), self.zone)).collect()
    }
}

proptest! {
    #[test]
    fn daily_and_weekly_series_agree_with_brute_force(plan in plans(), near in 0..60_usize, off in -1..=1_i64) {
        let hour = TimeDelta::hours(1);
        let start = instant(plan.start, plan.zone);
        let occurrences = plan.occurrences();
        let nth = |index: &usize| occurrences[*index % occurrences.len()];
        let added: Vec<_> = plan.added.iter().map(|minutes| start + TimeDelta::minutes(*minutes)).collect();
        let excluded: Vec<_> = plan.excluded.iter().map(nth).collect();
        let mut exceptions: Vec<Exception> = Vec::new();
        let mut gone = excluded.clone();
        let mut ends = Vec::new();
        for original_start in plan.cancelled.iter().map(nth) {
            exceptions.push(Exception { original_start, change: Change::Cancelled });
            gone.push(original_start);
        }
        for (index, minutes, with_end) in &plan.moved {
            let starts_at = nth(index) + TimeDelta::minutes(*minutes);
            let ends_at = with_end.then_some(starts_at + hour * 3);
            exceptions.push(Exception {
                original_start: nth(index),
                change: Change::Modified { starts_at: Some(starts_at), ends_at },
            });
            gone.push(nth(index));
            ends.push(ends_at.unwrap_or(starts_at + hour));
        }
        let starts = occurrences.iter().chain(&added).chain([&start]);
        ends.extend(starts.filter(|start| !gone.contains(start)).map(|start| *start + hour));
        ends.sort_unstable();

        let mut pattern = match &plan.weekdays {
            None => "FREQ=DAILY".to_owned(),
            Some(days) => {
                let days: Vec<_> = days.iter().map(|day| DAYS[*day as usize]).collect();
                format!("FREQ=WEEKLY;BYDAY={}", days.join(","))
            }
        };
        pattern += &format!(";INTERVAL={}", plan.interval);
        pattern += &match (plan.by_until, occurrences.last()) {
            (true, Some(last)) => format!(";UNTIL={}", stamp(*last)),
            _ => format!(";COUNT={}", plan.count),
        };
        for (name, dates) in [("EXDATE", &excluded), ("RDATE", &added)] {
            let dates: Vec<_> = dates.iter().map(|date| stamp(*date)).collect();
            pattern += &format!("\r\n{name}:{}", dates.join(","));
        }
        let cutoff = ends.get(near % ends.len().max(1)).or(ends.last()).map_or(start, |end| *end)
            + TimeDelta::microseconds(off);
        let series = Series {
            starts_at: start,
            starts_at_tz: plan.zone.name().to_owned(),
            duration_secs: 3600,
            pattern,
            exceptions,
        };
        match ends.last() {
            None => prop_assert!(matches!(judge(&series, cutoff), Verdict::Unclear(_))),
            Some(last) => {
                let expected = if *last <= cutoff { Verdict::Over } else { Verdict::NotOver };
                prop_assert_eq!(judge(&series, cutoff), expected);
                assert_ends(&series, *last);
            }
        }
    }
}
