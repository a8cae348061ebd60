//! A live platform: rows that change, or are locked, between the comparison and the change.

use insta::assert_snapshot;
use upkeep_test_servers::Postgres;
use upkeep_test_servers::keycloak::User;

use super::realm::{Platform, State};
use crate::site::DatabaseKind;

/// Two users who have left, one who is back, and one who stays.
fn platform() -> Platform {
    let platform = Platform::new(DatabaseKind::Postgres);
    platform.users([("gone", State::Active), ("also gone", State::Active)]);
    platform.users([("back", State::DisabledBefore), ("stays", State::Active)]);
    platform.keycloak.add([User::new("back", true), User::new("stays", true)]);
    platform
}

#[test]
fn what_changes_meanwhile_is_left_alone() {
    for change in [
        "UPDATE users SET oidc_sub = 'renamed' WHERE oidc_sub = 'gone'",
        "DELETE FROM users WHERE oidc_sub = 'gone'",
        "UPDATE users SET disabled_since = '2020-01-01Z' WHERE oidc_sub = 'gone'",
        "UPDATE users SET disabled_since = NULL WHERE oidc_sub = 'back'",
        "UPDATE users SET oidc_sub = 'renamed' WHERE oidc_sub = 'back'",
    ] {
        let platform = platform();
        let name = platform.site.database_name().to_owned();
        // The comparison is done by then, and nothing is changed yet.
        platform.keycloak.before("/users/gone", move |_| {
            let mut session = Postgres::shared().client(&name);
            assert_eq!(session.execute(change, &[]).unwrap(), 1);
        });
        let report = platform.sync(&[]).expect(0).report();
        assert_eq!((&report["counts"]["updated"], &report["counts"]["skipped"]), (&2.into(), &1.into()), "{change}");
        let disabled = platform.site.number("SELECT count(*) FROM users WHERE disabled_since > '2021-01-01Z'");
        let renamed = platform.site.number("SELECT count(*) FROM users WHERE oidc_sub = 'renamed'");
        let expected = match change {
            change if change.contains("'back'") => 2 + renamed,
            _ => 1,
        };
        assert_eq!(disabled, expected, "{change}");
    }
}

#[test]
fn an_account_that_is_created_meanwhile_is_found() {
    let platform = platform();
    platform.keycloak.before("/users/gone", |users| users.push(User::new("gone", true)));
    let report = platform.sync(&[]).expect(0).report();
    assert_eq!((&report["counts"]["updated"], &report["counts"]["skipped"]), (&2.into(), &1.into()));
    assert_eq!(platform.states(&report)["gone"], State::Active);
}

/// Whoever has an old account that is not enabled, and a new one that the pages lacked, has not left.
#[test]
fn another_account_of_the_same_key_that_moves_past_the_reader_is_found() {
    let mut platform = Platform::new(DatabaseKind::Sqlite);
    platform.configure("external_id_user_attribute_name = \"uid\"");
    let alice = |n: i32| [3, 10].contains(&n);
    let account = |n| User::new(format!("{n:02}"), n != 3).with("uid", if alice(n) { "alice" } else { "" });
    platform.keycloak.add((0..15).map(account));
    platform.users([("alice", State::Active)]);
    // It moves the first of the second page to the first, which has been read.
    platform.keycloak.before("first=10&", |users| users.retain(|user| user.id != "05"));
    let report = platform.sync(&["--parameters", r#"{"keycloak_api_page_size":10}"#]).expect(0).report();
    assert_eq!(platform.states(&report)["alice"], State::Active);
}

#[test]
fn a_row_that_stays_locked_is_a_failure_and_the_others_are_changed() {
    let platform = platform();
    let mut session = platform.site.platform();
    let mut transaction = session.transaction().unwrap();
    transaction.execute("SELECT FROM users WHERE oidc_sub = 'gone' FOR UPDATE", &[]).unwrap();
    let report = platform.sync(&[]).expect(3).report();
    let counts = &report["counts"];
    assert_eq!((&counts["updated"], &counts["skipped"], &counts["failed"]), (&2.into(), &0.into(), &1.into()));
    assert_eq!(report["failures"][0]["reason"], "locked by another session, probably the platform");
    transaction.rollback().unwrap();
    assert_eq!(platform.states(&report)["gone"], State::Active);
    assert_eq!(platform.sync(&[]).expect(0).report()["counts"]["updated"], 1);
}

/// As long as the platform refers to a user in a transaction, its row has the weakest of locks.
#[test]
fn a_row_that_is_referred_to_is_changed_all_the_same() {
    let platform = platform();
    let mut session = platform.site.platform();
    let mut transaction = session.transaction().unwrap();
    transaction.execute("SELECT FROM users FOR KEY SHARE", &[]).unwrap();
    assert_eq!(platform.sync(&[]).expect(0).report()["counts"]["updated"], 3);
    transaction.rollback().unwrap();
}

#[test]
fn a_row_that_the_database_refuses_does_not_keep_the_others() {
    let platform = platform();
    platform.site.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF NEW.oidc_sub = 'gone' THEN RAISE EXCEPTION 'not this one'; END IF; RETURN NEW; END $$; \
         CREATE TRIGGER refuse BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION refuse()",
    );
    let report = platform.sync(&[]).expect(3).report();
    assert_eq!((&report["counts"]["updated"], &report["counts"]["failed"]), (&2.into(), &1.into()));
    assert_eq!(report["failures"][0]["reason"], "not this one");
}

#[test]
fn rows_that_the_database_refuses_again_and_again_do_not_keep_the_others() {
    let platform = platform();
    let kept: Vec<_> = (0..6).map(|n| format!("kept {n}")).collect();
    platform.users(kept.iter().map(|sub| (sub.as_str(), State::DisabledBefore)));
    platform.keycloak.add(kept.iter().map(|sub| User::new(sub.as_str(), true)));
    platform.site.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF NEW.oidc_sub LIKE 'kept%' THEN RAISE EXCEPTION 'not this one'; END IF; RETURN NEW; END $$; \
         CREATE TRIGGER refuse BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION refuse()",
    );
    let report = platform.sync(&[]).expect(3).report();
    assert_eq!((&report["counts"]["updated"], &report["counts"]["failed"]), (&3.into(), &6.into()));
    assert_eq!(platform.states(&report)["gone"], State::DisabledNow);
}

#[test]
fn a_locked_table_ends_it() {
    let platform = platform();
    let subs: Vec<_> = (0..40).map(|n| format!("left {n}")).collect();
    platform.users(subs.iter().map(|sub| (sub.as_str(), State::Active)));
    let mut session = platform.site.platform();
    let mut transaction = session.transaction().unwrap();
    transaction.execute("LOCK TABLE users IN SHARE MODE", &[]).unwrap();
    let run = platform.sync_in_words(&[]).expect(1);
    assert_snapshot!(run.transcript_at(&platform.site), @"
    exit code 1
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Asking for the accounts at http://127.0.0.1:[port]/admin/realms/meet
    [INFO ] Accounts listed: 2
    [ERROR] [uuid]: canceling statement due to lock timeout
    [INFO ]
    [ERROR] the database refused 20 user accounts in a row; the last time it said: canceling statement due to lock timeout
    [ERROR] Job failed
    --- stderr
    error: the database refused 20 user accounts in a row; the last time it said: canceling statement due to lock timeout
    hint: what was finished is safe; remove the cause and run the job again
    ");
    transaction.rollback().unwrap();
}

#[test]
fn a_database_that_lacks_something_is_told_before_the_realm_is_asked() {
    let platform = platform();
    platform.site.execute("ALTER TABLE users RENAME COLUMN disabled_since TO gone_since");
    let run = platform.sync_in_words(&[]).expect(78);
    assert!(run.stderr.contains("users.disabled_since") || run.stderr.contains("disabled_since"), "{run:#?}");
    assert_eq!(platform.keycloak.requests(), []);
}
