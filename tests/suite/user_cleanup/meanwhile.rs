//! What the platform does while a run is under way.

use serde_json::Value;
use upkeep_test_servers::Postgres;
use uuid::Uuid;

use super::community::Community;
use super::{ago, clean_up};
use crate::site::{DatabaseKind, Site, StorageKind, finish, is_trial, once};

/// An enabled user, one who is due and whom the platform remembers, and another who is due; with an event of each, and
/// a room without one of the last.
fn community() -> (Community, [Uuid; 3]) {
    let mut community = Community::default();
    let users = [community.user(None), community.disabled(31), community.disabled(31)];
    for owner in users {
        let room = community.room(owner);
        let event = community.event_updated_by(room, owner, users[1]);
        for user in users {
            community.deeds(user, room, event);
        }
    }
    community.room(users[2]);
    (community, users)
}

fn enable(user: Uuid) -> String {
    format!("UPDATE users SET disabled_since = NULL WHERE id = '{user}'")
}

/// Between the choice of the events and their deletion.
#[test]
fn a_user_who_is_enabled_before_anything_of_hers_went_keeps_it_all() {
    for database in [DatabaseKind::Postgres, DatabaseKind::PostgresOld] {
        let (mut community, [_, lucky, _]) = community();
        let mut site = Site::new(database, StorageKind::S3);
        let proxy = site.put_proxy_before_bucket();
        community.fill(&site);
        let name = site.database_name().to_owned();
        once(&proxy, is_trial, move || Postgres::shared().client(&name).batch_execute(&enable(lucky)).unwrap());
        let report = clean_up(&site, &[]).expect(0).report();
        assert_eq!(report["counts"]["deleted"], 1);
        assert_eq!(report["counts"]["failed"], 0);
        community.users[1].disabled = None;
        community.after(ago(30)).assert_is_what_is_left(&site, &format!("{database:?}"));
    }
}

/// Runs user-cleanup and lets the platform execute `sql` when the events have gone and the last room is about to.
fn clean_up_and_meanwhile(site: &Site, community: &Community, sql: &str, code: i32) -> Value {
    let last = community.rooms.last().unwrap().id;
    site.execute(&format!(
        "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
           IF OLD.id = '{last}' THEN PERFORM pg_advisory_xact_lock(4711); END IF; RETURN OLD; END $$; \
         CREATE TRIGGER wait BEFORE DELETE ON rooms FOR EACH ROW EXECUTE FUNCTION wait()",
    ));
    let mut gate = site.platform();
    gate.batch_execute("SELECT pg_advisory_lock(4711)").unwrap();
    let child = site.start_job("user-cleanup", &[]);
    site.wait_until_upkeep_waits_for_a_lock();
    gate.batch_execute(sql).unwrap();
    drop(gate);
    finish(child).expect(code).report()
}

#[test]
fn a_user_who_is_enabled_when_the_events_have_gone_keeps_the_rest() {
    for database in [DatabaseKind::Postgres, DatabaseKind::PostgresOld] {
        let (mut community, [_, lucky, other]) = community();
        let site = Site::new(database, StorageKind::Directory);
        community.fill(&site);
        let report = clean_up_and_meanwhile(&site, &community, &enable(lucky), 0);
        assert_eq!(report["counts"]["deleted"], 1);
        assert_eq!(report["counts"]["failed"], 0);
        community.users[1].disabled = None;
        let left = community.after_events_went(&[lucky, other].into(), &[other].into());
        left.assert_is_what_is_left(&site, &format!("{database:?}"));
    }
}

/// The account is disabled, but a session of it may still be open.
#[test]
fn a_user_who_makes_an_event_or_a_room_meanwhile_goes_later() {
    for with_event in [true, false] {
        let (community, [_, busy, other]) = community();
        let site = Site::new(DatabaseKind::Postgres, StorageKind::Directory);
        community.fill(&site);
        // Before all others in the order in which rooms are gone through, so that it is not found any more.
        let room = Uuid::from_u128(1);
        let mut sql = format!(
            "INSERT INTO rooms (id, created_by, tenant_id) SELECT '{room}', id, tenant_id FROM users WHERE id = '{busy}';"
        );
        if with_event {
            sql += &format!(
                "INSERT INTO events (title, description, room, created_by, updated_by, tenant_id) \
                 SELECT '', '', '{room}', id, id, tenant_id FROM users WHERE id = '{busy}'"
            );
        }
        let report = clean_up_and_meanwhile(&site, &community, &sql, 3);
        assert_eq!(report["counts"]["deleted"], 1);
        assert_eq!(report["counts"]["failed"], 1);
        assert_eq!(report["failures"][0]["subject"], busy.to_string());
        assert!(report["failures"][0]["reason"].as_str().unwrap().contains("meanwhile"), "{report:#}");
        assert_eq!(site.number(&format!("SELECT count(*) FROM event_invites WHERE invitee = '{busy}'")), 1);
        assert_eq!(site.number(&format!("SELECT count(*) FROM users WHERE id = '{other}'")), 0);
        assert_eq!(clean_up(&site, &[]).expect(0).report()["counts"]["deleted"], 1);
        community.after(ago(30)).assert_is_what_is_left(&site, "in the end");
    }
}

/// A room that somebody is just about to use for an event is not taken away under it.
#[test]
fn a_room_that_gets_an_event_of_somebody_else_passes_on() {
    let (community, [enabled, _, owner]) = community();
    let mut site = Site::new(DatabaseKind::Postgres, StorageKind::S3);
    let proxy = site.put_proxy_before_bucket();
    community.fill(&site);
    let room = community.rooms.last().unwrap().id;
    let sql = format!(
        "INSERT INTO events (title, description, room, created_by, updated_by, tenant_id) \
         SELECT '', '', '{room}', id, id, tenant_id FROM users WHERE id = '{enabled}'"
    );
    let name = site.database_name().to_owned();
    once(&proxy, is_trial, move || Postgres::shared().client(&name).batch_execute(&sql).unwrap());
    let report = clean_up(&site, &[]).expect(0).report();
    assert_eq!(report["counts"]["deleted"], 2);
    assert_eq!(site.texts(&format!("SELECT created_by::text FROM rooms WHERE id = '{room}'")), [enabled.to_string()]);
    assert_eq!(site.number(&format!("SELECT count(*) FROM users WHERE id = '{owner}'")), 0);
    assert_eq!(site.objects().len(), 2, "of both rooms that stay");
}
