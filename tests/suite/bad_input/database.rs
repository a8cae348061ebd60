//! A database that is not there, not the right one, or not allowed.

use std::net::TcpListener;

use insta::assert_snapshot;
use upkeep_test_servers::{Postgres, postgres};

use super::{EXECUTE, complaint, fails, fill};
use crate::site::{DatabaseKind, Site, StorageKind, WRONG_SECRET, bound_by_permissions, finish};

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
    assert_snapshot!(complaint(&site, &fails(&site, 78)), @"");
    site.set("database", &url(&site, &format!("nobody:{WRONG_SECRET}")));
    assert_snapshot!(complaint(&site, &fails(&site, 78)), @"");
    site.set("database", &url(&site, "postgres"));
    assert_snapshot!(complaint(&site, &fails(&site, 78)), @"");
}

#[test]
fn no_such_database_or_server() {
    let mut site = site();
    let good = Postgres::shared().url("no_such_database");
    site.set("database", &format!("url = {good:?}"));
    assert_snapshot!(complaint(&site, &fails(&site, 78)), @"");
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
    assert_snapshot!(complaint(&site, &run), @"");
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
    assert_snapshot!(shown, @"");
    assert_snapshot!(site.upkeep(&["database", "status"]).transcript_at(&site).replace(&empty, "[empty]"), @"");
    Postgres::shared().drop_database(&empty);
}

#[test]
fn a_schema_that_lacks_something() {
    let site = site();
    site.execute("ALTER TABLE event_dates RENAME duration_secs TO seconds");
    assert_snapshot!(complaint(&site, &fails(&site, 78)), @"");
    // As in the old generation.
    site.execute(
        "DROP TABLE event_dates, event_recurrences; \
         ALTER TABLE event_shared_folders DROP COLUMN provider_data; ALTER TABLE events ADD starts_at timestamptz",
    );
    assert_snapshot!(complaint(&site, &fails(&site, 78)), @"");
    assert_snapshot!(site.upkeep(&[&EXECUTE[..], &["--dry-run"]].concat()).transcript_at(&site), @"");
}

#[test]
fn tables_of_a_newer_upkeep() {
    let site = site();
    site.execute("INSERT INTO upkeep_migrations VALUES ('9999_from_the_future')");
    let before = site.state();
    assert_snapshot!(complaint(&site, &fails(&site, 78)), @"");
    assert_snapshot!(site.upkeep(&["database", "status"]).transcript_at(&site), @"");
    assert_snapshot!(site.upkeep(&["database", "migrate"]).transcript_at(&site), @"");
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
    assert_snapshot!(shown(site.upkeep(&["database", "migrate"]).transcript_at(&site)), @"");

    let limited = std::fs::read_to_string(site.configuration()).unwrap();
    site.set("database", &format!("url = {right:?}"));
    site.upkeep(&["database", "migrate"]).expect(0);
    fill(&site);
    std::fs::write(site.configuration(), limited).unwrap();
    assert_snapshot!(shown(complaint(&site, &fails(&site, 78))), @"");
    site.execute(&format!("GRANT ALL ON ALL TABLES IN SCHEMA public TO {user}; REVOKE DELETE ON invites FROM {user}"));
    assert_snapshot!(shown(complaint(&site, &fails(&site, 78))), @"");
    assert_snapshot!(shown(site.upkeep(&["database", "status"]).transcript_at(&site)), @"");
    site.execute(&format!("GRANT DELETE ON invites TO {user}"));
    site.execute(&format!("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {user}"));
    site.upkeep(&EXECUTE).expect(0);
    site.execute(&format!("DROP OWNED BY {user}; DROP ROLE {user}"));
}

#[test]
fn an_embedded_database_that_is_none() {
    let mut site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    let file = site.path().join("other");
    let mut check = |contents: &[u8]| {
        std::fs::write(&file, contents).unwrap();
        site.set("database", &format!("url = \"sqlite:{}\"", file.display()));
        let shown = complaint(&site, &site.upkeep(&EXECUTE));
        assert_eq!(std::fs::read(&file).unwrap(), contents);
        shown
    };
    assert_snapshot!(check(b"This is a text and not a database, although it is longer than a hundred bytes, the length \
        of the header that every database begins with."), @"");
    let path = site.path().join("other/upkeep.db");
    site.set("database", &format!("url = \"sqlite:{}\"", path.display()));
    assert_snapshot!(site.upkeep(&EXECUTE).transcript_at(&site), @"");
    let path = site.path().display().to_string();
    site.set("database", &format!("url = \"sqlite:{path}\""));
    assert_snapshot!(site.upkeep(&EXECUTE).transcript_at(&site), @"");
}

#[test]
fn an_embedded_database_that_may_not_be_written() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    fill(&site);
    let before = site.state();
    let file = site.path().join("upkeep.db");
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o400)).unwrap();
    let run = finish(bound_by_permissions(site.command(&EXECUTE)).spawn().unwrap());
    assert_snapshot!(run.transcript_at(&site), @"");
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o000)).unwrap();
    let run = finish(bound_by_permissions(site.command(&EXECUTE)).spawn().unwrap());
    assert_snapshot!(complaint(&site, &run), @"");
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    assert_eq!(site.state(), before);
}
