//! What each answer to a request for accounts means.

use super::*;

fn raw(body: impl Into<String>) -> Answer {
    Answer::Raw(200, "application/json", body.into())
}

#[test]
fn a_page_that_is_not_exactly_one_ends_the_reading() {
    let user = |n: usize| format!(r#"{{"id":"x{n}","enabled":true,"firstName":"Alice"}}"#);
    let too_long = format!("[{}]", (0..11).map(user).collect::<Vec<_>>().join(","));
    for (answer, expected) in [
        (Answer::Html(200), "HTTP 200 with an HTML page instead of JSON"),
        (
            Answer::Html(403),
            "HTTP 403, the client may not see the accounts; give the client's service account the role",
        ),
        (Answer::Raw(200, "text/plain", "[]".into()), "HTTP 200 with text/plain instead of application/json"),
        (Answer::Raw(200, "", "[]".into()), "HTTP 200 with"),
        (Answer::Raw(204, "application/json", String::new()), "HTTP 204, not an answer that this should get"),
        (raw(""), "the page breaks off"),
        (raw(format!("[{},", user(1))), "the page breaks off (line 1, column"),
        (raw(format!("[{}", user(1))), "the page breaks off"),
        (raw("[nonsense]"), "the page is not valid JSON"),
        (raw(format!("[{}] [", user(1))), "the page is not valid JSON"),
        (raw("{}"), "the page does not have the form that was expected"),
        (raw(r#"[{"id":"x"}]"#), "the page does not have the form that was expected"),
        (raw(r#"[{"id":"x","enabled":"Alice"}]"#), "the page does not have the form that was expected"),
        (raw(too_long), "the page has 11 accounts although 10 were asked for"),
        (Answer::Redirect("https://elsewhere.invalid/x?y".into()), "(it points to https://elsewhere.invalid)"),
        (Answer::Status(400), "HTTP 400, not an answer that this should get (made to fail)"),
        (Answer::Status(403), "HTTP 403, the client may not see the accounts (made to fail)"),
        (Answer::Status(404), "HTTP 404, there is no such realm or API (made to fail); check identity.api_base_url"),
    ] {
        let server = realm_with(95);
        server.answer("first=20&", answer.clone());
        let text = in_words(list(&client(&server), 10).expect_err(&format!("{answer:?}")));
        assert!(text.contains("cannot read 10 accounts from number 20 on at http://127.0.0.1:"), "{text}");
        assert!(text.contains(expected), "{answer:?}: {text}");
        assert_eq!(sent(&server).iter().filter(|address| address.contains("first=20&")).count(), 1, "{answer:?}");
        // Nothing stands in the way of a later run.
        server.behave();
        assert_eq!(list(&client(&server), 10).unwrap().listed(), 95);
    }
}

#[test]
fn what_a_server_says_of_a_person_is_not_repeated() {
    let server = realm_with(1);
    for words in ["alice@example.org may not".to_owned(), "x".repeat(200)] {
        server.answer("/users", Answer::Raw(403, "application/json", format!(r#"{{"error":"{words}"}}"#)));
        let text = in_words(list(&client(&server), 10).unwrap_err());
        assert!(text.contains("may not see the accounts; give") && !text.contains(&words), "{text}");
    }
}

#[test]
fn a_page_of_any_length_is_read_only_so_far() {
    let server = realm_with(1);
    server.answer("/users", raw(" ".repeat(33 * 1024 * 1024)));
    let text = in_words(list(&client(&server), 10).unwrap_err());
    assert!(text.contains("the answer is longer than 32 MiB; choose smaller pages"), "{text}");
}

#[test]
fn accounts_are_asked_for_by_their_ids() {
    let server = realm_with(2);
    let client = client(&server);
    let weird = ["x y", "\u{fc}#?&+", "..x", "f:ldap:alice@example.org", "U000"];
    server.add([User::new("x y", true), User::new("f:ldap:alice@example.org", false)]);
    let standings = look_again(&client, &[&weird[..], &["u000", "u001", "u002"]].concat()).unwrap();
    let standings: Vec<_> = standings.iter().map(|(key, standing)| (key.as_str(), *standing)).collect();
    assert_eq!(
        standings,
        [
            ("..x", Standing::Absent),
            ("U000", Standing::Absent),
            ("f:ldap:alice@example.org", Standing::Disabled),
            ("u000", Standing::Disabled),
            ("u001", Standing::Enabled),
            ("u002", Standing::Absent),
            ("x y", Standing::Enabled),
            ("\u{fc}#?&+", Standing::Absent),
        ]
    );
    let sent: BTreeSet<_> = sent(&server).into_iter().collect();
    let expected = [
        "/users/..x",
        "/users/U000",
        "/users/f%3Aldap%3Aalice%40example.org",
        "/users/u000",
        "/users/u001",
        "/users/u002",
        "/users/x%20y",
        "/users/%C3%BC%23%3F%26%2B",
    ];
    assert_eq!(sent, expected.map(str::to_owned).into());
}

#[test]
fn what_has_no_address_of_its_own_is_looked_for_in_all_pages() {
    let server = realm_with(2);
    let long = "x".repeat(256);
    let keys =
        ["", ".", "..", " .. ", "count", "profile", "a/b", "a\\b", "../u001", "a;b", "%2e%2e", "a\nb", "\0", &long];
    server.add([User::new("a/b", true), User::new("count", true), User::new("..", false)]);
    let standings = look_again(&client(&server), &keys).unwrap();
    let listed: Vec<_> = standings.iter().filter(|(_, standing)| **standing != Standing::Absent).collect();
    let expected = [("..", Standing::Disabled), ("a/b", Standing::Enabled), ("count", Standing::Enabled)];
    assert_eq!(listed.iter().map(|(key, standing)| (key.as_str(), **standing)).collect::<Vec<_>>(), expected);
    assert_eq!(standings.len(), keys.len());
    assert!(sent(&server).iter().all(|address| address.starts_with("/users?first=")), "{:?}", sent(&server));
}

#[test]
fn with_an_attribute_all_are_looked_for_in_all_pages() {
    let server = realm_with(1);
    server.add([User::new("x", true).with("uid", "alice")]);
    let standings = look_again(&client_by_attribute(&server), &["u000", "x", "alice"]).unwrap();
    let expected = [("alice", Standing::Enabled), ("u000", Standing::Disabled), ("x", Standing::Absent)];
    assert_eq!(standings, expected.map(|(key, standing)| (key.to_owned(), standing)).into());
    assert!(sent(&server).iter().all(|address| address.starts_with("/users?first=")));
}

#[test]
fn only_a_clear_not_found_means_that_an_account_is_gone() {
    let not_found = |kind, body: &str| Answer::Raw(404, kind, body.into());
    for (answer, expected) in [
        (Answer::Status(403), "HTTP 403, the client may not see the accounts"),
        (Answer::Status(401), "HTTP 401, a fresh token is refused, too"),
        (Answer::Status(410), "HTTP 410, not an answer that this should get"),
        (Answer::Html(404), "HTTP 404 that is not Keycloak's"),
        (not_found("text/plain", "404 page not found"), "HTTP 404 that is not Keycloak's"),
        (not_found("application/json", r#"{"error":"Realm not found."}"#), "there is no such realm or API (Realm not"),
        (not_found("application/json", r#"{"message":"no Route matched"}"#), "HTTP 404 that is not Keycloak's"),
        (Answer::Html(200), "an HTML page instead of JSON"),
        (raw("[]"), "does not have the form that was expected"),
        (raw("{}"), "does not have the form that was expected"),
        (raw(r#"{"id":"u001","enabled":true}"#), "the answer is another account than the one asked for"),
        (Answer::Redirect("/login".into()), "a redirect, which is not followed"),
    ] {
        let server = realm_with(3);
        server.answer("/users/gone", answer.clone());
        let problem = look_again(&client(&server), &["gone", "u001"]).expect_err(&format!("{answer:?}"));
        let text = in_words(problem);
        assert!(text.contains(expected) && text.contains("confirm at http"), "{answer:?}: {text}");
    }
    for answer in [
        not_found("application/json", r#"{"error":"User not found"}"#),
        not_found("application/json", r#"{"errorMessage":"?"}"#),
        not_found("text/plain", ""),
        raw(r#"{"id":"GONE","enabled":true}"#),
    ] {
        let server = realm_with(3);
        server.answer("/users/gone", answer.clone());
        let standings = look_again(&client(&server), &["gone"]).unwrap();
        assert_eq!(standings["gone"], Standing::Absent, "{answer:?}");
    }
}
