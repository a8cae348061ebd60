//! What holds for every platform, whatever is on it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use proptest::prelude::*;
use proptest::test_runner::Config;
use serde_json::json;
use uuid::Uuid;

use crate::site::{DatabaseKind, Event, Exception, Occurs, Sample, Site, StorageKind};

/// An event as drawn: its end lies so far from the cutoff, positive after it.
#[derive(Debug, Clone)]
struct Drawn {
    from_cutoff: i64,
    kind: Kind,
    assets: usize,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Timeless,
    Once,
    /// So many days in a row.
    Daily(i64),
    /// The same, and the stored end is nonsense.
    Endless,
    /// So many weeks in a row, the last one cancelled.
    WithoutTheLast(i64),
    /// Long over but for an instance that was moved.
    Moved,
    Unreadable,
}

impl Drawn {
    /// The event, by the cutoff and the unit of `from_cutoff`.
    fn event(&self, cutoff: DateTime<Utc>, unit: TimeDelta) -> Event {
        let end = cutoff + unit * i32::try_from(self.from_cutoff).unwrap();
        let hour = TimeDelta::hours(1);
        let series = |starts_at: DateTime<Utc>, pattern: String| {
            let ends_at = starts_at + TimeDelta::days(if self.from_cutoff % 2 == 0 { 36_500 } else { 0 });
            Event::new(Occurs::Series { starts_at, zone: "UTC", duration_secs: 3_600, pattern, ends_at })
        };
        let mut event = match self.kind {
            Kind::Timeless => Event::new(Occurs::AtNoTime),
            Kind::Once => Event::new(Occurs::OnceUntil(end)),
            Kind::Daily(n) => series(end - hour - TimeDelta::days(n - 1), format!("FREQ=DAILY;COUNT={n}")),
            Kind::Endless => series(end - TimeDelta::days(700), "FREQ=WEEKLY".to_owned()),
            Kind::WithoutTheLast(n) => {
                series(end - hour - TimeDelta::weeks(n - 1), format!("FREQ=WEEKLY;COUNT={}", n + 1))
            }
            Kind::Moved => series(cutoff - TimeDelta::days(70), "FREQ=DAILY;COUNT=3".to_owned()),
            Kind::Unreadable => series(cutoff - TimeDelta::days(70), "FREQ=DAILY;COUNT=three".to_owned()),
        };
        let original_start = match self.kind {
            Kind::WithoutTheLast(_) => Some(end - hour + TimeDelta::weeks(1)),
            Kind::Moved => Some(cutoff - TimeDelta::days(69)),
            _ => None,
        };
        if let Some(original_start) = original_start {
            let moved = matches!(self.kind, Kind::Moved);
            event.exceptions.push(Exception {
                original_start,
                kind: if moved { "modified" } else { "cancelled" },
                starts_at: moved.then_some(end - hour),
                ends_at: moved.then_some(end),
            });
        }
        event.with_assets(self.assets)
    }

    /// Whether it has to go: the model.
    fn is_due(&self) -> bool {
        self.from_cutoff <= 0 && !matches!(self.kind, Kind::Timeless | Kind::Endless | Kind::Unreadable)
    }
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Timeless),
        Just(Kind::Once),
        Just(Kind::Once),
        (1_i64..5).prop_map(Kind::Daily),
        Just(Kind::Endless),
        (1_i64..5).prop_map(Kind::WithoutTheLast),
        Just(Kind::Moved),
        Just(Kind::Unreadable),
    ]
}

fn platform() -> impl Strategy<Value = Vec<Drawn>> {
    let event =
        (-3_i64..=3, kind(), 0_usize..4).prop_map(|(from_cutoff, kind, assets)| Drawn { from_cutoff, kind, assets });
    prop::collection::vec(event, 0..12)
}

fn cases(cases: u32) -> Config {
    Config { cases, failure_persistence: None, max_shrink_iters: 30, ..Config::default() }
}

/// A site with the drawn events by the hour, away from the cutoff itself, which moves on while the test runs.
struct Filled {
    site: Site,
    sample: Sample,
    due: BTreeSet<Uuid>,
    /// The rows when all that is due is gone.
    rows_in_the_end: BTreeMap<String, BTreeSet<String>>,
}

fn filled(drawn: &[Drawn], database: DatabaseKind, storage: StorageKind) -> Filled {
    let site = Site::new(database, storage);
    // Half an hour before the true cutoff, so that all that is drawn at or before it is due, and nothing else.
    let cutoff = Utc::now() - TimeDelta::days(30) - TimeDelta::minutes(30);
    let events: Vec<_> = drawn.iter().map(|drawn| (drawn.event(cutoff, TimeDelta::hours(1)), drawn.is_due())).collect();
    let of = |due| Sample::of(events.iter().filter(|event| event.1 == due).map(|event| event.0.clone()));
    let (stays, goes) = (of(false), of(true));
    site.fill(&stays);
    let rows_in_the_end = site.rows();
    site.fill(&goes);
    let due = goes.events.iter().map(|event| event.id).collect();
    let sample = Sample { events: [stays.events, goes.events].concat() };
    Filled { site, sample, due, rows_in_the_end }
}

impl Filled {
    /// Asserts that all that is due is gone, and nothing else.
    fn assert_done(&self) {
        assert_eq!(self.site.rows(), self.rows_in_the_end);
        let kept = self.sample.events.iter().filter(|event| !self.due.contains(&event.id));
        assert_eq!(self.site.objects(), kept.flat_map(Event::keys).collect());
        assert!(self.site.outbox().is_empty());
    }
}

/// The contents of the embedded database's files.
fn files(site: &Site) -> BTreeMap<std::path::PathBuf, Vec<u8>> {
    let files =
        std::fs::read_dir(site.path()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    files.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// Everything there is, down to the bytes of the embedded database's files.
fn everything(site: &Site) -> impl PartialEq + std::fmt::Debug + use<> {
    let own = ["upkeep_pending_deletions", "upkeep_runs", "upkeep_leases"].map(|table| site.rows_of(table));
    (site.rows(), site.objects(), own, files(site))
}

fn a_dry_run_lists_what_a_run_removes(drawn: &[Drawn], database: DatabaseKind, storage: StorageKind) {
    let filled = filled(drawn, database, storage);
    let site = &filled.site;
    let before = everything(site);
    let looked = site.clean_up(&["--dry-run"]).expect(0).report();
    assert!(everything(site) == before, "a dry run leaves no trace");

    let plan = &looked["plan"];
    let ids: BTreeSet<Uuid> = serde_json::from_value(plan["ids"].clone()).unwrap();
    assert_eq!(ids, filled.due);
    assert_eq!(looked["counts"]["deleted"], 0);
    assert_eq!(looked["rows"], json!({}));

    let done = site.clean_up(&[]).expect(0).report();
    filled.assert_done();
    assert_eq!(done["rows"], plan["rows"]);
    assert_eq!(done["objects_deleted"], plan["objects"]);
    assert_eq!(done["bytes_freed"], plan["bytes"]);
    assert_eq!(done["shared_folders_deleted"], plan["shared_folders"]);
    assert_eq!(done["counts"]["deleted"], ids.len());
    for count in ["examined", "matched"] {
        assert_eq!(done["counts"][count], looked["counts"][count]);
    }
    assert_eq!(done["warnings"], looked["warnings"]);
}

/// A run that died leaves a write-ahead log behind, which opening the database must not write back.
#[test]
fn a_dry_run_after_a_crash_changes_no_byte() {
    let site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    site.fill(&Sample::of([Event::ended(31).with_assets(2), Event::ended(31).with_assets(1)]));
    let mut command = site.command(&["jobs", "execute", "event-cleanup"]);
    assert_eq!(crate::site::finish(command.env("UPKEEP_CRASH_AT", "committed").spawn().unwrap()).code, None);
    let before = files(&site);
    assert!(before.len() > 2, "the log is there");
    for _ in 0..2 {
        let report = site.clean_up(&["--dry-run"]).expect(0).report();
        assert_eq!(report["backlog"], 3);
        let after = files(&site);
        assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
        // The shared-memory index, where readers leave marks, is no part of the contents.
        for (file, bytes) in before.iter().filter(|(file, _)| !file.to_string_lossy().ends_with("-shm")) {
            assert!(after[file] == *bytes, "{}", file.display());
        }
    }
    site.clean_up(&[]).expect(0);
    assert!(site.objects().is_empty() && site.outbox().is_empty());
}

proptest! {
    #![proptest_config(cases(10))]

    #[test]
    fn dry_runs_tell_the_truth_on_sqlite(drawn in platform()) {
        a_dry_run_lists_what_a_run_removes(&drawn, DatabaseKind::Sqlite, StorageKind::Directory);
    }

    /// At the cutoff, to the microsecond, against the model.
    #[test]
    fn the_cutoff_is_exact(
        drawn in platform(),
        database in prop_oneof![
            1 => Just(DatabaseKind::Postgres), 1 => Just(DatabaseKind::PostgresOld), 4 => Just(DatabaseKind::Sqlite),
        ],
    ) {
        let site = Site::new(database, StorageKind::Directory);
        let now = Utc::now().trunc_subsecs(0) - TimeDelta::days(3);
        let cutoff = now - TimeDelta::days(30);
        let events: Vec<_> = drawn.iter().map(|drawn| drawn.event(cutoff, TimeDelta::microseconds(1))).collect();
        site.fill(&Sample::of(events.clone()));
        let report = site.clean_up_at(now);
        let due = |index: usize| drawn[index].is_due();
        let kept = events.iter().enumerate().filter(|(index, _)| !due(*index)).map(|(_, event)| event.id);
        prop_assert_eq!(site.events(), kept.collect());
        prop_assert_eq!(report.counts.deleted as usize, drawn.iter().filter(|drawn| drawn.is_due()).count());
    }

    /// Interrupted wherever it may be, then run again: as if it had never been interrupted.
    #[test]
    fn an_interrupted_run_is_finished_by_the_next(
        drawn in platform(),
        point in prop::sample::select(&[
            "leased", "prepared", "before-commit", "committed", "objects-deleted", "objects-confirmed", "done",
        ][..]),
        limit_ms in 1_u32..60,
    ) {
        let filled = filled(&drawn, DatabaseKind::Sqlite, StorageKind::Directory);
        let limited = filled.site.clean_up(&["--timeout", &format!("{limit_ms}ms")]);
        prop_assert!([Some(0), Some(124)].contains(&limited.code), "{:?}", limited);
        filled.site.assert_nothing_lost(&filled.sample);
        let mut command = filled.site.command(&["jobs", "execute", "event-cleanup", "--output", "json"]);
        let crashed = crate::site::finish(command.env("UPKEEP_CRASH_AT", point).spawn().unwrap());
        prop_assert!([Some(0), None].contains(&crashed.code), "{:?}", crashed);
        filled.site.assert_nothing_lost(&filled.sample);
        let report = filled.site.clean_up(&[]).expect(0).report();
        filled.assert_done();
        prop_assert_eq!(&report["backlog"], 0);
    }
}

proptest! {
    #![proptest_config(cases(3))]

    #[test]
    fn dry_runs_tell_the_truth_on_postgresql(drawn in platform()) {
        a_dry_run_lists_what_a_run_removes(&drawn, DatabaseKind::Postgres, StorageKind::S3);
    }

    #[test]
    fn dry_runs_tell_the_truth_on_the_old_generation(drawn in platform()) {
        a_dry_run_lists_what_a_run_removes(&drawn, DatabaseKind::PostgresOld, StorageKind::S3);
    }
}
