use secrecy::ExposeSecret;

use super::*;
use crate::platform::{Kind, Problem};

fn read(text: &str) -> DatabaseUrl {
    DatabaseUrl::parse(text).unwrap_or_else(|invalid| panic!("{text}: {invalid}"))
}

fn refused(text: &str) -> String {
    let invalid = DatabaseUrl::parse(text).expect_err(text);
    let shown = format!("{invalid} {invalid:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    invalid.to_string()
}

#[test]
fn a_password_is_kept_for_connecting_and_hidden_otherwise() {
    let url = read("postgres://upkeep:hunter2@db/opentalk");
    assert_eq!(url.to_string(), "postgres://upkeep:***@db/opentalk");
    assert_eq!(format!("{url:?}"), "DatabaseUrl(postgres://upkeep:***@db/opentalk)");
    let DatabaseUrl::Postgres(url) = url else { panic!("not PostgreSQL") };
    assert_eq!(url.text.expose_secret(), "postgres://upkeep:hunter2@db/opentalk");
    assert_eq!(format!("{url:?}"), "PostgresUrl(postgres://upkeep:***@db/opentalk)");
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
        ("postgres://u:p@%2Frun%2Fpostgresql:5433/x", "postgres://u:***@%2Frun%2Fpostgresql:5433/x"),
        ("postgres:///x?host=/run/postgresql&user=u", "postgres:///x?host=/run/postgresql&user=u"),
        ("postgres://u:p@/x?host=%2Frun&port=5433", "postgres://u:***@/x?host=%2Frun&port=5433"),
        ("postgres://db/x?hostaddr=10.0.0.1", "postgres://db/x?hostaddr=10.0.0.1"),
        ("postgres://db/x?password=p&sslmode=disable", "postgres://db/x?password=***&sslmode=disable"),
        ("postgres://db/x?sslpassword=p", "postgres://db/x?***=***"),
        ("postgres://db/x?pass%77ord=p", "postgres://db/x?***=***"),
        ("postgres://db/x?password=p&q=r", "postgres://db/x?password=***&***=***"),
    ] {
        assert_eq!(read(given).to_string(), shown, "{given}");
    }
}

#[test]
fn only_known_schemes_are_accepted() {
    for wrong in [
        "",
        "mysql://u:hunter2@db/x",
        "postgres:/u:hunter2@db/x",
        "postgresql//u:hunter2@db/x",
        "Postgres://db/x",
        "/var/lib/hunter2.db",
        " sqlite:/x.db",
        "\u{feff}sqlite:/x.db",
        "SQLITE:/x.db",
    ] {
        assert_eq!(refused(wrong), "database.url is no URL of a database that upkeep knows");
    }
}

#[test]
fn a_refusal_is_a_problem_of_the_configuration() {
    let problem = Problem::from(DatabaseUrl::parse("mysql://db/x").expect_err("it is accepted"));
    assert_eq!(problem.kind(), Kind::Configuration);
    assert_eq!(problem.advice(), Some(DatabaseUrl::FORMS));
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
        ("postgres://u@/run/postgresql/x", "or put that after it: ?host=/directory"),
        ("postgres://u:hunter2", "or a password without a user name and @"),
        ("postgres://db:99999/x", "has a port that is no number"),
        ("postgres://db:/x", "has a port that is no number"),
        ("postgres://::1:5432/x", "IPv6 addresses stand in brackets"),
        ("postgres:///x", "does not say which host"),
        ("postgres://", "does not say which host"),
        ("postgres:///x?host=", "does not say which host"),
        ("postgres://u@:5432/x", "does not say which host"),
        ("postgres://h1,,h2/x", "does not say which host"),
        ("postgres:///x?host=h1,h2", "has several hosts in one"),
        ("postgres://h1%2Ch2/x", "has several hosts in one"),
        ("postgres:///x?host=h1&host=h2", "has a parameter twice"),
        ("postgres:///x?host=h1&h%6Fst=h2", "has a parameter twice"),
        ("postgres://h1/x?host=h2", "both before and after its ?"),
        ("postgres://h1/x?port=5433", "both before and after its ?"),
        ("postgres://:5433/x?host=/run", "both before and after its ?"),
        ("postgres://db/x?host", "has a parameter without a value"),
        ("postgres://db/x?", "has a parameter without a value"),
        ("postgres://db/x\ny", "contains a line break"),
    ] {
        let told = refused(wrong);
        assert!(told.contains(why), "{wrong}: {told}");
    }
}

#[test]
fn sqlite_takes_a_path_and_nothing_else() {
    for (given, shown) in [
        ("sqlite:/var/lib/up keep%20.db", "sqlite:/var/lib/up keep%20.db"),
        ("sqlite:///var/lib/upkeep.db", "sqlite:/var/lib/upkeep.db"),
        ("sqlite:data/upkeep.db", "sqlite:data/upkeep.db"),
    ] {
        assert_eq!(read(given).to_string(), shown);
    }
    for (wrong, why) in [
        ("sqlite:", "does not name a file"),
        ("sqlite:/", "does not name a file"),
        ("sqlite:/var/lib/", "does not name a file"),
        ("sqlite:..", "does not name a file"),
        ("sqlite://var/lib/upkeep.db", "has a host"),
        ("sqlite::memory:", "in memory"),
        ("sqlite:file:x.db", "has SQLite parameters"),
        ("sqlite:/x.db?mode=ro", "has SQLite parameters"),
    ] {
        let told = refused(wrong);
        assert!(told.contains(why), "{wrong}: {told}");
    }
    assert_eq!(DatabaseUrl::Sqlite("/a\nb\u{1b}/x.db".into()).to_string(), r"sqlite:/a\nb\u{1b}/x.db");
}

#[test]
fn only_the_full_verification_makes_sure_of_the_server() {
    let verifies = |text: &str| DatabaseUrl::parse(text).unwrap().verifies_server();
    assert!(verifies("sqlite:/x.db"));
    assert!(verifies("postgres://h/d?sslrootcert=system&sslmode=verify-full"));
    assert!(verifies("postgres://h/d?sslmode=verify%2Dfull"));
    for other in ["", "?sslmode=require", "?sslmode=verify-ca&sslrootcert=/x", "?application_name=verify-full"] {
        assert!(!verifies(&format!("postgres://h/d{other}")), "{other}");
    }
}
