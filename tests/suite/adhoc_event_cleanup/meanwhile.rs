//! Ad hoc events with the platform at work.

use super::*;

/// What the platform does to an event that was chosen, before anything is locked.
#[test]
fn an_event_that_changes_after_it_was_chosen_survives() {
    let changes = [
        ("UPDATE events SET is_adhoc = false WHERE id = 'ID'", true),
        ("UPDATE events SET created_at = now() WHERE id = 'ID'", true),
        ("DELETE FROM event_shared_folders; DELETE FROM events WHERE id = 'ID'", false),
    ];
    for (change, survives) in changes {
        let mut site = Site::new(Postgres, StorageKind::S3);
        let proxy = site.put_proxy_before_bucket();
        let (changed, other) = (adhoc(Event::ended(-1).with_assets(1)), adhoc(Event::ended(-1).with_assets(1)));
        site.fill(&Sample::of([changed.clone(), other]));
        let (sql, name) = (change.replace("ID", &changed.id.to_string()), site.database_name().to_owned());
        once(&proxy, is_trial, move || Server::shared().client(&name).batch_execute(&sql).unwrap());
        let report = clean_up(&site, &[]).expect(0).report();
        assert_eq!(site.events(), if survives { [changed.id].into() } else { BTreeSet::new() }, "{change}");
        // A room without an event is left to room-cleanup.
        assert_eq!(site.objects(), changed.keys().into_iter().collect(), "{change}");
        assert_eq!((&report["counts"]["deleted"], &report["counts"]["skipped"]), (&json!(1), &json!(1)), "{change}");
        assert_eq!(report["counts"]["failed"], 0);
        assert!(site.outbox().is_empty());
    }
}

#[test]
fn an_event_that_is_being_changed_is_looked_at_again() {
    for (table, ending, survives) in
        [("events", "COMMIT", true), ("events", "ROLLBACK", false), ("rooms", "COMMIT", false)]
    {
        let site = Site::new(Postgres, StorageKind::Directory);
        let (changed, passing) = (adhoc(Event::ended(-1).with_assets(1)), adhoc(Event::ended(-1)));
        site.fill(&Sample::of([changed.clone(), passing.clone()]));
        let mut platform = site.platform();
        let sql = match table {
            "events" => format!("BEGIN; UPDATE events SET is_adhoc = false WHERE id = '{}'", changed.id),
            _ => format!("BEGIN; UPDATE rooms SET waiting_room = waiting_room WHERE id = '{}'", changed.room),
        };
        platform.batch_execute(&sql).unwrap();
        let child = site.start_job("adhoc-event-cleanup", &[]);
        wait_until("the event was passed over", || !site.events().contains(&passing.id));
        platform.batch_execute(ending).unwrap();
        let report = finish(child).expect(0).report();
        assert_eq!(site.events().contains(&changed.id), survives, "{table} {ending}");
        assert_eq!(report["counts"]["skipped"], u64::from(survives));
        assert_eq!(report["counts"]["failed"], 0);
        assert_eq!(site.objects().len(), usize::from(survives));
    }
}

#[test]
fn an_event_that_stays_locked_is_a_failed_item_and_a_time_limit_ends_the_wait() {
    let site = Site::new(Postgres, StorageKind::Directory);
    let (locked, other) = (adhoc(Event::ended(-1).with_assets(1)), adhoc(Event::ended(-1)));
    site.fill(&Sample::of([locked.clone(), other]));
    let mut platform = site.platform();
    let mut lock = platform.transaction().unwrap();
    lock.batch_execute(&format!("SELECT 1 FROM rooms WHERE id = '{}' FOR KEY SHARE", locked.room)).unwrap();
    assert_eq!(clean_up(&site, &["--timeout", "1500ms"]).expect(124).report()["outcome"], "timed_out");
    let report = clean_up(&site, &[]).expect(3).report();
    assert_eq!(site.events(), [locked.id].into());
    assert_eq!(site.objects(), locked.keys().into_iter().collect());
    assert_eq!(report["failures"][0]["subject"], locked.id.to_string());
    assert!(report["failures"][0]["reason"].as_str().unwrap().contains("lock"), "{report}");
    lock.rollback().unwrap();
    clean_up(&site, &[]).expect(0);
    assert!(site.events().is_empty() && site.objects().is_empty());
}
