//! Users who have to stay: because of a shared folder, or because of a table that upkeep does not know.

use std::collections::BTreeSet;

use serde_json::Value;
use upkeep_test_servers::Nextcloud;
use upkeep_test_servers::nextcloud::{Answer, PASSWORD, USERNAME};
use uuid::Uuid;

use super::community::Community;
use super::{add_rules, ago, clean_up};
use crate::site::{DATABASES, DatabaseKind, Site, StorageKind};

use DatabaseKind::{Postgres, PostgresOld, Sqlite};

const STRICT: [&str; 2] = ["--parameters", r#"{"fail_on_shared_folder_deletion_error": true}"#];

#[track_caller]
fn assert_failed(report: &Value, user: Uuid, words: &[&str]) {
    assert_eq!(report["counts"]["failed"], 1, "{report:#}");
    assert_eq!(report["failures"][0]["subject"], user.to_string(), "{report:#}");
    let reason = report["failures"][0]["reason"].as_str().unwrap();
    for word in words {
        assert!(reason.contains(word), "{word:?} in {reason}");
    }
}

/// A site with a provider, and a community in which the event of one of three has a folder there.
fn with_folder(database: DatabaseKind) -> (Site, Nextcloud, Community, [Uuid; 2]) {
    let mut site = Site::new(database, StorageKind::Directory);
    let nextcloud = Nextcloud::start().unwrap();
    site.set(
        "shared_folder",
        &format!(
            "provider = \"nextcloud\"\nurl = {:?}\nusername = {USERNAME:?}\npassword = {PASSWORD:?}",
            nextcloud.url()
        ),
    );
    let mut community = Community::default();
    let enabled = community.user(None);
    let (stuck, other) = (community.disabled(31), community.disabled(31));
    let room = community.room(enabled);
    let event = community.event(room, stuck);
    let (write, read) = nextcloud.add_folder("meet/stuck");
    community.events[0].folder = Some(("meet/stuck".into(), write, read));
    for user in [enabled, stuck, other] {
        community.deeds(user, room, event);
    }
    let own = community.room(other);
    community.event(own, other);
    add_rules(&mut community);
    community.fill(&site);
    (site, nextcloud, community, [stuck, event])
}

#[test]
fn a_folder_that_cannot_be_removed_is_a_warning_and_tried_again() {
    for database in DATABASES {
        let (site, nextcloud, community, [_, event]) = with_folder(database);
        nextcloud.answer("/remote.php/", Answer::Status(423));
        let plan = clean_up(&site, &["--dry-run"]).expect(0).report();
        assert_eq!(plan["plan"]["shared_folders"], 1);
        let report = clean_up(&site, &[]).expect(0).report();
        assert_eq!(report["counts"]["deleted"], 2);
        assert_eq!(report["backlog"], 1);
        assert!(report["warnings"][0].as_str().unwrap().contains(&event.to_string()), "{report}");
        assert_eq!(site.outbox(), [format!("shared_folder {event}")].into());
        nextcloud.behave();
        assert_eq!(clean_up(&site, &[]).expect(0).report()["shared_folders_deleted"], 1);
        assert!(site.outbox().is_empty() && nextcloud.folders().is_empty());
        community.after(ago(30)).assert_is_what_is_left(&site, &format!("{database:?}"));
    }
}

#[test]
fn with_the_strict_setting_a_folder_keeps_its_event_and_its_user() {
    for database in DATABASES {
        let (site, nextcloud, community, [stuck, event]) = with_folder(database);
        nextcloud.answer("/remote.php/", Answer::Status(423));
        let run = clean_up(&site, &STRICT).expect(1);
        let report = run.report();
        assert_failed(&report, stuck, &[&event.to_string(), "423"]);
        assert_eq!(report["counts"]["deleted"], 0);
        assert_eq!(report["outcome"], "failed");
        assert_eq!(report["rows"]["events"], 1, "what was finished stays finished");
        assert_eq!(site.rows_of("users").len(), 3);
        assert_eq!(site.events(), [event].into());
        assert_eq!(site.rows_of("event_invites").len(), 3);
        assert!(site.outbox().is_empty() && nextcloud.has_folder("meet/stuck"));
        nextcloud.behave();
        assert_eq!(clean_up(&site, &STRICT).expect(0).report()["counts"]["deleted"], 2);
        community.after(ago(30)).assert_is_what_is_left(&site, &format!("{database:?}"));
        assert!(nextcloud.folders().is_empty());
    }
}

/// Many users of whom some are referred to by tables of others. `columns` is the table's own SQL.
fn with_foreign_table(database: DatabaseKind, columns: &str) -> (Site, Community, Vec<Uuid>) {
    let mut community = Community::default();
    let enabled = community.user(None);
    let due: Vec<_> = (0..40).map(|_| community.disabled(31)).collect();
    for (n, user) in due.iter().enumerate() {
        let room = community.room(*user);
        let creator = if n % 2 == 0 { *user } else { enabled };
        let event = community.event_updated_by(room, creator, due[(n + 1) % 40]);
        community.invitation(event, due[(n + 2) % 40], due[(n + 3) % 40]);
        community.guest_invite(room, due[(n + 4) % 40], *user);
    }
    add_rules(&mut community);
    let site = Site::new(database, StorageKind::Directory);
    community.fill(&site);
    let id = if database == Sqlite { "BLOB" } else { "UUID" };
    site.execute(&format!("CREATE TABLE plugin_notes ({})", columns.replace("ID", id)));
    (site, community, due)
}

fn refer_to(site: &Site, users: &[Uuid]) {
    for user in users {
        let user = site.dialect().uuid(*user);
        site.execute(&format!("INSERT INTO plugin_notes (author) VALUES ({user})"));
    }
}

const PLAIN: &str = "author ID CONSTRAINT plugin_author_fkey REFERENCES users (id)";

#[test]
fn a_foreign_table_keeps_its_users_and_only_them() {
    for database in DATABASES {
        // What would go or change along with the users would be in no count.
        for ending in ["", "ON DELETE RESTRICT", "ON DELETE CASCADE", "ON DELETE SET NULL"] {
            let columns = &format!("{PLAIN} {ending}");
            let (site, community, due) = with_foreign_table(database, columns);
            let kept: BTreeSet<_> = due[3..6].iter().copied().collect();
            refer_to(&site, &due[3..6]);
            let plan = clean_up(&site, &["--dry-run"]).expect(0).report();
            let ids: BTreeSet<Uuid> = serde_json::from_value(plan["plan"]["ids"].clone()).unwrap();
            assert_eq!(ids, due.iter().copied().filter(|user| !kept.contains(user)).collect());
            assert_eq!(plan["warnings_total"], 3);
            assert!(plan["warnings"].to_string().contains(&due[3].to_string()), "{plan}");

            let report = clean_up(&site, &[]).expect(3).report();
            assert_eq!(report["counts"]["deleted"], 37);
            assert_eq!(report["counts"]["failed"], 3);
            assert_eq!(report["outcome"], "incomplete");
            assert_eq!(plan["plan"]["rows"], report["rows"], "{database:?}");
            for failure in report["failures"].as_array().unwrap() {
                assert!(kept.contains(&failure["subject"].as_str().unwrap().parse().unwrap()), "{failure}");
                let reason = failure["reason"].as_str().unwrap();
                assert!(reason.contains("plugin_notes"), "{reason}");
                assert!(database == Sqlite || reason.contains("plugin_author_fkey"), "{reason}");
            }
            assert_eq!(site.rows_of("plugin_notes").len(), 3);
            let gone = ids;
            let how = format!("{database:?} {columns}");
            site.execute("DROP TABLE plugin_notes");
            community.after_events_went(&community.due(ago(30)), &gone).assert_is_what_is_left(&site, &how);
            assert_eq!(clean_up(&site, &[]).expect(0).report()["counts"]["deleted"], 3);
        }
    }
}

/// Where the table cannot be looked up beforehand, the loop finds the user by the words of the database.
#[test]
fn a_foreign_table_that_cannot_be_looked_up_keeps_its_user_all_the_same() {
    let composite = "author ID, sub TEXT DEFAULT 'x', tenant ID, CONSTRAINT plugin_author_fkey \
                     FOREIGN KEY (sub, tenant) REFERENCES users (oidc_sub, tenant_id) DEFERRABLE INITIALLY DEFERRED";
    for database in [Postgres, PostgresOld] {
        let (site, community, due) = with_foreign_table(database, composite);
        site.execute(&format!(
            "INSERT INTO plugin_notes SELECT id, oidc_sub, tenant_id FROM users WHERE id = '{}'",
            due[7]
        ));
        let report = clean_up(&site, &[]).expect(3).report();
        assert_eq!(report["counts"]["deleted"], 39);
        assert_failed(&report, due[7], &["plugin_notes", "plugin_author_fkey"]);
        site.execute("DROP TABLE plugin_notes");
        let gone: BTreeSet<_> = due.iter().copied().filter(|user| *user != due[7]).collect();
        let left = community.after_events_went(&community.due(ago(30)), &gone);
        left.assert_is_what_is_left(&site, &format!("{database:?}"));
    }
}
