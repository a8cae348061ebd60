//! The doctor on what earlier runs left behind.

use insta::assert_snapshot;

use super::{doctor, trouble};
use crate::site::{DatabaseKind, Site, StorageKind};

const RUN: &str = "'0190b2c0-0000-7000-8000-000000000001'";

fn wait(site: &Site, kind: &str, location: &str, target: &str, age: &str, error: &str) {
    site.execute(&format!(
        "INSERT INTO upkeep_pending_deletions (kind, location, target, job, run_id, recorded_at, last_error) \
         VALUES ('{kind}', '{location}', '{target}', 'event-cleanup', {RUN}, now() - interval '{age}', {error})"
    ));
}

#[test]
fn entries_of_the_outbox_are_told_with_their_age_and_place() {
    let site = Site::new(DatabaseKind::Postgres, StorageKind::Directory);
    let here = format!("directory {}", site.path().join("objects").display());
    wait(&site, "object", &here, "assets/1", "3 hours", "NULL");
    wait(&site, "object", &here, "assets/2", "10 minutes", "NULL");
    assert_snapshot!(trouble(&site, &doctor(&site, 0)), @"
    exit code 0
    Unfinished work
      note     objects that wait to be deleted from directory [site]/objects: 2, the oldest for 3 hours
               fix: the next run of a job that deletes tries again
    Nothing has to be done
    ");
    wait(&site, "object", &here, "assets/3", "9 days", "'AccessDenied: no'");
    wait(&site, "object", "s3 bucket old at https://s3.example.org", "assets/4", "400 days", "NULL");
    wait(&site, "shared_folder", "no shared-folder provider", "x", "5 minutes", "'not configured'");
    assert_snapshot!(trouble(&site, &doctor(&site, 0)), @"
    exit code 0
    Unfinished work
      warning  objects that wait to be deleted from directory [site]/objects: 3, the oldest for 9 days; one could not be: AccessDenied: no
               fix: see to that, then run a job that deletes
      warning  objects that wait to be deleted from s3 bucket old at https://s3.example.org: 1, the oldest for 400 days
               fix: that place is not configured now; run a job that deletes once with it configured
      note     shared folders that wait to be deleted from no shared-folder provider: 1, the oldest for 5 minutes; one could not be: not configured
               fix: the next run of a job that deletes tries again
    Jobs can run; 2 warnings
    ");
}

#[test]
fn runs_under_way_and_runs_that_died_are_told_of() {
    let site = Site::new(DatabaseKind::Postgres, StorageKind::Directory);
    let owner = r#"{"host":"elsewhere","pid":5,"boot":null,"namespace":null,"started":null}"#;
    for (job, expires) in [("event-cleanup", "now() + interval '1 minute'"), ("self-check", "now() - interval '1 day'")]
    {
        site.execute(&format!("INSERT INTO upkeep_leases VALUES ('{job}', {RUN}, '{owner}', {expires})"));
    }
    let here = format!("directory {}", site.path().join("objects").display());
    wait(&site, "object", &here, "assets/1", "3 hours", "NULL");
    // What a run under way is about to delete is none of anybody's business.
    assert_snapshot!(trouble(&site, &doctor(&site, 0)), @"
    exit code 0
    Unfinished work
      note     event-cleanup is under way (run [uuid], process [n] on [host])
      note     self-check ended without saying so (run [uuid], process [n] on [host])
               fix: the next run of that job takes over by itself
    Nothing has to be done
    ");
}
