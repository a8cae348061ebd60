//! How long ago a user must have been disabled.

use chrono::{SubsecRound, TimeDelta, Utc};
use serde_json::json;
use upkeep_jobs::kit::Guard;

use super::community::Community;
use super::{ago, clean_up};
use crate::site::{DATABASES, DatabaseKind, Site, StorageKind};

#[test]
fn the_cutoff_belongs_to_the_past_and_a_microsecond_later_does_not() {
    for database in DATABASES {
        let now = Utc::now().trunc_subsecs(6);
        for days in [30_i64, 1] {
            let (cutoff, micro) = (now - TimeDelta::days(days), TimeDelta::microseconds(1));
            let mut community = Community::default();
            community.user(None);
            for disabled in [cutoff - micro, cutoff, cutoff + micro, now] {
                let user = community.user(Some(disabled));
                let room = community.room(user);
                community.event(room, user);
                community.room(user);
            }
            let site = Site::new(database, StorageKind::Directory);
            community.fill(&site);
            let guard = Guard { deletion: true, ..Guard::default() };
            let parameters = json!({"days_since_user_has_been_disabled": days});
            let report = site.job_at("user-cleanup", &parameters, guard, now);
            assert_eq!(report.counts.deleted, 2);
            assert_eq!(report.rows["events"], 2);
            assert_eq!(report.rows["rooms"], 4);
            community.after(cutoff).assert_is_what_is_left(&site, &format!("{database:?}"));
        }
    }
}

const NO_DAYS: [&str; 2] = ["--parameters", r#"{"days_since_user_has_been_disabled": 0}"#];

#[test]
fn no_retention_at_all_has_to_be_allowed_by_number() {
    for database in DATABASES {
        let mut community = Community::default();
        let enabled = community.user(None);
        for days in [0, 1, 100] {
            let user = community.disabled(days);
            let room = community.room(user);
            community.event_updated_by(room, enabled, user);
        }
        community.disabled(-1);
        let site = Site::new(database, StorageKind::Directory);
        community.fill(&site);
        let before = site.rows();
        for allowed in [&[][..], &["--allow-affected", "2"]] {
            let run = clean_up(&site, &[&NO_DAYS, allowed].concat()).expect(4);
            assert!(run.stderr.contains("--allow-affected 3"), "{run:?}");
            assert_eq!(run.report()["outcome"], "refused");
            assert!(site.rows() == before);
        }
        let plan = clean_up(&site, &[&NO_DAYS[..], &["--dry-run"]].concat()).expect(0).report();
        assert_eq!(plan["plan"]["rows"]["users"], 3, "looking is always allowed");
        let run = clean_up(&site, &[&NO_DAYS[..], &["--allow-affected", "3"]].concat()).expect(0);
        assert_eq!(run.report()["counts"]["deleted"], 3);
        community.after(ago(0)).assert_is_what_is_left(&site, &format!("{database:?}"));
        clean_up(&site, &[&NO_DAYS[..], &["--allow-affected", "0"]].concat()).expect(0);
        let run = clean_up(&site, &NO_DAYS).expect(4);
        assert!(run.stderr.contains("--allow-affected 0"), "{run:?}");
    }
}

#[test]
fn a_period_longer_than_the_calendar_is_wrong_usage() {
    let site = Site::unmigrated(DatabaseKind::Sqlite, StorageKind::Directory);
    for days in ["100000000000", "18446744073709551615"] {
        let parameters = format!(r#"{{"days_since_user_has_been_disabled": {days}}}"#);
        let run = clean_up(&site, &["--parameters", &parameters]).expect(2);
        assert!(run.stderr.contains("days_since_user_has_been_disabled") && run.stderr.contains(days), "{run:?}");
    }
    for wrong in ["-1", "1.5", "\"30\"", "null", "18446744073709551616"] {
        let parameters = format!(r#"{{"days_since_user_has_been_disabled": {wrong}}}"#);
        clean_up(&site, &["--parameters", &parameters]).expect(2);
    }
    clean_up(&site, &["--parameters", r#"{"fail_on_shared_folder_deletion_error": 1}"#]).expect(2);
    assert!(!site.path().join("upkeep.db").exists(), "nothing was connected");
}
