use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::{Machine, load, refusal, refusal_of_variable};
use crate::config::DatabaseUrl;

fn url(url: &str) -> DatabaseUrl {
    load(&format!("database.url = '{url}'")).database
}

fn refused(url: &str) -> String {
    refusal(&format!("database.url = '{url}'"))
}

#[test]
fn a_password_is_kept_for_connecting_and_hidden_otherwise() {
    let url = url("postgres://upkeep:hunter2@db/opentalk");
    assert_eq!(url.to_url().expose_secret(), "postgres://upkeep:hunter2@db/opentalk");
    assert_eq!(url.to_string(), "postgres://upkeep:***@db/opentalk");
    assert_eq!(format!("{url:?}"), "DatabaseUrl(postgres://upkeep:***@db/opentalk)");
}

#[test]
fn every_form_of_a_postgresql_url_is_shown_without_its_secrets() {
    for (given, shown) in [
        ("postgresql://db/opentalk", "postgresql://db/opentalk"),
        ("postgres://upkeep@db", "postgres://upkeep@db"),
        ("postgres://u:p%40ss%2Fw%C3%B6rd@db:5432/x", "postgres://u:***@db:5432/x"),
        ("postgres://u:a:b'\"=&,@db/x", "postgres://u:***@db/x"),
        ("postgres://u:@db/x", "postgres://u:***@db/x"),
        ("postgres://u:p@h1:5432,h2:5433/x?sslmode=require", "postgres://u:***@h1:5432,h2:5433/x?sslmode=require"),
        ("postgres://u:p@[::1]:5432/x", "postgres://u:***@[::1]:5432/x"),
        ("postgres://u:p@[::1]/x", "postgres://u:***@[::1]/x"),
        ("postgres://%2Frun%2Fpostgresql/x", "postgres://%2Frun%2Fpostgresql/x"),
        ("postgres:///x?host=/run/postgresql&user=u", "postgres:///x?host=/run/postgresql&user=u"),
        ("postgres://db/x?password=p&sslmode=disable", "postgres://db/x?password=***&sslmode=disable"),
        ("postgres://db/x?sslpassword=p", "postgres://db/x?***=***"),
        ("postgres://db/x?pass%77ord=p", "postgres://db/x?***=***"),
        ("postgres://db/x?password=p&q=r", "postgres://db/x?password=***&***=***"),
    ] {
        let url = url(given.replace('\'', "%27").as_str());
        assert_eq!(url.to_string(), shown, "{given}");
    }
}

#[test]
fn only_known_schemes_are_accepted() {
    for wrong in ["", "mysql://u:hunter2@db/x", "postgres:/u:hunter2@db/x", "Postgres://db/x", "/var/lib/hunter2.db"] {
        let told = refused(wrong);
        assert!(!told.contains("hunter2"), "{told}");
        assert!(told.starts_with("database.url (~~/work/upkeep.toml, line 1) is"), "{told}");
    }
    assert_eq!(
        refused("postgresql//upkeep:hunter2@db/x"),
        "database.url (~~/work/upkeep.toml, line 1) is no URL of a database that upkeep knows\n\
         hint: write postgres://user:password@host:5432/database (or postgresql://…) for PostgreSQL, \
         sqlite:/path/to/upkeep.db for SQLite"
    );
}

#[test]
fn malformed_postgresql_urls_are_refused() {
    for (wrong, why) in [
        ("postgres://u:p%zz@db/x", "is not percent-encoded properly"),
        ("postgres://u:p%4@db/x", "is not percent-encoded properly"),
        ("postgres://u:100%@db/x", "is not percent-encoded properly"),
        ("postgres://u:p%FF@db/x", "is not percent-encoded properly"),
        ("postgres://u:p%00@db/x", "is not percent-encoded properly"),
        ("postgres://u:p p@db/x", "is not percent-encoded properly"),
        ("postgres://u:p#p@db/x", "is not percent-encoded properly"),
        ("postgres://u:p@ss@db/x", "write %40 for @, %2F for /"),
        ("postgres://u:5/ss@db/x", "write %40 for @, %2F for /"),
        ("postgres://u:p?ss@db/x", "write %40 for @, %2F for /"),
        ("postgres://db/x/y", "write %40 for @, %2F for /"),
        ("postgres://u:hunter2", "or a password without a user name and @"),
        ("postgres://db:99999/x", "has a port that is no number"),
        ("postgres://db:/x", "has a port that is no number"),
        ("postgres://::1:5432/x", "IPv6 addresses stand in brackets"),
        ("postgres:///x", "does not say which host"),
        ("postgres://", "does not say which host"),
        ("postgres://db/x?host", "has a parameter without a value"),
        ("postgres://db/x?", "has a parameter without a value"),
    ] {
        let told = refused(wrong);
        assert!(told.contains(why), "{wrong}: {told}");
    }
    let told = refusal_of_variable("UPKEEP_DATABASE__URL", "postgres://db/x\ny");
    assert!(told.starts_with("the environment variable UPKEEP_DATABASE__URL contains a line break"), "{told}");
}

#[test]
fn sqlite_takes_a_path_and_nothing_else() {
    assert_eq!(url("sqlite:/var/lib/up keep%20.db").to_url().expose_secret(), "sqlite:/var/lib/up keep%20.db");
    assert_eq!(url("sqlite:///var/lib/upkeep.db").to_string(), "sqlite:/var/lib/upkeep.db");
    for (wrong, why) in [
        ("sqlite:", "does not name a file"),
        ("sqlite:/", "does not name a file"),
        ("sqlite:/var/lib/", "does not name a file"),
        ("sqlite:..", "does not name a file"),
        ("sqlite://var/lib/upkeep.db", "has a host"),
        ("sqlite::memory:", "in memory"),
        ("sqlite:file:x.db", "has SQLite parameters"),
        ("sqlite:/x.db?mode=ro", "has SQLite parameters"),
        ("sqlite:~/x.db", "starts with ~"),
    ] {
        let told = refused(wrong);
        assert!(told.contains(why), "{wrong}: {told}");
    }
}

#[test]
fn a_relative_sqlite_path_in_the_file_is_beside_the_file_and_elsewhere_in_the_working_directory() {
    let machine = Machine::new();
    let file = machine.write("etc/elsewhere/upkeep.toml", "database.url = 'sqlite:data/x.db'");
    let config = machine.load("", &[("UPKEEP_CONFIG", &file)]).unwrap();
    assert!(matches!(&config.database, DatabaseUrl::Sqlite(path) if *path == machine.path("etc/elsewhere/data/x.db")));
    let variables = [("UPKEEP_CONFIG", &*file), ("UPKEEP_DATABASE__URL", "sqlite:data/x.db")];
    let config = machine.load("", &variables).unwrap();
    assert!(matches!(&config.database, DatabaseUrl::Sqlite(path) if *path == machine.path("work/data/x.db")));
}

#[test]
fn a_fraction_of_a_byte_order_mark_or_blank_before_the_scheme_is_no_scheme() {
    for wrong in [" sqlite:/x.db", "\u{feff}sqlite:/x.db", "SQLITE:/x.db"] {
        refused(wrong);
    }
}

proptest! {
    /// Wherever separators stand in a password, no part of it between them shows up.
    #[test]
    fn no_url_leaks_its_password(
        scheme in "(postgres|postgresql|postgre|mysql)(://|:/|:|//)",
        before in r"[@:/?#%&=,\[\]0-9]{0,5}",
        after in r"[@:/?#%&=,\[\]0-9a ]{0,5}",
        rest in "@db(:5432)?(/opentalk)?",
    ) {
        let url = format!("{scheme}upkeep:x{before}hunter{after}{rest}");
        let machine = Machine::new();
        match machine.load("", &[("UPKEEP_DATABASE__URL", &url)]) {
            Err(problem) => prop_assert!(!machine.told(problem).contains("hunter")),
            Ok(config) => {
                prop_assert!(!config.show().contains("hunter"), "{}", config.show());
                let debugged = format!("{config:?}");
                prop_assert!(!debugged.contains("hunter"), "{}", debugged);
            }
        }
    }
}
