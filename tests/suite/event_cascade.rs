//! What goes with an event and what does not, whatever the foreign keys say.

use serde_json::json;
use upkeep_test_servers::Nextcloud;

use crate::folders::{connect, with_folder};
use crate::site::{
    DatabaseKind, EVERYWHERE, Event, Exception, NUMBER_OF_PERMISSIONS, Occurs, Sample, Site, StorageKind, look_alikes,
};

use DatabaseKind::{Postgres, PostgresOld, Sqlite};

/// An ended event with a row in every table that can belong to one.
fn complete() -> Event {
    let now = chrono::Utc::now();
    let ago = |days| now - chrono::TimeDelta::days(days);
    let mut event = Event::new(Occurs::Series {
        starts_at: ago(90),
        zone: "UTC",
        duration_secs: 60,
        pattern: "FREQ=DAILY;COUNT=3".into(),
        ends_at: ago(88),
    });
    event.exceptions.push(Exception { original_start: ago(90), kind: "modified", starts_at: None, ends_at: None });
    event.with_assets(2).with_folder("a/b", json!({"type": "another"}))
}

/// Every table with rows that belong to one event, apart from those that generations differ in.
const TABLES: [(&str, u64); 14] = [
    ("assets", 2),
    ("event_email_invites", 1),
    ("event_exceptions", 1),
    ("event_favorites", 1),
    ("event_invites", 1),
    ("event_shared_folders", 1),
    ("event_training_participation_report_parameter_sets", 1),
    ("events", 1),
    ("invites", 1),
    ("module_resources", 1),
    ("room_assets", 2),
    ("room_streaming_targets", 1),
    ("rooms", 1),
    ("sip_configs", 1),
];

fn tables(database: DatabaseKind) -> serde_json::Value {
    let of_generation = match database {
        PostgresOld => vec![("casbin_rule", NUMBER_OF_PERMISSIONS)],
        Postgres | Sqlite => vec![("event_dates", 1), ("event_recurrences", 1)],
    };
    let tables = TABLES.into_iter().chain(of_generation);
    tables.map(|(table, number)| (table.to_owned(), json!(number))).collect::<serde_json::Map<_, _>>().into()
}

#[test]
fn every_table_is_cleared_and_counted() {
    for (database, storage) in EVERYWHERE {
        let site = Site::new(database, storage);
        let mut stays = complete();
        stays.occurs = Occurs::AtNoTime;
        stays.exceptions.clear();
        site.fill(&Sample::of([stays]));
        let before = site.rows();
        site.fill(&Sample::of([complete()]));
        let report = site.clean_up(&[]).expect(0).report();
        assert_eq!(report["rows"], tables(database));
        assert_eq!(site.rows(), before, "{database:?}");
    }
}

/// Only whole texts count, as they are written; a rule that belongs to several things that go counts once.
#[test]
fn permissions_on_other_things_stay() {
    let site = Site::new(PostgresOld, StorageKind::Directory);
    let (goes, stays) = (Event::ended(31), Event::ended(29));
    site.fill(&Sample::of([stays.clone()]));
    look_alikes(&site, &stays);
    look_alikes(&site, &goes);
    let before = site.rows();
    site.fill(&Sample::of([goes]));
    let plan = site.clean_up(&["--dry-run"]).expect(0).report();
    assert_eq!(plan["plan"]["rows"]["casbin_rule"], NUMBER_OF_PERMISSIONS);
    let report = site.clean_up(&[]).expect(0).report();
    assert_eq!(report["rows"]["casbin_rule"], NUMBER_OF_PERMISSIONS);
    assert_eq!(site.rows(), before);
}

/// Makes every foreign key of the platform end like this.
fn alter_foreign_keys(site: &Site, ending: &str) {
    site.execute(&format!(
        "DO $$ DECLARE c record; BEGIN \
           FOR c IN SELECT conname, conrelid::regclass AS t, pg_get_constraintdef(oid) AS d FROM pg_constraint \
                    WHERE contype = 'f' AND connamespace = 'public'::regnamespace LOOP \
             EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.t, c.conname); \
             EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I %s {ending}', c.t, c.conname, \
                            regexp_replace(c.d, ' ON DELETE .*$', '')); \
           END LOOP; END $$"
    ));
}

#[test]
fn the_order_is_right_with_and_without_cascades() {
    let endings = ["ON DELETE RESTRICT", "ON DELETE CASCADE", "DEFERRABLE INITIALLY DEFERRED"];
    for (database, ending) in [Postgres, PostgresOld].into_iter().flat_map(|kind| endings.map(|ending| (kind, ending)))
    {
        let site = Site::new(database, StorageKind::Directory);
        alter_foreign_keys(&site, ending);
        let stays = Sample::of([Event::ended(1).with_assets(2)]);
        site.fill(&stays);
        let before = site.rows();
        site.fill(&Sample::of([complete(), complete(), Event::ended(40)]));
        let report = site.clean_up(&[]).expect(0).report();
        assert_eq!(report["counts"]["deleted"], 3, "{ending}");
        assert_eq!(report["rows"]["assets"], 4, "{ending}");
        assert_eq!(report["rows"]["event_invites"], 3, "{ending}");
        assert_eq!(site.rows(), before, "{ending}");
        assert_eq!(site.objects(), stays.objects().into_keys().collect(), "{ending}");
    }
}

/// Somebody else's table that refers to the platform's must not be touched, and stops nothing but its own event.
#[test]
fn a_foreign_table_keeps_its_event_and_only_that() {
    let sql_types = |database| if database == Postgres { "UUID" } else { "BLOB" };
    for (database, storage) in [(Postgres, StorageKind::S3), (Sqlite, StorageKind::Directory)] {
        for (refers_to, deferred) in [("events", false), ("rooms", false), ("events", true)] {
            let site = Site::new(database, storage);
            let later = if deferred { "DEFERRABLE INITIALLY DEFERRED" } else { "" };
            let kept = Event::ended(50).with_assets(1);
            let others: Vec<_> = (0..6).map(|_| Event::ended(50).with_assets(1)).collect();
            site.fill(&Sample::of(others.iter().cloned()));
            let id = if refers_to == "events" { kept.id } else { kept.room };
            site.fill(&Sample::of([kept.clone()]));
            site.execute(&format!(
                "CREATE TABLE plugin_notes (subject {} NOT NULL CONSTRAINT plugin_subject_fkey \
                 REFERENCES {refers_to} (id) {later}); INSERT INTO plugin_notes VALUES ({})",
                sql_types(database),
                site.dialect().uuid(id)
            ));
            let run = site.clean_up(&[]).expect(3);
            let report = run.report();
            assert_eq!(site.events(), [kept.id].into(), "{database:?} {refers_to} {run:?}");
            assert_eq!(site.objects(), kept.keys().into_iter().collect());
            assert!(site.outbox().is_empty());
            assert_eq!(site.rows_of("plugin_notes").len(), 1);
            assert_eq!(report["outcome"], "incomplete");
            assert_eq!(report["counts"]["deleted"], 6);
            assert_eq!(report["counts"]["failed"], 1);
            assert_eq!(report["failures"][0]["subject"], kept.id.to_string());
            let reason = report["failures"][0]["reason"].as_str().unwrap();
            if database == Postgres {
                assert!(reason.contains("plugin_notes") && reason.contains("plugin_subject_fkey"), "{reason}");
                assert!(!reason.contains("DETAIL"), "row contents do not belong into logs: {reason}");
            } else {
                assert!(reason.to_lowercase().contains("foreign key"), "{reason}");
            }
            for (table, expected) in [("event_invites", 1), ("room_assets", 1), ("event_dates", 1)] {
                assert_eq!(site.rows_of(table).len(), expected, "kept whole: {table}");
            }
        }
    }
}

/// What goes over the network cannot be taken back: such an event keeps its shared folder, too.
#[test]
fn a_foreign_table_keeps_the_folder_of_its_event() {
    for database in [Postgres, PostgresOld, Sqlite] {
        for refers_to in ["events", "rooms"] {
            let mut site = Site::new(database, StorageKind::Directory);
            let nextcloud = Nextcloud::start().unwrap();
            connect(&mut site, &nextcloud.url());
            let [kept, goes] = ["opentalk/kept", "opentalk/goes"].map(|path| with_folder(&nextcloud, path));
            site.fill(&Sample::of([kept.clone(), goes.clone()]));
            let id = site.dialect().uuid(if refers_to == "events" { kept.id } else { kept.room });
            let uuid = if database == Sqlite { "BLOB" } else { "UUID" };
            site.execute(&format!(
                "CREATE TABLE plugin_notes (subject {uuid} NOT NULL REFERENCES {refers_to} (id)); \
                 CREATE TABLE plugin_likes (subject {uuid} NOT NULL REFERENCES {refers_to} (id) ON DELETE CASCADE); \
                 INSERT INTO plugin_notes VALUES ({id}); INSERT INTO plugin_likes SELECT id FROM {refers_to}"
            ));
            let report = site.clean_up(&[]).expect(3).report();
            assert_eq!((&report["counts"]["deleted"], &report["counts"]["failed"]), (&1.into(), &1.into()));
            let reason = report["failures"][0]["reason"].as_str().unwrap();
            assert!(reason.contains("plugin_notes") && reason.contains("does not know"), "{reason}");
            assert_eq!((site.events(), nextcloud.folders()), ([kept.id].into(), vec!["opentalk/kept".to_owned()]));
            assert_eq!(nextcloud.shares().len(), 2);
            // It is no failure of the provider, which would end the run.
            let strict = ["--parameters", r#"{"fail_on_shared_folder_deletion_error": true}"#];
            site.clean_up(&strict).expect(3);
            site.execute("DELETE FROM plugin_notes");
            site.clean_up(&strict).expect(0);
            assert!(site.events().is_empty() && nextcloud.folders().is_empty() && site.outbox().is_empty());
        }
    }
}

/// Free pages and the write-ahead log keep what was deleted unless somebody sees to it.
#[test]
fn nothing_deleted_lingers_in_the_embedded_files() {
    let site = Site::new(Sqlite, StorageKind::Directory);
    let mut stays = complete();
    stays.occurs = Occurs::AtNoTime;
    stays.exceptions.clear();
    site.fill(&Sample::of([stays]));
    site.fill(&Sample::of((0..20).map(|_| complete())));
    site.execute("UPDATE event_email_invites SET email = 'q7f3@example.org' WHERE event_id IN (SELECT event_id FROM event_dates)");
    let present = |site: &Site| {
        let files = std::fs::read_dir(site.path()).unwrap().map(|entry| entry.unwrap().path());
        let files = files.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("upkeep.db"));
        files.filter(|path| std::fs::read(path).unwrap().windows(4).any(|bytes| bytes == b"q7f3")).count()
    };
    assert!(present(&site) > 0);
    site.clean_up(&[]).expect(0);
    assert_eq!(present(&site), 0);
}
