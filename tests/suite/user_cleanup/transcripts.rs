//! What an operator reads.

use insta::assert_snapshot;

use super::community::Community;
use crate::site::{DatabaseKind, Site, StorageKind};

fn site() -> Site {
    let mut community = Community::default();
    let (enabled, due) = (community.user(None), community.disabled(31));
    community.disabled(29);
    let room = community.room(due);
    let event = community.event(room, due);
    community.deeds(enabled, room, event);
    let lent = community.room(due);
    community.event(lent, enabled);
    community.room(due);
    let site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    community.fill(&site);
    site
}

fn said(site: &Site, more: &[&str]) -> String {
    let run = site.upkeep(&[&["jobs", "execute", "user-cleanup", "--hide-duration"], more].concat());
    run.transcript_at(site)
}

const NO_DAYS: [&str; 2] = ["--parameters", r#"{"days_since_user_has_been_disabled": 0}"#];

#[test]
fn a_run_says_what_it_found_and_did() {
    let site = site();
    assert_snapshot!(said(&site, &["--dry-run"]), @"
    ");
    assert_snapshot!(said(&site, &NO_DAYS), @"
    ");
    assert_snapshot!(said(&site, &[]), @"
    ");
    assert_snapshot!(said(&site, &[]), @"
    ");
}

#[test]
fn a_user_who_is_kept_is_named() {
    let site = site();
    site.execute("CREATE TABLE plugin_notes (author BLOB REFERENCES users)");
    site.execute("INSERT INTO plugin_notes SELECT id FROM users");
    assert_snapshot!(said(&site, &["--dry-run"]), @"
    ");
    assert_snapshot!(said(&site, &[]), @"
    ");
}

#[test]
fn the_job_is_described() {
    assert_snapshot!(crate::site::run_bare(&["jobs", "describe", "user-cleanup"]).transcript(), @"
    ");
    assert_snapshot!(crate::site::run_bare(&["jobs", "default-parameters", "user-cleanup"]).transcript(), @"
    ");
}
