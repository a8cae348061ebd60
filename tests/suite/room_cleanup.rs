//! What room-cleanup removes and what it leaves, on every database and storage, and with the platform at work.

mod many;
mod meanwhile;
mod told;

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use insta::assert_snapshot;
use serde_json::json;
use upkeep_jobs::kit::Guard;
use upkeep_test_servers::Postgres as Server;
use upkeep_test_servers::fault_proxy::{Fault, FaultProxy};
use uuid::Uuid;

use crate::site::{
    DatabaseKind, Dialect, EVERYWHERE, Event, Occurs, Run, Sample, Site, StorageKind, deletes_assets, finish, is_trial,
    once, run_bare, wait_until,
};

use DatabaseKind::{Postgres, Sqlite};

/// Tables whose rows go with their event but not with its room.
const OF_EVENTS: [&str; 8] = [
    "event_shared_folders",
    "event_training_participation_report_parameter_sets",
    "event_favorites",
    "event_email_invites",
    "event_invites",
    "event_exceptions",
    "event_recurrences",
    "event_dates",
];

/// Fills the site with rooms whose events are gone, and everything of theirs; the rooms are those of `events`.
pub(crate) fn fill_with_orphans(site: &Site, events: impl IntoIterator<Item = Event>) -> Vec<Event> {
    let sample = Sample::of(events);
    site.fill(&sample);
    let dialect = site.dialect();
    let ids: Vec<_> = sample.events.iter().map(|event| dialect.uuid(event.id)).collect();
    let tables = site.rows();
    let mut sql = String::from("BEGIN;\n");
    for ids in ids.chunks(500) {
        let ids = ids.join(", ");
        for table in OF_EVENTS.iter().filter(|table| tables.contains_key(**table)) {
            sql += &format!("DELETE FROM {table} WHERE event_id IN ({ids});\n");
        }
        sql += &format!("DELETE FROM events WHERE id IN ({ids});\n");
    }
    if tables.contains_key("casbin_rule") {
        for event in &sample.events {
            let id = event.id;
            sql += &format!(
                "DELETE FROM casbin_rule WHERE v1 LIKE '/events/{id}%' OR v1 = '/users/me/event_favorites/{id}';\n"
            );
        }
    }
    sql += "COMMIT;";
    site.execute(&sql);
    sample.events
}

fn orphan() -> Event {
    Event::ended(0).with_assets(2)
}

fn clean_up(site: &Site, more: &[&str]) -> Run {
    site.job("room-cleanup", more)
}

fn left(site: &Site) -> BTreeSet<Uuid> {
    let sql = match site.dialect() {
        Dialect::Postgres => "SELECT id::text FROM rooms",
        Dialect::Sqlite => "SELECT hex(id) FROM rooms",
    };
    site.texts(sql).iter().map(|id| id.parse().unwrap()).collect()
}

fn rooms<'a>(events: impl IntoIterator<Item = &'a Event>) -> BTreeSet<Uuid> {
    events.into_iter().map(|event| event.room).collect()
}

fn keys<'a>(events: impl IntoIterator<Item = &'a Event>) -> BTreeSet<String> {
    events.into_iter().flat_map(Event::keys).collect()
}

fn created(site: &Site, room: Uuid, at: DateTime<Utc>) {
    let (room, at) = (site.dialect().uuid(room), site.dialect().instant(at));
    site.execute(&format!("UPDATE rooms SET created_at = {at} WHERE id = {room}"));
}

/// Events of all kinds, whose rooms are none of this job's business.
fn held() -> Vec<Event> {
    let endless = Occurs::Series {
        starts_at: Utc::now() - TimeDelta::days(400),
        zone: "UTC",
        duration_secs: 60,
        pattern: "FREQ=DAILY".into(),
        ends_at: Utc::now(),
    };
    let mut adhoc = Event::ended(300).with_assets(1);
    adhoc.adhoc = true;
    vec![
        Event::ended(300).with_assets(2),
        Event::ended(-3).with_assets(1),
        Event::new(Occurs::AtNoTime).with_assets(1),
        Event::new(endless),
        adhoc,
    ]
}

#[test]
fn an_orphaned_room_goes_with_everything_and_others_stay_untouched() {
    for (database, storage) in EVERYWHERE {
        let site = Site::new(database, storage);
        let stay = Sample::of(held());
        site.fill(&stay);
        let before = site.rows();
        let go = fill_with_orphans(&site, [orphan(), orphan(), Event::new(Occurs::AtNoTime)]);
        let filled = site.state();
        let permissions = before.get("casbin_rule").map(|before| site.rows_of("casbin_rule").len() - before.len());
        let mut rows = json!({
            "assets": 4,
            "invites": 3,
            "module_resources": 3,
            "room_assets": 4,
            "room_streaming_targets": 3,
            "rooms": 3,
            "sip_configs": 3,
        });
        if let Some(permissions) = permissions {
            assert!(permissions >= 3, "{permissions}");
            rows["casbin_rule"] = json!(permissions);
        }

        let plan = clean_up(&site, &["--dry-run"]).expect(0).report()["plan"].clone();
        assert!(site.state() == filled, "a dry run leaves no trace");
        let report = clean_up(&site, &[]).expect(0).report();

        assert_eq!(site.rows(), before, "{database:?} {storage:?}");
        assert_eq!(site.objects(), keys(&stay.events));
        assert!(site.outbox().is_empty());
        let counts = json!({"examined": 3, "matched": 3, "deleted": 3, "updated": 0, "skipped": 0, "failed": 0});
        assert_eq!(report["counts"], counts);
        assert_eq!(report["rows"], rows, "{database:?}");
        assert_eq!((&report["objects_deleted"], &report["bytes_freed"]), (&json!(4), &json!(6)));
        assert_eq!(serde_json::from_value::<BTreeSet<Uuid>>(plan["ids"].clone()).unwrap(), rooms(&go));
        assert_eq!((&plan["rows"], &plan["objects"], &plan["bytes"]), (&rows, &json!(4), &json!(6)));
        let again = clean_up(&site, &[]).expect(0);
        assert!(again.stderr.contains("[INFO ] No orphaned rooms found"), "{again:?}");
        assert_eq!(site.rows(), before);
    }
}

/// In databases from before rooms and events were one to one.
#[test]
fn a_room_with_several_events_is_no_orphan_and_nothing_needs_an_index() {
    let site = Site::new(Postgres, StorageKind::Directory);
    site.execute("ALTER TABLE events DROP CONSTRAINT events_room_key");
    let (first, second, third) = (Event::ended(30).with_assets(1), Event::ended(-1), Event::ended(1));
    site.fill(&Sample::of([first.clone(), second.clone(), third.clone()]));
    site.execute(&format!("UPDATE events SET room = '{}' WHERE id IN ('{}', '{}')", first.room, second.id, third.id));
    let report = clean_up(&site, &[]).expect(0).report();
    assert_eq!(report["counts"]["deleted"], 2, "the rooms that the second and the third have left");
    assert_eq!(left(&site), [first.room].into());
    assert_eq!(site.objects(), keys([&first]));
}

#[test]
fn a_room_has_to_be_older_than_the_minimum_age() {
    let micro = TimeDelta::microseconds(1);
    for database in [Postgres, Sqlite] {
        for age in [0, 3_600, 86_400 * 365] {
            let site = Site::new(database, StorageKind::Directory);
            let orphans = fill_with_orphans(&site, [orphan(), orphan(), orphan()]);
            let now = Utc::now().trunc_subsecs(6);
            let edge = now - TimeDelta::seconds(age);
            for (orphan, at) in orphans.iter().zip([edge + micro, edge, edge - micro]) {
                created(&site, orphan.room, at);
            }
            let room_minimum_age = Duration::from_secs(age.unsigned_abs());
            let guard = Guard { deletion: true, room_minimum_age, ..Guard::default() };
            let report = site.job_at("room-cleanup", &json!({}), guard.clone(), now);
            assert_eq!(left(&site), rooms(&orphans[..2]), "{database:?} {age}");
            assert_eq!((report.counts.examined, report.counts.deleted), (1, 1));
            site.job_at("room-cleanup", &json!({}), guard.clone(), now + micro);
            assert_eq!(left(&site), rooms(&orphans[..1]), "{database:?} {age}");
            site.job_at("room-cleanup", &json!({}), guard, now + micro * 2);
            assert!(left(&site).is_empty() && site.objects().is_empty());
        }
    }
}

#[test]
fn the_minimum_age_is_that_of_the_configuration() {
    for database in [Postgres, Sqlite] {
        let mut site = Site::new(database, StorageKind::Directory);
        let orphans = fill_with_orphans(&site, [orphan(), orphan()]);
        for (orphan, hours) in orphans.iter().zip([35, 37]) {
            created(&site, orphan.room, Utc::now() - TimeDelta::hours(hours));
        }
        site.set("safety", "room_minimum_age = \"36h\"");
        assert_eq!(clean_up(&site, &["--dry-run"]).expect(0).report()["plan"]["rows"]["rooms"], 1);
        clean_up(&site, &[]).expect(0);
        assert_eq!(left(&site), rooms(&orphans[..1]), "{database:?}");
        assert_eq!(site.objects(), keys(&orphans[..1]));
        site.unset("safety");
        clean_up(&site, &[]).expect(0);
        assert!(left(&site).is_empty() && site.objects().is_empty());
    }
}

/// A site behind a proxy, by whose first request a run has chosen what to delete and locked nothing yet.
fn watched() -> (Site, FaultProxy) {
    let mut site = Site::new(Postgres, StorageKind::S3);
    let proxy = site.put_proxy_before_bucket();
    (site, proxy)
}

#[test]
fn an_object_that_cannot_be_deleted_waits_for_a_later_run() {
    let (site, proxy) = watched();
    let orphans = fill_with_orphans(&site, [orphan()]);
    let stuck = orphans[0].keys()[1].clone();
    let keys = vec![stuck.clone()];
    proxy.set(move |request| match deletes_assets(request) {
        true => Fault::RefuseKeys(keys.clone(), "AccessDenied"),
        false => Fault::None,
    });
    let report = clean_up(&site, &[]).expect(3).report();
    assert!(left(&site).is_empty() && site.rows_of("assets").is_empty());
    assert_eq!((&report["counts"]["deleted"], &report["counts"]["failed"]), (&json!(1), &json!(1)));
    assert_eq!((&report["objects_deleted"], &report["failures"][0]["subject"]), (&json!(1), &json!(stuck)));
    assert_eq!(site.outbox(), [format!("object {stuck}")].into());
    assert_eq!(site.objects(), [stuck].into());
    proxy.clear();
    clean_up(&site, &[]).expect(0);
    assert!(site.objects().is_empty() && site.outbox().is_empty());
}

/// Rooms have no folders; the parameter is about those that earlier runs of other jobs left behind.
#[test]
fn folders_that_earlier_runs_left_behind_are_warnings_or_failures() {
    for database in [Postgres, Sqlite] {
        let site = Site::new(database, StorageKind::Directory);
        let data = json!({"type": "nextcloud", "write_share_id": "1", "read_share_id": "2"});
        let event = Event::ended(31).with_folder("opentalk/left", data);
        site.fill(&Sample::of([event.clone()]));
        site.clean_up(&[]).expect(0);
        assert_eq!(site.outbox(), [format!("shared_folder {}", event.id)].into());
        fill_with_orphans(&site, [orphan()]);
        let strict = ["--parameters", r#"{"fail_on_shared_folder_deletion_error": true}"#];
        let report = clean_up(&site, &strict).expect(3).report();
        assert_eq!(report["failures"][0]["subject"], event.id.to_string());
        assert_eq!(report["counts"]["deleted"], 1, "rooms go all the same");
        let report = clean_up(&site, &[]).expect(0).report();
        assert!(report["warnings"][0].as_str().unwrap().contains(&event.id.to_string()));
        assert_eq!(report["backlog"], 1);
    }
}

#[test]
fn a_foreign_table_keeps_its_room_and_only_that() {
    for (database, storage) in EVERYWHERE {
        let site = Site::new(database, storage);
        let kept = fill_with_orphans(&site, [orphan()]);
        let id_type = if site.dialect() == Dialect::Postgres { "UUID" } else { "BLOB" };
        site.execute(&format!(
            "CREATE TABLE plugin_notes (subject {id_type} NOT NULL CONSTRAINT plugin_subject_fkey \
             REFERENCES rooms (id)); INSERT INTO plugin_notes VALUES ({})",
            site.dialect().uuid(kept[0].room)
        ));
        let before = site.rows();
        fill_with_orphans(&site, (0..6).map(|_| orphan()));
        let report = clean_up(&site, &[]).expect(3).report();
        assert_eq!(site.rows(), before, "{database:?}: kept whole");
        assert_eq!(site.objects(), keys(&kept));
        assert!(site.outbox().is_empty());
        assert_eq!((&report["counts"]["deleted"], &report["counts"]["failed"]), (&json!(6), &json!(1)));
        assert_eq!(report["failures"][0]["subject"], kept[0].room.to_string());
        let reason = report["failures"][0]["reason"].as_str().unwrap();
        if site.dialect() == Dialect::Postgres {
            assert!(reason.contains("plugin_notes") && reason.contains("plugin_subject_fkey"), "{reason}");
        } else {
            assert!(reason.to_lowercase().contains("foreign key"), "{reason}");
        }
    }
}
