//! Signals and time limits, wherever they strike.

use std::time::Duration;

use upkeep_test_servers::keycloak::{Answer, User};

use super::JOB;
use super::realm::{Platform, State};
use crate::site::{DATABASES, DatabaseKind, Running, wait_until};

/// Longer than any test waits.
const FOR_EVER: Duration = Duration::from_secs(3600);

fn platform(database: DatabaseKind) -> Platform {
    let platform = Platform::new(database);
    platform.users([("gone", State::Active), ("back", State::DisabledBefore)]);
    platform.keycloak.add([User::new("back", true)]);
    platform
}

#[test]
fn a_signal_ends_the_wait_for_a_realm_that_hangs() {
    for database in DATABASES {
        let platform = platform(database);
        let before = platform.site.state();
        for needle in ["/.well-known/", "/token", "first=0&", "/users/gone"] {
            for (signal, code) in [("INT", 130), ("TERM", 143)] {
                platform.keycloak.behave();
                platform.keycloak.answer(needle, Answer::Delay(FOR_EVER));
                let asked = platform.keycloak.requests().len();
                let run = Running::start(platform.site.command(&["jobs", "execute", JOB]));
                let is_asked = || platform.keycloak.requests()[asked..].iter().any(|it| it.target.contains(needle));
                wait_until("the realm is asked", is_asked);
                run.ends_soon_after(signal).expect(code);
            }
        }
        assert_eq!(platform.site.state(), before);
        platform.keycloak.behave();
        assert_eq!(platform.sync(&[]).expect(0).report()["counts"]["updated"], 2);
    }
}

#[test]
fn the_time_limit_ends_it() {
    let platform = platform(DatabaseKind::Postgres);
    let before = platform.site.state();
    platform.keycloak.answer("first=0&", Answer::Delay(FOR_EVER));
    platform.sync(&["--timeout", "500ms"]).expect(124);
    platform.keycloak.behave();
    // Not even a pause between attempts is waited for.
    platform.keycloak.answer("first=0&", Answer::RetryAfter(503, 20));
    platform.sync(&["--timeout", "500ms"]).expect(124);
    assert_eq!(platform.site.state(), before);
}

#[test]
fn a_signal_while_rows_are_locked_leaves_what_is_done() {
    let platform = platform(DatabaseKind::Postgres);
    let mut session = platform.site.platform();
    let mut transaction = session.transaction().unwrap();
    transaction.execute("SELECT FROM users WHERE oidc_sub = 'gone' FOR UPDATE", &[]).unwrap();
    let run = Running::start(platform.site.command(&["jobs", "execute", JOB]));
    wait_until("the other row is changed", || {
        platform.site.number("SELECT count(*) FROM users WHERE disabled_since IS NULL") == 2
    });
    let run = run.ends_soon_after("TERM").expect(143);
    assert!(run.stdout.contains("Enabled 1 and disabled 0 of 2 user accounts"), "{run:#?}");
    transaction.rollback().unwrap();
}
