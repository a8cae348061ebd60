//! SIGKILL at random moments, then one clean run.

use std::time::Instant;

use upkeep_test_servers::keycloak::User;
use uuid::Uuid;

use super::JOB;
use super::realm::{Platform, State};
use crate::site::{DatabaseKind, Running};

const KILLS: u32 = 15;
const USERS: usize = 6_000;

#[test]
fn sigkill_at_random_moments_leaves_what_the_next_run_finishes() {
    let platform = Platform::new(DatabaseKind::Postgres);
    let subs: Vec<_> = (0..USERS).map(|n| format!("user-{n:04}")).collect();
    // A third is locked out, a third comes back, and a third is as it should be.
    let cases = [
        (State::Active, State::DisabledNow, Some(false)),
        (State::DisabledBefore, State::Active, Some(true)),
        (State::Active, State::Active, Some(true)),
        (State::Active, State::DisabledNow, Some(false)),
        (State::DisabledBefore, State::Active, Some(true)),
        (State::DisabledBefore, State::DisabledBefore, None),
    ];
    let case = |n: usize| cases[n % cases.len()];
    let listed = |(n, sub): (usize, &String)| case(n).2.map(|enabled| User::new(sub.as_str(), enabled));
    platform.keycloak.add(subs.iter().enumerate().filter_map(listed));
    let disabled_after = |(n, sub): (usize, &String)| (case(n).1 != State::Active).then(|| sub.clone());
    let disabled_after: Vec<_> = subs.iter().enumerate().filter_map(disabled_after).collect();
    let arguments = ["--allow-affected", "2000", "--parameters", r#"{"keycloak_api_page_size":1000}"#];
    let fill = || {
        platform.site.execute("DELETE FROM users");
        platform.users(subs.iter().enumerate().map(|(n, sub)| (sub.as_str(), case(n).0)));
    };
    let disabled =
        || platform.site.texts("SELECT oidc_sub FROM users WHERE disabled_since IS NOT NULL ORDER BY oidc_sub");
    fill();
    let start = || {
        let mut run = Running::start(platform.site.command(&[&["jobs", "execute", JOB], &arguments[..]].concat()));
        // Before that, nothing is changed.
        run.until_it_says("Accounts listed");
        run
    };
    let (run, begun) = (start(), Instant::now());
    run.finish().expect(0);
    let takes = begun.elapsed();
    let (mut early, mut amid, mut late) = (0, 0, 0);
    for _ in 0..KILLS {
        fill();
        let run = start();
        let delay = takes.mul_f64(chance());
        std::thread::sleep(delay);
        run.signal("KILL");
        run.finish();
        match platform.site.number("SELECT count(*) FROM users WHERE updated_at > now() - interval '1 day'") {
            0 => early += 1,
            4_000 => late += 1,
            _ => amid += 1,
        }
        let how = format!("SIGKILL after {delay:?}");
        let wronged = disabled().into_iter().find(|sub| case(sub["user-".len()..].parse().unwrap()) == cases[2]);
        assert_eq!(wronged, None, "{how}: whoever is enabled there and here is so at any instant");
        platform.sync(&arguments).expect(0);
        assert_eq!(disabled(), disabled_after, "{how}");
    }
    println!("{KILLS} SIGKILLs: {early} before the first change, {amid} between changes, {late} after the last");
    assert_eq!(early + amid + late, KILLS);
}

/// A number between 0 and 1.
fn chance() -> f64 {
    f64::from(u32::from_ne_bytes(Uuid::new_v4().as_bytes()[..4].try_into().unwrap())) / f64::from(u32::MAX)
}
