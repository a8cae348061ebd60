//! The sample platform: who is there and what they met for. The same in every demo, but for the present that all its
//! dates are relative to.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use serde::Serialize;
use uuid::{Builder, Uuid};

const USERS: usize = 300;
const ZONES: [&str; 4] = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo"];
const DURATIONS_MINUTES: [i64; 4] = [30, 45, 60, 90];
/// The platform stores this end for every series, finished or not.
const A_CENTURY: TimeDelta = TimeDelta::days(36_525);

/// How an event stands to the present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Situation {
    Over,
    SeriesOver,
    Recent,
    Upcoming,
    SeriesGoingOn,
    Endless,
    Moved,
    Undated,
    UnknownZone,
}

use Situation::*;

/// How many events of which kind there are, and what the story calls them.
pub(super) const EVENTS: [(Situation, usize, &str); 9] = [
    (Over, 2_300, "ended more than 30 days ago"),
    (SeriesOver, 260, "series that ended then, though stored to end in 100 years"),
    (Recent, 160, "ended less than 30 days ago"),
    (Upcoming, 700, "still to come"),
    (SeriesGoingOn, 140, "series that is not at its end"),
    (Endless, 220, "series without an end"),
    (Moved, 8, "series that ended, but for one instance moved to next week"),
    (Undated, 211, "without dates"),
    (UnknownZone, 1, "series in a time zone that nobody knows"),
];

/// Everything there is.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) tenant: Uuid,
    pub(super) tariff: Uuid,
    pub(super) users: Vec<Uuid>,
    pub(super) events: Vec<Event>,
}

/// An event with its room. It becomes JSON for the statements that insert it.
#[derive(Debug, Serialize)]
pub(super) struct Event {
    pub(super) id: Uuid,
    room: Uuid,
    created_by: Uuid,
    #[serde(with = "chrono::serde::ts_microseconds")]
    created_at: DateTime<Utc>,
    is_adhoc: u8,
    dates: Option<Dates>,
    pub(super) assets: Vec<Asset>,
    #[serde(skip)]
    pub(super) situation: Situation,
}

#[derive(Debug, Serialize)]
struct Dates {
    #[serde(with = "chrono::serde::ts_microseconds")]
    starts_at: DateTime<Utc>,
    zone: &'static str,
    #[serde(with = "chrono::serde::ts_microseconds")]
    ends_at: DateTime<Utc>,
    duration_secs: i64,
    rule: Option<String>,
    exception: Option<Exception>,
}

/// An instance that differs from its series.
#[derive(Debug, Serialize)]
struct Exception {
    id: Uuid,
    kind: &'static str,
    #[serde(with = "chrono::serde::ts_microseconds")]
    original_start: DateTime<Utc>,
    #[serde(with = "chrono::serde::ts_microseconds_option")]
    starts_at: Option<DateTime<Utc>>,
    #[serde(with = "chrono::serde::ts_microseconds_option")]
    ends_at: Option<DateTime<Utc>>,
}

/// A file that belongs to a room.
#[derive(Debug, Serialize)]
pub(super) struct Asset {
    pub(super) id: Uuid,
    /// In bytes.
    pub(super) size: u64,
}

impl Sample {
    /// The platform as it stands at `now`.
    ///
    /// # Errors
    /// When `now` is at the edge of the calendar.
    pub(super) fn at(now: DateTime<Utc>) -> anyhow::Result<Self> {
        let mut dice = Dice(2_026);
        let (tenant, tariff) = (dice.id(), dice.id());
        let users: Vec<_> = (0..USERS).map(|_| dice.id()).collect();
        // Meetings begin at full hours.
        let hour = now.duration_trunc(TimeDelta::hours(1))?;
        let situations = EVENTS.iter().flat_map(|&(situation, number, _)| std::iter::repeat_n(situation, number));
        let events = situations.enumerate().map(|(number, situation)| {
            let dates = dice.dates(situation, hour);
            let planned = dates.as_ref().map_or(hour, |dates| dates.starts_at.min(hour));
            let single = dates.as_ref().is_some_and(|dates| dates.rule.is_none());
            Event {
                id: dice.id(),
                room: dice.id(),
                created_by: users[number % USERS],
                created_at: planned - TimeDelta::days(14),
                is_adhoc: (single && number % 9 == 0).into(),
                dates,
                assets: dice.assets(),
                situation,
            }
        });
        let events = events.collect();
        Ok(Self { tenant, tariff, users, events })
    }

    /// All files.
    pub(super) fn assets(&self) -> Vec<&Asset> {
        self.events.iter().flat_map(|event| &event.assets).collect()
    }
}

/// Numbers that look thrown and are the same every time (SplitMix64).
struct Dice(u64);

impl Dice {
    fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From `low` to below `high`.
    fn between(&mut self, low: i64, high: i64) -> i64 {
        low + (self.throw() % high.abs_diff(low).max(1)).cast_signed()
    }

    fn one_of<T: Copy, const N: usize>(&mut self, choices: [T; N]) -> T {
        choices[(self.throw() % N as u64) as usize]
    }

    fn id(&mut self) -> Uuid {
        let bits = u128::from(self.throw()) << 64 | u128::from(self.throw());
        Builder::from_custom_bytes(bits.to_be_bytes()).into_uuid()
    }

    /// Every seventh room has some.
    fn assets(&mut self) -> Vec<Asset> {
        let number = if self.between(0, 7) == 0 { self.between(1, 3) } else { 0 };
        (0..number).map(|_| Asset { id: self.id(), size: self.between(500, 5_000).unsigned_abs() }).collect()
    }

    fn dates(&mut self, situation: Situation, now: DateTime<Utc>) -> Option<Dates> {
        let duration = TimeDelta::minutes(self.one_of(DURATIONS_MINUTES));
        let zone = self.one_of(ZONES);
        let ago = |days: i64, hours: i64| now - TimeDelta::hours(24 * days + hours);
        let single = |starts_at: DateTime<Utc>| Dates {
            starts_at,
            zone,
            ends_at: starts_at + duration,
            duration_secs: duration.num_seconds(),
            rule: None,
            exception: None,
        };
        let series = |starts_at: DateTime<Utc>, rule: String| Dates {
            ends_at: starts_at + A_CENTURY,
            rule: Some(format!("RRULE:{rule}")),
            ..single(starts_at)
        };
        let weekly = |starts_at, count| series(starts_at, format!("FREQ=WEEKLY;COUNT={count}"));
        let hours = self.between(0, 24);
        Some(match situation {
            Over => single(ago(self.between(32, 900), hours)),
            Recent => single(ago(self.between(3, 28), hours)),
            Upcoming => single(ago(-self.between(2, 180), hours)),
            SeriesOver => {
                let (count, last) = (self.between(3, 20), ago(self.between(35, 600), hours));
                match self.between(0, 3) {
                    0 => series(last - TimeDelta::days(count), format!("FREQ=DAILY;UNTIL={}", stamp(last))),
                    1 => {
                        let starts_at = last - TimeDelta::weeks(count - 1);
                        let exception = Exception {
                            id: self.id(),
                            kind: "cancelled",
                            original_start: starts_at + TimeDelta::weeks(1),
                            starts_at: None,
                            ends_at: None,
                        };
                        Dates { zone: "UTC", exception: Some(exception), ..weekly(starts_at, count) }
                    }
                    _ => weekly(last - TimeDelta::weeks(count - 1), count),
                }
            }
            SeriesGoingOn => weekly(ago(self.between(10, 300), hours), 52),
            Endless => {
                let rule = self.one_of(["FREQ=DAILY", "FREQ=WEEKLY", "FREQ=MONTHLY;BYDAY=1TU"]);
                series(ago(self.between(40, 700), hours), rule.to_owned())
            }
            Moved => {
                let last = ago(self.between(35, 200), hours);
                let next_week = now + TimeDelta::weeks(1);
                let exception = Exception {
                    id: self.id(),
                    kind: "modified",
                    original_start: last,
                    starts_at: Some(next_week),
                    ends_at: Some(next_week + duration),
                };
                Dates { zone: "UTC", exception: Some(exception), ..weekly(last - TimeDelta::weeks(7), 8) }
            }
            Undated => return None,
            UnknownZone => Dates { zone: "Mars/Olympus", ..weekly(ago(400, hours), 4) },
        })
    }
}

/// An instant as iCalendar writes it.
fn stamp(instant: DateTime<Utc>) -> String {
    instant.format("%Y%m%dT%H%M%SZ").to_string()
}
