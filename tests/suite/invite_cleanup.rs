//! What invite-cleanup removes and what it leaves, on every database and storage.

mod meanwhile;
mod told;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use insta::assert_snapshot;
use serde_json::{Value, json};
use upkeep_jobs::kit::Guard;
use upkeep_test_servers::fault_proxy::Fault;
use uuid::Uuid;

use crate::site::{
    DatabaseKind, Dialect, EVERYWHERE, Event, Run, Sample, Site, StorageKind, deletes_assets, finish, run_bare,
    wait_until,
};

use DatabaseKind::{Postgres, Sqlite};

/// A guest invite as a row has it.
#[derive(Debug, Clone, Copy)]
struct Invite {
    id: Uuid,
    active: bool,
    expiration: Option<DateTime<Utc>>,
}

fn invite(active: bool, expiration: Option<DateTime<Utc>>) -> Invite {
    Invite { id: Uuid::new_v4(), active, expiration }
}

fn expired() -> Invite {
    invite(true, Some(Utc::now() - TimeDelta::hours(1)))
}

fn good() -> Invite {
    invite(true, Some(Utc::now() + TimeDelta::hours(1)))
}

/// An event in the future, with a room and the invite that comes with it, which is active and never expires.
fn event(site: &Site) -> Event {
    let event = Event::ended(-1).with_assets(1);
    site.fill(&Sample::of([event.clone()]));
    event
}

fn invite_to(site: &Site, room: Uuid, invites: &[Invite]) {
    let dialect = site.dialect();
    let mut sql = String::from("BEGIN;\n");
    for Invite { id, active, expiration } in invites {
        writeln!(
            sql,
            "INSERT INTO invites (id, created_by, created_at, updated_by, updated_at, room, active, expiration) \
             SELECT {}, created_by, created_at, created_by, created_at, id, {}, {} FROM rooms WHERE id = {};",
            dialect.uuid(*id),
            dialect.boolean(*active),
            dialect.optional_instant(*expiration),
            dialect.uuid(room)
        )
        .unwrap();
    }
    sql.push_str("COMMIT;");
    site.execute(&sql);
}

/// What invites in the room of an event permit where permissions are rows, and what only looks like it.
fn permit(site: &Site, room: Uuid, subjects: impl IntoIterator<Item = String>) {
    for subject in subjects {
        for (kind, resource) in [("p", format!("/rooms/{room}/start")), ("g", format!("role::{room}"))] {
            site.execute(&format!(
                "INSERT INTO casbin_rule (ptype, v0, v1, v2, v3, v4, v5) \
                 VALUES ('{kind}', '{subject}', '{resource}', 'POST', '', '', '')"
            ));
        }
    }
}

fn clean_up(site: &Site, more: &[&str]) -> Run {
    site.job("invite-cleanup", more)
}

fn left(site: &Site) -> BTreeSet<Uuid> {
    let sql = match site.dialect() {
        Dialect::Postgres => "SELECT id::text FROM invites",
        Dialect::Sqlite => "SELECT hex(id) FROM invites",
    };
    site.texts(sql).iter().map(|id| id.parse().unwrap()).collect()
}

#[test]
fn dead_invites_go_and_everything_else_stays() {
    for (database, storage) in EVERYWHERE {
        let site = Site::new(database, storage);
        let event = event(&site);
        invite_to(&site, event.room, &[good(), invite(true, None)]);
        let has_permissions = site.rows().contains_key("casbin_rule");
        let ahead = Utc::now() + TimeDelta::days(7);
        let dead = [expired(), invite(false, None), invite(false, Some(ahead)), invite(false, expired().expiration)];
        if has_permissions {
            let [one, two, ..] = dead.map(|invite| invite.id);
            let alike = [format!("invite::{one}0"), format!("user::{one}"), format!("Invite::{one}"), one.to_string()];
            permit(&site, event.room, alike);
            permit(&site, event.room, [format!("invite::{}", Uuid::new_v4()), format!("invite::{one}/{two}")]);
        }
        let (before, objects) = (site.rows(), site.objects());
        invite_to(&site, event.room, &dead);
        let mut rows = json!({"invites": 4});
        if has_permissions {
            permit(&site, event.room, dead.map(|invite| format!("invite::{}", invite.id)));
            rows["casbin_rule"] = json!(8);
        }
        let filled = site.state();

        let looked = clean_up(&site, &["--dry-run"]).expect(0).report();
        assert!(site.state() == filled, "a dry run leaves no trace");
        let report = clean_up(&site, &[]).expect(0).report();

        assert_eq!(site.rows(), before, "{database:?} {storage:?}");
        assert_eq!(site.objects(), objects);
        assert!(site.outbox().is_empty());
        let ids: BTreeSet<Uuid> = serde_json::from_value(looked["plan"]["ids"].clone()).unwrap();
        assert_eq!(ids, dead.iter().map(|invite| invite.id).collect());
        assert_eq!(looked["plan"]["rows"], rows);
        assert_eq!(report["rows"], rows);
        let counts = json!({"examined": 4, "matched": 4, "deleted": 4, "updated": 0, "skipped": 0, "failed": 0});
        assert_eq!(report["counts"], counts);
        assert_eq!(report["warnings"], json!([]));
        let again = clean_up(&site, &[]).expect(0);
        assert!(again.stderr.contains("No inactive or expired invites found"), "{again:?}");
        assert_eq!(site.rows(), before);
    }
}

/// Runs at a certain time, with that `expired_before`, on a site with invites that expire at these instants.
fn left_of(database: DatabaseKind, now: DateTime<Utc>, before: Value, instants: &[DateTime<Utc>]) -> Vec<usize> {
    let site = Site::new(database, StorageKind::Directory);
    let event = event(&site);
    let invites: Vec<_> = instants.iter().map(|instant| invite(true, Some(*instant))).collect();
    invite_to(&site, event.room, &invites);
    let guard = Guard { deletion: true, ..Guard::default() };
    site.job_at("invite-cleanup", &json!({"expired_before": before}), guard, now);
    let left = left(&site);
    assert!(
        left.len() > invites.iter().filter(|invite| left.contains(&invite.id)).count(),
        "the one without end stays"
    );
    (0..invites.len()).filter(|index| left.contains(&invites[*index].id)).collect()
}

#[test]
fn an_invite_has_expired_after_its_instant_and_not_at_it() {
    let micro = TimeDelta::microseconds(1);
    for database in [Postgres, Sqlite] {
        let now = Utc::now().trunc_subsecs(6);
        let around = |instant: DateTime<Utc>| [instant - micro, instant, instant + micro];
        assert_eq!(left_of(database, now, Value::Null, &around(now)), [1, 2], "{database:?}");
        // The same instant in several zones, away from the run's own time.
        let noon = "2026-01-31T12:00:00Z".parse().unwrap();
        for text in ["2026-01-31T12:00:00Z", "2026-01-31T13:00:00+01:00", "2026-01-31t06:30:00.000000-05:30"] {
            assert_eq!(left_of(database, now, json!(text), &around(noon)), [1, 2], "{database:?} {text}");
        }
        // Between two instants that a database knows, the earlier of them lies before.
        let between = json!("2026-01-31T12:00:00.0000005Z");
        assert_eq!(left_of(database, now, between, &around(noon)), [2], "{database:?}");
        // Inactive or not, what lies ahead of the run is a matter of the parameter alone.
        assert_eq!(left_of(database, now, json!("0000-01-01T00:00:00+23:59"), &around(noon)), [0, 1, 2]);
        assert_eq!(left_of(database, now, json!("9999-12-31T23:59:59-23:59"), &around(noon)), [0_usize; 0]);
    }
}

#[test]
fn endless_instants_lie_where_they_should() {
    let site = Site::new(Postgres, StorageKind::Directory);
    let event = event(&site);
    let (never, always) = (good(), good());
    invite_to(&site, event.room, &[never, always]);
    site.execute(&format!("UPDATE invites SET expiration = 'infinity' WHERE id = '{}'", never.id));
    site.execute(&format!("UPDATE invites SET expiration = '-infinity' WHERE id = '{}'", always.id));
    assert_eq!(clean_up(&site, &[]).expect(0).report()["counts"]["deleted"], 1);
    assert!(left(&site).contains(&never.id) && !left(&site).contains(&always.id));
}

#[test]
fn a_point_in_time_that_lies_ahead_is_obeyed_with_a_warning() {
    let site = Site::new(Sqlite, StorageKind::Directory);
    let event = event(&site);
    invite_to(&site, event.room, &[good()]);
    let ahead = json!({"expired_before": Utc::now() + TimeDelta::days(1)}).to_string();
    let report = clean_up(&site, &["--parameters", &ahead]).expect(0).report();
    assert_eq!(report["counts"]["deleted"], 1);
    assert_eq!(report["parameters"].to_string(), ahead);
    assert!(report["warnings"][0].as_str().unwrap().contains("expired_before lies ahead"), "{report}");
}

/// Somebody else's table that refers to an invite stops nothing but that invite.
#[test]
fn a_foreign_table_keeps_its_invite_and_only_that() {
    for (database, storage) in EVERYWHERE {
        let site = Site::new(database, storage);
        let event = event(&site);
        let kept = expired();
        invite_to(&site, event.room, &[kept]);
        let has_permissions = site.rows().contains_key("casbin_rule");
        if has_permissions {
            permit(&site, event.room, [format!("invite::{}", kept.id)]);
        }
        let id_type = if site.dialect() == Dialect::Postgres { "UUID" } else { "BLOB" };
        site.execute(&format!(
            "CREATE TABLE plugin_notes (subject {id_type} NOT NULL CONSTRAINT plugin_subject_fkey \
             REFERENCES invites (id)); INSERT INTO plugin_notes VALUES ({})",
            site.dialect().uuid(kept.id)
        ));
        let before = site.rows();
        invite_to(&site, event.room, &[expired(), expired(), invite(false, None)]);
        let report = clean_up(&site, &[]).expect(3).report();
        assert_eq!(site.rows(), before, "{database:?}: kept whole, with what it permits");
        assert_eq!(report["counts"]["deleted"], 3);
        assert_eq!(report["counts"]["failed"], 1);
        assert_eq!(report["failures"][0]["subject"], kept.id.to_string());
        let reason = report["failures"][0]["reason"].as_str().unwrap();
        if site.dialect() == Dialect::Postgres {
            assert!(reason.contains("plugin_notes") && reason.contains("plugin_subject_fkey"), "{reason}");
        } else {
            assert!(reason.to_lowercase().contains("foreign key"), "{reason}");
        }
    }
}

/// Invites own no objects: a store that does not answer is in nobody's way, unless there is something to do in it.
#[test]
fn the_store_is_needed_only_for_what_other_jobs_left_behind() {
    let mut site = Site::new(Postgres, StorageKind::S3);
    let proxy = site.put_proxy_before_bucket();
    let event = event(&site);
    let ended = Event::ended(31).with_assets(2);
    site.fill(&Sample::of([ended.clone()]));
    invite_to(&site, event.room, &[expired()]);
    assert_eq!(clean_up(&site, &[]).expect(0).report()["counts"]["deleted"], 1);
    assert!(proxy.requests().is_empty());

    let stuck = ended.keys();
    proxy.set(move |request| match deletes_assets(request) {
        true => Fault::RefuseKeys(stuck.clone(), "AccessDenied"),
        false => Fault::None,
    });
    site.clean_up(&[]).expect(3);
    assert_eq!(site.outbox().len(), 2);
    let report = clean_up(&site, &[]).expect(3).report();
    assert_eq!((&report["counts"]["failed"], &report["backlog"]), (&json!(2), &json!(2)));
    proxy.clear();
    let report = clean_up(&site, &[]).expect(0).report();
    assert_eq!(report["objects_deleted"], 2);
    assert!(site.outbox().is_empty());
    assert_eq!(site.objects(), event.keys().into_iter().collect());
}

/// More than a page, many batches, among at least as many that stay.
#[test]
fn pages_follow_one_another_to_the_last() {
    for database in [Postgres, Sqlite] {
        let site = Site::new(database, StorageKind::Directory);
        let event = event(&site);
        let invites = |number, active, expiration| {
            let (id, numbers) = site.dialect().fresh_ids(number);
            site.execute(&format!(
                "INSERT INTO invites (id, created_by, created_at, updated_by, updated_at, room, active, expiration) \
                 SELECT {id}, created_by, created_at, created_by, created_at, id, {}, {} FROM rooms, {numbers}",
                site.dialect().boolean(active),
                site.dialect().optional_instant(expiration),
            ));
        };
        invites(10_000, true, good().expiration);
        let before = site.rows();
        invites(10_000, false, None);
        invites(10_100, true, expired().expiration);
        let looked = clean_up(&site, &["--dry-run"]).expect(0).report();
        assert_eq!(looked["plan"]["rows"]["invites"], 20_100);
        assert_eq!(clean_up(&site, &[]).expect(0).report()["counts"]["deleted"], 20_100);
        assert!(site.rows() == before && site.objects().len() == event.assets.len());
    }
}
