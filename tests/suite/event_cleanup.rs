//! What event-cleanup removes and what it leaves, on every database and storage.

use std::collections::BTreeSet;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use crate::site::{DATABASES, DatabaseKind, EVERYWHERE, Event, Exception, Occurs, Sample, Site, StorageKind};

#[test]
fn an_ended_event_goes_with_everything_and_others_stay_untouched() {
    for (database, storage) in EVERYWHERE {
        let site = Site::new(database, storage);
        let stays = Sample::of([Event::ended(29).with_assets(2), Event::ended(-3).with_assets(1)]);
        site.fill(&stays);
        let before = site.rows();
        let goes = Event::ended(31).with_assets(3);
        site.fill(&Sample::of([goes.clone()]));

        let report = site.clean_up(&[]).expect(0).report();

        assert_eq!(site.rows(), before, "{database:?} {storage:?}");
        assert_eq!(site.objects(), stays.objects().into_keys().collect());
        assert!(site.outbox().is_empty());
        assert_eq!(report["counts"]["examined"], 3);
        assert_eq!(report["counts"]["matched"], 1);
        assert_eq!(report["counts"]["deleted"], 1);
        assert_eq!(report["objects_deleted"], 3);
        assert_eq!(report["bytes_freed"], 6);
        assert_eq!(report["outcome"], "succeeded");
        assert_eq!(site.clean_up(&[]).expect(0).report()["counts"]["matched"], 0);
        assert_eq!(site.rows(), before, "a second run changes nothing");
    }
}

/// What is expected of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Goes,
    Stays,
    StaysWithWarning,
}
use Fate::{Goes, Stays, StaysWithWarning};

fn ago(days: i64, hours: i64) -> DateTime<Utc> {
    Utc::now() - TimeDelta::days(days) + TimeDelta::hours(hours)
}

/// A series of one-hour occurrences whose first began so long ago; stored as ending in a century.
fn series(days_ago: i64, hours: i64, pattern: &str) -> Event {
    Event::new(Occurs::Series {
        starts_at: ago(days_ago, hours),
        zone: "Europe/Berlin",
        duration_secs: 3_600,
        pattern: pattern.to_owned(),
        ends_at: ago(-36_500, 0),
    })
}

fn stored_end(mut event: Event, days_ago: i64) -> Event {
    if let Occurs::Series { ends_at, .. } = &mut event.occurs {
        *ends_at = ago(days_ago, 0);
    }
    event
}

fn with(mut event: Event, kind: &'static str, original_start: DateTime<Utc>, ends_at: Option<DateTime<Utc>>) -> Event {
    let starts_at = ends_at.map(|end| end - TimeDelta::hours(1));
    event.exceptions.push(Exception { original_start, kind, starts_at, ends_at });
    event
}

fn start(event: &Event) -> DateTime<Utc> {
    let Occurs::Series { starts_at, .. } = event.occurs else { panic!("no series") };
    starts_at
}

/// A weekly series of three whose last occurrence ended two hours after the cutoff.
fn almost_over() -> Event {
    // In UTC, so that it does not depend on the season.
    let mut event = series(44, 1, "FREQ=WEEKLY;COUNT=3");
    if let Occurs::Series { zone, .. } = &mut event.occurs {
        *zone = "UTC";
    }
    event
}

/// Events of every kind, named, and what is to become of them.
pub(crate) fn kinds() -> Vec<(&'static str, Event, Fate)> {
    let adhoc = |mut event: Event| {
        event.adhoc = true;
        event
    };
    let zone = |name, mut event: Event| {
        if let Occurs::Series { zone, .. } = &mut event.occurs {
            *zone = name;
        }
        event
    };
    let lasting = |days: i32, mut event: Event| {
        if let Occurs::Series { duration_secs, .. } = &mut event.occurs {
            *duration_secs = days * 86_400;
        }
        event
    };
    let over = || series(90, 0, "FREQ=WEEKLY;COUNT=3");
    let last = start(&almost_over()) + TimeDelta::days(14);
    vec![
        ("single, ended 31 days ago", Event::ended(31), Goes),
        ("single, ended 29 days ago", Event::ended(29), Stays),
        ("single, in the future", Event::ended(-1), Stays),
        ("without dates", Event::new(Occurs::AtNoTime), Stays),
        ("ad hoc, ended 31 days ago", adhoc(Event::ended(31)), Goes),
        ("ad hoc, ended 29 days ago", adhoc(Event::ended(29)), Stays),
        ("weekly COUNT=3, stored end in a century", over(), Goes),
        ("the same with a name and further lines", series(90, 0, "RRULE:FREQ=WEEKLY;COUNT=3\n"), Goes),
        ("daily without end, stored end 40 days ago", stored_end(series(400, 0, "FREQ=DAILY"), 40), Stays),
        ("goes on although the stored end is long ago", stored_end(series(66, 0, "FREQ=WEEKLY;COUNT=10"), 60), Stays),
        ("UNTIL long ago", series(90, 0, &format!("FREQ=DAILY;UNTIL={}", ago(40, 0).format("%Y%m%dT%H%M%SZ"))), Goes),
        ("UNTIL far ahead", series(90, 0, "FREQ=DAILY;UNTIL=21000101T000000Z"), Stays),
        ("an instance moved to next week", with(over(), "modified", start(&over()), Some(ago(-7, 0))), Stays),
        ("an instance changed, but not in time", with(over(), "modified", start(&over()), None), Goes),
        ("ends just after the cutoff", almost_over(), Stays),
        ("its last instance cancelled", with(almost_over(), "cancelled", last, None), Goes),
        ("its last instance moved back", with(almost_over(), "modified", last, Some(ago(35, 0))), Goes),
        ("another instance cancelled", with(almost_over(), "cancelled", last - TimeDelta::days(7), None), Stays),
        (
            "its last date excluded",
            series_of(&almost_over(), &format!("RRULE:FREQ=WEEKLY;COUNT=3\nEXDATE:{}", last.format("%Y%m%dT%H%M%SZ"))),
            Goes,
        ),
        (
            "a date added in the future",
            series(90, 0, &format!("RRULE:FREQ=WEEKLY;COUNT=3\nRDATE:{}", ago(-5, 0).format("%Y%m%dT%H%M%SZ"))),
            Stays,
        ),
        ("one long occurrence that ended 28 days ago", lasting(3, series(31, 0, "FREQ=DAILY;COUNT=1")), Stays),
        ("one long occurrence that ended 31 days ago", lasting(3, series(34, 0, "FREQ=DAILY;COUNT=1")), Goes),
        ("unknown zone", zone("Mars/Olympus", over()), StaysWithWarning),
        ("unknown frequency", series(90, 0, "FREQ=SOMETIMES;COUNT=3"), StaysWithWarning),
        ("empty rule", series(90, 0, ""), StaysWithWarning),
        ("no rule at all", series(90, 0, "every other tuesday ☎"), StaysWithWarning),
        ("yields nothing", series(90, 0, "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=3"), StaysWithWarning),
        ("absurd work", series(4_000, 0, "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=29;COUNT=99999999"), StaysWithWarning),
    ]
}

fn series_of(event: &Event, pattern: &str) -> Event {
    let mut event = event.clone();
    if let Occurs::Series { pattern: old, .. } = &mut event.occurs {
        *old = pattern.to_owned();
    }
    event
}

#[test]
fn events_of_every_kind_meet_their_fate() {
    for (database, storage) in EVERYWHERE {
        let site = Site::new(database, storage);
        let kinds = kinds();
        let stay: Vec<_> =
            kinds.iter().filter(|kind| kind.2 != Goes).map(|kind| kind.1.clone().with_assets(1)).collect();
        let stay = Sample::of(stay);
        site.fill(&stay);
        let before = site.rows();
        let go = Sample::of(kinds.iter().filter(|kind| kind.2 == Goes).map(|kind| kind.1.clone().with_assets(1)));
        site.fill(&go);

        let run = site.clean_up(&[]).expect(0);

        let left = site.events();
        for (name, event, fate) in &kinds {
            assert_eq!(left.contains(&event.id), *fate != Goes, "{name} on {database:?}: {}", run.stderr);
        }
        assert_eq!(site.rows(), before, "{database:?} {storage:?}");
        assert_eq!(site.objects(), stay.objects().into_keys().collect());
        let report = run.report();
        let warned = kinds.iter().filter(|kind| kind.2 == StaysWithWarning);
        let warnings: BTreeSet<_> =
            report["warnings"].as_array().unwrap().iter().map(|w| w.as_str().unwrap()).collect();
        for (name, event, _) in warned.clone() {
            assert!(warnings.iter().any(|w| w.contains(&event.id.to_string())), "{name}: no warning in {warnings:?}");
        }
        assert_eq!(report["warnings_total"], warned.count());
        assert_eq!(report["counts"]["deleted"], go.events.len());
        assert_eq!(report["counts"]["examined"], kinds.len() - 1, "all that have dates");
        assert_eq!(report["counts"]["failed"], 0);
    }
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[test]
fn the_cutoff_belongs_to_the_past_and_a_microsecond_later_does_not() {
    for database in DATABASES {
        let site = Site::new(database, StorageKind::Directory);
        let now = Utc::now().trunc_subsecs(6);
        let cutoff = now - TimeDelta::days(30);
        let micro = TimeDelta::microseconds(1);
        let once = |end| Event::new(Occurs::OnceUntil(end));
        let series = |end: DateTime<Utc>| {
            let starts_at = end - TimeDelta::days(2) - TimeDelta::hours(1);
            let pattern = "FREQ=DAILY;COUNT=3".to_owned();
            Event::new(Occurs::Series { starts_at, zone: "UTC", duration_secs: 3_600, pattern, ends_at: now })
        };
        let moved = |end: DateTime<Utc>| with(series(cutoff - TimeDelta::days(9)), "modified", now, Some(end));
        let due = [once(cutoff), once(cutoff - micro), series(cutoff), moved(cutoff)];
        let kept = [once(cutoff + micro), series(cutoff + micro), moved(cutoff + micro)];
        site.fill(&Sample::of(due.iter().chain(&kept).cloned()));

        let report = site.clean_up_at(now);

        assert_eq!(site.events(), kept.iter().map(|event| event.id).collect(), "{database:?}");
        assert_eq!(report.counts.deleted, 4);
        let report = site.clean_up_at(now + micro);
        assert!(site.events().is_empty());
        assert_eq!(report.counts.deleted, 3);
    }
}

/// Weekly at 10 o'clock in Berlin, three times for an hour; the clocks change before the last time.
#[test]
fn a_series_ends_by_the_clock_of_its_zone() {
    for database in DATABASES {
        let site = Site::new(database, StorageKind::Directory);
        let berlin = |starts_at| {
            let pattern = "FREQ=WEEKLY;COUNT=3".to_owned();
            let (starts_at, zone) = (at(starts_at), "Europe/Berlin");
            Event::new(Occurs::Series { starts_at, zone, duration_secs: 3_600, pattern, ends_at: starts_at })
        };
        // The last time is 10 o'clock summer time, an hour earlier than seven times 24 hours would make it.
        let spring = berlin("2026-03-16T09:00:00Z");
        // And here an hour later.
        let autumn = berlin("2025-10-13T08:00:00Z");
        site.fill(&Sample::of([spring.clone(), autumn.clone()]));

        site.clean_up_at(at("2025-10-27T09:59:59Z") + TimeDelta::days(30));
        assert_eq!(site.events(), [spring.id, autumn.id].into(), "{database:?}: autumn is over at 10 only");
        site.clean_up_at(at("2025-10-27T10:00:00Z") + TimeDelta::days(30));
        assert_eq!(site.events(), [spring.id].into(), "{database:?}");
        site.clean_up_at(at("2026-03-30T08:59:59Z") + TimeDelta::days(30));
        assert_eq!(site.events(), [spring.id].into(), "{database:?}");
        site.clean_up_at(at("2026-03-30T09:00:00Z") + TimeDelta::days(30));
        assert!(site.events().is_empty(), "{database:?}: spring is over at 9 already");
    }
}

#[test]
fn deletion_can_be_switched_off() {
    for (database, storage) in EVERYWHERE {
        let mut site = Site::new(database, storage);
        site.fill(&Sample::of([Event::ended(31).with_assets(1)]));
        site.set("safety", "deletion = false");
        let (rows, objects) = (site.rows(), site.objects());
        let run = site.clean_up(&[]).expect(4);
        assert!(run.stderr.contains("deletion = false"), "{run:?}");
        assert_eq!(run.report()["outcome"], "refused");
        assert_eq!((site.rows(), site.objects()), (rows, objects));
        assert_eq!(site.clean_up(&["--dry-run"]).expect(0).report()["plan"]["objects"], 1);
    }
}

/// Pages follow the number that events get when they are created. An embedded platform need not give any.
#[test]
fn events_of_the_same_number_are_all_found_whatever_pages_they_fall_on() {
    let site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    let events: Vec<_> = (0..2_101).map(|number| Event::ended(if number % 50 == 0 { 29 } else { 31 })).collect();
    site.fill(&Sample::of(events));
    site.execute("UPDATE events SET id_serial = 0");

    let planned = site.clean_up(&["--dry-run"]).expect(0).report();
    let report = site.clean_up(&[]).expect(0).report();

    assert_eq!(planned["counts"]["examined"], 2_101);
    assert_eq!(planned["plan"]["ids"].as_array().unwrap().len(), 2_058);
    assert_eq!(report["counts"]["deleted"], 2_058);
    assert_eq!(site.number("SELECT count(*) FROM events"), 43);
}
