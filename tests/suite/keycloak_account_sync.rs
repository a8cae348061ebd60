//! keycloak-account-sync, at a Keycloak double.

mod crashes;
mod dry_run;
mod faults;
mod guards;
mod platform;
mod random;
mod realm;
mod stopping;

use std::collections::BTreeMap;

use realm::{Platform, State, by_sub};
use upkeep_test_servers::keycloak::User;

use crate::site::{DATABASES, DatabaseKind};

const JOB: &str = "keycloak-account-sync";

/// A platform and a realm with one user for each case, and what has to become of them.
fn one_of_each(database: DatabaseKind) -> (Platform, BTreeMap<String, State>) {
    let platform = Platform::new(database);
    let mut expected = BTreeMap::new();
    for (sub, listed, before, after) in [
        ("stays active", Some(true), State::Active, State::Active),
        ("comes back", Some(true), State::DisabledBefore, State::Active),
        ("is locked out", Some(false), State::Active, State::DisabledNow),
        ("was locked out before", Some(false), State::DisabledBefore, State::DisabledBefore),
        ("has left", None, State::Active, State::DisabledNow),
        ("had left before", None, State::DisabledBefore, State::DisabledBefore),
        ("Case", Some(true), State::Active, State::Active),
        ("case", None, State::Active, State::DisabledNow),
        ("case ", None, State::Active, State::DisabledNow),
        ("67e55044-10b1-426f-9247-bb680e5fe0c8", Some(true), State::Active, State::Active),
        ("67E55044-10B1-426F-9247-BB680E5FE0C8", None, State::Active, State::DisabledNow),
        ("o'hara \u{fc} \"x\" \\ %", None, State::Active, State::DisabledNow),
        ("\u{fc}'\"\\%/", Some(true), State::DisabledBefore, State::Active),
        ("", None, State::Active, State::DisabledNow),
        ("..", None, State::Active, State::DisabledNow),
        ("count", None, State::Active, State::DisabledNow),
        ("a/../b", Some(true), State::Active, State::Active),
    ] {
        platform.keycloak.add(listed.map(|enabled| User::new(sub, enabled)));
        platform.users([(sub, before)]);
        expected.insert(sub.to_owned(), after);
    }
    platform.keycloak.add([User::new("no user of the platform", true), User::new("nor this", false)]);
    (platform, expected)
}

#[test]
fn every_user_ends_as_the_realm_has_them_and_nothing_else_is_touched() {
    for database in DATABASES {
        let (platform, expected) = one_of_each(database);
        let before = platform.untouched();

        let report = platform.sync(&[]).expect(0).report();

        assert_eq!(platform.states(&report), expected, "{database:?}");
        assert_eq!(platform.untouched(), before, "{database:?}");
        let counts = &report["counts"];
        assert_eq!((&counts["examined"], &counts["matched"], &counts["updated"]), (&17.into(), &11.into(), &11.into()));
        assert_eq!((&counts["deleted"], &counts["skipped"], &counts["failed"]), (&0.into(), &0.into(), &0.into()));
        assert_eq!(report["outcome"], "succeeded");

        let (once, asked) = (platform.site.rows(), platform.confirmations());
        let again = platform.sync(&[]).expect(0).report();
        assert_eq!(again["counts"]["matched"], 0);
        assert_eq!(platform.site.rows(), once, "a second run changes nothing");
        assert_eq!(platform.confirmations(), asked, "nor does it ask for whoever is disabled already");
    }
}

#[test]
fn a_changed_row_tells_when_and_the_others_do_not() {
    for database in DATABASES {
        let (platform, expected) = one_of_each(database);
        let before = platform.last_updates();
        let report = platform.sync(&[]).expect(0).report();
        let (after, now) = (platform.last_updates(), platform.instant(&report["now"]));
        for (sub, state) in platform.states(&report) {
            let is_changed = after[&sub] == now;
            let comes_back = ["comes back", "\u{fc}'\"\\%/"].contains(&sub.as_str());
            assert_eq!(is_changed, state == State::DisabledNow || comes_back, "{sub}");
            assert!(is_changed || after[&sub] == before[&sub], "{sub}");
            assert_eq!(expected[&sub], state);
        }
    }
}

#[test]
fn all_tenants_are_seen_to_and_an_account_is_asked_for_once() {
    for database in DATABASES {
        let platform = Platform::new(database);
        platform.keycloak.add([User::new("alice", true), User::new("bob", false)]);
        for tenant in 0..3 {
            platform
                .users_of(tenant, [("alice", State::DisabledBefore), ("bob", State::Active), ("carol", State::Active)]);
        }
        let report = platform.sync(&[]).expect(0).report();
        assert_eq!(report["counts"]["updated"], 9);
        let states = [("alice", State::Active), ("bob", State::DisabledNow), ("carol", State::DisabledNow)];
        assert_eq!(platform.states(&report), by_sub(states));
        assert_eq!(platform.confirmations(), ["/users/carol"]);
    }
}

#[test]
fn an_attribute_may_be_the_key() {
    for database in DATABASES {
        let mut platform = Platform::new(database);
        platform.configure("external_id_user_attribute_name = \"uid\"");
        let with = |id, enabled, attributes: &str| User { attributes: attributes.into(), ..User::new(id, enabled) };
        platform.keycloak.add([
            with("1", true, r#"{"uid":["alice"]}"#),
            with("2", false, r#"{"uid":["bob","carol"]}"#),
            with("dora", true, r#"{"uid":[]}"#),
            with("emil", true, r#"{"other":["x"]}"#),
            with("6", true, r#"{"uid":["frieda"]}"#),
            with("7", false, r#"{"uid":["frieda"]}"#),
        ]);
        let active = ["alice", "bob", "carol", "dora", "emil", "frieda", "1"].map(|sub| (sub, State::Active));
        platform.users(active);
        let report = platform.sync(&[]).expect(0).report();
        let mut expected = by_sub(active);
        for sub in ["bob", "carol", "1"] {
            expected.insert(sub.to_owned(), State::DisabledNow);
        }
        assert_eq!(platform.states(&report), expected);
        // Nobody can be asked for by an attribute; the pages are read again.
        assert_eq!(platform.confirmations(), [""; 0]);
    }
}

#[test]
fn neither_users_nor_a_store_are_needed() {
    for database in DATABASES {
        let platform = Platform::new(database);
        platform.keycloak.add([User::new("alice", true)]);
        let report = platform.sync(&[]).expect(0).report();
        assert_eq!((&report["counts"]["examined"], &report["warnings_total"]), (&0.into(), &0.into()));
    }
}

#[test]
fn thousands_of_users_take_at_most_a_statement_for_each_thousand() {
    for database in DATABASES {
        let platform = Platform::new(database);
        let before = |n| if n % 2 == 0 { State::Active } else { State::DisabledBefore };
        let subs: Vec<_> = (0..4_500).map(|n| format!("user-{n:04}")).collect();
        platform.users(subs.iter().enumerate().map(|(n, sub)| (sub.as_str(), before(n))));
        platform.keycloak.add(subs.iter().enumerate().map(|(n, sub)| User::new(sub.as_str(), n % 2 == 1)));
        if database != DatabaseKind::Sqlite {
            platform.site.execute(
                "CREATE TABLE statements (number INTEGER); \
                 CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS \
                     $$ BEGIN INSERT INTO statements VALUES (1); RETURN NULL; END $$; \
                 CREATE TRIGGER note AFTER UPDATE ON users FOR EACH STATEMENT EXECUTE FUNCTION note()",
            );
        }
        let page_size = ["--parameters", r#"{"keycloak_api_page_size":1000}"#];
        let report = platform.sync(&[&["--allow-affected", "2250"][..], &page_size].concat()).expect(0).report();
        assert_eq!(report["counts"]["updated"], 4_500);
        let states = platform.states(&report);
        let after = |n| if n % 2 == 0 { State::DisabledNow } else { State::Active };
        assert!(subs.iter().enumerate().all(|(n, sub)| states[sub] == after(n)));
        if database != DatabaseKind::Sqlite {
            let statements = platform.site.number("SELECT count(*) FROM statements");
            assert!((2..=3 + 3).contains(&statements), "{statements}");
        }
    }
}
