//! A database that is not there, not the right one, or not allowed.

use std::net::TcpListener;

use insta::assert_snapshot;
use upkeep_test_servers::{Postgres, postgres};

use super::{EXECUTE, complaint, fails, fill};
use crate::site::{DatabaseKind, Site, StorageKind, WRONG_SECRET};

fn site() -> Site {
    let site = Site::new(DatabaseKind::Postgres, StorageKind::Directory);
    fill(&site);
    site
}

/// The site's address with another user and password.
fn url(site: &Site, login: &str) -> String {
    format!("url = \"postgres://{login}@127.0.0.1:{}/{}\"", Postgres::shared().port(), site.database_name())
}

#[test]
fn a_wrong_password_or_user() {
    let mut site = site();
    site.set("database", &url(&site, &format!("postgres:{WRONG_SECRET}")));
    assert_snapshot!(complaint(&site, &fails(&site, 78)), @r#"
    error: PostgreSQL at 127.0.0.1:[port] does not let user postgres in
    cause: FATAL: password authentication failed for user "postgres"
    hint: check user and password in [database] url, and the server's pg_hba.conf
    "#);
    site.set("database", &url(&site, &format!("nobody:{WRONG_SECRET}")));
    assert_snapshot!(complaint(&site, &fails(&site, 78)), @r#"
    error: PostgreSQL at 127.0.0.1:[port] does not let user nobody in
    cause: FATAL: password authentication failed for user "nobody"
    hint: check user and password in [database] url, and the server's pg_hba.conf
    "#);
    site.set("database", &url(&site, "postgres"));
    assert_snapshot!(complaint(&site, &fails(&site, 78)), @"
    error: PostgreSQL at 127.0.0.1:[port] asks user postgres for a password
    cause: invalid configuration
    cause: password missing
    hint: set it in [database] url
    ");
}

#[test]
fn no_such_database_or_server() {
    let mut site = site();
    let good = Postgres::shared().url("no_such_database");
    site.set("database", &format!("url = {good:?}"));
    assert_snapshot!(complaint(&site, &fails(&site, 78)), @r#"
    error: PostgreSQL at 127.0.0.1:[port] has no database no_such_database
    cause: FATAL: database "no_such_database" does not exist
    hint: check the name in [database] url
    "#);
    let elsewhere = format!("postgres://u:{WRONG_SECRET}@no-such-host.invalid/db");
    site.set("database", &format!("url = {elsewhere:?}"));
    let before = site.state();
    let run = site.upkeep(&EXECUTE).expect(69);
    assert!(
        complaint(&site, &run).starts_with("error: cannot reach PostgreSQL at no-such-host.invalid:5432"),
        "{run:#?}"
    );
    // Nobody listens on the port of a listener that is gone.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    site.set_database_port(port);
    let run = site.upkeep(&[&EXECUTE[..], &["-v"]].concat()).expect(69);
    assert_eq!(run.stdout.matches("attempt").count(), 5, "{run:#?}");
    assert_snapshot!(complaint(&site, &run), @"
    error: cannot reach PostgreSQL at 127.0.0.1:[port]
    cause: error connecting to server
    cause: Connection refused (os error 111)
    hint: check that the server runs and that host and port in [database] url are right
    ");
    assert_eq!(site.state(), before);
}

#[test]
fn several_hosts_and_other_forms_of_an_address_end_well_or_with_a_message() {
    let mut site = site();
    let port = Postgres::shared().port();
    let (user, password, name) = (postgres::USER, postgres::PASSWORD_IN_URL, site.database_name().to_owned());
    let silent = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let socket = Postgres::shared().socket_directory().display().to_string();
    for (address, code) in [
        (format!("postgres://{user}:{password}@127.0.0.1:{silent},127.0.0.1:{port}/{name}"), 0),
        (format!("postgresql://{user}:{password}@localhost:{port}/{name}"), 0),
        (format!("postgres:///{name}?host={socket}&port={port}&user={user}&password={password}"), 0),
        (format!("postgres://{user}:{password}@{}:{port}/{name}", socket.replace('/', "%2F")), 0),
        (format!("postgres://{user}:{password}@127.0.0.1:{port}/{name}?sslmode=verify-full"), 78),
        (format!("postgres://{user}:{password}@127.0.0.1:{port}/{name}?no_such_option=1"), 78),
    ] {
        site.set("database", &format!("url = {address:?}"));
        let run = site.upkeep(&[&EXECUTE[..], &["--dry-run", "-v"]].concat());
        assert_eq!(run.code, Some(code), "{address} {run:#?}");
        site.upkeep(&["config", "show"]).expect(0);
        site.upkeep(&["database", "status"]).expect(code);
    }
}

#[test]
fn a_database_that_is_not_the_platforms() {
    let mut site = site();
    let empty = Postgres::shared().empty_database();
    let address = Postgres::shared().url(&empty);
    site.set("database", &format!("url = {address:?}"));
    site.upkeep(&["database", "migrate"]).expect(0);
    let shown = complaint(&site, &fails(&site, 78)).replace(&empty, "[empty]");
    assert_snapshot!(shown, @"
    error: postgres://postgres:***@127.0.0.1:[port]/[empty] has no schema that upkeep knows; it lacks table event_dates, table event_recurrences, table event_shared_folders, table event_exceptions, table event_training_participation_report_parameter_sets, table event_favorites, table event_email_invites, table event_invites, table events, table module_resources, table sip_configs, table room_streaming_targets, table invites, table room_assets, table assets, table rooms
    hint: check that [database] url names the platform's own database and that its schema is on the search path
    ");
    assert_snapshot!(site.upkeep(&["database", "status"]).transcript_at(&site).replace(&empty, "[empty]"), @"
    exit code 78
    --- stdout
    postgres://postgres:***@127.0.0.1:[port]/[empty]

    upkeep's own tables
      0001_upkeep              applied
      0002_embedded_platform   applied

    The platform's schema
      generation               unknown
      event-cleanup            cannot run: postgres://postgres:***@127.0.0.1:[port]/[empty] has no schema that upkeep knows; it lacks table event_dates, table event_recurrences, table event_shared_folders, table event_exceptions, table event_training_participation_report_parameter_sets, table event_favorites, table event_email_invites, table event_invites, table events, table module_resources, table sip_configs, table room_streaming_targets, table invites, table room_assets, table assets, table rooms
      user-cleanup             cannot run: postgres://postgres:***@127.0.0.1:[port]/[empty] has no schema that upkeep knows; it lacks table event_dates, table event_recurrences, table event_shared_folders, table event_invites, table event_favorites, table user_groups, table users, table rooms, table events, table event_exceptions, table event_email_invites, table invites, table module_resources, table event_training_participation_report_parameter_sets, table sip_configs, table room_streaming_targets, table room_assets, table assets
      adhoc-event-cleanup      cannot run: postgres://postgres:***@127.0.0.1:[port]/[empty] has no schema that upkeep knows; it lacks table event_dates, table event_recurrences, table event_shared_folders, table events, table event_training_participation_report_parameter_sets, table event_favorites, table event_email_invites, table event_invites, table event_exceptions, table module_resources, table sip_configs, table room_streaming_targets, table invites, table room_assets, table assets, table rooms
      invite-cleanup           cannot run: postgres://postgres:***@127.0.0.1:[port]/[empty] has no schema that upkeep knows; it lacks table event_dates, table event_recurrences, table event_shared_folders, table invites, table assets
      sync-storage-files       cannot run: postgres://postgres:***@127.0.0.1:[port]/[empty] has no schema that upkeep knows; it lacks table assets, table room_assets
      room-cleanup             cannot run: postgres://postgres:***@127.0.0.1:[port]/[empty] has no schema that upkeep knows; it lacks table event_dates, table event_recurrences, table event_shared_folders, table rooms, table events, table module_resources, table sip_configs, table room_streaming_targets, table invites, table room_assets, table assets
      keycloak-account-sync    cannot run: postgres://postgres:***@127.0.0.1:[port]/[empty] has no schema that upkeep knows; it lacks table users
      run-history-cleanup      can run
    --- stderr
    error: postgres://postgres:***@127.0.0.1:[port]/[empty] has no schema that upkeep knows; it lacks table users
    hint: check that [database] url names the platform's own database and that its schema is on the search path
    ");
    Postgres::shared().drop_database(&empty);
}

#[test]
fn a_schema_that_lacks_something() {
    let site = site();
    site.execute("ALTER TABLE event_dates RENAME duration_secs TO seconds");
    assert_snapshot!(complaint(&site, &fails(&site, 78)), @"
    error: postgres://postgres:***@127.0.0.1:[port]/[database] has no schema that upkeep knows; it lacks event_dates(duration_secs) or event_recurrences(duration_secs) or events(duration_secs)
    hint: check that [database] url names the platform's own database and that its schema is on the search path
    ");
    // Neither the old generation nor the new.
    site.execute(
        "DROP TABLE event_dates, event_recurrences; \
         ALTER TABLE event_shared_folders DROP COLUMN provider_data; ALTER TABLE events ADD starts_at timestamptz; \
         ALTER TABLE rooms RENAME id TO room_id; CREATE TABLE casbin_rule (id int)",
    );
    assert_snapshot!(complaint(&site, &fails(&site, 78)), @"
    error: postgres://postgres:***@127.0.0.1:[port]/[database] has no schema that upkeep knows; it lacks column rooms.id, column casbin_rule.ptype, column casbin_rule.v0, column casbin_rule.v1; it lacks event_dates(starts_at, starts_at_tz, ends_at) or events(starts_at, starts_at_tz, ends_at); it lacks event_recurrences(recurrence_pattern) or event_dates(recurrence_pattern) or events(recurrence_pattern); it lacks event_dates(duration_secs) or event_recurrences(duration_secs) or events(duration_secs); it lacks event_shared_folders(provider_data) or event_shared_folders(write_share_id, read_share_id)
    hint: check that [database] url names the platform's own database and that its schema is on the search path
    ");
    assert_snapshot!(site.upkeep(&[&EXECUTE[..], &["--dry-run"]].concat()).transcript_at(&site), @"
    exit code 78
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Looking for events that ended at or before [instant]
    [INFO ]
    [ERROR] postgres://postgres:***@127.0.0.1:[port]/[database] has no schema that upkeep knows; it lacks column rooms.id, column casbin_rule.ptype, column casbin_rule.v0, column casbin_rule.v1; it lacks event_dates(starts_at, starts_at_tz, ends_at) or events(starts_at, starts_at_tz, ends_at); it lacks event_recurrences(recurrence_pattern) or event_dates(recurrence_pattern) or events(recurrence_pattern); it lacks event_dates(duration_secs) or event_recurrences(duration_secs) or events(duration_secs); it lacks event_shared_folders(provider_data) or event_shared_folders(write_share_id, read_share_id)
    [ERROR] Job failed
    [INFO ] Duration: [duration]
    --- stderr
    error: postgres://postgres:***@127.0.0.1:[port]/[database] has no schema that upkeep knows; it lacks column rooms.id, column casbin_rule.ptype, column casbin_rule.v0, column casbin_rule.v1; it lacks event_dates(starts_at, starts_at_tz, ends_at) or events(starts_at, starts_at_tz, ends_at); it lacks event_recurrences(recurrence_pattern) or event_dates(recurrence_pattern) or events(recurrence_pattern); it lacks event_dates(duration_secs) or event_recurrences(duration_secs) or events(duration_secs); it lacks event_shared_folders(provider_data) or event_shared_folders(write_share_id, read_share_id)
    hint: check that [database] url names the platform's own database and that its schema is on the search path
    ");
}

#[test]
fn tables_of_a_newer_upkeep() {
    let site = site();
    site.execute("INSERT INTO upkeep_migrations VALUES ('9999_from_the_future')");
    let before = site.state();
    assert_snapshot!(complaint(&site, &fails(&site, 78)), @"
    error: postgres://postgres:***@127.0.0.1:[port]/[database] was migrated by a newer upkeep (9999_from_the_future)
    hint: use that version of upkeep here, or a newer one
    ");
    assert_snapshot!(site.upkeep(&["database", "status"]).transcript_at(&site), @"
    exit code 78
    --- stdout
    postgres://postgres:***@127.0.0.1:[port]/[database]

    upkeep's own tables
      0001_upkeep              applied
      0002_embedded_platform   applied
      9999_from_the_future     unknown

    The platform's schema
      generation               new, with dates in event_dates
      event-cleanup            can run
      user-cleanup             can run
      adhoc-event-cleanup      can run
      invite-cleanup           can run
      sync-storage-files       can run
      room-cleanup             can run
      keycloak-account-sync    can run
      run-history-cleanup      can run
    --- stderr
    error: postgres://postgres:***@127.0.0.1:[port]/[database] was migrated by a newer upkeep (9999_from_the_future)
    hint: use that version of upkeep here, or a newer one
    ");
    assert_snapshot!(site.upkeep(&["database", "migrate"]).transcript_at(&site), @"
    exit code 78
    --- stderr
    error: postgres://postgres:***@127.0.0.1:[port]/[database] was migrated by a newer upkeep (9999_from_the_future)
    hint: use that version of upkeep here, or a newer one
    ");
    assert_eq!(site.state(), before);
}

#[test]
fn a_user_who_may_not_delete() {
    let mut site = Site::unmigrated(DatabaseKind::Postgres, StorageKind::Directory);
    let user = format!("limited_{}", site.database_name());
    site.execute(&format!(
        "CREATE ROLE {user} LOGIN PASSWORD '{}'; GRANT SELECT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {user}",
        postgres::PASSWORD
    ));
    let right = Postgres::shared().url(site.database_name());
    site.set("database", &url(&site, &format!("{user}:{}", postgres::PASSWORD_IN_URL)));
    let shown = |text: String| text.replace(&user, "[user]").replace("limited_[database]", "[user]");
    assert_snapshot!(shown(site.upkeep(&["database", "migrate"]).transcript_at(&site)), @"
    exit code 78
    --- stderr
    error: the database refused a statement: permission denied for schema public
    hint: grant the privilege to the user in [database] url and run again
    ");

    let limited = std::fs::read_to_string(site.configuration()).unwrap();
    site.set("database", &format!("url = {right:?}"));
    site.upkeep(&["database", "migrate"]).expect(0);
    fill(&site);
    std::fs::write(site.configuration(), limited).unwrap();
    assert_snapshot!(shown(complaint(&site, &fails(&site, 78))), @"
    error: upkeep's user may not use upkeep's own tables in postgres://[user]:***@127.0.0.1:[port]/[database]: missing privileges on upkeep_leases, upkeep_migrations, upkeep_pending_deletions, upkeep_runs
    hint: GRANT SELECT, INSERT, UPDATE, DELETE ON upkeep_leases, upkeep_migrations, upkeep_pending_deletions, upkeep_runs TO [user];
    ");
    let own =
        "SELECT, INSERT, UPDATE, DELETE ON upkeep_leases, upkeep_migrations, upkeep_pending_deletions, upkeep_runs";
    site.execute(&format!("GRANT {own} TO {user}; REVOKE DELETE ON upkeep_leases FROM {user}"));
    let refused = complaint(&site, &fails(&site, 78));
    assert_eq!(complaint(&site, &site.upkeep(&[&EXECUTE[..], &["--dry-run"]].concat()).expect(78)), refused);
    assert_snapshot!(shown(refused), @"
    error: upkeep's user may not use upkeep's own tables in postgres://[user]:***@127.0.0.1:[port]/[database]: missing privileges on upkeep_leases
    hint: GRANT SELECT, INSERT, UPDATE, DELETE ON upkeep_leases TO [user];
    ");
    site.execute(&format!("GRANT {own} TO {user}"));
    site.upkeep(&EXECUTE).expect(0);
    // There is nothing to create, so nothing needs to be permitted.
    site.upkeep(&["database", "migrate"]).expect(0);
    fill(&site);
    site.execute(&format!("GRANT ALL ON ALL TABLES IN SCHEMA public TO {user}; REVOKE DELETE ON invites FROM {user}"));
    assert_snapshot!(shown(complaint(&site, &fails(&site, 78))), @"
    error: upkeep's user may not clean up in postgres://[user]:***@127.0.0.1:[port]/[database]: missing privileges on invites
    hint: GRANT DELETE ON invites TO [user];
    ");
    assert_snapshot!(shown(site.upkeep(&["database", "status"]).transcript_at(&site)), @"
    exit code 78
    --- stdout
    postgres://[user]:***@127.0.0.1:[port]/[database]

    upkeep's own tables
      0001_upkeep              applied
      0002_embedded_platform   applied

    The platform's schema
      generation               new, with dates in event_dates
      event-cleanup            cannot run: upkeep's user may not clean up in postgres://[user]:***@127.0.0.1:[port]/[database]: missing privileges on invites
      user-cleanup             cannot run: upkeep's user may not clean up in postgres://[user]:***@127.0.0.1:[port]/[database]: missing privileges on invites
      adhoc-event-cleanup      cannot run: upkeep's user may not clean up in postgres://[user]:***@127.0.0.1:[port]/[database]: missing privileges on invites
      invite-cleanup           cannot run: upkeep's user may not clean up in postgres://[user]:***@127.0.0.1:[port]/[database]: missing privileges on invites
      sync-storage-files       can run
      room-cleanup             cannot run: upkeep's user may not clean up in postgres://[user]:***@127.0.0.1:[port]/[database]: missing privileges on invites
      keycloak-account-sync    can run
      run-history-cleanup      can run
    --- stderr
    error: upkeep's user may not clean up in postgres://[user]:***@127.0.0.1:[port]/[database]: missing privileges on invites
    hint: GRANT DELETE ON invites TO [user];
    ");
    site.execute(&format!("GRANT DELETE ON invites TO {user}"));
    site.upkeep(&EXECUTE).expect(0);
    site.execute(&format!("DROP OWNED BY {user}; DROP ROLE {user}"));
}
