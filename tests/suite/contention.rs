//! Rows that the platform keeps from being deleted, or changes at the very moment.

use std::sync::mpsc::channel;

use crate::site::{DatabaseKind, Event, Sample, Site, StorageKind, deletes_assets, finish, once, wait_until};

/// Makes the deletion of these events' favourites fail, as somebody's own trigger may.
fn refuse<'a>(site: &Site, events: impl IntoIterator<Item = &'a Event>) {
    let ids: Vec<_> = events.into_iter().map(|event| format!("'{}'", event.id)).collect();
    site.execute(&format!(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
           IF OLD.event_id IN ({}) THEN RAISE EXCEPTION 'not this one'; END IF; RETURN OLD; END $$; \
         CREATE TRIGGER refuse BEFORE DELETE ON event_favorites FOR EACH ROW EXECUTE FUNCTION refuse()",
        ids.join(", ")
    ));
}

/// At the end only the refused ones are left to try, so that nothing passes in between.
#[test]
fn several_items_that_are_refused_to_the_end_are_failed_items() {
    for database in [DatabaseKind::Postgres, DatabaseKind::PostgresOld] {
        let site = Site::new(database, StorageKind::Directory);
        let events: Vec<_> = (0..20).map(|_| Event::ended(31).with_assets(1)).collect();
        site.fill(&Sample::of(events.clone()));
        let mut in_order: Vec<_> = events.iter().collect();
        in_order.sort_by_key(|event| i64::from_ne_bytes(event.id.as_bytes()[..8].try_into().unwrap()) >> 8);
        let refused: Vec<_> = in_order.iter().step_by(2).copied().collect();
        refuse(&site, refused.iter().copied());
        let report = site.clean_up(&[]).expect(3).report();
        assert_eq!(report["counts"]["deleted"], 10);
        assert_eq!(report["counts"]["failed"], 10);
        assert_eq!(report["failures"][9]["reason"], "not this one");
        assert_eq!(site.events(), refused.iter().map(|event| event.id).collect());
        assert_eq!(site.objects(), refused.iter().flat_map(|event| event.keys()).collect());
    }
}

/// They would be in the way of the events behind them every night.
#[test]
fn many_items_that_are_refused_at_once_do_not_keep_the_run_from_the_others() {
    let site = Site::new(DatabaseKind::Postgres, StorageKind::Directory);
    let events: Vec<_> = (0..50).map(|_| Event::ended(31).with_assets(1)).collect();
    let (refused, others) = events.split_at(25);
    site.fill(&Sample::of(events.clone()));
    for (number, event) in events.iter().enumerate() {
        site.execute(&format!("UPDATE events SET id_serial = -100 + {number} WHERE id = '{}'", event.id));
    }
    refuse(&site, refused);
    let report = site.clean_up(&[]).expect(3).report();
    assert_eq!(report["counts"]["deleted"], others.len());
    assert_eq!(report["counts"]["failed"], refused.len());
    assert_eq!(site.events(), refused.iter().map(|event| event.id).collect());
    assert_eq!(site.objects(), refused.iter().flat_map(|event| event.keys()).collect());
}

/// What stood for the event when it was looked for stands for something else when its turn comes.
#[test]
fn a_permission_that_is_being_changed_is_judged_as_it_is_then() {
    let site = Site::new(DatabaseKind::PostgresOld, StorageKind::Directory);
    let (event, other) = (Event::ended(31), Event::ended(-1));
    site.fill(&Sample::of([event.clone(), other.clone()]));
    let mut platform = site.platform();
    let mut change = platform.transaction().unwrap();
    let moved = format!("/events/{}/elsewhere", other.id);
    change
        .batch_execute(&format!(
            "UPDATE casbin_rule SET v1 = '{moved}' WHERE v1 = '/events/{}/reschedule'; \
             UPDATE casbin_rule SET v0 = 'user::x', v1 = '{moved}' WHERE v0 LIKE 'invite::%' AND v1 = '/events/{}'",
            event.id, event.id
        ))
        .unwrap();
    let child = site.start_clean_up(&[]);
    site.wait_until_upkeep_waits_for_a_lock();
    change.commit().unwrap();
    assert_eq!(finish(child).expect(0).report()["counts"]["deleted"], 1);
    assert_eq!(site.number(&format!("SELECT count(*) FROM casbin_rule WHERE v1 = '{moved}'")), 2);
    assert_eq!(site.events(), [other.id].into());
}

/// The plan is that of the try that succeeds, whatever those before it found.
#[test]
fn a_dry_run_that_has_to_look_twice_counts_once() {
    let site = Site::new(DatabaseKind::PostgresOld, StorageKind::Directory);
    site.execute("ALTER TABLE events DROP CONSTRAINT events_room_key");
    let (event, other) = (Event::ended(31), Event::ended(-1));
    site.fill(&Sample::of([event.clone(), other.clone()]));
    site.execute(&format!("UPDATE events SET room = '{}' WHERE id = '{}'", other.room, event.id));
    let mut platform = site.platform();
    let mut lock = platform.transaction().unwrap();
    // The last table that is read of an event, after what says whether its room is shared.
    lock.batch_execute("LOCK TABLE event_training_participation_report_parameter_sets").unwrap();
    let child = site.start_clean_up(&["--dry-run"]);
    site.wait_until_upkeep_waits_for_a_lock();
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    wait_until("upkeep gave up waiting", || site.number(waits) == 0);
    lock.rollback().unwrap();
    let plan = finish(child).expect(0).report()["plan"].clone();
    let report = site.clean_up(&[]).expect(0).report();
    assert_eq!(plan["rows"], report["rows"]);
}

#[test]
fn an_outbox_that_is_locked_at_the_end_is_waited_for() {
    let mut site = Site::new(DatabaseKind::Postgres, StorageKind::S3);
    let proxy = site.put_proxy_before_bucket();
    site.fill(&Sample::of([Event::ended(31).with_assets(2)]));
    let mut other = site.platform();
    let (tell, told) = channel();
    once(&proxy, deletes_assets, move || {
        other.batch_execute("BEGIN; SELECT 1 FROM upkeep_pending_deletions FOR UPDATE").unwrap();
        tell.send(other).unwrap();
    });
    let child = site.start_clean_up(&[]);
    let other = told.recv().unwrap();
    site.wait_until_upkeep_waits_for_a_lock();
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    wait_until("upkeep gave up waiting", || site.number(waits) == 0);
    drop(other);
    assert_eq!(finish(child).expect(0).report()["objects_deleted"], 2);
    assert!(site.outbox().is_empty() && site.objects().is_empty());
}
