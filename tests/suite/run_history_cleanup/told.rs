//! What run-history-cleanup says.

use insta::assert_snapshot;
use serde_json::json;

use super::{JOB, clean_up, days, days_ago, parameters};
use crate::history::Past;
use crate::site::{DatabaseKind, Site, StorageKind, run_bare};

#[test]
fn each_outcome_is_told() {
    let mut site = Site::new(DatabaseKind::Postgres, StorageKind::Directory);
    let mut said = Vec::new();
    let execute = |site: &Site, more: &[&str]| {
        site.upkeep(&[&["jobs", "execute", JOB, "--hide-duration"], more].concat()).transcript_at(site)
    };
    said.push(execute(&site, &[]));
    site.remember(&[1_000, 900, 800].map(|days| Past::ended("event-cleanup", days_ago(days), "succeeded", 0)));
    said.push(execute(&site, &["--dry-run"]));
    said.push(execute(&site, &[]));
    site.set("safety", "deletion = false");
    site.remember(&[Past::ended("event-cleanup", days_ago(1_000), "succeeded", 0)]);
    said.push(execute(&site, &[]));
    assert_eq!(site.remembered().len(), 2);
    said.push(site.upkeep(&["jobs", "describe", JOB]).transcript());
    said.push(site.upkeep(&["jobs", "default-parameters", JOB]).transcript());
    assert_snapshot!(said.join("\n\n"));
}

#[test]
fn parameters_out_of_range_are_refused_before_anything_is_connected() {
    let mut said = String::new();
    for value in [json!(0), json!(-1), json!(1.5), json!("730"), json!(null), json!(u64::MAX), json!(100_000_000)] {
        let nowhere = ["--config", "/nonexistent/upkeep.toml", "jobs", "execute", JOB, "--parameters"];
        said += &run_bare(&[&nowhere[..], &[&parameters(&value)]].concat()).expect(2).stderr;
    }
    assert_snapshot!(said);
    let site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    clean_up(&site, &["--parameters", &days(1)]).expect(0);
}
