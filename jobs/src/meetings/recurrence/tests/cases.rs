//! The cases of the specification, boundaries, daylight saving time, exceptions, and how patterns are written.

use super::*;
use crate::meetings::recurrence::{Change, Exception};

const BERLIN: &str = "Europe/Berlin";

fn weekly(pattern: &str) -> Series {
    series("2024-01-01 10:00", BERLIN, pattern)
}

fn cancelled(original_start: DateTime<Utc>) -> Exception {
    Exception { original_start, change: Change::Cancelled }
}

fn moved(original_start: DateTime<Utc>, starts_at: Option<DateTime<Utc>>, ends_at: Option<DateTime<Utc>>) -> Exception {
    Exception { original_start, change: Change::Modified { starts_at, ends_at } }
}

#[test]
fn finite_series_is_over_when_its_last_occurrence_has_ended() {
    let cutoff = utc("2024-10-01 12:00");
    let start = |days| cutoff - TimeDelta::days(days);
    let finite = Series { starts_at: start(90), ..weekly("FREQ=WEEKLY;COUNT=3") };
    assert_eq!(judge(&finite, cutoff), Verdict::Over);
    assert_ends(&finite, start(76) + TimeDelta::hours(1));
}

#[test]
fn endless_series_is_never_over() {
    let far_away = utc("9000-01-01 00:00");
    for pattern in
        ["FREQ=DAILY", "RRULE:FREQ=SECONDLY", "FREQ=DAILY;COUNT=1\nRRULE:FREQ=YEARLY", "FREQ=DAILY;INTERVAL=9"]
    {
        assert_eq!(judge(&weekly(pattern), far_away), Verdict::NotOver, "{pattern}");
    }
}

#[test]
fn duration_counts_to_the_microsecond() {
    let mut event = weekly("FREQ=DAILY;COUNT=2");
    event.duration_secs = 0;
    assert_ends(&event, at("2024-01-02 10:00", BERLIN));
    event.starts_at += TimeDelta::microseconds(500_001);
    event.duration_secs = 5400;
    assert_ends(&event, at("2024-01-02 11:30", BERLIN) + TimeDelta::microseconds(500_001));
    event.pattern = "FREQ=DAILY;UNTIL=20240102T090000Z".to_owned();
    assert_ends(&event, at("2024-01-02 11:30", BERLIN) + TimeDelta::microseconds(500_001));
}

#[test]
fn local_time_stays_across_daylight_saving_changes() {
    // Berlin leaves winter time on 31 March and summer time on 27 October 2024.
    assert_ends(&series("2024-03-18 10:00", BERLIN, "FREQ=WEEKLY;COUNT=3"), utc("2024-04-01 09:00"));
    assert_ends(&series("2024-10-14 10:00", BERLIN, "FREQ=WEEKLY;COUNT=3"), utc("2024-10-28 10:00"));
}

#[test]
fn times_that_clocks_skip_or_repeat() {
    // Skipped: taken with the offset before the gap. Repeated: the first of the two.
    assert_ends(&series("2024-03-30 02:30", BERLIN, "FREQ=DAILY;COUNT=2"), utc("2024-03-31 02:30"));
    assert_ends(&series("2024-10-26 02:30", BERLIN, "FREQ=DAILY;COUNT=2"), utc("2024-10-27 01:30"));
    // A series that starts in the second of two equal hours.
    let second =
        Series { starts_at: utc("2024-10-27 01:30"), ..series("2024-10-26 02:30", BERLIN, "FREQ=DAILY;COUNT=1") };
    assert_ends(&second, utc("2024-10-27 02:30"));
    // Days that have no midnight or two.
    let until = "FREQ=DAILY;UNTIL=20181104T120000Z";
    assert_ends(&series("2018-11-02 00:30", "America/Sao_Paulo", until), utc("2018-11-04 04:30"));
    let until = "FREQ=DAILY;UNTIL=20231105T120000Z";
    assert_ends(&series("2023-11-03 00:30", "America/Havana", until), utc("2023-11-05 05:30"));
    // Samoa had no 30 December 2011.
    assert_ends(&series("2011-12-29 10:00", "Pacific/Apia", "FREQ=DAILY;COUNT=2"), utc("2011-12-30 21:00"));
}

#[test]
fn hours_that_clocks_skip_count_once() {
    let hourly = series("2024-03-31 00:30", BERLIN, "FREQ=HOURLY;COUNT=4");
    assert_last(&hourly, "2024-03-31 04:30");
    let minutely = series("2024-03-31 01:58", BERLIN, "FREQ=MINUTELY;UNTIL=20240331T031000");
    assert_last(&minutely, "2024-03-31 03:10");
}

#[test]
fn until_compares_instants_where_the_clocks_change() {
    // The skipped 02:30 is 03:30, after UNTIL; the 03:05 that follows is not.
    assert_last(
        &series("2024-03-31 01:55", BERLIN, "FREQ=MINUTELY;INTERVAL=35;UNTIL=20240331T031000"),
        "2024-03-31 03:05",
    );
    // UNTIL is the second 02:30 of that night, and 02:45 means the first.
    let pattern = "FREQ=MINUTELY;INTERVAL=45;UNTIL=20241027T013000Z".to_owned();
    let autumn = Series { starts_at: utc("2024-10-27 00:00"), pattern, ..weekly("") };
    assert_ends(&autumn, utc("2024-10-27 01:45"));
}

#[test]
fn until_is_utc_local_or_a_whole_day() {
    for (until, last) in [
        ("20240115T090000Z", "2024-01-15 10:00"),
        ("20240115T085959Z", "2024-01-08 10:00"),
        ("20240115T100000", "2024-01-15 10:00"),
        ("20240115T095959", "2024-01-08 10:00"),
        ("20240115", "2024-01-15 10:00"),
        ("20240114", "2024-01-08 10:00"),
    ] {
        assert_last(&weekly(&format!("RRULE:FREQ=WEEKLY;UNTIL={until}")), last);
    }
    // 15 January has begun in Auckland when it is still the 14th in UTC.
    assert_last(&series("2024-01-01 08:00", "Pacific/Auckland", "FREQ=WEEKLY;UNTIL=20240115"), "2024-01-15 08:00");
}

#[test]
fn patterns_in_every_spelling() {
    for pattern in [
        "FREQ=WEEKLY;COUNT=3",
        "RRULE:FREQ=WEEKLY;COUNT=3",
        "rrule:freq=weekly;count=3;byday=mo",
        " \t FREQ = WEEKLY ; COUNT = 3 ; \r\n\r\n",
        "DTSTART;TZID=Europe/Paris:20200101T100000\r\nRRULE:FREQ=WEEKLY;COUNT=3\r\n",
        "RRULE:FREQ=WEEK\r\n LY;COUNT=\r\n\t3",
        "  RRULE:FREQ=WEEKLY;COUNT=3\n  EXDATE:20240110T100000",
        "RRULE:COUNT=3;INTERVAL=1;WKST=SU;FREQ=WEEKLY",
        "RRULE:FREQ=WEEKLY;COUNT=2\nRRULE:FREQ=DAILY;INTERVAL=14;COUNT=2",
        "RRULE:FREQ=WEEKLY;COUNT=4\nEXDATE;TZID=Europe/London:20240122T090000",
        "RRULE:FREQ=WEEKLY;COUNT=4\nEXDATE;VALUE=DATE-TIME;TZID=\"Europe/Berlin\":20240122T100000",
        "RRULE:FREQ=WEEKLY;COUNT=5\nEXDATE:20240122T090000Z,20240129t100000",
        "RRULE:FREQ=WEEKLY;COUNT=2\nRDATE:20240115T100000,20240102T100000",
        "RRULE:FREQ=WEEKLY;COUNT=2\nRDATE;VALUE=DATE:20240115",
        "RRULE:FREQ=WEEKLY;COUNT=3\nRDATE:20240116T100000\nEXDATE:20240116T100000",
    ] {
        assert_last(&weekly(pattern), "2024-01-15 10:00");
    }
}

#[test]
fn excluded_dates_without_time_remove_only_midnight() {
    let pattern = "FREQ=WEEKLY;COUNT=3\nEXDATE;VALUE=DATE:20240115";
    assert_last(&weekly(pattern), "2024-01-15 10:00");
    assert_last(&series("2024-01-01 00:00", BERLIN, pattern), "2024-01-08 00:00");
}

#[test]
fn cancelled_and_excluded_occurrences_do_not_prolong_a_series() {
    let mut event = weekly("FREQ=WEEKLY;COUNT=4\nEXDATE:20240115T100000");
    event.exceptions = vec![cancelled(at("2024-01-22 10:00", BERLIN))];
    assert_last(&event, "2024-01-08 10:00");
    let first_excluded = weekly("FREQ=WEEKLY;UNTIL=20240110\nEXDATE:20240101T100000");
    assert_last(&first_excluded, "2024-01-08 10:00");
    assert_eq!(judge(&first_excluded, utc("2025-01-01 00:00")), Verdict::Over);
    // The stored start may have fractions that the exception lacks.
    event.starts_at += TimeDelta::milliseconds(250);
    assert_ends(&event, at("2024-01-08 11:00", BERLIN) + TimeDelta::milliseconds(250));
}

#[test]
fn moved_occurrences_count_with_their_new_time() {
    let last = at("2024-01-15 10:00", BERLIN);
    let (new_start, new_end) = (last + TimeDelta::days(9), last + TimeDelta::days(9) + TimeDelta::hours(5));
    for (exception, end) in [
        (moved(last, Some(new_start), Some(new_end)), new_end),
        (moved(last, Some(new_start), None), new_start + TimeDelta::hours(1)),
        (moved(last, None, Some(new_end)), new_end),
        (moved(last, None, None), last + TimeDelta::hours(1)),
        (moved(last, Some(new_end), Some(new_start)), new_end),
        // Moved to an earlier time: the one before is the last.
        (moved(last, Some(last - TimeDelta::days(10)), None), at("2024-01-08 11:00", BERLIN)),
        // No occurrence of the rule is there.
        (moved(last + TimeDelta::days(1), None, None), last + TimeDelta::days(1) + TimeDelta::hours(1)),
    ] {
        let event = Series { exceptions: vec![exception], ..weekly("FREQ=WEEKLY;COUNT=3") };
        assert_ends(&event, end);
    }
}

#[test]
fn start_that_the_rule_does_not_yield_is_an_occurrence_and_uses_up_no_count() {
    assert_last(&weekly("FREQ=WEEKLY;BYDAY=TU;COUNT=2"), "2024-01-09 10:00");
    let only_start = "FREQ=WEEKLY;BYDAY=TU;COUNT=1\nEXDATE:20240102T100000";
    assert_last(&weekly(only_start), "2024-01-01 10:00");
}

#[test]
fn series_without_any_occurrence_left_is_unclear() {
    assert_unclear(&weekly("FREQ=WEEKLY;UNTIL=20231231T000000Z"), "its rule yields no occurrence");
    let mut event = weekly("FREQ=WEEKLY;COUNT=2\nEXDATE:20240101T100000,20240108T100000");
    assert_unclear(&event, "all its occurrences are cancelled or excluded");
    event.exceptions = vec![moved(event.starts_at, None, None)];
    assert_last(&event, "2024-01-01 10:00");
}
