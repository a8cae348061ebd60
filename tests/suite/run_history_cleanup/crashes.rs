//! SIGKILL at every named point that the job passes, and at random moments; the next run finishes the work.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::{JOB, clean_up, days_ago, ids};
use crate::history::Past;
use crate::site::{DATABASES, DatabaseKind, Site, StorageKind, finish};

/// So many are due, more than a batch takes, and one has to stay.
const DUE: i64 = 2_500;

fn filled(database: DatabaseKind) -> (Site, BTreeSet<Uuid>) {
    let site = Site::new(database, StorageKind::Directory);
    let old: Vec<_> = (0..DUE).map(|n| Past::ended("event-cleanup", days_ago(4_000 - n), "succeeded", 0)).collect();
    let latest = [Past::ended("event-cleanup", days_ago(1), "succeeded", 0)];
    site.remember(&old);
    site.remember(&latest);
    (site, ids(&latest))
}

fn assert_finished(site: &Site, stays: &BTreeSet<Uuid>, how: &str) {
    let run = clean_up(site, &[]);
    assert_eq!(run.code, Some(0), "{how}: {run:#?}");
    assert_eq!(site.remembered(), *stays, "{how}");
    assert_eq!(site.rows_of("upkeep_leases"), BTreeSet::new(), "{how}");
}

#[test]
fn dying_at_every_named_point_leaves_what_the_next_run_finishes() {
    for database in DATABASES {
        for place in
            ["leased", "prepared:2", "before-commit:1", "before-commit:2", "committed:1", "committed:3", "done"]
        {
            let (site, stays) = filled(database);
            let mut command = site.command(&["jobs", "execute", JOB]);
            let run = finish(command.env("UPKEEP_CRASH_AT", place).spawn().unwrap());
            assert_eq!(run.code, None, "it did not die at {place}: {run:#?}");
            assert!(site.remembered().is_superset(&stays));
            assert_finished(&site, &stays, place);
        }
    }
}

#[test]
fn sigkill_at_random_moments_leaves_what_the_next_run_finishes() {
    let (site, stays) = filled(DatabaseKind::Postgres);
    let begun = Instant::now();
    clean_up(&site, &[]).expect(0);
    let takes = begun.elapsed();
    let mut amid = 0;
    for _ in 0..12 {
        let (site, stays) = filled(DatabaseKind::Postgres);
        let mut child = site.command(&["jobs", "execute", JOB]).spawn().unwrap();
        let delay = takes.mul_f64(0.2 + 0.8 * f64::from(Uuid::new_v4().as_bytes()[0]) / 255.0);
        std::thread::sleep(delay.max(Duration::from_millis(1)));
        child.kill().unwrap();
        child.wait().unwrap();
        let left = site.remembered();
        assert!(left.is_superset(&stays));
        amid += u32::from(left.len() > stays.len() && left.len() <= DUE as usize);
        assert_finished(&site, &stays, &format!("SIGKILL after {delay:?}"));
    }
    println!("12 SIGKILLs, {amid} between commits");
    assert_eq!(site.remembered(), stays);
}
