//! Several events in one room, as databases may have them that are older than the rule against it.

use crate::site::{DatabaseKind::Postgres, Event, Sample, Site, StorageKind};

/// A platform as it was before rooms and events were one to one, with two events in the room of the first.
fn shared_room(first: &Event, second: &Event) -> Site {
    let site = Site::new(Postgres, StorageKind::S3);
    site.execute("ALTER TABLE events DROP CONSTRAINT events_room_key");
    site.fill(&Sample::of([first.clone(), second.clone()]));
    site.execute(&format!("UPDATE events SET room = '{}' WHERE id = '{}'", first.room, second.id));
    site
}

#[test]
fn a_room_with_another_event_stays_with_its_assets() {
    for (first, second) in [(31, -1), (-1, 31)] {
        let (first, second) = (Event::ended(first).with_assets(2), Event::ended(second));
        let site = shared_room(&first, &second);
        let room_tables = ["rooms", "assets", "room_assets", "invites", "sip_configs", "module_resources"];
        let before = room_tables.map(|table| site.rows_of(table));
        let plan = site.clean_up(&["--dry-run"]).expect(0).report();
        assert_eq!(plan["plan"]["objects"], 0);
        let report = site.clean_up(&[]).expect(0).report();
        assert_eq!(report["counts"]["deleted"], 1);
        assert_eq!(report["objects_deleted"], 0);
        assert_eq!(plan["plan"]["rows"], report["rows"]);
        assert_eq!(room_tables.map(|table| site.rows_of(table)), before);
        assert_eq!(site.objects(), first.keys().into_iter().collect());
        assert!(site.outbox().is_empty());
    }
}

#[test]
fn a_room_goes_with_the_last_of_its_events() {
    let (first, second) = (Event::ended(31).with_assets(2), Event::ended(40));
    let site = shared_room(&first, &second);
    let plan = site.clean_up(&["--dry-run"]).expect(0).report();
    let report = site.clean_up(&[]).expect(0).report();
    assert_eq!(report["objects_deleted"], 2);
    assert_eq!(plan["plan"]["rows"], report["rows"]);
    assert!(site.rows_of("assets").is_empty() && site.objects().is_empty());
    assert_eq!(site.rows_of("rooms").len(), 1, "only the room that the second event was not held in");
}

#[test]
fn a_room_stays_while_its_other_event_is_locked_and_goes_later() {
    let (first, second) = (Event::ended(31).with_assets(2), Event::ended(40));
    let site = shared_room(&first, &second);
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
