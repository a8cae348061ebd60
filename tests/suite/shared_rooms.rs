//! Several events in one room, as databases may have them that are older than the rule against it. The room goes with
//! the last of them.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::Config;
use upkeep_test_servers::Postgres as Cluster;
use uuid::Uuid;

use crate::site::{DatabaseKind, Event, Sample, Site, StorageKind, finish, is_trial, once, wait_until};

use DatabaseKind::{Postgres, PostgresOld};

const BOTH: [DatabaseKind; 2] = [Postgres, PostgresOld];

/// A platform with all of `events` in the room of the first; the rooms that they were made for stay, without any.
fn shared_room(database: DatabaseKind, events: &[&Event]) -> Site {
    let site = Site::new(database, StorageKind::S3);
    site.execute("ALTER TABLE events DROP CONSTRAINT events_room_key");
    site.fill(&Sample::of(events.iter().map(|event| (*event).clone())));
    for event in &events[1..] {
        move_to(&site, event, events[0].room);
    }
    site
}

fn move_to(site: &Site, event: &Event, room: Uuid) {
    site.execute(&format!("UPDATE events SET room = '{room}' WHERE id = '{}'", event.id));
}

/// Looks, then runs; both must tell the same. Returns the report.
#[track_caller]
fn look_and_run(site: &Site) -> serde_json::Value {
    let plan = site.clean_up(&["--dry-run"]).expect(0).report()["plan"].clone();
    let report = site.clean_up(&[]).expect(0).report();
    assert_eq!(plan["rows"], report["rows"]);
    assert_eq!(plan["objects"], report["objects_deleted"]);
    assert_eq!(plan["bytes"], report["bytes_freed"]);
    assert_eq!(plan["ids"].as_array().unwrap().len(), report["counts"]["deleted"].as_u64().unwrap() as usize);
    assert!(site.outbox().is_empty());
    report
}

#[test]
fn a_room_with_another_event_stays_with_its_assets() {
    for (database, days) in BOTH.into_iter().flat_map(|database| [(database, [31, -1]), (database, [-1, 31])]) {
        let (first, second) = (Event::ended(days[0]).with_assets(2), Event::ended(days[1]));
        let site = shared_room(database, &[&first, &second]);
        let room_tables = ["rooms", "assets", "room_assets", "invites", "sip_configs", "module_resources"];
        let before = room_tables.map(|table| site.rows_of(table));
        let report = look_and_run(&site);
        assert_eq!(report["counts"]["deleted"], 1);
        assert_eq!(report["objects_deleted"], 0);
        assert_eq!(room_tables.map(|table| site.rows_of(table)), before);
        assert_eq!(site.objects(), first.keys().into_iter().collect());
        if database == PostgresOld {
            // Its own, and the one by which somebody was invited to the room, lead to the event.
            assert_eq!(report["rows"]["casbin_rule"], 10);
        }
    }
}

#[test]
fn a_room_goes_with_the_last_of_its_events() {
    for database in BOTH {
        let (first, second) = (Event::ended(31).with_assets(2), Event::ended(40));
        let site = shared_room(database, &[&first, &second]);
        assert_eq!(look_and_run(&site)["objects_deleted"], 2);
        assert!(site.rows_of("assets").is_empty() && site.objects().is_empty());
        assert_eq!(site.rows_of("rooms").len(), 1, "only the room that the second event was not held in");
    }
}

/// Adds events that are held in rooms of their own and ended so many days ago.
fn add_others(site: &Site, database: DatabaseKind, number: u32, days_ago: i32) {
    let dates =
        format!("now() - interval '{days_ago} days 1 hour', 'UTC', now() - interval '{days_ago} days', 'UTC', false");
    let (columns, values) = match database {
        PostgresOld => (", starts_at, starts_at_tz, ends_at, ends_at_tz, is_all_day", format!(", {dates}")),
        _ => ("", String::new()),
    };
    site.execute(&format!(
        "WITH new AS (SELECT gen_random_uuid() AS id, gen_random_uuid() AS room FROM generate_series(1, {number})), \
              made AS (INSERT INTO rooms (id, created_by, tenant_id) \
                       SELECT room, users.id, tenant_id FROM new, users WHERE oidc_sub = 'creator') \
         INSERT INTO events (id, title, description, room, created_by, updated_by, tenant_id{columns}) \
         SELECT new.id, 'other', '', room, users.id, users.id, tenant_id{values} \
         FROM new, users WHERE oidc_sub = 'creator'"
    ));
    if database != PostgresOld {
        site.execute(&format!("INSERT INTO event_dates SELECT id, {dates}, 0 FROM events WHERE title = 'other'"));
    }
}

/// A run deletes the first two long before it comes to the third; a dry run must know that although it deletes nothing.
#[test]
fn events_of_a_room_may_be_batches_and_pages_apart() {
    for (database, others, days_ago, goes, owner) in [
        // In different batches of a run and groups of a dry run.
        (Postgres, 1_050, 40, true, 0),
        (PostgresOld, 1_050, 40, true, 2),
        (PostgresOld, 1_050, 40, false, 1),
        // In different pages.
        (PostgresOld, 2_050, 1, true, 0),
    ] {
        let mut events = [
            Event::ended(31).with_assets(2),
            Event::ended(50).with_assets(1),
            Event::ended(if goes { 31 } else { 29 }),
        ];
        // The fixture makes the numbers by which events are read out of their ids: two before all others, and one
        // after.
        for (event, id) in events.iter_mut().zip([u128::MAX, 1, u128::MAX / 3]) {
            event.id = Uuid::from_u128(id);
        }
        let room = events[owner].room;
        let mut in_order: Vec<_> = events.iter().collect();
        in_order.swap(0, owner);
        let site = shared_room(database, &in_order);
        add_others(&site, database, others, days_ago);
        let numbers = "SELECT id::text FROM events ORDER BY id_serial";
        let ids = site.texts(numbers);
        assert_eq!((&ids[0], &ids[1]), (&events[0].id.to_string(), &events[1].id.to_string()));
        assert_eq!(ids.last(), Some(&events[2].id.to_string()));

        let report = look_and_run(&site);
        let room = site.number(&format!("SELECT count(*) FROM rooms WHERE id = '{room}'"));
        assert_eq!(room == 0, goes, "{database:?} {others}");
        let due = if days_ago > 30 { others } else { 0 } + if goes { 3 } else { 2 };
        assert_eq!(report["counts"]["deleted"], due);
        assert_eq!(site.number("SELECT count(*) FROM events"), i64::from(others + 3 - due));
    }
}

proptest! {
    #![proptest_config(Config { cases: 4, failure_persistence: None, max_shrink_iters: 20, ..Config::default() })]

    /// Whichever events are due, and in whichever of three rooms they are held.
    #[test]
    fn rooms_go_when_all_their_events_do(drawn in prop::collection::vec((0_usize..3, prop::bool::weighted(0.7)), 3..12)) {
        let site = Site::new(PostgresOld, StorageKind::Directory);
        site.execute("ALTER TABLE events DROP CONSTRAINT events_room_key");
        let due = |due: bool| Event::ended(if due { 31 } else { 29 }).with_assets(1);
        let events: Vec<_> = drawn.iter().map(|(_, is_due)| due(*is_due)).collect();
        site.fill(&Sample::of(events.clone()));
        for (event, (room, _)) in events.iter().zip(&drawn) {
            move_to(&site, event, events[*room].room);
        }
        let used: BTreeSet<_> = drawn.iter().map(|(room, _)| *room).collect();
        let kept: BTreeSet<_> = drawn.iter().filter(|(_, is_due)| !is_due).map(|(room, _)| *room).collect();
        look_and_run(&site);
        let stays = |room: &usize| !used.contains(room) || kept.contains(room);
        let rooms: BTreeSet<_> = (0..events.len()).filter(stays).map(|room| events[room].room.to_string()).collect();
        prop_assert_eq!(site.texts("SELECT id::text FROM rooms").into_iter().collect::<BTreeSet<_>>(), rooms);
        let objects = (0..events.len()).filter(stays).flat_map(|room| events[room].keys()).collect();
        prop_assert_eq!(site.objects(), objects);
    }
}

#[test]
fn a_room_stays_while_its_other_event_is_locked_and_goes_later() {
    for database in BOTH {
        let (first, second) = (Event::ended(31).with_assets(2), Event::ended(40));
        let site = shared_room(database, &[&first, &second]);
        let mut platform = site.platform();
        let mut lock = platform.transaction().unwrap();
        lock.batch_execute(&format!("SELECT 1 FROM events WHERE id = '{}' FOR KEY SHARE", second.id)).unwrap();
        let report = site.clean_up(&[]).expect(3).report();
        assert_eq!(report["counts"]["deleted"], 1);
        assert_eq!(report["failures"][0]["subject"], second.id.to_string());
        assert_eq!(site.objects(), first.keys().into_iter().collect());
        lock.rollback().unwrap();
        assert_eq!(site.clean_up(&[]).expect(0).report()["objects_deleted"], 2);
        assert!(site.events().is_empty() && site.objects().is_empty() && site.outbox().is_empty());
    }
}

/// SQL by which the platform brings an event into a room.
fn arrivals(room: Uuid, other: &Event) -> [String; 2] {
    [
        format!("UPDATE events SET room = '{room}' WHERE id = '{}'", other.id),
        format!(
            "INSERT INTO events (title, description, room, created_by, updated_by, tenant_id) \
             SELECT 'arrived', '', '{room}', created_by, updated_by, tenant_id FROM events WHERE id = '{}'",
            other.id
        ),
    ]
}

/// The platform has not committed yet when upkeep comes to the room.
#[test]
fn a_room_that_an_event_is_just_coming_into_is_kept() {
    for (database, how) in BOTH.into_iter().flat_map(|database| [(database, 0), (database, 1)]) {
        let (event, other, passing) = (Event::ended(31).with_assets(1), Event::ended(-1), Event::ended(31));
        let site = Site::new(database, StorageKind::S3);
        site.execute("ALTER TABLE events DROP CONSTRAINT events_room_key");
        site.fill(&Sample::of([event.clone(), other.clone(), passing.clone()]));
        let mut platform = site.platform();
        let mut coming = platform.transaction().unwrap();
        coming.batch_execute(&arrivals(event.room, &other)[how]).unwrap();
        let child = site.start_clean_up(&[]);
        wait_until("the event was passed over", || !site.events().contains(&passing.id));
        coming.commit().unwrap();
        let report = finish(child).expect(0).report();
        assert_eq!(report["counts"]["deleted"], 2);
        assert!(site.events().contains(&other.id) && site.events().len() == how + 1);
        assert_eq!(site.objects(), event.keys().into_iter().collect());
        assert_eq!(site.rows_of("assets").len(), 1);
    }
}

/// Upkeep has chosen what is due when the platform brings an event into the room.
#[test]
fn a_room_that_an_event_came_into_meanwhile_is_kept() {
    for (database, how) in [(Postgres, 0), (PostgresOld, 1)] {
        let (event, other) = (Event::ended(31).with_assets(1), Event::ended(-1));
        let mut site = Site::new(database, StorageKind::S3);
        site.execute("ALTER TABLE events DROP CONSTRAINT events_room_key");
        site.fill(&Sample::of([event.clone(), other.clone()]));
        let proxy = site.put_proxy_before_bucket();
        let (name, sql) = (site.database_name().to_owned(), arrivals(event.room, &other)[how].clone());
        once(&proxy, is_trial, move || Cluster::shared().client(&name).batch_execute(&sql).unwrap());
        let report = site.clean_up(&[]).expect(0).report();
        assert_eq!(report["counts"]["deleted"], 1);
        assert_eq!(report["rows"]["rooms"], serde_json::Value::Null);
        assert_eq!(site.objects(), event.keys().into_iter().collect());
        assert_eq!(site.rows_of("rooms").len(), 2);
    }
}

/// Upkeep has the room locked and is deleting when the platform wants to bring an event into it: the platform waits,
/// and learns that the room is gone.
#[test]
fn nothing_comes_into_a_room_that_is_going() {
    for (database, how) in [(Postgres, 1), (PostgresOld, 0)] {
        let (event, other) = (Event::ended(31).with_assets(1), Event::ended(-1));
        let site = Site::new(database, StorageKind::S3);
        site.execute("ALTER TABLE events DROP CONSTRAINT events_room_key");
        site.fill(&Sample::of([event.clone(), other.clone()]));
        site.execute(
            "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
               PERFORM pg_advisory_xact_lock(4711); RETURN OLD; END $$; \
             CREATE TRIGGER wait BEFORE DELETE ON module_resources FOR EACH ROW EXECUTE FUNCTION wait()",
        );
        let mut gate = site.platform();
        gate.batch_execute("SELECT pg_advisory_lock(4711)").unwrap();
        let child = site.start_clean_up(&[]);
        site.wait_until_upkeep_waits_for_a_lock();
        let (mut platform, sql) = (site.platform(), arrivals(event.room, &other)[how].clone());
        let coming = std::thread::spawn(move || platform.batch_execute(&sql));
        wait_until("the platform waits, too", || {
            site.number(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
            ) == 2
        });
        drop(gate);
        finish(child).expect(0);
        let refused = coming.join().unwrap().unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "23503", "{refused}");
        assert_eq!(site.events(), [other.id].into());
        assert!(site.objects().is_empty() && site.rows_of("assets").is_empty() && site.outbox().is_empty());
    }
}
