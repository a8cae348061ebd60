//! What run-history-cleanup removes and what it leaves, on every database.

mod crashes;
mod random;
mod told;

use std::collections::BTreeSet;
use std::time::Instant;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde_json::{Value, json};
use upkeep_jobs::kit::Guard;
use uuid::Uuid;

use crate::history::Past;
use crate::site::{DATABASES, DatabaseKind, Event, Run, Sample, Site, StorageKind};

const JOB: &str = "run-history-cleanup";

fn days_ago(days: i64) -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6) - TimeDelta::days(days)
}

impl Site {
    /// The runs in the history, but for this job's own.
    fn remembered(&self) -> BTreeSet<Uuid> {
        let id = if self.kind() == DatabaseKind::Sqlite { "hex(id)" } else { "id::text" };
        let sql = format!("SELECT {id} FROM upkeep_runs WHERE job <> '{JOB}'");
        self.texts(&sql).iter().map(|id| id.parse().unwrap()).collect()
    }

    /// Makes an entry in the outbox that a run left.
    fn leave(&self, run: &Past) {
        let (run, now) = (self.dialect().uuid(run.id), self.dialect().instant(run.started_at));
        self.execute(&format!(
            "INSERT INTO upkeep_pending_deletions (kind, location, target, job, run_id, recorded_at) \
             SELECT 'object', 'elsewhere', 'assets/' || (SELECT count(*) FROM upkeep_pending_deletions), \
             'room-cleanup', {run}, {now}"
        ));
    }
}

fn clean_up(site: &Site, more: &[&str]) -> Run {
    site.job(JOB, more)
}

fn days(days: u64) -> String {
    json!({ "days_since_run_started": days }).to_string()
}

fn ids(runs: &[Past]) -> BTreeSet<Uuid> {
    runs.iter().map(|run| run.id).collect()
}

#[test]
fn old_runs_go_but_for_what_is_still_needed() {
    for database in DATABASES {
        let site = Site::new(database, StorageKind::Directory);
        let ended = |job, days, outcome, code| Past::ended(job, days_ago(days), outcome, code);
        let goes = [
            ended("event-cleanup", 900, "succeeded", 0),
            ended("event-cleanup", 899, "failed", 69),
            ended("event-cleanup", 890, "interrupted", 143),
            Past::without_end("event-cleanup", days_ago(880)),
            ended("room-cleanup", 900, "succeeded", 0),
            ended("room-cleanup", 899, "incomplete", 3),
            ended("of-the-past", 5_000, "died", 0),
        ];
        let mut left_something = ended("user-cleanup", 900, "incomplete", 3);
        left_something.id = Uuid::from_u128(7);
        let under_way = Past::without_end("user-cleanup", days_ago(800));
        let lapsed = Past::without_end("invite-cleanup", days_ago(800));
        let stays = [
            // The latest success, and the latest run.
            ended("event-cleanup", 870, "succeeded", 0),
            ended("event-cleanup", 860, "failed", 1),
            // It started late enough.
            ended("room-cleanup", 729, "failed", 1),
            ended("room-cleanup", 728, "succeeded", 0),
            // The last of a job that is not run any more.
            ended("of-the-past", 4_000, "refused", 4),
            left_something.clone(),
            ended("user-cleanup", 850, "succeeded", 0),
            ended("invite-cleanup", 700, "succeeded", 0),
            // Its lease is held, or still there.
            under_way.clone(),
            lapsed.clone(),
        ];
        site.remember(&goes);
        site.remember(&stays);
        site.leave(&left_something);
        for (run, hours) in [(&under_way, 1), (&lapsed, -1)] {
            let (id, instant) =
                (site.dialect().uuid(run.id), site.dialect().instant(Utc::now() + TimeDelta::hours(hours)));
            site.execute(&format!("INSERT INTO upkeep_leases VALUES ('{}', {id}, '{{}}', {instant})", run.job));
        }
        let looked = clean_up(&site, &["--dry-run"]).expect(0).report();
        assert_eq!(site.remembered().len(), goes.len() + stays.len());
        let planned: BTreeSet<Uuid> = serde_json::from_value(looked["plan"]["ids"].clone()).unwrap();
        assert_eq!(planned, ids(&goes), "{database:?}");
        assert_eq!(looked["plan"]["rows"], json!({"upkeep_runs": 7}));
        let done = clean_up(&site, &[]).expect(0).report();
        assert_eq!(site.remembered(), ids(&stays), "{database:?}");
        assert_eq!((&done["counts"]["deleted"], &done["rows"]), (&json!(7), &json!({"upkeep_runs": 7})));
        assert_eq!(clean_up(&site, &[]).expect(0).report()["counts"]["matched"], 0);

        // Once nothing waits any more, and nobody holds a lease, there is no reason to keep these.
        site.execute("DELETE FROM upkeep_pending_deletions");
        site.execute("DELETE FROM upkeep_leases");
        clean_up(&site, &[]).expect(0);
        let gone: BTreeSet<_> = ids(&stays).difference(&site.remembered()).copied().collect();
        assert_eq!(gone, [left_something.id, lapsed.id].into(), "{database:?}");
    }
}

/// A run that died has not ended: it takes no other's place as the latest that did, of which monitoring goes on to tell.
#[test]
fn a_run_that_died_takes_no_other_runs_place() {
    for database in DATABASES {
        let site = Site::new(database, StorageKind::Directory);
        let ended = |days, outcome, code| Past::ended("event-cleanup", days_ago(days), outcome, code);
        let goes = ended(890, "died", 0);
        let stays = [ended(900, "succeeded", 0), ended(880, "failed", 1), ended(870, "died", 0)];
        site.remember(&stays);
        site.remember(std::slice::from_ref(&goes));
        let looked = clean_up(&site, &["--dry-run"]).expect(0).report();
        assert_eq!(looked["plan"]["ids"], json!([goes.id]), "{database:?}");
        clean_up(&site, &[]).expect(0);
        assert_eq!(site.remembered(), ids(&stays), "{database:?}");
    }
}

/// A dry run finds the same to be the latest as the run, which enters itself.
#[test]
fn its_own_records_are_records_like_others() {
    for database in [DatabaseKind::Postgres, DatabaseKind::Sqlite] {
        let site = Site::new(database, StorageKind::Directory);
        site.remember(&[
            Past::ended(JOB, days_ago(1_000), "succeeded", 0),
            Past::ended(JOB, days_ago(900), "failed", 1),
            Past::ended(JOB, days_ago(800), "failed", 1),
        ]);
        let planned = clean_up(&site, &["--dry-run"]).expect(0).report()["plan"]["ids"].as_array().unwrap().len();
        assert_eq!(clean_up(&site, &[]).expect(0).report()["counts"]["deleted"], planned);
        assert_eq!((planned, site.rows_of("upkeep_runs").len()), (1, 3));
        // Now there is a later success.
        assert_eq!(clean_up(&site, &[]).expect(0).report()["counts"]["deleted"], 2);
    }
}

#[test]
fn the_cutoff_is_exact_to_the_microsecond() {
    for database in DATABASES {
        let site = Site::new(database, StorageKind::Directory);
        let now = Utc::now().trunc_subsecs(6) - TimeDelta::hours(1);
        let run = |from_cutoff: i64| {
            let at = now - TimeDelta::days(30) + TimeDelta::microseconds(from_cutoff);
            Past::ended("event-cleanup", at, "succeeded", 0)
        };
        let (goes, stays) = ([run(-1), run(0)], [run(1), run(2)]);
        site.remember(&goes);
        site.remember(&stays);
        let guard = Guard { deletion: true, ..Guard::default() };
        let report = site.job_at(JOB, &json!({"days_since_run_started": 30}), guard, now);
        assert_eq!(report.counts.deleted, 2, "{database:?}");
        assert_eq!(site.remembered(), ids(&stays), "{database:?}");
    }
}

#[test]
fn nothing_of_the_platform_is_touched() {
    for database in DATABASES {
        let mut site = Site::new(database, StorageKind::S3);
        site.fill(&Sample::of([Event::ended(31).with_assets(2)]));
        site.remember(&[
            Past::ended("event-cleanup", days_ago(900), "succeeded", 0),
            Past::ended("event-cleanup", days_ago(899), "succeeded", 0),
        ]);
        site.leave(&Past::ended("event-cleanup", days_ago(3), "incomplete", 3));
        let (rows, objects, outbox) = (site.rows(), site.objects(), site.outbox());
        // Its storage may be away.
        let proxy = site.put_proxy_before_bucket();
        let report = clean_up(&site, &[]).expect(0).report();
        assert_eq!((&report["counts"]["deleted"], &report["backlog"]), (&json!(1), &json!(1)));
        assert_eq!(proxy.requests().len(), 0);
        assert_eq!((site.rows(), site.objects(), site.outbox()), (rows, objects, outbox));
        // And so may its tables.
        if database != DatabaseKind::Sqlite {
            site.execute("DROP TABLE room_assets, assets CASCADE");
            clean_up(&site, &[]).expect(0);
        }
    }
}

/// Where a job runs every few minutes for years.
#[test]
fn many_runs_are_no_trouble() {
    for database in [DatabaseKind::Postgres, DatabaseKind::Sqlite] {
        let site = Site::new(database, StorageKind::Directory);
        let dialect = site.dialect();
        let (id, numbers) = dialect.fresh_ids(60_000);
        let at = match database {
            DatabaseKind::Sqlite => format!("{} + row_number() OVER () * 60000000", days_ago(900).timestamp_micros()),
            _ => {
                format!("{}::timestamptz + row_number() OVER () * interval '1 minute'", dialect.instant(days_ago(900)))
            }
        };
        site.execute(&format!(
            "INSERT INTO upkeep_runs (id, job, started_at, finished_at, outcome, exit_code, report) \
             SELECT {id}, 'event-cleanup', {at}, {at}, 'failed', 1, '{{}}' FROM {numbers}"
        ));
        let begun = Instant::now();
        let report = clean_up(&site, &[]).expect(0).report();
        println!("{database:?}: 60,000 runs in {:?}", begun.elapsed());
        assert_eq!(report["counts"]["deleted"], 59_999);
        assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
    }
}

/// The value of a parameter for the given number of days.
fn parameters(value: &Value) -> String {
    json!({ "days_since_run_started": value }).to_string()
}
