//! What each answer means.

use std::thread;

use upkeep_test_servers::nextcloud::Answer;

use super::*;

/// Which of a folder's three requests gets the answer.
const SHARE: &str = "/shares/";
const FOLDER: &str = "/remote.php/";

/// What a removal meets when the requests that contain `needle` get `answer`: the outcome, and the number of requests.
fn outcome(needle: &str, answer: Answer) -> (Result<(), String>, usize) {
    let server = Nextcloud::start().unwrap();
    let folder = existing(&server, "Dr. Who");
    server.answer(needle, answer);
    let outcome = remove(&client(&server), std::slice::from_ref(&folder)).remove(0);
    let requests = server.requests().len();
    if outcome.is_err() {
        assert!(server.has_folder("Dr. Who"));
        // Nothing stands in the way of a later run.
        server.behave();
        succeeds(&client(&server), &folder);
        assert_eq!(server.folders(), [""; 0]);
        assert_eq!(server.shares(), [""; 0]);
    }
    (outcome, requests)
}

fn reason(needle: &str, answer: Answer) -> String {
    let (outcome, _) = outcome(needle, answer.clone());
    let reason = outcome.expect_err(&format!("{answer:?}"));
    assert!(!reason.contains("Who") && !reason.contains(PASSWORD), "{reason}");
    reason
}

fn raw(status: u16, content_type: &'static str, body: &str) -> Answer {
    Answer::Raw(status, content_type, body.to_owned())
}

#[test]
fn shares_are_removed_or_gone() {
    for answer in [
        Answer::Ocs(100),
        Answer::Ocs(200),
        Answer::Ocs(404),
        Answer::Status(404),
        raw(404, "text/plain", ""),
        raw(200, "text/html", r#"{"ocs":{"meta":{"statuscode":200}}}"#),
    ] {
        assert_eq!(outcome(SHARE, answer.clone()), (Ok(()), 3), "{answer:?}");
    }
}

#[test]
fn any_other_answer_for_a_share_is_a_failure_and_the_folder_stays() {
    for (answer, expected) in [
        (Answer::Ocs(403), "OCS status 403: \"Could not delete share\""),
        (Answer::Ocs(996), "OCS status 996: \"Something went wrong\""),
        (Answer::Ocs(997), "HTTP 401, user name or password refused; check shared_folder.username and"),
        (Answer::Status(401), "HTTP 401, user name or password refused"),
        (Answer::Status(403), "HTTP 403, forbidden: \"Could not delete share\""),
        (Answer::Status(423), "HTTP 423, locked"),
        (Answer::Status(500), "HTTP 500, the server failed"),
        (raw(404, "text/xml", UNKNOWN_QUERY), "is its app files_sharing enabled?"),
        (raw(200, "application/json", ""), "HTTP 200 with something else instead of a Nextcloud answer"),
        (raw(200, "application/json", r#"{"ocs":{"meta""#), "instead of a Nextcloud answer"),
        (raw(200, "application/json", &"[".repeat(1_000_000)), "instead of a Nextcloud answer"),
        (raw(404, "text/plain", "404 page not found\n"), "HTTP 404 with something else"),
        (raw(204, "text/html", ""), "HTTP 204, not an answer that a deletion should get"),
        (Answer::Html(200), "HTTP 200 with an HTML page instead of a Nextcloud answer; check shared_folder.url"),
        (Answer::Html(404), "HTTP 404 with an HTML page"),
        (Answer::Html(500), "HTTP 500"),
    ] {
        let (outcome, requests) = outcome(SHARE, answer.clone());
        let reason = outcome.expect_err(&format!("{answer:?}"));
        assert!(reason.starts_with("removing its write share: "), "{reason}");
        assert!(reason.contains(expected), "{answer:?}: {reason}");
        assert_eq!(requests, 1, "{answer:?}");
    }
}

const UNKNOWN_QUERY: &str = "<?xml version=\"1.0\"?><ocs><meta><status>failure</status><statuscode>998</statuscode>\
                             <message>Invalid query</message></meta><data/></ocs>";

#[test]
fn the_read_share_counts_as_well() {
    let (outcome, requests) = outcome("/shares/2", Answer::Status(403));
    assert!(outcome.is_err_and(|reason| reason.starts_with("removing its read share: HTTP 403")));
    assert_eq!(requests, 2);
}

#[test]
fn folders_are_removed_or_gone() {
    for answer in [
        raw(200, "text/plain", "ok"),
        raw(202, "text/html", ""),
        raw(204, "text/html", ""),
        Answer::Status(404),
        raw(404, "text/html", ""),
    ] {
        assert_eq!(outcome(FOLDER, answer.clone()), (Ok(()), 3), "{answer:?}");
    }
}

#[test]
fn any_other_answer_for_a_folder_is_a_failure() {
    for (answer, expected) in [
        (Answer::Status(400), "HTTP 400"),
        (Answer::Status(401), "HTTP 401, user name or password refused"),
        (Answer::Status(403), "HTTP 403, forbidden"),
        (Answer::Status(405), "HTTP 405"),
        (Answer::Status(409), "HTTP 409"),
        (Answer::Status(412), "HTTP 412"),
        (Answer::Status(423), "HTTP 423, locked: a file in it is in use"),
        (Answer::Status(500), "HTTP 500"),
        (Answer::Status(502), "HTTP 502"),
        (Answer::Status(504), "HTTP 504"),
        (Answer::Status(507), "HTTP 507"),
        (Answer::Html(200), "HTTP 200 with an HTML page instead of a Nextcloud answer"),
        (Answer::Html(404), "HTTP 404 with an HTML page"),
        (raw(404, "text/plain", " <HTML><p>not here"), "HTTP 404 with an HTML page"),
        (raw(404, "text/plain", "404 page not found\n"), "HTTP 404 with something else"),
    ] {
        let reason = reason(FOLDER, answer.clone());
        assert!(reason.starts_with("removing the folder: ") && reason.contains(expected), "{answer:?}: {reason}");
    }
}

#[test]
fn a_user_that_does_not_exist_has_no_folders_that_are_gone() {
    let message = "<d:error xmlns:d=\"DAV:\" xmlns:s=\"http://sabredav.org/ns\">\n <s:message>Principal with name meet \
                   not found</s:message></d:error>";
    let reason = reason(FOLDER, raw(404, "application/xml", message));
    assert!(reason.contains("no user id \"meet\"; check shared_folder.username"), "{reason}");
}

#[test]
fn redirects_are_failures_and_not_followed() {
    let elsewhere = Nextcloud::start().unwrap();
    let target = format!("{}/login?user=Who", elsewhere.url());
    for needle in [SHARE, FOLDER] {
        let reason = reason(needle, Answer::Redirect(target.clone()));
        assert!(reason.contains("HTTP 302, a redirect, which is not followed"), "{reason}");
        assert!(reason.ends_with(&format!("(it points to {})", elsewhere.url())), "{reason}");
    }
    assert!(reason(SHARE, Answer::Redirect("/index.php/login".into())).contains("a redirect"));
    assert_eq!(sent(&elsewhere), [""; 0]);
}

#[test]
fn busy_and_maintenance_are_tried_three_times() {
    for needle in ["/shares/1", FOLDER] {
        for status in [429, 503] {
            let (outcome, requests) = outcome(needle, Answer::Status(status));
            assert!(outcome.is_err_and(|reason| reason.contains(&format!("HTTP {status}"))));
            assert_eq!(requests, if needle == FOLDER { 5 } else { 3 });
        }
    }
}

#[test]
fn what_recovers_in_time_succeeds() {
    let recovers = |answer: &Answer, needle: &str| {
        let server = Nextcloud::start().unwrap();
        let folder = existing(&server, "one");
        server.answer_times(2, needle, answer.clone());
        assert_eq!(remove(&client(&server), &[folder]), [Ok(())], "{answer:?}");
        assert_eq!(server.folders(), [""; 0]);
        assert_eq!(server.shares(), [""; 0]);
    };
    let answers = [
        Answer::Status(429),
        Answer::Status(503),
        Answer::Html(503),
        Answer::Reset,
        Answer::LostAnswer,
        Answer::Truncated,
    ];
    thread::scope(|scope| {
        for answer in &answers {
            for needle in ["/shares/1", "/shares/2", FOLDER] {
                scope.spawn(move || recovers(answer, needle));
            }
        }
    });
}

#[test]
fn a_wrong_password_removes_nothing_and_stays_secret() {
    let server = Nextcloud::start().unwrap();
    let folder = existing(&server, "one");
    let mut settings = settings(&server.url());
    settings.password = SecretString::from("hunter2");
    let client = SharedFolders::nextcloud(settings).unwrap();
    let reason = failure(&client, &folder);
    assert_eq!(
        reason,
        "removing its write share: HTTP 401, user name or password refused; check shared_folder.username and \
         shared_folder.password: \"Current user is not logged in\""
    );
    assert_eq!(server.folders(), ["one"]);
    assert_eq!(server.requests().len(), 1);
}
