//! Patterns that cannot be judged, and such as are made to keep a program busy.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::meetings::recurrence::{Change, Exception};

fn daily(pattern: &str) -> Series {
    series("2024-01-01 10:00", "Europe/Berlin", pattern)
}

#[test]
fn what_cannot_be_read_is_unclear() {
    for (pattern, reason) in [
        ("", "its recurrence pattern has no RRULE"),
        ("EXDATE:20240101T100000", "its recurrence pattern has no RRULE"),
        ("FREQ=DAILY;COUNT=1\nEXRULE:FREQ=DAILY", "its recurrence pattern has a line that is not supported: EXRULE"),
        (
            "FREQ=DAILY\nTALK WITH ANN: 5",
            "its recurrence pattern has a line that is not supported: not an iCalendar name",
        ),
        ("RRULE;X-A=1:FREQ=DAILY", "its RRULE has parameters"),
        ("every day", "its RRULE has a part without a value"),
        ("COUNT=5", "its RRULE has no FREQ"),
        ("FREQ=FORTNIGHTLY;COUNT=5", "the FREQ of its RRULE cannot be read"),
        ("FREQ=DAILY;COUNT=0", "the COUNT of its RRULE cannot be read"),
        ("FREQ=DAILY;COUNT=-1", "the COUNT of its RRULE cannot be read"),
        ("FREQ=DAILY;COUNT=+1", "the COUNT of its RRULE cannot be read"),
        ("FREQ=DAILY;COUNT=", "the COUNT of its RRULE cannot be read"),
        ("FREQ=DAILY;COUNT=4294967296", "the COUNT of its RRULE cannot be read"),
        ("FREQ=DAILY;INTERVAL=0", "the INTERVAL of its RRULE cannot be read"),
        ("FREQ=DAILY;UNTIL=2024", "the UNTIL of its RRULE cannot be read"),
        ("FREQ=DAILY;UNTIL=20240230", "the UNTIL of its RRULE cannot be read"),
        ("FREQ=DAILY;UNTIL=20240101T250000Z", "the UNTIL of its RRULE cannot be read"),
        ("FREQ=DAILY;UNTIL=2024é01T", "the UNTIL of its RRULE cannot be read"),
        ("FREQ=DAILY;COUNT=1;UNTIL=20240101", "its RRULE has both COUNT and UNTIL"),
        ("FREQ=DAILY;COUNT=1;COUNT=2", "its RRULE has a part twice: COUNT"),
        ("FREQ=DAILY;COUNT=1;RSCALE=HEBREW", "its RRULE has a part that is not supported: RSCALE"),
        ("FREQ=DAILY;COUNT=1;BYMONTH=13", "the BYMONTH of its RRULE cannot be read"),
        ("FREQ=DAILY;COUNT=1;BYMONTH=-1", "the BYMONTH of its RRULE cannot be read"),
        ("FREQ=DAILY;COUNT=1;BYMONTHDAY=0", "the BYMONTHDAY of its RRULE cannot be read"),
        ("FREQ=DAILY;COUNT=1;BYMONTHDAY=--3", "the BYMONTHDAY of its RRULE cannot be read"),
        ("FREQ=DAILY;COUNT=1;BYHOUR=24", "the BYHOUR of its RRULE cannot be read"),
        ("FREQ=DAILY;COUNT=1;BYHOUR=1,,2", "the BYHOUR of its RRULE cannot be read"),
        ("FREQ=MONTHLY;COUNT=1;BYDAY=0MO", "the BYDAY of its RRULE cannot be read"),
        ("FREQ=MONTHLY;COUNT=1;BYDAY=é", "the BYDAY of its RRULE cannot be read"),
        ("FREQ=MONTHLY;COUNT=1;BYDAY=1,2MO", "the BYDAY of its RRULE cannot be read"),
        ("FREQ=WEEKLY;COUNT=1;BYDAY=1MO", "its RRULE has a numbered BYDAY where the iCalendar rules do not allow it"),
        ("FREQ=WEEKLY;COUNT=1;BYMONTHDAY=1", "its RRULE has BYMONTHDAY where the iCalendar rules do not allow it"),
        ("FREQ=DAILY;COUNT=1;BYYEARDAY=1", "its RRULE has BYYEARDAY where the iCalendar rules do not allow it"),
        ("FREQ=DAILY;COUNT=1;BYWEEKNO=1", "its RRULE has BYWEEKNO where the iCalendar rules do not allow it"),
        ("FREQ=DAILY;COUNT=1;BYSETPOS=1", "its RRULE has BYSETPOS where the iCalendar rules do not allow it"),
        ("FREQ=DAILY;COUNT=1\nEXDATE;TZID=Mars/Olympus:20240101T100000", "its EXDATE names an unknown time zone"),
        ("FREQ=DAILY;COUNT=1\nEXDATE:tomorrow", "its EXDATE holds a time that cannot be read"),
        (
            "FREQ=DAILY;COUNT=1\nRDATE;VALUE=PERIOD:20240101T100000/PT1H",
            "its RDATE has parameters that are not supported",
        ),
        ("FREQ=DAILY;COUNT=1\nRDATE:20240101T100000/PT1H", "its RDATE holds a time that cannot be read"),
    ] {
        assert_unclear(&daily(pattern), reason);
    }
    let long = format!("FREQ=DAILY;COUNT=1;{}", ";".repeat(20_000));
    assert_unclear(&daily(&long), "its recurrence pattern is longer than 16384 bytes");
}

#[test]
fn impossible_columns_are_unclear() {
    let event = daily("FREQ=DAILY;COUNT=2");
    let in_zone = |zone: &str| Series { starts_at_tz: zone.to_owned(), ..event.clone() };
    assert_unclear(&in_zone("Mars/Olympus"), "its time zone 'Mars/Olympus' is unknown");
    assert_unclear(&in_zone("\u{1b}[31m"), "its time zone '\\u{1b}[31m' is unknown");
    assert_unclear(&Series { duration_secs: -1, ..event.clone() }, "its duration is negative");
    for starts_at in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
        let event = Series { starts_at, ..event.clone() };
        assert_unclear(&event, "its start is not within the years 1 to 9999");
        assert!(matches!(judge(&event, starts_at), Verdict::Unclear(_)));
    }
    // An unreadable rule is unclear even if it has no end, an unknown zone even if the rule has none.
    assert_unclear(&daily("FREQ=DAILY;BYHOUR=99"), "the BYHOUR of its RRULE cannot be read");
    let endless = Series { pattern: "FREQ=DAILY".to_owned(), ..in_zone("Mars/Olympus") };
    assert_unclear(&endless, "its time zone 'Mars/Olympus' is unknown");
}

#[test]
fn absurd_work_is_refused() {
    let all = |end: u32| (0..end).map(|number| number.to_string()).collect::<Vec<_>>().join(",");
    let times = format!("BYHOUR={};BYMINUTE={};BYSECOND={}", all(24), all(60), all(60));
    let steps = "working out its occurrences takes more than 100000 steps";
    for pattern in [
        "FREQ=SECONDLY;COUNT=4294967295".to_owned(),
        "FREQ=SECONDLY;UNTIL=99991231".to_owned(),
        "FREQ=MINUTELY;INTERVAL=1;COUNT=5000000".to_owned(),
        format!("FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;{times};COUNT=4294967295"),
        format!("FREQ=YEARLY;BYWEEKNO=51;BYMONTH=6;{times};COUNT=1"),
        format!("FREQ=DAILY;BYHOUR=1,2;BYSETPOS={};COUNT=1", all(100).replacen("0,", "", 1)),
        "FREQ=DAILY;COUNT=3000\n".repeat(90),
        "FREQ=DAILY;COUNT=1\n".repeat(101),
    ] {
        let event = series("1970-01-01 00:00", "Europe/Berlin", &pattern);
        assert_unclear(&event, steps);
    }
}

#[test]
fn rules_without_a_further_day_are_unclear() {
    for pattern in [
        "FREQ=YEARLY;INTERVAL=100;BYMONTH=2;BYMONTHDAY=30;COUNT=2",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;UNTIL=20991231",
        "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30;COUNT=1",
        "FREQ=SECONDLY;INTERVAL=7;BYMONTH=2;BYMONTHDAY=30;COUNT=1",
        "FREQ=YEARLY;BYMONTHDAY=1;BYSETPOS=13;COUNT=1",
        "FREQ=YEARLY;INTERVAL=65535;COUNT=2",
        "FREQ=MONTHLY;INTERVAL=65535;COUNT=2",
        "FREQ=WEEKLY;INTERVAL=65535;COUNT=2",
    ] {
        assert_unclear(&daily(pattern), "no further occurrence of its rule could be found");
    }
    assert_unclear(&daily("FREQ=YEARLY;INTERVAL=65536;COUNT=2"), "the INTERVAL of its RRULE cannot be read");
}

#[test]
fn the_first_and_last_years_can_be_judged() {
    for (start, last) in [("0001-01-01 00:00", "0001-01-03 00:00"), ("9999-12-29 00:00", "9999-12-31 00:00")] {
        for zone in ["UTC", "Pacific/Apia", "America/Los_Angeles"] {
            let event = Series { starts_at: utc(start), ..series("2024-01-01 10:00", zone, "FREQ=DAILY;COUNT=3") };
            assert_ends(&event, utc(last) + TimeDelta::hours(1));
        }
    }
}

#[test]
fn hostile_rules_that_can_be_decided_are() {
    let cutoff = utc("2024-06-01 00:00");
    let long_ago = |pattern: &str| judge(&series("1970-01-01 00:00", "UTC", pattern), cutoff);
    // UNTIL is long past: it only matters that something took place.
    assert_eq!(long_ago("FREQ=SECONDLY;UNTIL=20200101T000000Z"), Verdict::Over);
    assert_eq!(long_ago("FREQ=MINUTELY;INTERVAL=1;UNTIL=20200101T000000Z"), Verdict::Over);
    // The first occurrence after the cutoff is enough.
    let recent = series("2024-05-31 00:00", "UTC", "FREQ=SECONDLY;COUNT=4294967295");
    assert_eq!(judge(&recent, cutoff), Verdict::NotOver);
    let excluded = (0..240).map(|hour| format!("2024010{}T{:02}0000Z", 1 + hour / 24 % 9, hour % 24));
    let excluded = excluded.collect::<Vec<_>>().join(",");
    assert_ends(&daily(&format!("FREQ=DAILY;COUNT=10\nEXDATE:{excluded}")), at("2024-01-10 11:00", "Europe/Berlin"));
}

/// Pieces of patterns, sensible and otherwise.
fn texts() -> impl Strategy<Value = String> {
    let pieces = [
        "RRULE:",
        "EXDATE",
        "RDATE",
        "DTSTART",
        "EXRULE:",
        "FREQ=DAILY",
        "FREQ=YEARLY",
        "FREQ=SECONDLY",
        "FREQ=MONTHLY",
        "FREQ=WEEKLY",
        "INTERVAL=",
        "WKST=SU",
        "BYDAY=",
        "BYMONTH=",
        "BYMONTHDAY=",
        "BYYEARDAY=",
        "BYWEEKNO=",
        "BYSETPOS=",
        "BYHOUR=",
        "BYMINUTE=",
        "BYSECOND=",
        "MO",
        "-1FR",
        "TU,WE",
        "1",
        "-1",
        "53",
        "366",
        "4294967295",
        "0",
        ",",
        ";",
        ";",
        ";",
        ":",
        "\n",
        "\r\n ",
        "=",
        "TZID=Europe/Berlin",
        "VALUE=DATE",
        "20240101",
        "20240331T023000",
        "99991231T235959Z",
        "00000101",
        "T",
        "Z",
        "é",
        "\u{0}",
        " ",
    ];
    vec(select(pieces.to_vec()), 0..30).prop_map(|pieces| pieces.concat())
}

fn any_instant() -> impl Strategy<Value = DateTime<Utc>> {
    let edges = prop_oneof![Just(DateTime::<Utc>::MIN_UTC), Just(DateTime::<Utc>::MAX_UTC)];
    let wide = (DateTime::<Utc>::MIN_UTC.timestamp()..DateTime::<Utc>::MAX_UTC.timestamp(), 0..1_000_000_000_u32);
    let near = (-62_000_000_000..253_000_000_000_i64, 0..1_000_000_000_u32);
    let from = |(seconds, nanoseconds)| DateTime::from_timestamp(seconds, nanoseconds).unwrap();
    prop_oneof![1 => edges, 2 => wide.prop_map(from), 7 => near.prop_map(from)]
}

proptest! {
    #[test]
    fn no_text_panics_and_endless_rules_are_never_over(
        text in prop_oneof![any::<String>(), texts(), texts().prop_map(|text| format!("FREQ=DAILY;{text}"))],
        end in select(vec!["", ";COUNT=3", ";UNTIL=20240401", "\nFREQ=HOURLY;COUNT=2"]),
        (starts_at, cutoff, moved) in (any_instant(), any_instant(), any_instant()),
        zone in select(vec!["Europe/Berlin", "UTC", "Pacific/Apia", "Africa/Monrovia", "nowhere", ""]),
        duration_secs in any::<i32>(),
    ) {
        let upper = text.to_ascii_uppercase();
        let endless = end.is_empty() && !upper.contains("COUNT") && !upper.contains("UNTIL");
        let change = Change::Modified { starts_at: Some(moved), ends_at: None };
        let series = Series {
            starts_at,
            starts_at_tz: zone.to_owned(),
            duration_secs,
            pattern: text + end,
            exceptions: vec![Exception { original_start: cutoff, change }],
        };
        let verdict = judge(&series, cutoff);
        prop_assert!(!endless || verdict != Verdict::Over);
    }
}
