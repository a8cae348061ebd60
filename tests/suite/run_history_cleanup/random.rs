//! What holds for every history.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use proptest::prelude::*;
use proptest::test_runner::Config;
use uuid::Uuid;

use super::{clean_up, days_ago, ids};
use crate::history::Past;
use crate::site::{DatabaseKind, Site, StorageKind};

/// A run as drawn.
#[derive(Debug, Clone)]
struct Drawn {
    job: usize,
    /// Its start, in hours from a moment shortly before the cutoff.
    hours: i64,
    end: Option<(&'static str, i32)>,
    has_left_something: bool,
    /// If it is without an end.
    is_leased: bool,
}

const JOBS: [&str; 3] = ["event-cleanup", "room-cleanup", "user-cleanup"];

fn history() -> impl Strategy<Value = Vec<Drawn>> {
    let end = prop_oneof![
        4 => Just(Some(("succeeded", 0))),
        2 => Just(Some(("failed", 1))),
        1 => Just(Some(("died", 0))),
        1 => Just(None),
    ];
    let run = (0..JOBS.len(), -6_i64..4, end, prop::bool::weighted(0.1), any::<bool>()).prop_map(
        |(job, hours, end, has_left_something, is_leased)| Drawn { job, hours, end, has_left_something, is_leased },
    );
    prop::collection::vec(run, 0..25)
}

/// The runs that have to go: the model.
fn due(runs: &[(Past, Drawn)], leased: &BTreeSet<Uuid>) -> BTreeSet<Uuid> {
    let latest = |of: &dyn Fn(&Past) -> bool| {
        let mut latest = BTreeMap::new();
        for (run, _) in runs.iter().filter(|(run, _)| of(run)) {
            let entry = latest.entry(run.job).or_insert((run.started_at, run.id));
            *entry = (*entry).max((run.started_at, run.id));
        }
        latest
    };
    let over = latest(&|run| run.end.is_some());
    let ended = latest(&|run| run.end.is_some_and(|(outcome, _)| outcome != "died"));
    let successes = latest(&|run| run.end == Some(("succeeded", 0)));
    let is_before = |run: &Past, latest: &BTreeMap<&str, _>| {
        latest.get(run.job).is_some_and(|latest| (run.started_at, run.id) < *latest)
    };
    let goes = runs.iter().filter(|(run, drawn)| {
        let is_needed = drawn.has_left_something || leased.contains(&run.id);
        let later = match run.end {
            Some(("succeeded", _)) => &successes,
            Some(("died", _)) | None => &over,
            Some(_) => &ended,
        };
        drawn.hours <= 0 && !is_needed && is_before(run, later)
    });
    goes.map(|(run, _)| run.id).collect()
}

fn a_dry_run_lists_what_a_run_removes(drawn: &[Drawn], database: DatabaseKind) {
    let site = Site::new(database, StorageKind::Directory);
    let base = days_ago(730) - TimeDelta::minutes(30);
    let runs: Vec<_> = drawn
        .iter()
        .map(|drawn| {
            let run = Past::without_end(JOBS[drawn.job], base + TimeDelta::hours(drawn.hours));
            (Past { end: drawn.end, ..run }, drawn.clone())
        })
        .collect();
    let all: Vec<_> = runs.iter().map(|(run, _)| run.clone()).collect();
    if !all.is_empty() {
        site.remember(&all);
    }
    let mut leased = BTreeMap::new();
    for (run, drawn) in &runs {
        if drawn.has_left_something {
            site.leave(run);
        }
        if drawn.is_leased && run.end.is_none() {
            leased.insert(run.job, run.id);
        }
    }
    for (job, id) in &leased {
        let until = site.dialect().instant(chrono::Utc::now() + TimeDelta::hours(1));
        site.execute(&format!(
            "INSERT INTO upkeep_leases VALUES ('{job}', {}, '{{}}', {until})",
            site.dialect().uuid(*id)
        ));
    }
    let due = due(&runs, &leased.into_values().collect());
    let before = (site.rows_of("upkeep_runs"), site.rows_of("upkeep_leases"));
    let looked = clean_up(&site, &["--dry-run"]).expect(0).report();
    assert_eq!((site.rows_of("upkeep_runs"), site.rows_of("upkeep_leases")), before);
    let planned: BTreeSet<Uuid> = serde_json::from_value(looked["plan"]["ids"].clone()).unwrap();
    assert_eq!(planned, due);
    let done = clean_up(&site, &[]).expect(0).report();
    assert_eq!(site.remembered(), ids(&all).difference(&due).copied().collect());
    assert_eq!((&done["rows"], &done["counts"]["deleted"]), (&looked["plan"]["rows"], &due.len().into()));
    // Once is enough.
    assert_eq!(clean_up(&site, &[]).expect(0).report()["counts"]["matched"], 0);
}

proptest! {
    #![proptest_config(Config { cases: 12, failure_persistence: None, max_shrink_iters: 40, ..Config::default() })]

    #[test]
    fn dry_runs_tell_the_truth_on_sqlite(drawn in history()) {
        a_dry_run_lists_what_a_run_removes(&drawn, DatabaseKind::Sqlite);
    }

    #[test]
    fn dry_runs_tell_the_truth_on_postgres(drawn in history(), old in any::<bool>()) {
        a_dry_run_lists_what_a_run_removes(&drawn, if old { DatabaseKind::PostgresOld } else { DatabaseKind::Postgres });
    }
}
