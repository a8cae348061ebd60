//! Answers that are not what was asked for: the run ends, and nothing is changed.

use std::thread;

use insta::assert_snapshot;
use upkeep_test_servers::keycloak::{Answer, User};

use super::realm::{Platform, State};
use crate::site::{DatabaseKind, WRONG_SECRET, run_bare};

/// Three pages of ten, somebody for each kind of change, and somebody who has to be confirmed.
fn platform() -> Platform {
    let platform = Platform::new(DatabaseKind::Sqlite);
    let subs: Vec<_> = (0..25).map(|n| format!("user-{n:02}")).collect();
    platform.users(subs.iter().map(|sub| (sub.as_str(), State::Active)));
    platform.users([("gone", State::Active), ("back", State::DisabledBefore)]);
    platform.keycloak.add(subs.iter().enumerate().map(|(n, sub)| User::new(sub.as_str(), n > 0)));
    platform.keycloak.add([User::new("back", true)]);
    platform
}

const TEN_AT_A_TIME: [&str; 2] = ["--parameters", r#"{"keycloak_api_page_size":10}"#];

#[test]
fn whatever_goes_wrong_nothing_is_changed() {
    let raw = |body: &str| Answer::Raw(200, "application/json", body.into());
    let eleven: Vec<_> = (0..11).map(|n| format!(r#"{{"id":"x{n}","enabled":true}}"#)).collect();
    let twice = r#"[{"id":"user-01","enabled":true},{"id":"user-01","enabled":true}]"#;
    let (third, gone) = ("first=20&", "/users/gone");
    let cases = [
        (third, Answer::Status(401), 78),
        (third, Answer::Status(403), 78),
        (third, Answer::Status(404), 78),
        (third, Answer::Status(429), 69),
        (third, Answer::Status(500), 69),
        (third, Answer::Html(200), 1),
        (third, Answer::Truncated, 69),
        (third, raw(r#"[{"id":"user-20","enabled":tr"#), 1),
        (third, raw(&format!("[{}]", eleven.join(","))), 1),
        (third, raw(twice), 1),
        (third, Answer::Redirect("https://elsewhere.invalid/".into()), 78),
        ("/realms/meet/.well-known", Answer::Status(404), 78),
        ("/token", Answer::Status(401), 78),
        (gone, Answer::Status(500), 69),
        (gone, Answer::Status(403), 78),
        (gone, Answer::Html(200), 1),
        (gone, Answer::Html(404), 1),
    ];
    thread::scope(|scope| {
        for (needle, answer, code) in cases {
            scope.spawn(move || {
                let platform = platform();
                let before = platform.site.state();
                platform.keycloak.answer(needle, answer.clone());
                for dry_run in [&[][..], &["--dry-run"]] {
                    let run = platform.sync(&[&TEN_AT_A_TIME, dry_run].concat());
                    assert_eq!(run.code, Some(code), "{needle} {answer:?}: {run:#?}");
                    assert_eq!(platform.site.state(), before, "{needle} {answer:?}");
                    assert_eq!(run.report()["counts"]["updated"], 0);
                }
                platform.keycloak.behave();
                assert_eq!(platform.sync(&TEN_AT_A_TIME).expect(0).report()["counts"]["updated"], 3);
            });
        }
    });
}

#[test]
fn what_passes_does_no_harm() {
    let platform = platform();
    for needle in ["first=20&", "/users/gone"] {
        platform.keycloak.answer_times(1, needle, Answer::Status(503));
        platform.keycloak.answer_times(1, needle, Answer::LostAnswer);
        platform.keycloak.answer_times(1, needle, Answer::Status(401));
    }
    assert_eq!(platform.sync(&TEN_AT_A_TIME).expect(0).report()["counts"]["updated"], 3);
}

#[test]
fn the_body_of_a_failed_response_is_logged_on_demand_and_without_secrets() {
    let platform = platform();
    platform.keycloak.answer("first=0&", Answer::Raw(200, "text/plain", format!("one\ntwo {}", "x".repeat(9_000))));
    let run = platform.sync_in_words(&[]).expect(1);
    assert!(!run.stdout.contains("two"), "{run:#?}");
    let dumps = ["--parameters", r#"{"dump_failed_responses":true}"#];
    let run = platform.sync_in_words(&dumps).expect(1);
    assert!(run.stdout.contains("HTTP 200, text/plain, 9008 bytes: one two xxx"), "{run:#?}");
    assert!(run.stdout.lines().all(|line| line.len() < 4_200));

    // Whoever runs the server that repeats the token has it, but those who read the log need not.
    platform.keycloak.answer("first=0&", Answer::Echo(200));
    let run = platform.sync_in_words(&dumps).expect(1);
    assert!(run.stdout.contains("Bearer [token]"), "{run:#?}");
    platform.keycloak.answer("/token", Answer::Echo(200));
    platform.sync_in_words(&dumps).expect(1);
    platform.keycloak.answer("/token", Answer::Echo(400));
    platform.sync_in_words(&dumps).expect(78);
}

#[test]
fn a_wrong_secret_is_told_but_not_shown() {
    let mut platform = platform();
    platform.configure("");
    let (api, authority) = (platform.keycloak.api_base_url(), platform.keycloak.authority());
    let keys = format!("api_base_url = {api:?}\nauthority = {authority:?}\nclient_id = \"upkeep\"");
    platform.site.set("identity", &format!("{keys}\nclient_secret = {WRONG_SECRET:?}"));
    let run = platform.sync_in_words(&["-v"]).expect(78);
    assert_snapshot!(run.transcript_at(&platform.site), @"
    exit code 78
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Asking for the accounts at http://127.0.0.1:[port]/admin/realms/meet
    [INFO ]
    [ERROR] cannot get a token for client upkeep at http://127.0.0.1:[port]/realms/meet/protocol/openid-connect/token: HTTP 401, the client is refused (unauthorized_client)
    [ERROR] Job failed
    --- stderr
    error: cannot get a token for client upkeep at http://127.0.0.1:[port]/realms/meet/protocol/openid-connect/token: HTTP 401, the client is refused (unauthorized_client)
    hint: check identity.client_id and identity.client_secret, and that the client has client authentication and service account roles switched on
    ");
}

#[test]
fn without_an_identity_provider_there_is_nothing_to_ask() {
    let mut platform = platform();
    platform.site.unset("identity");
    assert_snapshot!(platform.sync_in_words(&[]).expect(78).transcript_at(&platform.site), @"
    exit code 78
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ]
    [ERROR] keycloak-account-sync needs the identity provider, and none is configured
    [ERROR] Job failed
    --- stderr
    error: keycloak-account-sync needs the identity provider, and none is configured
    hint: set api_base_url, authority, client_id and client_secret in [identity]
    ");
}

#[test]
fn page_sizes_are_checked_before_any_request() {
    let platform = platform();
    for size in ["0", "10001", "-1", "1.5", "\"100\"", "null"] {
        let parameters = format!(r#"{{"keycloak_api_page_size":{size}}}"#);
        let run = platform.sync_in_words(&["--parameters", &parameters]).expect(2);
        let expected = "parameter keycloak_api_page_size: expected a whole number from 1 to 10000, not";
        assert!(run.stderr.contains(expected), "{run:#?}");
    }
    assert_eq!(platform.keycloak.requests(), []);
    for size in ["1", "10000"] {
        platform.sync(&["--parameters", &format!(r#"{{"keycloak_api_page_size":{size}}}"#)]).expect(0);
    }
    assert_snapshot!(run_bare(&["jobs", "default-parameters", super::JOB]).stdout, @r#"
    {
      "dump_failed_responses": false,
      "keycloak_api_page_size": 100
    }
    "#);
    assert_snapshot!(run_bare(&["jobs", "describe", super::JOB]).stdout, @"
    keycloak-account-sync
      A job to synchronize the user account states with Keycloak

    Removes
      Nothing. Users whose account the identity provider no longer lists, or lists
      as not enabled, are disabled from now on; users it lists as enabled are no
      longer disabled.

    Keeps
      The date of users that are disabled already; everything, when a single answer
      of the identity provider is not what was asked for, when it lists nobody, or
      when implausibly many users would be disabled.

    Order
      First all accounts are listed and all users compared with them. Then the guard
      is asked. Then the identity provider is asked once more about each user to be
      disabled whom it did not list. Only then are users enabled, and after them
      disabled, in batches. It belongs before user-cleanup, whose period begins on
      the day that is set here.

    Beside the running platform
      Yes. Transactions are short, and a lock is waited for half a second at most. A
      user whom the platform enables or disables meanwhile is left alone; one whose
      row stays locked to the end of the run is a failure.

    Parameters
      dump_failed_responses: true or false [default: false]
          Whether the body of a response that ends the job is logged. It may hold
          names and e-mail addresses.
      keycloak_api_page_size: a whole number from 1 to 10000 [default: 100]
          How many accounts are asked for at a time.
    ");
}
