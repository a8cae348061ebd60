//! How a token is come by, and what happens when it is refused.

use super::*;

const TOKEN: &str = "/protocol/openid-connect/token";
const DISCOVERY: &str = "/.well-known/openid-configuration";

fn count(server: &Keycloak, needle: &str) -> usize {
    server.requests().iter().filter(|request| request.target.contains(needle)).count()
}

#[test]
fn one_token_serves_all_pages_and_the_secret_is_sent_once() {
    let server = realm_with(50);
    list(&client(&server), 10).unwrap();
    assert_eq!((count(&server, DISCOVERY), count(&server, TOKEN), server.tokens_issued()), (1, 1, 1));
    let requests = server.requests();
    assert!(requests.iter().filter(|request| !request.target.contains(TOKEN)).all(|request| request.body.is_empty()));
    assert!(requests[..2].iter().all(|request| request.header("authorization").is_none()));
}

#[test]
fn a_token_that_expires_is_renewed_once_for_all() {
    let server = realm_with(400);
    let client = client(&server);
    list(&client, 10).unwrap();
    server.take_time(Duration::from_millis(5));
    for _ in 0..3 {
        server.expire_tokens();
        assert_eq!(list(&client, 10).unwrap().listed(), 400);
    }
    assert_eq!((count(&server, DISCOVERY), server.tokens_issued()), (1, 4));
}

#[test]
fn a_fresh_token_that_is_refused_ends_it() {
    let server = realm_with(5);
    server.answer("/users", Answer::Status(401));
    let problem = list(&client(&server), 10).unwrap_err();
    assert_eq!(problem.kind(), Kind::Configuration);
    let text = in_words(problem);
    assert!(text.contains("HTTP 401, a fresh token is refused, too (made to fail); check that identity.authority"));
    assert_eq!((count(&server, "/users"), server.tokens_issued()), (2, 2));
}

#[test]
fn wrong_credentials_are_told() {
    let server = realm_with(5);
    let secret = SecretString::from("wrong");
    let settings = IdentitySettings { client_secret: secret, ..settings(&server) };
    let problem = list(&Identity::keycloak(&settings, true).unwrap(), 10).unwrap_err();
    assert_eq!(problem.kind(), Kind::Configuration);
    let text = in_words(problem);
    assert!(text.contains("HTTP 401, the client is refused (unauthorized_client); check identity.client_id"), "{text}");
    assert_eq!((count(&server, TOKEN), count(&server, "/users")), (1, 0));
}

#[test]
fn any_other_answer_instead_of_a_token_is_an_error() {
    let raw = |body: &str| Answer::Raw(200, "application/json", body.into());
    for (answer, expected, kind) in [
        (raw("{}"), "does not have the form", Kind::Failed),
        (raw(r#"{"access_token":7,"token_type":"bearer"}"#), "does not have the form", Kind::Failed),
        (raw(r#"{"access_token":"kc-token-1","token_type":"DPoP"}"#), "not a bearer token", Kind::Failed),
        (raw(r#"{"access_token":"","token_type":"bearer"}"#), "the token is empty", Kind::Failed),
        (raw(r#"{"access_token":"kc-token-1\r\nX: y","token_type":"bearer"}"#), "what no token may", Kind::Failed),
        (raw(r#"{"access_token":"kc-token-1","#), "breaks off", Kind::Failed),
        (Answer::Html(200), "an HTML page instead of JSON", Kind::Failed),
        (Answer::Echo(200), "text/plain instead of application/json", Kind::Failed),
        (Answer::Echo(400), "the client is refused; check identity.client_id", Kind::Configuration),
        (Answer::Status(404), "there is no such realm", Kind::Configuration),
        (
            Answer::Redirect("https://elsewhere.invalid/x".into()),
            "points to https://elsewhere.invalid)",
            Kind::Configuration,
        ),
    ] {
        let server = realm_with(5);
        server.answer(TOKEN, answer.clone());
        let problem = list(&client(&server), 10).unwrap_err();
        assert_eq!(problem.kind(), kind, "{answer:?}");
        let text = in_words(problem);
        assert!(text.contains(expected) && text.contains("cannot get a token for client upkeep & co"), "{text}");
        assert_eq!((count(&server, TOKEN), count(&server, "/users")), (1, 0), "{answer:?}");
    }
}

#[test]
fn only_the_configured_issuer_says_where_tokens_are() {
    let server = realm_with(5);
    server.pretend_to_be("https://id.example.org/realms/other");
    let text = in_words(list(&client(&server), 10).unwrap_err());
    assert!(text.contains("another issuer, https://id.example.org/realms/other; if that is the realm, set"), "{text}");
    assert_eq!(server.requests().len(), 1);

    let raw = |kind, body: &str| Answer::Raw(200, kind, body.into());
    for (answer, expected) in [
        (raw("application/json", "{}"), "does not have the form"),
        (raw("application/json", r#"{"issuer":"x","token_endpoint":"y"}"#), "its issuer must start with"),
        (raw("text/plain", "{}"), "text/plain instead of application/json"),
        (Answer::Html(200), "HTML page"),
        (Answer::Status(404), "there is no such realm; check identity.authority"),
        (Answer::Redirect("/elsewhere".into()), "a redirect, which is not followed"),
    ] {
        let server = realm_with(5);
        server.answer(DISCOVERY, answer.clone());
        let text = in_words(list(&client(&server), 10).unwrap_err());
        assert!(text.contains(expected), "{answer:?}: {text}");
        assert_eq!(server.requests().len(), 1, "{answer:?}");
    }

    let server = realm_with(5);
    server.issue_tokens_at("file:///etc/passwd");
    let text = in_words(list(&client(&server), 10).unwrap_err());
    assert!(text.contains("its token_endpoint must start with https:// or http://"), "{text}");
}
