//! Shared folders: removed at their provider before their events go, and what happens when they cannot be.

mod hostile;
mod meanwhile;

use std::time::Duration;

use serde_json::{Value, json};
use upkeep_test_servers::Nextcloud;
use upkeep_test_servers::fault_proxy::Fault;
use upkeep_test_servers::nextcloud::{Answer, PASSWORD, USERNAME};

use crate::site::{DATABASES, DatabaseKind, Event, Run, Sample, Site, StorageKind, deletes_assets};

use DatabaseKind::{Postgres, PostgresOld, Sqlite};

const STRICT: [&str; 2] = ["--parameters", r#"{"fail_on_shared_folder_deletion_error": true}"#];

pub(crate) fn connect(site: &mut Site, url: &str) {
    site.set(
        "shared_folder",
        &format!("provider = \"nextcloud\"\nurl = {url:?}\nusername = {USERNAME:?}\npassword = {PASSWORD:?}"),
    );
}

fn site(database: DatabaseKind) -> (Site, Nextcloud) {
    let mut site = Site::new(database, StorageKind::Directory);
    let nextcloud = Nextcloud::start().unwrap();
    connect(&mut site, &nextcloud.url());
    (site, nextcloud)
}

/// An ended event with a folder at the provider.
pub(crate) fn with_folder(nextcloud: &Nextcloud, path: &str) -> Event {
    let (write, read) = nextcloud.add_folder(path);
    let data = json!({"type": "nextcloud", "write_share_id": write, "read_share_id": read});
    Event::ended(31).with_assets(1).with_folder(path, data)
}

fn shares(write: &str, read: &str) -> Value {
    json!({"type": "nextcloud", "write_share_id": write, "read_share_id": read})
}

/// Asserts that nothing of `event` is left but its folder in the outbox.
#[track_caller]
fn assert_gone_but_for_its_folder(site: &Site, event: &Event) {
    assert!(!site.events().contains(&event.id));
    assert!(site.rows_of("event_shared_folders").is_empty() && site.objects().is_empty());
    assert_eq!(site.outbox(), [format!("shared_folder {}", event.id)].into());
}

#[track_caller]
fn assert_warned(run: &Run, event: &Event) {
    let warnings = run.report()["warnings"].to_string();
    assert!(warnings.contains(&event.id.to_string()), "{warnings}");
}

#[test]
fn a_folder_goes_with_both_its_shares() {
    for database in DATABASES {
        let (site, nextcloud) = site(database);
        nextcloud.add_folder("opentalk/other");
        site.fill(&Sample::of([with_folder(&nextcloud, "opentalk/räume & mehr/#1 100%")]));
        let plan = site.clean_up(&["--dry-run"]).expect(0).report();
        assert_eq!(plan["plan"]["shared_folders"], 1);
        assert!(nextcloud.requests().is_empty(), "a dry run sends nothing");
        let report = site.clean_up(&STRICT).expect(0).report();
        assert_eq!(report["shared_folders_deleted"], 1);
        assert_eq!(nextcloud.folders(), ["opentalk/other"]);
        assert_eq!(nextcloud.shares().len(), 2);
        assert!(site.events().is_empty() && site.outbox().is_empty() && site.objects().is_empty());
    }
}

#[test]
fn a_folder_that_is_gone_already_is_no_failure() {
    let (site, nextcloud) = site(Sqlite);
    site.fill(&Sample::of([Event::ended(31).with_folder("opentalk/gone", shares("71", "72"))]));
    site.clean_up(&STRICT).expect(0);
    assert!(site.events().is_empty() && site.outbox().is_empty());
    assert_eq!(nextcloud.requests().len(), 3);
}

#[test]
fn a_failing_folder_is_a_warning_and_tried_again_by_later_runs() {
    for (database, status) in
        [(Postgres, 423), (PostgresOld, 500), (Sqlite, 423), (Sqlite, 500), (Sqlite, 401), (Sqlite, 403)]
    {
        let (site, nextcloud) = site(database);
        let event = with_folder(&nextcloud, "opentalk/busy");
        site.fill(&Sample::of([event.clone()]));
        let what = if status == 401 { "/ocs/" } else { "/remote.php/" };
        nextcloud.answer(what, Answer::Status(status));

        let run = site.clean_up(&[]).expect(0);
        assert_warned(&run, &event);
        assert!(run.report()["warnings"].to_string().contains(&status.to_string()));
        assert_eq!(run.report()["backlog"], 1);
        assert_eq!(run.report()["shared_folders_deleted"], 0);
        assert_gone_but_for_its_folder(&site, &event);
        assert!(nextcloud.has_folder("opentalk/busy"));

        let again = site.clean_up(&[]).expect(0);
        assert_warned(&again, &event);
        assert_eq!(site.number("SELECT attempts FROM upkeep_pending_deletions"), 1);
        assert_gone_but_for_its_folder(&site, &event);
        let strict = site.clean_up(&STRICT).expect(3).report();
        assert_eq!(strict["failures"][0]["subject"], event.id.to_string());

        nextcloud.behave();
        let last = site.clean_up(&[]).expect(0).report();
        assert_eq!(last["shared_folders_deleted"], 1);
        assert_eq!(last["backlog"], 0);
        assert!(site.outbox().is_empty() && nextcloud.folders().is_empty() && nextcloud.shares().is_empty());
    }
}

#[test]
fn with_the_strict_setting_the_event_is_kept_whole_and_others_of_the_batch_go() {
    for database in DATABASES {
        let (site, nextcloud) = site(database);
        let stuck = with_folder(&nextcloud, "opentalk/stuck");
        site.fill(&Sample::of([stuck.clone()]));
        let before = site.rows();
        let others = [with_folder(&nextcloud, "opentalk/fine"), Event::ended(31).with_assets(1)];
        site.fill(&Sample::of(others));
        nextcloud.answer("/stuck", Answer::Status(423));

        let run = site.clean_up(&STRICT).expect(1);
        let report = run.report();
        assert_eq!(site.rows(), before);
        assert_eq!(site.objects(), stuck.keys().into_iter().collect());
        assert_eq!(nextcloud.folders(), ["opentalk/stuck"]);
        assert_eq!(report["counts"]["deleted"], 2);
        assert_eq!(report["counts"]["failed"], 1);
        assert_eq!(report["failures"][0]["subject"], stuck.id.to_string());
        assert_eq!(report["outcome"], "failed");
        assert!(report["failures"][0]["reason"].as_str().unwrap().contains("423"));
        assert!(site.outbox().is_empty());

        nextcloud.behave();
        site.clean_up(&STRICT).expect(0);
        assert!(site.events().is_empty() && site.objects().is_empty() && nextcloud.folders().is_empty());
    }
}

/// The run ends early because of the folder, and must not forget what it has under way at the store.
#[test]
fn ending_early_waits_for_a_slow_store_and_tells_the_truth() {
    let mut site = Site::new(Postgres, StorageKind::S3);
    let nextcloud = Nextcloud::start().unwrap();
    connect(&mut site, &nextcloud.url());
    let proxy = site.put_proxy_before_bucket();
    site.fill(&Sample::of([with_folder(&nextcloud, "opentalk/stuck"), Event::ended(31).with_assets(2)]));
    nextcloud.answer("/stuck", Answer::Status(423));
    proxy.set(|request| if deletes_assets(request) { Fault::Delay(Duration::from_millis(2_500)) } else { Fault::None });
    let report = site.clean_up(&STRICT).expect(1).report();
    assert_eq!(site.objects().len(), 1);
    assert_eq!(report["objects_deleted"], 2);
    assert_eq!(report["backlog"], site.outbox().len());
    assert!(site.outbox().is_empty(), "what the store confirmed is noted: {:?}", site.outbox());
}

#[test]
fn folders_of_another_provider_or_none_are_failures_with_that_reason() {
    let cases = [
        (json!({"type": "opencloud", "write_share_id": "1", "read_share_id": "2"}), "opencloud"),
        (json!({"write_share_id": "1", "read_share_id": "2"}), "type"),
        (json!({"type": "nextcloud", "write_share_id": "1"}), "read_share_id"),
        (json!(null), "type"),
    ];
    for (data, word) in cases {
        let (site, nextcloud) = site(Sqlite);
        let event = Event::ended(31).with_folder("opentalk/x", data);
        site.fill(&Sample::of([event.clone()]));
        let before = site.rows();
        let report = site.clean_up(&STRICT).expect(1).report();
        assert!(report["failures"][0]["reason"].as_str().unwrap().contains(word), "{report}");
        assert_eq!(site.rows(), before);
        let run = site.clean_up(&[]).expect(0);
        assert_warned(&run, &event);
        assert_gone_but_for_its_folder(&site, &event);
        site.clean_up(&[]).expect(0);
        assert_gone_but_for_its_folder(&site, &event);
        assert!(nextcloud.requests().is_empty());
    }
}

#[test]
fn without_a_provider_folders_wait_until_there_is_one() {
    for database in DATABASES {
        let mut site = Site::new(database, StorageKind::Directory);
        let nextcloud = Nextcloud::start_under("/cloud").unwrap();
        let event = with_folder(&nextcloud, "opentalk/x");
        site.fill(&Sample::of([event.clone()]));
        let report = site.clean_up(&STRICT).expect(1).report();
        assert!(report["failures"][0]["reason"].as_str().unwrap().contains("[shared_folder]"), "{report}");
        let run = site.clean_up(&[]).expect(0);
        assert_warned(&run, &event);
        assert_gone_but_for_its_folder(&site, &event);
        connect(&mut site, &format!("{}/", nextcloud.url()));
        site.clean_up(&[]).expect(0);
        assert!(site.outbox().is_empty() && nextcloud.folders().is_empty() && nextcloud.shares().is_empty());
    }
}

/// The same path at another provider is somebody else's folder.
#[test]
fn a_waiting_folder_is_not_looked_for_at_another_provider() {
    let (mut site, nextcloud) = site(Sqlite);
    let event = with_folder(&nextcloud, "opentalk/x");
    site.fill(&Sample::of([event.clone()]));
    nextcloud.answer("", Answer::Status(500));
    site.clean_up(&[]).expect(0);
    let other = Nextcloud::start().unwrap();
    other.add_folder("opentalk/x");
    connect(&mut site, &other.url());
    assert_warned(&site.clean_up(&[]).expect(0), &event);
    assert!(other.requests().is_empty());
    assert_gone_but_for_its_folder(&site, &event);
}

/// The event is locked when its folder is gone already: it is tried again, and the folder counts once, with the event.
#[test]
fn a_folder_counts_once_however_often_its_event_is_tried() {
    let (site, nextcloud) = site(Postgres);
    let event = with_folder(&nextcloud, "opentalk/x");
    site.fill(&Sample::of([event.clone()]));
    let mut platform = site.platform();
    let mut lock = platform.transaction().unwrap();
    lock.batch_execute(&format!("SELECT 1 FROM events WHERE id = '{}' FOR KEY SHARE", event.id)).unwrap();
    let report = site.clean_up(&[]).expect(3).report();
    assert_eq!(report["counts"]["deleted"], 0);
    assert_eq!(report["failures"][0]["subject"], event.id.to_string());
    assert_eq!(report["shared_folders_deleted"], 0);
    assert_eq!(site.events().len(), 1);
    lock.rollback().unwrap();
    assert_eq!(site.clean_up(&[]).expect(0).report()["shared_folders_deleted"], 1);
    assert!(site.events().is_empty());
}

/// A provider that fails every request is asked a few times a run, not a few times for each group of folders.
#[test]
fn a_provider_that_is_down_is_given_up_for_the_whole_run() {
    let (site, nextcloud) = site(Sqlite);
    site.fill(&Sample::of((0..70).map(|n| with_folder(&nextcloud, &format!("opentalk/{n}")))));
    nextcloud.answer("/ocs/", Answer::Status(401));
    site.clean_up(&[]).expect(0);
    assert!(site.events().is_empty());
    assert_eq!(site.outbox().len(), 70);
    let asked = nextcloud.requests().len();
    assert!((8..=16).contains(&asked), "{asked}");
    site.clean_up(&[]).expect(0);
    assert!((8..=16).contains(&(nextcloud.requests().len() - asked)));
    nextcloud.behave();
    assert_eq!(site.clean_up(&[]).expect(0).report()["shared_folders_deleted"], 70);
    assert!(site.outbox().is_empty() && nextcloud.folders().is_empty());
}
