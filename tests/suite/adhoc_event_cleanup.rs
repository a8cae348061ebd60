//! What adhoc-event-cleanup removes and what it leaves, on every database and storage.

mod meanwhile;
mod told;

use std::collections::BTreeSet;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use insta::assert_snapshot;
use serde_json::{Value, json};
use upkeep_jobs::kit::Guard;
use upkeep_test_servers::Nextcloud;
use upkeep_test_servers::Postgres as Server;
use upkeep_test_servers::nextcloud::{Answer, PASSWORD, USERNAME};
use uuid::Uuid;

use crate::site::{
    DatabaseKind, Dialect, EVERYWHERE, Event, Occurs, Run, Sample, Site, StorageKind, finish, is_trial, once, run_bare,
    wait_until,
};

use DatabaseKind::{Postgres, Sqlite};

fn adhoc(mut event: Event) -> Event {
    event.adhoc = true;
    event
}

fn clean_up(site: &Site, more: &[&str]) -> Run {
    site.job("adhoc-event-cleanup", more)
}

fn created(site: &Site, event: &Event, at: DateTime<Utc>) {
    let (id, at) = (site.dialect().uuid(event.id), site.dialect().instant(at));
    site.execute(&format!("UPDATE events SET created_at = {at} WHERE id = {id}"));
}

fn hours_ago(hours: i64) -> DateTime<Utc> {
    Utc::now() - TimeDelta::hours(hours)
}

fn series(pattern: &str) -> Event {
    let (starts_at, ends_at) = (Utc::now() - TimeDelta::days(90), Utc::now() + TimeDelta::days(36_500));
    Event::new(Occurs::Series { starts_at, zone: "UTC", duration_secs: 60, pattern: pattern.into(), ends_at })
}

/// Events of every kind of dates; the sample creates them 400 days ago.
fn kinds() -> Vec<Event> {
    let mut mars = series("FREQ=DAILY;COUNT=3");
    if let Occurs::Series { zone, .. } = &mut mars.occurs {
        *zone = "Mars/Olympus";
    }
    vec![
        Event::ended(300).with_assets(2),
        Event::ended(-300).with_assets(1),
        Event::new(Occurs::AtNoTime).with_assets(1),
        series("FREQ=DAILY"),
        series("not a rule"),
        mars,
    ]
}

fn ids(events: &[Event]) -> BTreeSet<Uuid> {
    events.iter().map(|event| event.id).collect()
}

#[test]
fn adhoc_events_go_by_their_creation_alone() {
    for (database, storage) in EVERYWHERE {
        let site = Site::new(database, storage);
        // Young ones, and ones of any age and kind that are not ad hoc.
        let young: Vec<_> = kinds().into_iter().map(adhoc).collect();
        let stay = [kinds(), young.clone()].concat();
        site.fill(&Sample::of(stay.clone()));
        for event in &young {
            created(&site, event, hours_ago(23));
        }
        let before = site.rows();
        let go: Vec<_> = kinds().into_iter().map(adhoc).collect();
        site.fill(&Sample::of(go.clone()));
        for (event, hours) in go.iter().zip([25, 26, 27, 28, 29]) {
            created(&site, event, hours_ago(hours));
        }
        let filled = site.state();

        let plan = clean_up(&site, &["--dry-run"]).expect(0).report()["plan"].clone();
        assert!(site.state() == filled, "a dry run leaves no trace");
        let report = clean_up(&site, &[]).expect(0).report();

        assert_eq!(site.rows(), before, "{database:?} {storage:?}");
        assert_eq!(site.objects(), stay.iter().flat_map(Event::keys).collect());
        assert!(site.outbox().is_empty());
        let counts = json!({"examined": 6, "matched": 6, "deleted": 6, "updated": 0, "skipped": 0, "failed": 0});
        assert_eq!(report["counts"], counts);
        assert_eq!(report["warnings"], json!([]), "nobody reads their rules");
        assert_eq!((&report["objects_deleted"], &report["bytes_freed"]), (&json!(4), &json!(5)));
        assert_eq!(serde_json::from_value::<BTreeSet<Uuid>>(plan["ids"].clone()).unwrap(), ids(&go));
        assert_eq!((&plan["rows"], &plan["objects"], &plan["bytes"]), (&report["rows"], &json!(4), &json!(5)));
        for (table, rows) in [("events", 6), ("rooms", 6), ("assets", 4), ("event_invites", 6), ("invites", 6)] {
            assert_eq!(report["rows"][table], rows, "{table}");
        }
        let again = clean_up(&site, &[]).expect(0);
        assert!(again.stderr.contains("No ad hoc events are due"), "{again:?}");
        assert_eq!(site.rows(), before);
    }
}

#[test]
fn the_cutoff_is_exact_and_zero_seconds_are_allowed() {
    let micro = TimeDelta::microseconds(1);
    for database in [Postgres, Sqlite] {
        for seconds in [0, 1, 86_400, u32::MAX] {
            let site = Site::new(database, StorageKind::Directory);
            let events: Vec<_> = (0..3).map(|_| adhoc(Event::new(Occurs::AtNoTime).with_assets(1))).collect();
            site.fill(&Sample::of(events.clone()));
            let now = Utc::now().trunc_subsecs(6);
            let cutoff = now - TimeDelta::seconds(seconds.into());
            for (event, at) in events.iter().zip([cutoff + micro, cutoff, cutoff - micro]) {
                created(&site, event, at);
            }
            let run = |now| {
                let guard = Guard { deletion: true, ..Guard::default() };
                site.job_at("adhoc-event-cleanup", &json!({"seconds_since_creation": seconds}), guard, now)
            };
            assert_eq!(run(now).counts.deleted, 2, "{database:?} {seconds}");
            assert_eq!(site.events(), ids(&events[..1]), "{database:?} {seconds}");
            assert_eq!(run(now + micro).counts.deleted, 1);
            assert!(site.events().is_empty() && site.objects().is_empty());
        }
    }
}

#[test]
fn a_day_is_the_default() {
    let site = Site::new(Sqlite, StorageKind::Directory);
    let events: Vec<_> = (0..2).map(|_| adhoc(Event::ended(-1))).collect();
    site.fill(&Sample::of(events.clone()));
    let now = Utc::now().trunc_subsecs(6);
    created(&site, &events[0], now - TimeDelta::days(1));
    created(&site, &events[1], now - TimeDelta::days(1) + TimeDelta::microseconds(1));
    site.job_at("adhoc-event-cleanup", &json!({}), Guard { deletion: true, ..Guard::default() }, now);
    assert_eq!(site.events(), ids(&events[1..]));
}

fn with_nextcloud(database: DatabaseKind) -> (Site, Nextcloud) {
    let mut site = Site::new(database, StorageKind::Directory);
    let nextcloud = Nextcloud::start().unwrap();
    let url = nextcloud.url();
    site.set(
        "shared_folder",
        &format!("provider = \"nextcloud\"\nurl = {url:?}\nusername = {USERNAME:?}\npassword = {PASSWORD:?}"),
    );
    (site, nextcloud)
}

fn with_folder(nextcloud: &Nextcloud, path: &str) -> Event {
    let (write, read) = nextcloud.add_folder(path);
    let data = json!({"type": "nextcloud", "write_share_id": write, "read_share_id": read});
    adhoc(Event::ended(-1).with_assets(1).with_folder(path, data))
}

#[test]
fn folders_go_with_their_events_and_failures_are_handled_as_the_parameter_says() {
    let strict = ["--parameters", r#"{"fail_on_shared_folder_deletion_error": true}"#];
    for database in [Postgres, Sqlite] {
        let (site, nextcloud) = with_nextcloud(database);
        let (stuck, other) = (with_folder(&nextcloud, "opentalk/stuck"), with_folder(&nextcloud, "opentalk/other"));
        site.fill(&Sample::of([stuck.clone(), other.clone()]));
        nextcloud.answer("stuck", Answer::Status(423));

        let report = clean_up(&site, &strict).expect(1).report();
        assert_eq!(site.events(), [stuck.id].into(), "{database:?}");
        assert_eq!(site.objects(), stuck.keys().into_iter().collect());
        assert!(site.outbox().is_empty());
        assert_eq!((&report["counts"]["deleted"], &report["counts"]["failed"]), (&json!(1), &json!(1)));
        assert_eq!(report["failures"][0]["subject"], stuck.id.to_string());

        let report = clean_up(&site, &[]).expect(0).report();
        assert!(report["warnings"][0].as_str().unwrap().contains(&stuck.id.to_string()), "{report}");
        assert!(site.events().is_empty() && site.objects().is_empty());
        assert_eq!(site.outbox(), [format!("shared_folder {}", stuck.id)].into());
        nextcloud.behave();
        assert_eq!(clean_up(&site, &strict).expect(0).report()["shared_folders_deleted"], 1);
        assert!(site.outbox().is_empty() && nextcloud.folders().is_empty());
    }
}

/// In databases from before rooms and events were one to one.
#[test]
fn a_room_that_another_event_uses_stays_with_its_assets() {
    for shared_with_adhoc in [false, true] {
        let site = Site::new(Postgres, StorageKind::Directory);
        site.execute("ALTER TABLE events DROP CONSTRAINT events_room_key");
        let mut other = Event::ended(300);
        other.adhoc = shared_with_adhoc;
        let goes = adhoc(Event::ended(-1).with_assets(2));
        site.fill(&Sample::of([goes.clone(), other.clone()]));
        site.execute(&format!("UPDATE events SET room = '{}' WHERE id = '{}'", goes.room, other.id));
        let plan = clean_up(&site, &["--dry-run"]).expect(0).report()["plan"].clone();
        let report = clean_up(&site, &[]).expect(0).report();
        assert_eq!(plan["rows"], report["rows"]);
        assert_eq!(plan["objects"], report["objects_deleted"]);
        if shared_with_adhoc {
            assert!(site.events().is_empty() && site.objects().is_empty(), "the room goes with the last of them");
        } else {
            assert_eq!(site.events(), [other.id].into());
            assert_eq!(site.objects(), goes.keys().into_iter().collect());
        }
    }
}

#[test]
fn a_foreign_table_keeps_its_event_and_only_that() {
    for (database, storage) in EVERYWHERE {
        let site = Site::new(database, storage);
        let kept = adhoc(Event::ended(-1).with_assets(1));
        site.fill(&Sample::of([kept.clone()]));
        let id_type = if site.dialect() == Dialect::Postgres { "UUID" } else { "BLOB" };
        site.execute(&format!(
            "CREATE TABLE plugin_notes (subject {id_type} NOT NULL CONSTRAINT plugin_subject_fkey \
             REFERENCES events (id)); INSERT INTO plugin_notes VALUES ({})",
            site.dialect().uuid(kept.id)
        ));
        let before = site.rows();
        site.fill(&Sample::of((0..4).map(|_| adhoc(Event::ended(-1).with_assets(1)))));
        let report = clean_up(&site, &[]).expect(3).report();
        assert_eq!(site.rows(), before, "{database:?}: kept whole");
        assert_eq!(site.objects(), kept.keys().into_iter().collect());
        assert_eq!((&report["counts"]["deleted"], &report["counts"]["failed"]), (&json!(4), &json!(1)));
        let failure: &Value = &report["failures"][0];
        assert_eq!(failure["subject"], kept.id.to_string());
        let reason = failure["reason"].as_str().unwrap();
        if site.dialect() == Dialect::Postgres {
            assert!(reason.contains("plugin_notes") && reason.contains("plugin_subject_fkey"), "{reason}");
        } else {
            assert!(reason.to_lowercase().contains("foreign key"), "{reason}");
        }
    }
}
