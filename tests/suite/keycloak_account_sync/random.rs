//! Whatever the realm lists, in whatever pages, and whatever happens meanwhile: nobody is disabled whom it lists as
//! enabled, and a run that fails changes nothing.

use chrono::{SubsecRound, Utc};
use proptest::prelude::*;
use proptest::test_runner::Config;
use secrecy::SecretString;
use serde_json::json;
use upkeep_jobs::kit::{Context, Guard, Report, Resources};
use upkeep_jobs::platform::Stop;
use upkeep_jobs::platform::identity::IdentitySettings;
use upkeep_test_servers::Keycloak;
use upkeep_test_servers::keycloak::{Answer, CLIENT_ID, CLIENT_SECRET, User};
use uuid::Uuid;

use super::JOB;
use super::realm::{Platform, State};
use crate::site::DatabaseKind;

/// Somebody whom the realm or the platform or both know.
#[derive(Debug, Clone)]
struct Person {
    /// In the realm at first: whether the account is enabled, if there is one.
    listed: Option<bool>,
    /// In the realm later.
    listed_later: Option<bool>,
    /// On the platform.
    user: Option<State>,
}

#[derive(Debug, Clone)]
struct Case {
    people: Vec<Person>,
    page_size: u32,
    by_attribute: bool,
    /// The request with which later begins.
    later: &'static str,
    faults: Vec<(usize, &'static str, Answer)>,
    percent: u8,
}

const NEEDLES: [&str; 6] = ["first=0&", "first=10&", "first=20&", "/users?", "/users/p", "/token"];

fn person() -> impl Strategy<Value = Person> {
    let listed = || prop_oneof![4 => Just(Some(true)), 1 => Just(Some(false)), 1 => Just(None)];
    let user = prop_oneof![4 => Just(Some(State::Active)), 1 => Just(Some(State::DisabledBefore)), 1 => Just(None)];
    (listed(), prop::option::weighted(0.1, listed()), user).prop_map(|(listed, change, user)| Person {
        listed,
        listed_later: change.unwrap_or(listed),
        user,
    })
}

fn fault() -> impl Strategy<Value = (usize, &'static str, Answer)> {
    let answer = prop_oneof![
        3 => Just(Answer::Status(503)),
        2 => Just(Answer::LostAnswer),
        2 => Just(Answer::Truncated),
        3 => Just(Answer::Status(401)),
        1 => Just(Answer::Html(200)),
        1 => Just(Answer::Status(404)),
        1 => Just(Answer::Raw(200, "application/json", r#"[{"id":"p00"}]"#.into())),
    ];
    (1..=2_usize, prop::sample::select(&NEEDLES[..]), answer)
}

fn case() -> impl Strategy<Value = Case> {
    (
        prop::collection::vec(person(), 0..60),
        prop::sample::select(vec![1, 5, 10, 10, 20, 100]),
        any::<bool>(),
        prop::sample::select(&NEEDLES[..]),
        prop_oneof![2 => Just(Vec::new()).boxed(), 1 => prop::collection::vec(fault(), 1..3).boxed()],
        prop_oneof![3 => Just(100_u8), 1 => Just(20)],
    )
        .prop_map(|(people, page_size, by_attribute, later, faults, percent)| Case {
            people,
            page_size,
            by_attribute,
            later,
            faults,
            percent,
        })
}

/// Runs the job in this process.
fn sync(platform: &Platform, keycloak: &Keycloak, case: &Case) -> anyhow::Result<(Report, serde_json::Value)> {
    let job = upkeep_jobs::job(JOB).unwrap();
    let now = Utc::now().trunc_subsecs(6);
    let secret = SecretString::from(CLIENT_SECRET);
    let mut identity = IdentitySettings::new(keycloak.api_base_url(), keycloak.authority(), CLIENT_ID, secret);
    identity.external_id_user_attribute_name = case.by_attribute.then(|| "uid".to_owned());
    let resources = Resources { identity: Some(identity), ..platform.site.resources() };
    let guard = Guard { max_affected_percent: case.percent, ..Guard::default() };
    let context = Context::new(job, Uuid::now_v7(), now, false, guard, Some(resources), Stop::without_deadline());
    let parameters = job.complete(&json!({"keycloak_api_page_size": case.page_size}), now).unwrap();
    Ok((job.execute(&context, parameters)?, json!({"now": now})))
}

fn check(platform: &Platform, case: &Case) -> bool {
    let name = |n: usize| format!("p{n:02}");
    let keycloak = Keycloak::start().unwrap();
    let by_attribute = case.by_attribute;
    let account = move |n: usize, enabled| {
        if by_attribute {
            User { username: name(n), ..User::new(format!("id of {n}"), enabled).with("uid", &name(n)) }
        } else {
            User::new(name(n), enabled)
        }
    };
    let of = move |listed: Vec<Option<bool>>| -> Vec<User> {
        listed.into_iter().enumerate().filter_map(|(n, listed)| listed.map(|enabled| account(n, enabled))).collect()
    };
    keycloak.add(of(case.people.iter().map(|person| person.listed).collect()));
    let later = of(case.people.iter().map(|person| person.listed_later).collect());
    keycloak.before(case.later, move |users| *users = later);
    for (times, needle, answer) in &case.faults {
        keycloak.answer_times(*times, needle, answer.clone());
    }
    platform.site.execute("DELETE FROM users");
    let names: Vec<_> = (0..case.people.len()).map(name).collect();
    let users: Vec<_> =
        case.people.iter().zip(&names).filter_map(|(person, name)| Some((name.as_str(), person.user?))).collect();
    if !users.is_empty() {
        platform.users(users);
    }
    let before = platform.site.state();

    let Ok((report, document)) = sync(platform, &keycloak, case) else {
        assert_eq!(platform.site.state(), before, "it failed, and nothing is changed");
        return false;
    };
    assert_eq!(report.counts.failed, 0);
    // Somebody who moves past the reader is looked for again before being disabled, but not in order to be enabled.
    let shifts = case.people.iter().any(|person| person.listed.is_some() && person.listed_later.is_none());
    let states = platform.states(&document);
    for (person, name) in case.people.iter().zip(&names) {
        let Some(user) = person.user else { continue };
        let expected = match (person.listed, person.listed_later) {
            (Some(true), Some(true)) => State::Active,
            (Some(false) | None, Some(false) | None) if user == State::DisabledBefore => State::DisabledBefore,
            (Some(false) | None, Some(false) | None) => State::DisabledNow,
            _ => continue,
        };
        let waits = shifts && expected == State::Active && user == State::DisabledBefore && states[name] == user;
        assert!(states[name] == expected || waits, "{name}: {:?} of {person:?}", states[name]);
    }
    true
}

#[test]
fn nobody_is_disabled_whom_the_realm_lists_as_enabled() {
    let platform = Platform::new(DatabaseKind::Sqlite);
    let (finished, cases) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    let config = Config { cases: 60, failure_persistence: None, ..Config::default() };
    proptest!(config, |(case in case())| {
        cases.set(cases.get() + 1);
        finished.set(finished.get() + u32::from(check(&platform, &case)));
    });
    println!("{} cases, {} of which changed what they had to, the others nothing", cases.get(), finished.get());
}
