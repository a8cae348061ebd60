use proptest::prelude::*;
use upkeep_jobs::platform::database::DatabaseUrl;

use super::{Machine, load, refusal, refusal_of_variable};

#[test]
fn the_address_is_read_and_its_password_hidden() {
    let config = load("database.url = 'postgres://upkeep:hunter2@db/opentalk'\nstorage.kind = 'directory'");
    assert!(matches!(config.database, DatabaseUrl::Postgres(_)));
    assert_eq!(config.database.to_string(), "postgres://upkeep:***@db/opentalk");
    assert!(config.show().contains("url = \"postgres://upkeep:***@db/opentalk\""), "{}", config.show());
}

#[test]
fn a_wrong_address_is_refused_with_its_place_and_without_its_text() {
    assert_eq!(
        refusal("database.url = 'postgresql//upkeep:hunter2@db/x'"),
        "database.url (~~/here/upkeep.toml, line 1) is no URL of a database that upkeep knows\n\
         hint: write postgres://user:password@host:5432/database (or postgresql://…) for PostgreSQL, \
         sqlite:/path/to/upkeep.db for SQLite"
    );
    let told = refusal_of_variable("UPKEEP_DATABASE__URL", "postgres://u:hunter2@db/x\ny");
    assert!(told.starts_with("the environment variable UPKEEP_DATABASE__URL contains a line break"), "{told}");
    let told = refusal("database.url = 'sqlite:~/x.db'");
    assert!(told.starts_with("database.url (~~/here/upkeep.toml, line 1) starts with ~"), "{told}");
}

#[test]
fn a_relative_sqlite_path_in_the_file_is_beside_the_file_and_elsewhere_in_the_working_directory() {
    let machine = Machine::new();
    let file = machine.write("etc/elsewhere/upkeep.toml", "database.url = 'sqlite:data/x.db'");
    let config = machine.load("", &[("UPKEEP_CONFIG", &file)]).unwrap();
    assert!(matches!(&config.database, DatabaseUrl::Sqlite(path) if *path == machine.path("etc/elsewhere/data/x.db")));
    let variables = [("UPKEEP_CONFIG", &*file), ("UPKEEP_DATABASE__URL", "sqlite:data/x.db")];
    let config = machine.load("", &variables).unwrap();
    assert!(matches!(&config.database, DatabaseUrl::Sqlite(path) if *path == machine.path("here/data/x.db")));
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
        match machine.load("storage.kind = 'directory'", &[("UPKEEP_DATABASE__URL", &url)]) {
            Err(problem) => prop_assert!(!machine.told(problem).contains("hunter")),
            Ok(config) => {
                prop_assert!(!config.show().contains("hunter"), "{}", config.show());
                let debugged = format!("{config:?}");
                prop_assert!(!debugged.contains("hunter"), "{}", debugged);
            }
        }
    }
}
