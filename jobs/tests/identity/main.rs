//! Asking for accounts, at a Keycloak double and worse.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers too")]

mod answers;
mod listing;
mod outages;
mod settings;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use secrecy::SecretString;
use upkeep_jobs::platform::identity::{Accounts, Identity, IdentitySettings, Standing};
use upkeep_jobs::platform::{Kind, Problem, Stop};
use upkeep_test_servers::Keycloak;
use upkeep_test_servers::keycloak::{Answer, CLIENT_ID, CLIENT_SECRET, TOKEN_START, User};

fn settings(server: &Keycloak) -> IdentitySettings {
    let secret = SecretString::from(CLIENT_SECRET);
    IdentitySettings::new(server.api_base_url(), server.authority(), CLIENT_ID, secret)
}

fn client(server: &Keycloak) -> Identity {
    Identity::keycloak(&settings(server), false).unwrap()
}

/// A client that knows accounts by their attribute `uid`.
fn client_by_attribute(server: &Keycloak) -> Identity {
    let settings = IdentitySettings { external_id_user_attribute_name: Some("uid".into()), ..settings(server) };
    Identity::keycloak(&settings, false).unwrap()
}

/// A client that does not wait for long.
fn impatient(server: &Keycloak) -> Identity {
    let settings = IdentitySettings { request_timeout: Duration::from_millis(300), ..settings(server) };
    Identity::keycloak(&settings, false).unwrap()
}

/// A realm with so many users, `u000` and so on, of whom every third is not enabled.
fn realm_with(users: usize) -> Keycloak {
    let server = Keycloak::start().unwrap();
    server.add((0..users).map(|n| User::new(format!("u{n:03}"), n % 3 != 0)));
    server
}

fn list(client: &Identity, page_size: u32) -> Result<Accounts, Problem> {
    client.accounts(page_size, &Stop::without_deadline(), |_| {})
}

fn look_again(client: &Identity, keys: &[&str]) -> Result<BTreeMap<String, Standing>, Problem> {
    let keys: BTreeSet<_> = keys.iter().map(|key| (*key).to_owned()).collect();
    client.look_again(keys, 100, &Stop::without_deadline())
}

/// The addresses below the API that were asked for, in order of arrival.
fn sent(server: &Keycloak) -> Vec<String> {
    let of_api = |target: &str| target.strip_prefix("/admin/realms/meet").map(str::to_owned);
    server.requests().iter().filter_map(|request| of_api(&request.target)).collect()
}

/// What the problem is in all its words, which must not contain what nobody may read.
fn in_words(problem: Problem) -> String {
    let (hint, debug) = (problem.advice().unwrap_or_default().to_owned(), format!("{problem:?}"));
    let text = format!("{:#}; {hint}; {debug}", anyhow::Error::from(problem));
    for secret in [CLIENT_SECRET, TOKEN_START, "kc%2Bsecret", "Alice", "Liddell"] {
        assert!(!text.contains(secret), "{text}");
    }
    text
}

#[test]
fn pages_are_read_until_one_is_short_and_the_next_empty() {
    let server = realm_with(25);
    let accounts = list(&client(&server), 10).unwrap();
    assert_eq!(accounts.listed(), 25);
    for n in 0..25 {
        let expected = if n % 3 == 0 { Standing::Disabled } else { Standing::Enabled };
        assert_eq!(accounts.standing(&format!("u{n:03}")), expected);
    }
    assert_eq!(accounts.standing("u025"), Standing::Absent);
    let sent = sent(&server);
    for first in [0, 10, 20, 30] {
        let page = format!("/users?first={first}&max=10&briefRepresentation=true");
        assert_eq!(sent.iter().filter(|address| **address == page).count(), 1, "{page}");
    }
    // Those beyond had been asked for before the short one came.
    assert!(sent.len() <= 1 + 3 + 6, "{sent:?}");
    assert_eq!(server.tokens_issued(), 1);
}

#[test]
fn a_single_page_takes_no_more_than_two_looks_at_what_follows() {
    let server = realm_with(7);
    assert_eq!(list(&client(&server), 10).unwrap().listed(), 7);
    let pages = [0, 7, 10].map(|first| format!("/users?first={first}&max=10&briefRepresentation=true"));
    assert_eq!(sent(&server), pages);
}

#[test]
fn page_sizes_make_no_difference() {
    let server = realm_with(60);
    for size in [1, 2, 7, 59, 60, 61, 100, 10_000] {
        let accounts = list(&client(&server), size).unwrap();
        assert_eq!(accounts.listed(), 60, "{size}");
        let enabled = (0..60).filter(|n| accounts.standing(&format!("u{n:03}")) == Standing::Enabled);
        assert_eq!(enabled.count(), 40, "{size}");
    }
}

#[test]
fn some_pages_are_asked_for_at_a_time() {
    let server = realm_with(200);
    server.take_time(Duration::from_millis(20));
    assert_eq!(list(&client(&server), 10).unwrap().listed(), 200);
    assert!((4..=8).contains(&server.most_at_once()), "{}", server.most_at_once());
}

#[test]
fn attributes_are_asked_for_only_where_they_are_keys() {
    let server = realm_with(3);
    server.change(|users| {
        users[1].attributes = r#"{"uid":["alice","bob"],"photo":["x"]}"#.into();
        users[2].attributes = r#"{"uid":[],"other":[]}"#.into();
    });
    let accounts = list(&client_by_attribute(&server), 100).unwrap();
    let expected = [
        ("u000", Standing::Disabled),
        ("u001", Standing::Absent),
        ("alice", Standing::Enabled),
        ("bob", Standing::Absent),
        ("u002", Standing::Enabled),
    ];
    assert_eq!(expected.map(|(key, _)| (key, accounts.standing(key))), expected);
    assert!(sent(&server).iter().all(|address| address.ends_with("&briefRepresentation=false")));
}

#[test]
fn a_realm_that_lists_nobody_is_refused() {
    let problem = list(&client(&realm_with(0)), 100).unwrap_err();
    assert_eq!(problem.kind(), Kind::Refused);
    assert!(in_words(problem).contains("lists no account at all"));
}

#[test]
fn access_is_checked_with_one_small_page() {
    let server = realm_with(9);
    client(&server).check_access(&Stop::without_deadline()).unwrap();
    assert_eq!(sent(&server), ["/users?first=0&max=1&briefRepresentation=true"]);
    let problem = client(&realm_with(0)).check_access(&Stop::without_deadline()).unwrap_err();
    assert!(in_words(problem).contains("lists no account at all"));
}
