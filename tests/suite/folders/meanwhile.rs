//! Folders that come into being while upkeep is at work.

use upkeep_test_servers::fault_proxy::FaultProxy;

use super::*;
use crate::site::once;

/// Has the platform do `sql` while the first request is on its way, as long as the proxy returned lives.
fn during_the_first_request(site: &mut Site, nextcloud: &Nextcloud, sql: String) -> FaultProxy {
    let proxy = FaultProxy::in_front_of(nextcloud.url().strip_prefix("http://").unwrap().parse().unwrap());
    connect(site, &proxy.uri());
    let database = site.database_name().to_owned();
    once(
        &proxy,
        |_| true,
        move || upkeep_test_servers::Postgres::shared().client(&database).batch_execute(&sql).unwrap(),
    );
    proxy
}

/// The platform's row of the folder `opentalk/second`.
fn insertion(database: DatabaseKind, event: &Event, write: &str, read: &str) -> String {
    let (columns, provider) = if database == PostgresOld {
        ("write_share_id, read_share_id", format!("'{write}', '{read}'"))
    } else {
        ("provider_data", format!("'{}'", shares(write, read)))
    };
    format!(
        "INSERT INTO event_shared_folders (event_id, path, write_url, write_password, read_url, read_password, \
         {columns}) VALUES ('{}', 'opentalk/second', '', '', '', '', {provider})",
        event.id
    )
}

/// A folder that comes into being after the batch's folders were seen to must not lose its row unremoved.
#[test]
fn a_folder_made_meanwhile_is_removed_all_the_same() {
    for database in [Postgres, PostgresOld] {
        let (mut site, nextcloud) = site(database);
        let (first, second) = (with_folder(&nextcloud, "opentalk/first"), Event::ended(31).with_assets(1));
        site.fill(&Sample::of([first, second.clone()]));
        let (write, read) = nextcloud.add_folder("opentalk/second");
        let sql = insertion(database, &second, &write, &read);
        let _proxy = during_the_first_request(&mut site, &nextcloud, sql);
        let report = site.clean_up(&STRICT).expect(0).report();
        assert_eq!(report["counts"]["deleted"], 2);
        assert_eq!(report["shared_folders_deleted"], 2);
        assert!(nextcloud.folders().is_empty() && nextcloud.shares().is_empty());
        assert!(site.events().is_empty() && site.objects().is_empty() && site.outbox().is_empty());
    }
}

/// What was removed is not the folder whose row would go.
#[test]
fn a_folder_made_anew_meanwhile_is_removed_all_the_same() {
    for database in [Postgres, PostgresOld] {
        let (mut site, nextcloud) = site(database);
        let event = with_folder(&nextcloud, "opentalk/first");
        site.fill(&Sample::of([event.clone()]));
        let (write, read) = nextcloud.add_folder("opentalk/second");
        let sql = format!("DELETE FROM event_shared_folders; {}", insertion(database, &event, &write, &read));
        let _proxy = during_the_first_request(&mut site, &nextcloud, sql);
        let report = site.clean_up(&STRICT).expect(0).report();
        assert_eq!(report["counts"]["deleted"], 1);
        assert!(nextcloud.folders().is_empty() && nextcloud.shares().is_empty());
        assert!(site.events().is_empty() && site.outbox().is_empty());
    }
}

/// An event that is moved to a later day at that very moment stays, and it is not hidden that its folder is gone.
#[test]
fn an_event_that_is_moved_while_its_folder_goes_stays_with_a_warning() {
    for (database, table) in [(Postgres, "event_dates"), (PostgresOld, "events")] {
        let (mut site, nextcloud) = site(database);
        let event = with_folder(&nextcloud, "opentalk/first");
        site.fill(&Sample::of([event.clone()]));
        let sql = format!("UPDATE {table} SET ends_at = now() + interval '1 day'");
        let _proxy = during_the_first_request(&mut site, &nextcloud, sql);
        let report = site.clean_up(&STRICT).expect(0).report();
        assert_eq!((&report["counts"]["deleted"], &report["counts"]["skipped"]), (&0.into(), &1.into()));
        let warning = format!("event {} changed meanwhile and stays, but its shared folder is gone", event.id);
        assert_eq!(report["warnings"], serde_json::json!([warning]));
        assert_eq!(site.events(), [event.id].into());
    }
}

/// What the platform has in hand, and may be moving to a later day, keeps its folder.
#[test]
fn an_event_that_is_locked_keeps_its_folder() {
    for (database, table) in [(Postgres, "event_dates"), (PostgresOld, "events")] {
        let (site, nextcloud) = site(database);
        let (event, other) = (with_folder(&nextcloud, "opentalk/first"), with_folder(&nextcloud, "opentalk/second"));
        site.fill(&Sample::of([event.clone(), other]));
        let mut platform = site.platform();
        let mut moving = platform.transaction().unwrap();
        let column = if table == "events" { "id" } else { "event_id" };
        let sql = format!("UPDATE {table} SET ends_at = now() + interval '1 day' WHERE {column} = '{}'", event.id);
        moving.batch_execute(&sql).unwrap();
        let report = site.clean_up(&STRICT).expect(3).report();
        assert_eq!((&report["counts"]["deleted"], &report["counts"]["failed"]), (&1.into(), &1.into()));
        assert_eq!(report["failures"][0]["subject"], event.id.to_string());
        assert!(report["failures"][0]["reason"].as_str().unwrap().contains("locked by another session"), "{report}");
        moving.commit().unwrap();
        let report = site.clean_up(&STRICT).expect(0).report();
        assert_eq!((&report["counts"]["matched"], &report["warnings_total"]), (&0.into(), &0.into()));
        assert_eq!(site.events(), [event.id].into());
        assert_eq!(nextcloud.folders(), ["opentalk/first"]);
        assert_eq!(nextcloud.shares().len(), 2);
    }
}

/// An event that stays although its folder had to go first is not told of as if nothing had happened to it.
#[test]
fn an_event_that_stays_without_its_folder_is_told_of_as_such() {
    for (database, id_type) in [(Postgres, "UUID"), (PostgresOld, "UUID"), (Sqlite, "BLOB")] {
        let (site, nextcloud) = site(database);
        let event = with_folder(&nextcloud, "opentalk/first");
        site.fill(&Sample::of([event.clone()]));
        site.execute(&format!(
            // Only references to events and rooms are looked for before the folder goes.
            "CREATE TABLE plugin_notes (subject {id_type} NOT NULL REFERENCES assets (id)); \
             INSERT INTO plugin_notes VALUES ({})",
            site.dialect().uuid(event.assets[0].0)
        ));
        let report = site.clean_up(&STRICT).expect(3).report();
        assert_eq!(report["failures"][0]["subject"], event.id.to_string());
        let reason = report["failures"][0]["reason"].as_str().unwrap();
        assert!(reason.ends_with("; its shared folder is gone already"), "{reason}");
        assert_eq!(site.events(), [event.id].into());
    }
}

/// What was removed over the network cannot be brought back: only a few events at a time may wait without their folders
/// for the transaction in which they go, however many are due.
#[test]
fn few_events_at_a_time_are_without_their_folders() {
    const FOLDERS: usize = 70;
    for database in [Postgres, PostgresOld] {
        let (mut site, nextcloud) = site(database);
        let with_folders = (0..FOLDERS).map(|n| with_folder(&nextcloud, &format!("opentalk/{n}")));
        site.fill(&Sample::of(with_folders.chain((0..5).map(|_| Event::ended(31)))));
        let proxy = FaultProxy::in_front_of(nextcloud.url().strip_prefix("http://").unwrap().parse().unwrap());
        connect(&mut site, &proxy.uri());
        let (database, begun) = (site.database_name().to_owned(), std::sync::Mutex::new(0));
        let most = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let seen = most.clone();
        proxy.set(move |request| {
            if request.path.contains("/remote.php/dav/") {
                let mut begun = begun.lock().unwrap();
                *begun += 1;
                let (database, begun) = (database.clone(), *begun);
                let counted = std::thread::spawn(move || {
                    let mut client = upkeep_test_servers::Postgres::shared().client(&database);
                    let left: i64 = client.query_one("SELECT count(*) FROM event_shared_folders", &[]).unwrap().get(0);
                    begun - (FOLDERS - left as usize)
                });
                seen.fetch_max(counted.join().unwrap(), std::sync::atomic::Ordering::SeqCst);
            }
            Fault::None
        });
        let report = site.clean_up(&STRICT).expect(0).report();
        assert_eq!(report["counts"]["deleted"], FOLDERS + 5);
        assert_eq!(report["shared_folders_deleted"], FOLDERS);
        assert!(nextcloud.folders().is_empty() && site.events().is_empty() && site.outbox().is_empty());
        let most = most.load(std::sync::atomic::Ordering::SeqCst);
        assert!((1..=32).contains(&most), "{most} folders were removed whose events were still there");
    }
}
