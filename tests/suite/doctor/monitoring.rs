//! The doctor on metrics and pings.

use insta::assert_snapshot;
use upkeep_test_servers::PingService;

use super::doctor;
use crate::site::{DatabaseKind, Site, StorageKind};

/// What is said of monitoring.
fn said(site: &Site) -> String {
    let said = doctor(site, 0).stdout.replace(&site.path().display().to_string(), "[site]");
    let part = said.split("Monitoring\n").nth(1).map(|rest| rest.split("Unfinished work").next().unwrap());
    part.unwrap_or("nothing\n").to_owned()
}

#[test]
fn metrics_and_pings_are_looked_at_without_telling_anybody() {
    let mut site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    let service = PingService::start().unwrap();
    let mut all = said(&site);
    site.set("metrics", "dir = \"metrics\"");
    site.set("notify", &format!("ping_url = {:?}", service.url().replace("/{job}", "")));
    all += &said(&site);
    std::fs::create_dir(site.path().join("metrics")).unwrap();
    site.set("notify", &format!("ping_url = {:?}", service.url()));
    all += &said(&site);
    assert_snapshot!(all);
    assert_eq!(site.path().join("metrics").read_dir().unwrap().count(), 0);
    assert!(service.take_requests().is_empty());
}
