//! `upkeep jobs history`: the list, the report of one run, and runs that died.

mod deaths;

use chrono::{DateTime, TimeDelta, Utc};
use insta::assert_snapshot;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::site::{DATABASES, DatabaseKind, Event, Run, Sample, Site, StorageKind, text};

/// A run as the history has it.
#[derive(Debug, Clone)]
pub(crate) struct Past {
    pub(crate) id: Uuid,
    pub(crate) job: &'static str,
    pub(crate) started_at: DateTime<Utc>,
    /// `None` if it has not ended.
    pub(crate) end: Option<(&'static str, i32)>,
    pub(crate) more: Value,
}

impl Past {
    /// One that ended so, and took a minute.
    pub(crate) fn ended(job: &'static str, started_at: DateTime<Utc>, outcome: &'static str, exit_code: i32) -> Self {
        Self { end: Some((outcome, exit_code)), ..Self::without_end(job, started_at) }
    }

    pub(crate) fn without_end(job: &'static str, started_at: DateTime<Utc>) -> Self {
        let random = Uuid::new_v4().as_u128() & (u128::MAX >> 64);
        let millis = started_at.timestamp_millis().unsigned_abs() as u128;
        let id = Uuid::from_u128(millis << 80 | 0x7000_u128 << 64 | random);
        Self { id, job, started_at, end: None, more: json!({}) }
    }
}

impl Site {
    /// Enters runs into the history.
    pub(crate) fn remember(&self, runs: &[Past]) {
        let dialect = self.dialect();
        for chunk in runs.chunks(500) {
            let rows: Vec<_> = chunk
                .iter()
                .map(|run| {
                    // That a run died is entered later, by somebody else.
                    let end = run.end.filter(|(outcome, _)| *outcome != "died");
                    let ended_at = end.map(|_| run.started_at + TimeDelta::minutes(1));
                    let mut document = json!({
                        "schema": 1, "job": run.job, "run_id": run.id, "host": "keeper", "version": "0.1.0",
                        "dry_run": false, "started_at": run.started_at, "finished_at": ended_at,
                        "duration_ms": ended_at.map(|_| 60_000), "now": run.started_at, "parameters": {},
                        "outcome": end.map(|end| end.0), "exit_code": end.map(|end| end.1), "error": null,
                        "counts": {"examined": 0, "matched": 0, "deleted": 0, "updated": 0, "skipped": 0, "failed": 0},
                        "rows": {}, "objects_deleted": 0, "bytes_freed": 0, "shared_folders_deleted": 0,
                        "warnings": [], "warnings_total": 0, "failures": [], "backlog": 0,
                    });
                    for (name, value) in run.more.as_object().unwrap() {
                        document[name] = value.clone();
                    }
                    let outcome = run.end.map_or("NULL".into(), |(outcome, _)| format!("'{outcome}'"));
                    let code = end.map_or("NULL".into(), |(_, code)| code.to_string());
                    format!(
                        "({}, '{}', {}, {}, {outcome}, {code}, {})",
                        dialect.uuid(run.id),
                        run.job,
                        dialect.instant(run.started_at),
                        dialect.optional_instant(ended_at),
                        text(&document.to_string())
                    )
                })
                .collect();
            self.execute(&format!(
                "INSERT INTO upkeep_runs (id, job, started_at, finished_at, outcome, exit_code, report) VALUES {}",
                rows.join(", ")
            ));
        }
    }

    fn history(&self, more: &[&str]) -> Run {
        self.upkeep(&[&["jobs", "history"], more].concat())
    }

    /// The outcome that is entered for a run.
    fn entered(&self, run: Uuid) -> String {
        let sql = format!("SELECT coalesce(outcome, 'none') FROM upkeep_runs WHERE id = {}", self.dialect().uuid(run));
        self.texts(&sql).remove(0)
    }
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// One run of each kind.
fn kinds() -> Vec<Past> {
    let counts = |deleted: u64, updated: u64, failed: u64| json!({"counts": {"deleted": deleted, "updated": updated, "failed": failed}});
    let mut runs = vec![
        Past::ended("event-cleanup", at("2026-01-01T02:00:00.000001Z"), "succeeded", 0),
        Past::ended("keycloak-account-sync", at("2026-01-02T02:00:00Z"), "interrupted", 143),
        Past::ended("room-cleanup", at("2026-01-03T02:00:00Z"), "incomplete", 3),
        Past::ended("user-cleanup", at("2026-01-04T02:00:00Z"), "refused", 4),
        Past::ended("event-cleanup", at("2026-01-05T02:00:00Z"), "failed", 69),
        Past::ended("event-cleanup", at("2026-01-06T02:00:00Z"), "timed_out", 124),
        Past::ended("invite-cleanup", at("2026-01-07T02:00:00Z"), "interrupted", 75),
        Past::without_end("event-cleanup", at("2026-01-08T02:00:00Z")),
    ];
    runs[0].more = counts(1_234_567, 0, 0);
    runs[1].more = counts(0, 12, 0);
    runs[2].more = counts(7, 0, 654_321);
    runs
}

#[test]
fn past_runs_are_listed_on_80_columns() {
    for database in DATABASES {
        let site = Site::new(database, StorageKind::Directory);
        assert_eq!(site.history(&["--failed"]).expect(0).stdout, "No failed runs\n");
        site.remember(&kinds());
        let all = site.history(&[]).expect(0);
        assert!(all.stdout.lines().all(|line| line.len() <= 80), "{}", all.stdout);
        let failed = site.history(&["--failed"]).expect(0);
        let steady =
            |run: &Run| run.stdout.lines().map(|line| line[..66].trim_end().to_owned() + "\n").collect::<String>();
        if database == DatabaseKind::Postgres {
            assert_snapshot!("list", steady(&all));
            assert_snapshot!("list_failed", steady(&failed));
        }
        assert_eq!(failed.stdout.lines().count(), all.stdout.lines().count() - 1, "all but the one that succeeded");
        let of_job = site.history(&["--job", "event-cleanup", "--failed", "--limit", "2"]).expect(0).stdout;
        let days: Vec<_> = of_job.lines().skip(1).map(|line| &line[..10]).collect();
        assert_eq!(days, ["2026-01-08", "2026-01-06"]);
        let json = site.history(&["--failed", "--output", "json", "--limit", "3"]).expect(0).report();
        let states: Vec<_> = json.as_array().unwrap().iter().map(|run| run["state"].as_str().unwrap()).collect();
        assert_eq!(states, ["died", "interrupted", "timed_out"]);
        assert!(
            site.history(&["--limit", "0"]).expect(2).stderr.contains("0 is not in 1.."),
            "no runs are not asked for"
        );
    }
}

#[test]
fn the_report_of_a_run_is_the_evidence() {
    let mut site = Site::new(DatabaseKind::Postgres, StorageKind::Directory);
    site.fill(&Sample::of([Event::ended(31).with_assets(2), Event::ended(29)]));
    site.set("safety", "room_minimum_age = '7days'");
    let report = site.clean_up(&[]).expect(0).report();
    let run = report["run_id"].as_str().unwrap();
    let shown = site.history(&[run]);
    assert_snapshot!(
        "report_of_success",
        shown.transcript_at(&site).replace(&host(), "[host]").replace(&took(&report), "[duration]")
    );
    for (field, value) in [("cutoff", &report["cutoff"]), ("started", &report["started_at"]), ("now", &report["now"])] {
        let line = shown.stdout.lines().find(|line| line.starts_with(field)).unwrap();
        assert!(line.contains(value.as_str().unwrap()), "{line}");
    }
    let json = site.history(&[run, "--output", "json"]).expect(0).report();
    assert_eq!(json["document"], report);
    assert_eq!((&json["state"], &json["job"]), (&json!("succeeded"), &json!("event-cleanup")));
}

fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned()
}

/// How long a run took, as people read it.
fn took(report: &Value) -> String {
    let duration = std::time::Duration::from_millis(report["duration_ms"].as_u64().unwrap());
    match (duration.as_secs(), duration.subsec_millis()) {
        (0, millis) => format!("{millis}ms"),
        (seconds, 0) => format!("{seconds}s"),
        (seconds, millis) => format!("{seconds}s {millis}ms"),
    }
}

#[test]
fn what_went_wrong_is_in_the_report() {
    let site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    let long = "a reason that goes on and on, since the database has much to say about why it would not do it, twice";
    let mut incomplete = Past::ended("user-cleanup", at("2026-01-01T02:00:00Z"), "incomplete", 3);
    incomplete.more = json!({
        "parameters": {"days_since_user_has_been_disabled": 30, "fail_on_shared_folder_deletion_error": false},
        "cutoff": "2025-12-02T02:00:00Z",
        "counts": {"examined": 9, "matched": 5, "deleted": 2, "updated": 0, "skipped": 1, "failed": 2},
        "rows": {"users": 2, "event_training_participation_report_parameter_sets": 123_456_789},
        "objects_deleted": 3, "bytes_freed": u64::MAX, "shared_folders_deleted": 1, "backlog": 4,
        "figures": {"in_sync": 17},
        "warnings": ["one", long], "warnings_total": 31,
        "failures": [
            {"subject": "01234567-89ab-cdef-0123-456789abcdef", "reason": long},
            {"subject": "assets/\u{1b}[31m\nred", "reason": "two\nlines, and \u{202e}backwards"},
        ],
    });
    let mut failed = Past::ended("event-cleanup", at("2026-01-02T02:00:00Z"), "failed", 69);
    failed.more = json!({"error": {"message": "cannot reach it", "causes": ["refused", long], "hint": "start it"}});
    // A later version may leave out anything.
    let mut strange = Past::ended("of-the-future", at("2026-01-03T02:00:00Z"), "evaporated", 17);
    strange.more =
        json!({"counts": 5, "rows": [], "parameters": null, "failures": {}, "error": "x", "host": null, "now": 7});
    let died = Past { end: Some(("died", 0)), ..Past::without_end("event-cleanup", at("2026-01-04T02:00:00Z")) };
    site.remember(&[incomplete.clone(), failed.clone(), strange.clone()]);
    site.remember(&[Past { end: None, ..died.clone() }]);
    let mut said = String::new();
    for run in [&incomplete, &failed, &strange, &died] {
        let shown = site.history(&[&run.id.to_string()]).expect(0).transcript();
        assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
        said += &shown;
        said += "\n\n";
    }
    assert_snapshot!(said);
}

#[test]
fn what_anybody_entered_steers_no_terminal() {
    let site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    let hostile = "\u{1b}[31mred\u{1b}[0m\nno line of ours";
    let mut run = Past::ended(hostile, at("2026-01-01T02:00:00Z"), hostile, 0);
    run.more = json!({ "started_at": hostile });
    site.remember(std::slice::from_ref(&run));
    for more in [&[][..], &["--failed"], &[&run.id.to_string()]] {
        let shown = site.history(more).expect(0).stdout;
        assert!(!shown.contains('\u{1b}') && !shown.contains("\nno line of ours"), "{shown:?}");
    }
    assert_eq!(site.history(&[]).expect(0).stdout.lines().count(), 2);
}

#[test]
fn a_run_may_be_named_by_its_beginning_if_that_is_clear() {
    for database in [DatabaseKind::Postgres, DatabaseKind::Sqlite] {
        let site = Site::new(database, StorageKind::Directory);
        let id = |digits: &str| Uuid::parse_str(digits).unwrap();
        let ids = [
            "00000000-0000-0000-0000-000000000000",
            "01932a3b-4c5d-7000-8000-000000000001",
            "01932a3b-4c5d-7000-8000-000000000002",
            "01932a3b-4c5e-7000-8000-000000000001",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
        ];
        let run = |id| Past { id, ..Past::ended("room-cleanup", at("2026-01-01T02:00:00Z"), "succeeded", 0) };
        site.remember(&ids.map(|digits| run(id(digits))));
        for (prefix, index) in [
            ("01932a3b-4c5e", 3),
            ("01932A3B4C5E", 3),
            ("01932a3b4c5d-7000-8000-000000000001", 1),
            ("01932a3b-4c5d-7000-8000-000000000002", 2),
            ("00", 0),
            ("f", 4),
            ("ffffffff-ffff-ffff-ffff-ffffffffffff", 4),
        ] {
            let shown = site.history(&[prefix]).expect(0).stdout;
            assert!(shown.starts_with(&format!("Run {}\n", ids[index])), "{prefix}: {shown}");
        }
        if database == DatabaseKind::Sqlite {
            let wrong: [&[&str]; 9] = [
                &["01932a3b-4c5d"],
                &["0"],
                &["02"],
                &["+1"],
                &[""],
                &["-"],
                &["event-cleanup"],
                &["01932a3b-4c5d-7000-8000-0000000000011"],
                &["0", "--job", "event-cleanup", "--failed", "--limit", "3"],
            ];
            let said: Vec<_> = wrong.iter().map(|more| site.history(more).expect(2).transcript()).collect();
            // In the order of the table's columns nothing else differs.
            assert_snapshot!(said.join("\n").replace("[uuid]", "[a run]"));
        }
        let more: Vec<_> =
            (0..9).map(|_| run(Uuid::from_u128(0xabc << 116 | Uuid::new_v4().as_u128() >> 12))).collect();
        site.remember(&more);
        let ambiguous = site.history(&["abc"]).expect(2).stderr;
        assert_eq!(ambiguous.matches("abc").count(), 6, "{ambiguous}");
        assert!(ambiguous.contains(", and others"), "{ambiguous}");
    }
}

#[test]
fn every_retention_period_is_recorded_as_an_instant() {
    let mut site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    site.set("safety", "room_minimum_age = '1h'");
    for (job, parameters, period) in [
        ("event-cleanup", json!({"days_since_last_occurrence": 3}), TimeDelta::days(3)),
        ("user-cleanup", json!({"days_since_user_has_been_disabled": 4}), TimeDelta::days(4)),
        ("adhoc-event-cleanup", json!({"seconds_since_creation": 5}), TimeDelta::seconds(5)),
        ("invite-cleanup", json!({}), TimeDelta::zero()),
        ("room-cleanup", json!({}), TimeDelta::hours(1)),
        ("run-history-cleanup", json!({"days_since_run_started": 6}), TimeDelta::days(6)),
    ] {
        for more in [&["--dry-run"][..], &[]] {
            let report = site.job(job, &[&["--parameters", &parameters.to_string()], more].concat()).expect(0).report();
            let instant = |field: &str| at(report[field].as_str().unwrap());
            assert_eq!(instant("cutoff"), instant("now") - period, "{job}");
        }
    }
    let report = site.job("invite-cleanup", &["--parameters", r#"{"expired_before": "2026-01-31T12:00:00+01:00"}"#]);
    assert_eq!(report.expect(0).report()["cutoff"], "2026-01-31T11:00:00Z");
    assert!(site.job("self-check", &[]).expect(0).report().get("cutoff").is_none());
}
