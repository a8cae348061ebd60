//! Others at work at the same time: a second run, the live platform, whoever sends signals.

use std::sync::mpsc::channel;

use chrono::{TimeDelta, Utc};
use upkeep_test_servers::Postgres;
use upkeep_test_servers::fault_proxy::FaultProxy;

use crate::site::{
    DatabaseKind, Event, Exception, Occurs, Sample, Site, StorageKind, deletes_assets, finish, is_trial, once, signal,
    wait_until,
};

fn site(database: DatabaseKind) -> (Site, FaultProxy) {
    let mut site = Site::new(database, StorageKind::S3);
    let proxy = site.put_proxy_before_bucket();
    (site, proxy)
}

/// Lets the platform execute `sql` when the run has chosen what to delete and locked nothing yet.
fn meanwhile(site: &Site, proxy: &FaultProxy, sql: String) {
    let name = site.database_name().to_owned();
    once(proxy, is_trial, move || Postgres::shared().client(&name).batch_execute(&sql).unwrap());
}

#[test]
fn a_second_run_is_refused_while_the_first_is_under_way() {
    for database in [DatabaseKind::Postgres, DatabaseKind::Sqlite] {
        let (site, proxy) = site(database);
        site.fill(&Sample::of([Event::ended(31).with_assets(1)]));
        let ((arrived, wait), (go_on, gate)) = (channel(), channel::<()>());
        once(&proxy, is_trial, move || {
            arrived.send(()).unwrap();
            gate.recv().unwrap();
        });
        let first = site.start_clean_up(&[]);
        wait.recv().unwrap();
        let second = site.clean_up(&[]).expect(75);
        assert_eq!(second.report()["outcome"], "busy");
        assert_eq!(site.clean_up(&["--if-running", "skip"]).expect(0).report()["outcome"], "skipped");
        assert_eq!(site.clean_up(&["--dry-run"]).expect(0).report()["plan"]["objects"], 1, "looking is always allowed");
        let third = site.start_clean_up(&["--if-running", "wait"]);
        assert_eq!(site.events().len(), 1);
        go_on.send(()).unwrap();
        assert_eq!(finish(first).expect(0).report()["counts"]["deleted"], 1);
        assert_eq!(finish(third).expect(0).report()["counts"]["deleted"], 0);
        assert!(site.events().is_empty() && site.objects().is_empty() && site.outbox().is_empty());
    }
}

fn finished_series() -> Occurs {
    let starts_at = Utc::now() - TimeDelta::days(90);
    let pattern = "FREQ=DAILY;COUNT=3".to_owned();
    Occurs::Series { starts_at, zone: "UTC", duration_secs: 60, pattern, ends_at: starts_at }
}

#[test]
fn what_is_locked_for_the_whole_run_is_a_failed_item() {
    for (database, table, column) in [
        (DatabaseKind::Postgres, "events", "id"),
        (DatabaseKind::Postgres, "event_dates", "event_id"),
        (DatabaseKind::Postgres, "rooms", "id"),
        (DatabaseKind::Postgres, "event_recurrences", "event_id"),
        (DatabaseKind::PostgresOld, "events", "id"),
        (DatabaseKind::PostgresOld, "rooms", "id"),
        (DatabaseKind::PostgresOld, "casbin_rule", "v1"),
    ] {
        let (site, _proxy) = site(database);
        let mut locked = Event::ended(31).with_assets(1);
        if table == "event_recurrences" {
            locked.occurs = finished_series();
        }
        let others: Vec<_> = (0..5).map(|_| Event::ended(31).with_assets(1)).collect();
        site.fill(&Sample::of(others));
        site.fill(&Sample::of([locked.clone()]));
        let mut platform = site.platform();
        let mut lock = platform.transaction().unwrap();
        let id = match table {
            "rooms" => locked.room.to_string(),
            "casbin_rule" => format!("/events/{}", locked.id),
            _ => locked.id.to_string(),
        };
        lock.batch_execute(&format!("SELECT 1 FROM {table} WHERE {column} = '{id}' FOR UPDATE")).unwrap();

        let report = site.clean_up(&[]).expect(3).report();
        assert_eq!(site.events(), [locked.id].into(), "{table}");
        assert_eq!(site.objects(), locked.keys().into_iter().collect());
        assert!(site.outbox().is_empty());
        assert_eq!(report["counts"]["deleted"], 5);
        assert_eq!(report["counts"]["skipped"], 0);
        assert_eq!(report["counts"]["failed"], 1);
        assert_eq!(report["failures"][0]["subject"], locked.id.to_string());
        assert!(report["failures"][0]["reason"].as_str().unwrap().contains("lock"), "{report}");

        lock.rollback().unwrap();
        assert_eq!(site.clean_up(&[]).expect(0).report()["counts"]["deleted"], 1);
        assert!(site.objects().is_empty());
    }
}

#[test]
fn what_is_locked_only_for_a_while_is_done_in_the_same_run() {
    let (site, proxy) = site(DatabaseKind::Postgres);
    let (locked, other) = (Event::ended(31).with_assets(1), Event::ended(31).with_assets(1));
    site.fill(&Sample::of([locked.clone(), other]));
    let mut platform = site.platform();
    platform.batch_execute(&format!("BEGIN; SELECT 1 FROM events WHERE id = '{}' FOR KEY SHARE", locked.id)).unwrap();
    // When the other event's object goes, the locked event has been passed over.
    once(&proxy, deletes_assets, move || drop(platform));
    let report = site.clean_up(&[]).expect(0).report();
    assert_eq!(report["counts"]["deleted"], 2);
    assert_eq!(report["counts"]["failed"], 0);
    assert!(site.events().is_empty() && site.objects().is_empty() && site.outbox().is_empty());
}

#[test]
fn an_event_that_changes_after_it_was_chosen_survives() {
    let future = "now() + interval '1 day'";
    let new = |change: String| (DatabaseKind::Postgres, change);
    let old = |change: String| (DatabaseKind::PostgresOld, format!("UPDATE events SET {change} WHERE id = 'ID'"));
    let changes = [
        new(format!("UPDATE event_dates SET starts_at = {future}, ends_at = {future} WHERE event_id = 'ID'")),
        new("DELETE FROM event_dates WHERE event_id = 'ID'".to_owned()),
        new("INSERT INTO event_recurrences VALUES ('ID', 'FREQ=DAILY')".to_owned()),
        old(format!("starts_at = {future}, ends_at = {future}")),
        old("starts_at = NULL, starts_at_tz = NULL, ends_at = NULL, ends_at_tz = NULL".to_owned()),
        old("recurrence_pattern = 'FREQ=DAILY', duration_secs = 3600".to_owned()),
    ];
    for (database, change) in changes {
        let (site, proxy) = site(database);
        let (changed, other) = (Event::ended(31).with_assets(1), Event::ended(31).with_assets(1));
        site.fill(&Sample::of([changed.clone(), other]));
        meanwhile(&site, &proxy, change.replace("ID", &changed.id.to_string()));
        let report = site.clean_up(&[]).expect(0).report();
        assert_eq!(site.events(), [changed.id].into(), "{change}");
        assert_eq!(site.objects(), changed.keys().into_iter().collect());
        assert_eq!(report["counts"]["deleted"], 1);
        assert_eq!(report["counts"]["skipped"], 1);
        assert_eq!(report["counts"]["failed"], 0);
        assert!(site.outbox().is_empty());
    }
}

/// The change is not yet committed when upkeep comes to the event.
#[test]
fn an_event_that_is_being_changed_survives() {
    for (database, table) in [
        (DatabaseKind::Postgres, "event_dates"),
        (DatabaseKind::Postgres, "event_exceptions"),
        (DatabaseKind::PostgresOld, "events"),
        (DatabaseKind::PostgresOld, "event_exceptions"),
    ] {
        let (site, proxy) = site(database);
        let mut changed = Event::new(finished_series());
        let original_start = Utc::now();
        changed.exceptions.push(Exception { original_start, kind: "cancelled", starts_at: None, ends_at: None });
        site.fill(&Sample::of([changed.clone().with_assets(1), Event::ended(31).with_assets(1)]));
        let mut platform = site.platform();
        let change = match table {
            "event_dates" => "BEGIN; UPDATE event_dates SET starts_at = now() WHERE event_id = ",
            "events" => "BEGIN; UPDATE events SET starts_at = now() WHERE id = ",
            _ => {
                "BEGIN; UPDATE event_exceptions SET kind = 'modified', starts_at = now(), ends_at = now() WHERE event_id = "
            }
        };
        platform.batch_execute(&format!("{change} '{}'", changed.id)).unwrap();
        // By then the event was passed over, or is waited for.
        once(&proxy, deletes_assets, move || platform.batch_execute("COMMIT").unwrap());
        let report = site.clean_up(&[]).expect(0).report();
        assert_eq!(site.events(), [changed.id].into(), "{database:?} {table}");
        assert_eq!(report["counts"]["skipped"], 1, "{table}");
        assert_eq!(report["counts"]["deleted"], 1);
        assert_eq!(site.objects().len(), 1);
    }
}

#[test]
fn an_asset_that_is_added_meanwhile_goes_with_its_object() {
    let (site, proxy) = site(DatabaseKind::Postgres);
    let (event, passing) = (Event::ended(31).with_assets(1), Event::ended(31));
    site.fill(&Sample::of([event.clone(), passing.clone()]));
    let asset = uuid::Uuid::new_v4();
    site.store(&format!("assets/{asset}"), b"late");
    let sql = format!(
        "INSERT INTO assets (id, kind, filename, tenant_id, size) SELECT '{asset}', 'x', 'x', id, 4 FROM tenants; \
         INSERT INTO room_assets VALUES ('{}', '{asset}')",
        event.room
    );
    meanwhile(&site, &proxy, sql);
    let report = site.clean_up(&[]).expect(0).report();
    assert_eq!(report["objects_deleted"], 2);
    assert!(site.objects().is_empty() && site.rows_of("assets").is_empty() && site.outbox().is_empty());
}

/// An asset that is being added has the room locked: upkeep leaves it for later, and takes the asset along then.
#[test]
fn an_asset_that_is_just_being_added_is_not_lost() {
    let (site, _proxy) = site(DatabaseKind::Postgres);
    let (event, passing) = (Event::ended(31).with_assets(1), Event::ended(31));
    site.fill(&Sample::of([event.clone(), passing.clone()]));
    let asset = uuid::Uuid::new_v4();
    site.store(&format!("assets/{asset}"), b"late");
    let mut platform = site.platform();
    let mut adding = platform.transaction().unwrap();
    adding
        .batch_execute(&format!(
            "INSERT INTO assets (id, kind, filename, tenant_id, size) SELECT '{asset}', 'x', 'x', id, 4 FROM tenants; \
             INSERT INTO room_assets VALUES ('{}', '{asset}')",
            event.room
        ))
        .unwrap();
    let child = site.start_clean_up(&[]);
    wait_until("the event was passed over", || !site.events().contains(&passing.id));
    adding.commit().unwrap();
    let report = finish(child).expect(0).report();
    assert_eq!(report["objects_deleted"], 2);
    assert!(site.objects().is_empty() && site.rows_of("assets").is_empty() && site.outbox().is_empty());
}

/// Upkeep has read which assets the room has when the platform gives one of them to another room.
#[test]
fn an_asset_that_moves_to_another_room_is_not_taken_along() {
    let (site, _proxy) = site(DatabaseKind::Postgres);
    let (event, other) = (Event::ended(31).with_assets(1), Event::ended(-1));
    site.fill(&Sample::of([event.clone(), other.clone()]));
    // Module resources go after the assets were read and before anything of them is deleted.
    site.execute(
        "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
           PERFORM pg_advisory_xact_lock(4711); RETURN OLD; END $$; \
         CREATE TRIGGER wait BEFORE DELETE ON module_resources FOR EACH ROW EXECUTE FUNCTION wait()",
    );
    let mut gate = site.platform();
    gate.batch_execute("SELECT pg_advisory_lock(4711)").unwrap();
    let child = site.start_clean_up(&[]);
    site.wait_until_upkeep_waits_for_a_lock();
    let moved = site.platform().batch_execute(&format!(
        "SET lock_timeout = '300ms'; UPDATE room_assets SET room_id = '{}' WHERE asset_id = '{}'",
        other.room, event.assets[0].0
    ));
    drop(gate);
    finish(child).expect(0);
    assert_eq!(site.events(), [other.id].into());
    assert!(site.outbox().is_empty());
    let left = if moved.is_ok() { event.keys() } else { Vec::new() };
    assert_eq!(site.objects(), left.iter().cloned().collect(), "moved: {moved:?}");
    assert_eq!(site.rows_of("room_assets").len(), left.len());
    assert_eq!(site.rows_of("assets").len(), left.len());
}

#[test]
fn a_deadlock_with_the_platform_hurts_neither_for_long() {
    let (site, _proxy) = site(DatabaseKind::Postgres);
    let event = Event::ended(31).with_assets(1);
    site.fill(&Sample::of([event.clone(), Event::ended(31)]));
    let mut platform = site.platform();
    platform.batch_execute(&format!("BEGIN; SELECT 1 FROM invites WHERE room = '{}' FOR UPDATE", event.room)).unwrap();
    let child = site.start_clean_up(&[]);
    site.wait_until_upkeep_waits_for_a_lock();
    // Upkeep has the event and waits for the invite; the platform has the invite and wants the event.
    let got = platform.batch_execute(&format!("SELECT 1 FROM events WHERE id = '{}' FOR UPDATE", event.id));
    platform.batch_execute("ROLLBACK").unwrap();
    let report = finish(child).expect(0).report();
    assert_eq!(report["counts"]["deleted"], 2, "the platform got {got:?}");
    assert!(site.events().is_empty() && site.objects().is_empty() && site.outbox().is_empty());
}

/// Several batches, the first of 50; the last cannot finish, since one of its rooms is locked, when the signal comes.
#[test]
fn a_signal_leaves_finished_batches_finished() {
    for (name, code) in [("TERM", 143), ("INT", 130)] {
        let (site, proxy) = site(DatabaseKind::Postgres);
        let mut events: Vec<_> = (0..230).map(|_| Event::ended(31).with_assets(1)).collect();
        events.sort_by_key(|event| event.id);
        let last = events[229].clone();
        let sample = Sample::of(events);
        site.fill(&sample);
        let mut platform = site.platform();
        let mut lock = platform.transaction().unwrap();
        lock.batch_execute(&format!("SELECT 1 FROM rooms WHERE id = '{}' FOR UPDATE", last.room)).unwrap();
        let (tell, pid) = channel();
        once(&proxy, deletes_assets, move || signal(pid.recv().unwrap(), name));
        let child = site.start_clean_up(&[]);
        tell.send(child.id()).unwrap();
        let report = finish(child).expect(code).report();

        assert_eq!(report["outcome"], "interrupted");
        let left = site.events().len();
        assert!((1..=180).contains(&left), "{left} events are left");
        assert_eq!(report["counts"]["deleted"], 230 - left);
        assert_eq!(report["backlog"], site.outbox().len());
        site.assert_nothing_lost(&sample);
        lock.rollback().unwrap();
        proxy.clear();
        site.clean_up(&[]).expect(0);
        assert!(site.events().is_empty() && site.objects().is_empty() && site.outbox().is_empty());
    }
}

#[test]
fn a_time_limit_ends_the_wait_for_a_lock() {
    let (site, _proxy) = site(DatabaseKind::Postgres);
    let event = Event::ended(31).with_assets(1);
    let sample = Sample::of([event.clone(), Event::ended(31).with_assets(1)]);
    site.fill(&sample);
    let mut platform = site.platform();
    let mut lock = platform.transaction().unwrap();
    lock.batch_execute(&format!("SELECT 1 FROM rooms WHERE id = '{}' FOR UPDATE", event.room)).unwrap();
    let report = site.clean_up(&["--timeout", "1500ms"]).expect(124).report();
    assert_eq!(report["outcome"], "timed_out");
    assert_eq!(report["counts"]["deleted"], 2 - site.events().len());
    site.assert_nothing_lost(&sample);
    lock.rollback().unwrap();
    site.clean_up(&[]).expect(0);
    assert!(site.events().is_empty() && site.objects().is_empty() && site.outbox().is_empty());
}
