//! What is refused, whatever the parameters say.

use insta::assert_snapshot;
use upkeep_test_servers::keycloak::User;

use super::realm::{Platform, State};
use crate::site::{DATABASES, DatabaseKind};

/// A platform with so many users, of whom the realm lists all but `absent`, and `locked` as not enabled.
fn platform(database: DatabaseKind, users: usize, absent: usize, locked: usize) -> Platform {
    let platform = Platform::new(database);
    let subs: Vec<_> = (0..users).map(|n| format!("user-{n:04}")).collect();
    platform.users(subs.iter().map(|sub| (sub.as_str(), State::Active)));
    let listed = subs.iter().enumerate().skip(absent);
    platform.keycloak.add(listed.map(|(n, sub)| User::new(sub.as_str(), n >= absent + locked)));
    platform.keycloak.add([User::new("somebody else", true)]);
    platform
}

#[test]
fn a_realm_that_lists_nobody_is_always_refused() {
    for database in DATABASES {
        let platform = platform(database, 3, 0, 0);
        platform.keycloak.change(Vec::clear);
        let before = platform.site.state();
        let run = platform.sync_in_words(&["--allow-affected", "1000000"]).expect(4);
        if database == DatabaseKind::Sqlite {
            assert_snapshot!(run.transcript_at(&platform.site), @"
            exit code 4
            --- stdout
            [INFO ] Starting job execution
            [INFO ] Loading parameters
            [INFO ] Asking for the accounts at http://127.0.0.1:[port]/admin/realms/meet
            [INFO ]
            [ERROR] http://127.0.0.1:[port]/admin/realms/meet lists no account at all; nothing was changed
            [ERROR] Job failed
            --- stderr
            error: http://127.0.0.1:[port]/admin/realms/meet lists no account at all; nothing was changed
            hint: check that [identity] names the right realm, and that the client's service account has the role view-users of the client realm-management
            ");
        }
        platform.sync(&["--dry-run"]).expect(4);
        assert_eq!(platform.site.state(), before);
        assert_eq!(platform.confirmations(), [""; 0]);
    }
}

#[test]
fn implausibly_many_are_refused_before_anybody_is_asked_for() {
    for database in DATABASES {
        let platform = platform(database, 1_000, 61, 40);
        let before = platform.site.state();
        let run = platform.sync_in_words(&[]).expect(4);
        if database == DatabaseKind::Sqlite {
            assert_snapshot!(run.transcript_at(&platform.site), @"
            exit code 4
            --- stdout
            [INFO ] Starting job execution
            [INFO ] Loading parameters
            [INFO ] Asking for the accounts at http://127.0.0.1:[port]/admin/realms/meet
            [INFO ] Accounts listed: 940
            [INFO ]
            [ERROR] 101 of 1000 user accounts would be changed, more than the 10% that [safety] max_affected_percent allows; nothing was changed
            [ERROR] Job failed
            --- stderr
            error: 101 of 1000 user accounts would be changed, more than the 10% that [safety] max_affected_percent allows; nothing was changed
            hint: if that is right, let this one run pass with --allow-affected 101
            ");
        }
        platform.sync(&["--allow-affected", "100"]).expect(4);
        // A dry run shows what the refusal is about.
        let dry = platform.sync(&["--dry-run"]).expect(0).report();
        assert_eq!(dry["plan"]["ids"].as_array().unwrap().len(), 101);
        let warning = dry["warnings"][0].as_str().unwrap();
        assert!(warning.starts_with("A run would be refused: 101 of 1000 user accounts"), "{warning}");
        assert_eq!(platform.site.state(), before);
        assert_eq!(platform.confirmations(), [""; 0]);
        let report = platform.sync(&["--allow-affected", "101"]).expect(0).report();
        assert_eq!(report["counts"]["updated"], 101);
        assert_eq!(platform.confirmations().len(), 61);
    }
}

#[test]
fn a_tenth_passes() {
    let platform = platform(DatabaseKind::Sqlite, 1_010, 101, 0);
    assert_eq!(platform.sync(&[]).expect(0).report()["counts"]["updated"], 101);
}

#[test]
fn below_the_floor_everybody_may_go_with_a_warning() {
    let platform = platform(DatabaseKind::Sqlite, 99, 99, 0);
    let run = platform.sync_in_words(&[]).expect(0);
    assert_snapshot!(run.transcript_at(&platform.site), @"
    exit code 0
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Asking for the accounts at http://127.0.0.1:[port]/admin/realms/meet
    [INFO ] Accounts listed: 1
    [WARN ] none of the platform's users is among the accounts listed; is it the right realm, and is identity.external_id_user_attribute_name right?
    [INFO ] Enabled 0 and disabled 99 of 99 user accounts
    [INFO ]
    [INFO ] Job finished successfully
    ");
    assert_eq!(platform.site.number("SELECT count(*) FROM users WHERE disabled_since IS NULL"), 0);
}

#[test]
fn the_settings_of_the_guard_count() {
    let mut platform = platform(DatabaseKind::Sqlite, 20, 3, 1);
    platform.site.set("safety", "max_affected_floor = 4\nmax_affected_percent = 19\ndeletion = false");
    platform.sync(&[]).expect(4);
    platform.site.set("safety", "max_affected_floor = 4\nmax_affected_percent = 20\ndeletion = false");
    assert_eq!(platform.sync(&[]).expect(0).report()["counts"]["updated"], 4);
}

#[test]
fn enabling_is_not_bounded() {
    let platform = Platform::new(DatabaseKind::Sqlite);
    let subs: Vec<_> = (0..300).map(|n| format!("user-{n}")).collect();
    platform.users(subs.iter().map(|sub| (sub.as_str(), State::DisabledBefore)));
    platform.keycloak.add(subs.iter().map(|sub| User::new(sub.as_str(), true)));
    assert_eq!(platform.sync(&[]).expect(0).report()["counts"]["updated"], 300);
}
