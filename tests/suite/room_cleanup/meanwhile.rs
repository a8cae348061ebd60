//! Rooms with the platform at work.

use super::*;

/// The SQL of a platform that holds a new event in `room`.
fn new_event_in(room: Uuid) -> String {
    format!(
        "INSERT INTO events (title, description, room, created_by, updated_by, tenant_id) \
         SELECT 'a title', '', id, created_by, created_by, tenant_id FROM rooms WHERE id = '{room}'"
    )
}

#[test]
fn an_event_that_appears_meanwhile_saves_the_room() {
    for moves in [false, true] {
        let (site, proxy) = watched();
        let other = Event::ended(-1);
        site.fill(&Sample::of([other.clone()]));
        let orphans = fill_with_orphans(&site, [orphan(), orphan()]);
        let saved = &orphans[0];
        let sql = match moves {
            false => new_event_in(saved.room),
            true => format!("UPDATE events SET room = '{}' WHERE id = '{}'", saved.room, other.id),
        };
        let name = site.database_name().to_owned();
        once(&proxy, is_trial, move || Server::shared().client(&name).batch_execute(&sql).unwrap());

        let run = clean_up(&site, &[]).expect(0);

        let report = run.report();
        assert_eq!(left(&site), rooms([saved, &other]), "moves: {moves}");
        assert_eq!(site.objects(), keys([saved]));
        assert!(site.outbox().is_empty());
        assert_eq!(site.rows_of("invites").len(), 2);
        assert_eq!((&report["counts"]["deleted"], &report["counts"]["skipped"]), (&json!(1), &json!(1)));
        assert_eq!((&report["counts"]["failed"], &report["warnings"]), (&json!(0), &json!([])));
        assert!(run.stderr.contains("Left 1 room alone that had changed meanwhile"), "{run:?}");
        // The room that the other event has left, if it has.
        clean_up(&site, &[]).expect(0);
        assert_eq!(left(&site).len(), if moves { 1 } else { 2 });
        assert!(left(&site).contains(&saved.room));
    }
}

/// The event is not committed yet when upkeep comes to the room, and then it is, or never will be.
#[test]
fn an_event_that_is_just_being_made_saves_the_room() {
    for (ending, saves) in [("COMMIT", true), ("ROLLBACK", false)] {
        let (site, _proxy) = watched();
        let orphans = fill_with_orphans(&site, [orphan(), orphan()]);
        let [wanted, passing] = &orphans[..] else { panic!() };
        let mut platform = site.platform();
        platform.batch_execute(&format!("BEGIN; {}", new_event_in(wanted.room))).unwrap();
        let child = site.start_job("room-cleanup", &[]);
        wait_until("the room was passed over", || !left(&site).contains(&passing.room));
        platform.batch_execute(ending).unwrap();
        let report = finish(child).expect(0).report();
        assert_eq!(report["counts"]["skipped"], u64::from(saves), "{ending}");
        assert_eq!(report["counts"]["failed"], 0);
        assert_eq!(left(&site).contains(&wanted.room), saves, "{ending}");
        assert_eq!(site.objects(), if saves { keys([wanted]) } else { BTreeSet::new() });
        assert!(site.outbox().is_empty());
    }
}

/// Upkeep has the room when the platform wants to hold an event there: the platform is told that the room is gone, and
/// nothing is left of it.
#[test]
fn an_event_that_comes_too_late_finds_no_room() {
    let (site, _proxy) = watched();
    let orphans = fill_with_orphans(&site, [orphan()]);
    site.execute(
        "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
           PERFORM pg_advisory_xact_lock(4711); RETURN OLD; END $$; \
         CREATE TRIGGER wait BEFORE DELETE ON module_resources FOR EACH ROW EXECUTE FUNCTION wait()",
    );
    let mut gate = site.platform();
    gate.batch_execute("SELECT pg_advisory_lock(4711)").unwrap();
    let child = site.start_job("room-cleanup", &[]);
    let waiting = site.wait_until_upkeep_waits_for_a_lock();
    assert!(waiting > 0);
    let late = site.platform().batch_execute(&format!("SET lock_timeout = '100ms'; {}", new_event_in(orphans[0].room)));
    assert!(late.is_err(), "the room is locked");
    drop(gate);
    assert_eq!(finish(child).expect(0).report()["counts"]["deleted"], 1);
    site.platform().batch_execute(&new_event_in(orphans[0].room)).unwrap();
    assert!(site.events().is_empty(), "there is no room to hold it in");
    assert!(left(&site).is_empty() && site.objects().is_empty() && site.outbox().is_empty());
}

#[test]
fn a_room_that_stays_locked_is_a_failed_item_and_a_time_limit_ends_the_wait() {
    let (site, _proxy) = watched();
    let orphans = fill_with_orphans(&site, (0..5).map(|_| orphan()));
    let locked = &orphans[3];
    let mut platform = site.platform();
    let mut lock = platform.transaction().unwrap();
    lock.batch_execute(&format!("SELECT 1 FROM rooms WHERE id = '{}' FOR KEY SHARE", locked.room)).unwrap();
    let first = clean_up(&site, &["--timeout", "1500ms"]).expect(124).report();
    assert_eq!(first["outcome"], "timed_out");
    let report = clean_up(&site, &[]).expect(3).report();
    assert_eq!(left(&site), [locked.room].into());
    assert_eq!(site.objects(), keys([locked]));
    assert!(site.outbox().is_empty());
    let deleted = |report: &serde_json::Value| report["counts"]["deleted"].as_u64().unwrap();
    assert_eq!(deleted(&first) + deleted(&report), 4);
    assert_eq!((&report["counts"]["failed"], &report["counts"]["skipped"]), (&json!(1), &json!(0)));
    assert_eq!(report["failures"][0]["subject"], locked.room.to_string());
    assert!(report["failures"][0]["reason"].as_str().unwrap().contains("lock"), "{report}");
    lock.rollback().unwrap();
    assert_eq!(deleted(&clean_up(&site, &[]).expect(0).report()), 1);
    assert!(left(&site).is_empty() && site.objects().is_empty() && site.outbox().is_empty());
}

#[test]
fn an_asset_that_is_added_meanwhile_goes_with_its_object() {
    let (site, proxy) = watched();
    let orphans = fill_with_orphans(&site, [orphan()]);
    let asset = Uuid::new_v4();
    site.store(&format!("assets/{asset}"), b"late");
    let sql = format!(
        "INSERT INTO assets (id, kind, filename, tenant_id, size) SELECT '{asset}', 'x', 'x', id, 4 FROM tenants; \
         INSERT INTO room_assets VALUES ('{}', '{asset}')",
        orphans[0].room
    );
    let name = site.database_name().to_owned();
    once(&proxy, is_trial, move || Server::shared().client(&name).batch_execute(&sql).unwrap());
    assert_eq!(clean_up(&site, &[]).expect(0).report()["objects_deleted"], 3);
    assert!(site.objects().is_empty() && site.rows_of("assets").is_empty() && site.outbox().is_empty());
}
