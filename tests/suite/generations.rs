//! Databases between the old generation of the platform's schema and the new one, and such as are neither.

use insta::assert_snapshot;
use serde_json::json;
use upkeep_test_servers::keycloak::{CLIENT_ID, CLIENT_SECRET, User};
use upkeep_test_servers::{Keycloak, Nextcloud, Postgres, postgres};

use crate::event_cleanup::{Fate, kinds};
use crate::folders::connect;
use crate::room_cleanup::fill_with_orphans;
use crate::site::{DatabaseKind, Event, NUMBER_OF_PERMISSIONS, Occurs, Sample, Site, StorageKind};

/// How the platform's own migrations lead from the old generation to the new one: a name, the SQL, and what `database
/// status` says then.
const STEPS: [(&str, &str, &str); 7] = [
    ("V60", "", "old, with dates in events"),
    (
        "V61",
        "CREATE TABLE event_dates (event_id UUID PRIMARY KEY REFERENCES events (id) ON DELETE CASCADE, \
             starts_at TIMESTAMPTZ NOT NULL, starts_at_tz VARCHAR(255) NOT NULL, ends_at TIMESTAMPTZ NOT NULL, \
             ends_at_tz VARCHAR(255) NOT NULL, is_all_day BOOLEAN NOT NULL); \
         INSERT INTO event_dates SELECT id, starts_at, starts_at_tz, ends_at, ends_at_tz, is_all_day \
             FROM events WHERE starts_at IS NOT NULL; \
         ALTER TABLE events DROP starts_at, DROP starts_at_tz, DROP ends_at, DROP ends_at_tz, DROP is_all_day",
        "between old and new, with dates in event_dates",
    ),
    (
        "all in event_dates",
        "ALTER TABLE event_dates ADD duration_secs INTEGER, ADD recurrence_pattern VARCHAR(4094); \
         UPDATE event_dates d SET duration_secs = e.duration_secs, recurrence_pattern = e.recurrence_pattern \
             FROM events e WHERE e.id = d.event_id; \
         ALTER TABLE events DROP duration_secs, DROP recurrence_pattern",
        "between old and new, with dates in event_dates",
    ),
    (
        "V62",
        "CREATE TABLE event_recurrences (event_id UUID PRIMARY KEY REFERENCES event_dates ON DELETE CASCADE, \
             recurrence_pattern VARCHAR(4092) NOT NULL, duration_secs INTEGER NOT NULL); \
         INSERT INTO event_recurrences SELECT event_id, recurrence_pattern, duration_secs \
             FROM event_dates WHERE recurrence_pattern IS NOT NULL; \
         ALTER TABLE event_dates DROP duration_secs, DROP recurrence_pattern",
        "between old and new, with dates in event_dates",
    ),
    (
        "V64",
        "ALTER TABLE event_dates ADD duration_secs INTEGER NOT NULL DEFAULT 0; \
         UPDATE event_dates d SET duration_secs = r.duration_secs FROM event_recurrences r WHERE r.event_id = d.event_id; \
         ALTER TABLE event_recurrences DROP duration_secs",
        "between old and new, with dates in event_dates",
    ),
    (
        "V65",
        "ALTER TABLE event_shared_folders ADD provider_data JSONB; \
         UPDATE event_shared_folders SET provider_data = jsonb_build_object('type', 'nextcloud', \
             'write_share_id', write_share_id, 'read_share_id', read_share_id); \
         ALTER TABLE event_shared_folders ALTER provider_data SET NOT NULL, DROP write_share_id, DROP read_share_id",
        "between old and new, with dates in event_dates",
    ),
    ("V66", "DROP TABLE casbin_rule", "new, with dates in event_dates"),
];

fn old() -> Site {
    Site::new(DatabaseKind::PostgresOld, StorageKind::Directory)
}

#[test]
fn databases_between_the_generations_are_cleaned_up_as_either() {
    for last in 0..STEPS.len() {
        let (name, _, generation) = STEPS[last];
        let mut site = old();
        let nextcloud = Nextcloud::start().unwrap();
        connect(&mut site, &nextcloud.url());
        let mut kinds = kinds();
        for (_, event, _) in &mut kinds {
            let (write, read) = nextcloud.add_folder(&event.id.to_string());
            let shares = json!({"type": "nextcloud", "write_share_id": write, "read_share_id": read});
            *event = event.clone().with_assets(1).with_folder(&event.id.to_string(), shares);
        }
        site.fill(&Sample::of(kinds.iter().map(|kind| kind.1.clone())));
        for (_, sql, _) in &STEPS[..=last] {
            site.execute(sql);
        }
        let status = site.upkeep(&["database", "status"]).expect(0).stdout;
        assert!(status.contains(generation), "{name}: {status}");

        let plan = site.clean_up(&["--dry-run"]).expect(0).report()["plan"].clone();
        let run = site.clean_up(&["--parameters", r#"{"fail_on_shared_folder_deletion_error": true}"#]).expect(0);

        let (report, left) = (run.report(), site.events());
        for (kind, event, fate) in &kinds {
            assert_eq!(left.contains(&event.id), *fate != Fate::Goes, "{kind} on {name}: {}", run.stderr);
        }
        assert_eq!(plan["rows"], report["rows"], "{name}");
        let mut folders = nextcloud.folders();
        folders.sort();
        assert_eq!(folders, left.iter().map(ToString::to_string).collect::<Vec<_>>(), "{name}");
        assert_eq!(nextcloud.shares().len(), 2 * left.len());
        let kept = kinds.iter().filter(|kind| left.contains(&kind.1.id));
        assert_eq!(site.objects(), kept.flat_map(|kind| kind.1.keys()).collect());
        assert_eq!(site.number("SELECT count(*) FROM rooms"), left.len() as i64);
        if name != "V66" {
            let rules = site.number("SELECT count(*) FROM casbin_rule");
            assert_eq!(rules as u64, NUMBER_OF_PERMISSIONS * left.len() as u64, "{name}");
        }
        assert_eq!(report["warnings_total"], kinds.iter().filter(|kind| kind.2 == Fate::StaysWithWarning).count());
    }
}

/// What the other jobs would do there, and that it is what they do.
#[test]
fn every_job_knows_databases_between_the_generations() {
    for last in 0..STEPS.len() {
        let name = STEPS[last].0;
        let mut site = old();
        let keycloak = Keycloak::start().unwrap();
        let (api, authority) = (keycloak.api_base_url(), keycloak.authority());
        let keys = format!("api_base_url = {api:?}\nauthority = {authority:?}\nclient_id = {CLIENT_ID:?}");
        site.set("identity", &format!("{keys}\nclient_secret = '{CLIENT_SECRET}'"));
        keycloak.add([User::new("somebody else", true)]);
        let adhoc = Event { adhoc: true, ..Event::ended(-1).with_assets(1) };
        let (owned, kept) = (Event::ended(-1).with_assets(1), Event::ended(-1).with_assets(2));
        site.fill(&Sample::of([adhoc.clone(), owned.clone(), kept.clone()]));
        fill_with_orphans(&site, [Event::ended(0).with_assets(1)]);
        for (_, sql, _) in &STEPS[..=last] {
            site.execute(sql);
        }
        let (of_owned, of_kept) = (owned.room, kept.room);
        site.execute(&format!("UPDATE invites SET active = false WHERE room = '{of_kept}'"));
        let run = |job: &str, more: &[&str], number: u64| {
            let plan = site.job(job, &[more, &["--dry-run"]].concat()).expect(0).report()["plan"].clone();
            let report = site.job(job, more).expect(0).report();
            assert_eq!(plan["rows"], report["rows"], "{job} on {name}");
            assert_eq!(plan["ids"].as_array().unwrap().len() as u64, number, "{job} on {name}");
            let changed = report["counts"]["deleted"].as_u64().unwrap() + report["counts"]["updated"].as_u64().unwrap();
            assert_eq!(changed, number, "{job} on {name}: {report}");
            report
        };
        run("adhoc-event-cleanup", &[], 1);
        run("room-cleanup", &[], 1);
        run("invite-cleanup", &[], 1);
        std::fs::remove_file(site.path().join("objects").join(&kept.keys()[0])).unwrap();
        run("sync-storage-files", &["--parameters", r#"{"missing_storage_file_handling": "delete_asset_entry"}"#], 1);
        site.execute(&format!(
            "INSERT INTO users (oidc_sub, email, title, firstname, lastname, display_name, tenant_id, tariff_id) \
                 SELECT 'somebody else', '', '', '', '', '', tenant_id, tariff_id FROM users LIMIT 1; \
             UPDATE events SET created_by = u.id, updated_by = u.id FROM users u \
                 WHERE u.oidc_sub = 'somebody else' AND events.room = '{of_kept}'"
        ));
        run("keycloak-account-sync", &[], 1);
        site.execute("UPDATE users SET disabled_since = now() - interval '31 days' WHERE disabled_since IS NOT NULL");
        let report = run("user-cleanup", &[], 2);
        assert_eq!(report["rows"]["rooms"], 1, "{name}: {report}");
        assert_eq!(site.events(), [kept.id].into(), "{name}");
        assert_eq!(site.number(&format!("SELECT count(*) FROM rooms WHERE id <> '{of_owned}'")), 1);
        assert_eq!(site.objects(), kept.keys()[1..].iter().cloned().collect());
        assert!(site.outbox().is_empty());
    }
}

/// In the old generation nothing keeps the platform from leaving some columns empty.
#[test]
fn events_with_half_of_their_dates_are_kept() {
    let site = old();
    let series = || {
        let starts_at = chrono::Utc::now() - chrono::TimeDelta::days(90);
        let pattern = "FREQ=DAILY;COUNT=3".to_owned();
        Event::new(Occurs::Series { starts_at, zone: "UTC", duration_secs: 60, pattern, ends_at: starts_at })
    };
    let strange = [
        (Event::ended(31), "ends_at", "has a start but no end"),
        (series(), "starts_at_tz", "without a time zone"),
        (series(), "duration_secs", "without a duration"),
        (Event::ended(31), "starts_at", ""),
        (series(), "starts_at", ""),
    ];
    let plain = [(Event::ended(31), "starts_at_tz"), (Event::ended(31), "is_all_day"), (series(), "ends_at")];
    site.fill(&Sample::of(strange.iter().map(|event| event.0.clone())));
    site.fill(&Sample::of(plain.iter().map(|event| event.0.clone())));
    let of_both = strange.iter().map(|event| (&event.0, event.1)).chain(plain.iter().map(|event| (&event.0, event.1)));
    for (event, column) in of_both {
        site.execute(&format!("UPDATE events SET {column} = NULL WHERE id = '{}'", event.id));
    }
    let report = site.clean_up(&[]).expect(0).report();
    assert_eq!(site.events(), strange.iter().map(|event| event.0.id).collect());
    for (event, _, warning) in strange.iter().filter(|event| !event.2.is_empty()) {
        let warnings = report["warnings"].as_array().unwrap().iter().map(|warning| warning.as_str().unwrap());
        let mut about = warnings.filter(|text| text.contains(&event.id.to_string()));
        assert!(about.next().unwrap().contains(warning), "{report}");
    }
    assert_eq!(report["warnings_total"], 3);
    assert_eq!(report["counts"]["examined"], 6);
}

/// It would be a guess which of two places counts, and a wrong one would make series look like single events.
#[test]
fn a_schema_that_has_something_twice_is_refused() {
    let site = old();
    site.fill(&Sample::of([Event::ended(31)]));
    site.execute("CREATE TABLE event_recurrences (event_id UUID PRIMARY KEY, recurrence_pattern TEXT NOT NULL)");
    let before = site.state();
    assert_snapshot!(site.upkeep(&["jobs", "execute", "event-cleanup", "-q"]).transcript_at(&site), @"
    exit code 78
    --- stdout
    [ERROR] postgres://postgres:***@127.0.0.1:[port]/[database] has no schema that upkeep knows; it has event_recurrences(recurrence_pattern) and events(recurrence_pattern) at once
    [ERROR] Job failed
    --- stderr
    error: postgres://postgres:***@127.0.0.1:[port]/[database] has no schema that upkeep knows; it has event_recurrences(recurrence_pattern) and events(recurrence_pattern) at once
    hint: a migration of the platform seems to have stopped halfway; let the platform finish it
    ");
    let status = site.upkeep(&["database", "status"]).expect(78).stdout;
    assert!(status.contains("old, with dates in events\n"), "{status}");
    assert!(status.contains("cannot run: ") && status.contains("events(recurrence_pattern) at once"), "{status}");
    assert_eq!(site.state(), before);
}

#[test]
fn permissions_that_may_not_be_deleted_are_named() {
    let mut site = old();
    let user = format!("limited_{}", site.database_name());
    site.execute(&format!(
        "CREATE ROLE {user} LOGIN PASSWORD '{}'; GRANT ALL ON ALL TABLES IN SCHEMA public TO {user}; \
         REVOKE DELETE ON casbin_rule FROM {user}",
        postgres::PASSWORD
    ));
    let (login, port) = (format!("{user}:{}", postgres::PASSWORD_IN_URL), Postgres::shared().port());
    let url = format!("postgres://{login}@127.0.0.1:{port}/{}", site.database_name());
    site.set("database", &format!("url = {url:?}"));
    let refused = site.upkeep(&["jobs", "execute", "event-cleanup", "-q"]).expect(78).stderr;
    assert!(refused.contains("missing privileges on casbin_rule"), "{refused}");
    assert!(refused.contains("GRANT DELETE ON casbin_rule TO"), "{refused}");
    site.execute(&format!("GRANT DELETE ON casbin_rule TO {user}"));
    site.clean_up(&[]).expect(0);
    site.execute(&format!("DROP OWNED BY {user}; DROP ROLE {user}"));
}
