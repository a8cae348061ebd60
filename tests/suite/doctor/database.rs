//! The doctor on the database.

use insta::assert_snapshot;
use upkeep_test_servers::{Postgres, postgres};

use super::{doctor, statements, trouble};
use crate::site::{DatabaseKind, Event, Sample, Site, StorageKind, WRONG_SECRET};

fn site() -> Site {
    Site::new(DatabaseKind::Postgres, StorageKind::Directory)
}

#[test]
fn a_database_that_cannot_be_used_at_all() {
    let mut site = site();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    site.set_database_port(port);
    let run = site.upkeep(&["doctor"]).expect(69);
    assert_snapshot!(trouble(&site, &run), @"
    exit code 69
    Database
      problem  cannot reach PostgreSQL at 127.0.0.1:[port]
               cause: error connecting to server
               cause: Connection refused (os error 111)
               fix: check that the server runs and that host and port in [database] url are right
    Unfinished work
      note     not known, as there is no database to ask
    1 problem, 0 warnings
    ");
    let url = format!("postgres://postgres:{WRONG_SECRET}@127.0.0.1:{}/x", Postgres::shared().port());
    site.set("database", &format!("url = {url:?}"));
    let run = site.upkeep(&["doctor"]).expect(78);
    assert_snapshot!(trouble(&site, &run), @r#"
    exit code 78
    Database
      problem  PostgreSQL at 127.0.0.1:[port] does not let user postgres in
               cause: FATAL: password authentication failed for user "postgres"
               fix: check user and password in [database] url, and the server's pg_hba.conf
    Unfinished work
      note     not known, as there is no database to ask
    1 problem, 0 warnings
    "#);
}

#[test]
fn pending_migrations_and_a_schema_that_lacks_something() {
    let site = Site::unmigrated(DatabaseKind::Postgres, StorageKind::Directory);
    assert_snapshot!(trouble(&site, &doctor(&site, 78)), @"
    exit code 78
    Database
      problem  postgres://postgres:***@127.0.0.1:[port]/[database] lacks upkeep's own tables (0001_upkeep, 0002_embedded_platform pending)
               fix: run `upkeep database migrate` once; it creates tables named upkeep_* and touches no other
    Unfinished work
      note     not known, as upkeep's own tables cannot be read
    1 problem, 0 warnings
    ");
    site.upkeep(&["database", "migrate"]).expect(0);
    doctor(&site, 0);
    site.execute("ALTER TABLE rooms RENAME TO halls");
    let said = trouble(&site, &doctor(&site, 78));
    assert!(said.contains("these jobs cannot run: event-cleanup"), "{said}");
    assert!(said.contains("lacks table rooms"), "{said}");
    site.execute("ALTER TABLE halls RENAME TO rooms");
    site.execute("INSERT INTO upkeep_migrations VALUES ('9999_from_the_future')");
    let said = trouble(&site, &doctor(&site, 78));
    assert!(said.contains("was migrated by a newer upkeep (9999_from_the_future)"), "{said}");
}

#[test]
fn an_embedded_database_of_an_earlier_version_is_migrated_by_the_next_run() {
    let site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    site.execute("DELETE FROM upkeep_migrations WHERE version = '0002_embedded_platform'");
    let said = trouble(&site, &doctor(&site, 0));
    assert!(said.contains("migrations are pending (0002_embedded_platform); the next run applies them"), "{said}");
}

#[test]
fn the_statements_that_grant_what_is_missing_are_the_right_ones() {
    let mut site = site();
    site.fill(&Sample::of([Event::ended(31).with_assets(1)]));
    // A name that has to be quoted.
    let user = format!("Limited {}", site.database_name());
    site.execute(&format!("CREATE ROLE \"{user}\" LOGIN PASSWORD '{}'", postgres::PASSWORD));
    let (name, password) = (user.replace(' ', "%20"), postgres::PASSWORD_IN_URL);
    let port = Postgres::shared().port();
    let url = format!("postgres://{name}:{password}@127.0.0.1:{port}/{}", site.database_name());
    site.set("database", &format!("url = {url:?}"));
    let before = site.state();
    site.upkeep(&["doctor"]).expect(78);
    for statement in statements(&site) {
        assert!(statement.starts_with("GRANT ") && statement.ends_with(&format!(" TO \"{user}\";")), "{statement}");
        site.execute(&statement);
    }
    site.upkeep(&["doctor"]).expect(0);
    assert_eq!(site.state(), before);
    site.clean_up(&[]).expect(0);
    assert!(site.events().is_empty());

    site.execute(&format!(
        "REVOKE DELETE ON invites, rooms FROM \"{user}\"; REVOKE UPDATE, SELECT ON events FROM \"{user}\""
    ));
    let said = trouble(&site, &site.upkeep(&["doctor"]).expect(78)).replace("Limited%20", "Limited ");
    assert_snapshot!(said.replace("[database]", "x"), @r#"
    exit code 78
    Database
      problem  upkeep's user may not clean up in postgres://Limited x:***@127.0.0.1:[port]/x: missing privileges on invites, rooms, events
               fix: let somebody who may grant it say
               GRANT DELETE ON invites, rooms TO "Limited x";
               GRANT SELECT, UPDATE ON events TO "Limited x";
    1 problem, 0 warnings
    "#);
    site.execute(&format!("DROP OWNED BY \"{user}\"; DROP ROLE \"{user}\""));
}

#[test]
fn foreign_keys_without_an_index_are_told_of_where_that_costs_something() {
    let site = site();
    assert!(statements(&site).is_empty(), "all tables are small");
    // Some 2 MB of a table with foreign keys of which at least one is not indexed.
    site.execute(
        "CREATE TABLE big (id int, event_id uuid REFERENCES events, \"by whom\" uuid REFERENCES events, \
                  a uuid REFERENCES rooms, b uuid REFERENCES rooms, filler text)",
    );
    site.execute("INSERT INTO big SELECT n, NULL, NULL, NULL, NULL, repeat('x', 1000) FROM generate_series(1, 2000) n");
    site.execute("CREATE INDEX big_event_id ON big (event_id, id)");
    site.execute("CREATE INDEX big_a ON big (a) WHERE a IS NOT NULL; CREATE INDEX big_b ON big (b) WHERE id > 5");
    assert_snapshot!(trouble(&site, &doctor(&site, 0)), @r#"
    exit code 0
    Database
      warning  foreign keys without an index: 2. For each row deleted from the table they refer to, PostgreSQL reads the whole table they are in. The size of that table is what an index saves each time; it costs disk space and a little of the platform's time to keep it up to date
               fix: as the tables' owner, one by one, while the platform runs:
               CREATE INDEX CONCURRENTLY ON big ("by whom");
               --  saves 2.3 MB for each row of events
               CREATE INDEX CONCURRENTLY ON big (b);
               --  saves 2.3 MB for each row of rooms
    Jobs can run; 1 warning
    "#);
    let advice = statements(&site);
    assert_eq!(
        advice.iter().step_by(2).collect::<Vec<_>>(),
        ["CREATE INDEX CONCURRENTLY ON big (\"by whom\");", "CREATE INDEX CONCURRENTLY ON big (b);"]
    );
    // As they are printed, comments included.
    for statement in &advice {
        site.execute(statement);
    }
    assert!(statements(&site).is_empty());
    // One whose creation was interrupted is there, but of no use.
    site.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'big_b_idx'::regclass");
    assert_eq!(statements(&site)[0], "CREATE INDEX CONCURRENTLY ON big (b);");
    site.execute("DROP TABLE big");
}

/// The owner who pastes the statements may look for tables elsewhere than upkeep's user does.
#[test]
fn statements_name_the_schema_where_it_is_not_the_usual_one() {
    let mut site = site();
    let (name, port) = (site.database_name().to_owned(), Postgres::shared().port());
    let filler = "SELECT NULL, NULL, repeat('x', 1000) FROM generate_series(1, 2000) n";
    site.execute(&format!(
        "ALTER SCHEMA public RENAME TO meet; CREATE SCHEMA public; SET search_path = meet; \
         CREATE TABLE big (event_id uuid REFERENCES events, room uuid REFERENCES rooms, filler text); \
         INSERT INTO big {filler}; CREATE INDEX ON big (event_id) WHERE room IS NOT NULL; \
         CREATE TABLE parts (event_id uuid REFERENCES events, room uuid REFERENCES rooms, filler text) \
             PARTITION BY LIST (filler); \
         CREATE TABLE part PARTITION OF parts DEFAULT; INSERT INTO parts {filler}; CREATE INDEX ON parts (room); \
         RESET search_path; CREATE ROLE \"{name}\" LOGIN PASSWORD '{password}'; \
         ALTER ROLE \"{name}\" SET search_path = meet; GRANT USAGE ON SCHEMA meet TO \"{name}\"",
        password = postgres::PASSWORD
    ));
    let url = format!("postgres://{name}:{}@127.0.0.1:{port}/{name}", postgres::PASSWORD_IN_URL);
    site.set("database", &format!("url = {url:?}"));
    let mut seen = Vec::new();
    // First what is missing of upkeep's own tables, then of the platform's.
    for _ in 0..2 {
        for statement in statements(&site) {
            site.execute(&statement);
            seen.push(statement);
        }
    }
    assert!(statements(&site).is_empty(), "{seen:#?}");
    let indexes: Vec<_> = seen.iter().filter(|statement| statement.starts_with("CREATE")).collect();
    assert_eq!(
        indexes,
        [
            "CREATE INDEX CONCURRENTLY ON meet.big (event_id);",
            "CREATE INDEX CONCURRENTLY ON meet.big (room);",
            "CREATE INDEX CONCURRENTLY ON meet.part (event_id);"
        ]
    );
    site.execute(&format!("DROP OWNED BY \"{name}\"; DROP ROLE \"{name}\""));
}

/// Lets the functions and views of this schema answer in place of the server's own.
fn pretend(site: &Site, definitions: &str) {
    site.execute(&format!("CREATE SCHEMA IF NOT EXISTS pretended; SET search_path = pretended; {definitions}"));
    site.execute(&format!(
        "RESET search_path; ALTER DATABASE {} SET search_path = pretended, pg_catalog, public",
        site.database_name()
    ));
}

#[test]
fn a_connection_that_others_can_listen_to_is_told_of() {
    let site = site();
    pretend(&site, "CREATE FUNCTION inet_server_addr() RETURNS inet LANGUAGE sql AS $$ SELECT inet '192.0.2.1' $$");
    let said = trouble(&site, &doctor(&site, 0));
    assert!(said.contains("warning  the connection is not encrypted\n"), "{said}");
    assert!(said.contains("fix: add ?sslmode=verify-full&sslrootcert=system to the URL"), "{said}");
    pretend(&site, "CREATE VIEW pg_stat_ssl AS SELECT pg_backend_pid() AS pid, true AS ssl");
    let said = trouble(&site, &doctor(&site, 0));
    assert!(said.contains("note     the connection is encrypted, but not verified"), "{said}");
}

#[test]
fn a_server_that_only_follows_another_is_told_of() {
    let site = site();
    pretend(&site, "CREATE FUNCTION pg_is_in_recovery() RETURNS boolean LANGUAGE sql AS $$ SELECT true $$");
    let said = trouble(&site, &doctor(&site, 78));
    assert!(said.contains("problem  the server is a standby: nothing can be changed there\n"), "{said}");
    assert!(said.contains("fix: name the primary server in [database] url"), "{said}");
}

#[test]
fn clocks_that_differ_are_told_of_from_a_minute_on() {
    let site = site();
    for (offset, expected) in [
        ("30 seconds", None),
        ("-30 seconds", None),
        ("630 seconds", Some("clock of this host is 10 minutes behind the database's")),
        ("-73 hours", Some("clock of this host is 3 days ahead of the database's")),
    ] {
        pretend(
            &site,
            &format!(
                "CREATE OR REPLACE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql AS \
                 $$ SELECT pg_catalog.clock_timestamp() + interval '{offset}' $$"
            ),
        );
        let said = trouble(&site, &doctor(&site, 0));
        match expected {
            Some(expected) => assert!(said.contains(expected) && said.contains("fix: set the clocks"), "{said}"),
            None => assert!(!said.contains("clock"), "{said}"),
        }
    }
}
