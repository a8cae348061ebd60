//! The settings, and folders that are not this provider's.

use upkeep_jobs::platform::{Kind, Problem};
use upkeep_test_servers::nextcloud::Answer;

use super::*;

#[test]
fn the_address_may_have_a_path_and_a_final_slash() {
    for base_path in ["", "/cloud", "/apps/next%20cloud"] {
        for slashes in ["", "/", "//"] {
            let server = Nextcloud::start_under(base_path).unwrap();
            let folder = existing(&server, "one");
            let client = SharedFolders::nextcloud(settings(&format!("{}{slashes}", server.url()))).unwrap();
            succeeds(&client, &folder);
            assert_eq!(sent(&server)[0], format!("DELETE {base_path}{SHARES}/1"));
            assert_eq!(server.folders(), [""; 0]);
            assert_eq!(client.location(), format!("nextcloud user meet at {}/", server.url()));
        }
    }
}

#[test]
fn a_wrong_path_in_the_address_is_noticed() {
    let server = Nextcloud::start_under("/cloud").unwrap();
    let folder = existing(&server, "one");
    let url = server.url().replace("/cloud", "");
    let reason = failure(&SharedFolders::nextcloud(settings(&url)).unwrap(), &folder);
    assert!(reason.contains("HTTP 404 with an HTML page instead of a Nextcloud answer; check shared_folder.url"));
}

#[test]
fn addresses_that_cannot_work_are_refused() {
    for url in [
        "",
        "cloud.example.org",
        "ftp://cloud.example.org",
        "file:///srv",
        "https://",
        "https:cloud.example.org",
        "https:///cloud",
        "https://cloud.example.org/?x=1",
        "https://cloud.example.org/#x",
        "https://cloud.example.org?",
        "https://cloud.example.org:99999",
        "https://meet:hunter2@cloud.example.org/",
        "https://meet@cloud.example.org",
        "https://clo ud/",
        "https://:hunter2@/",
    ] {
        let error = SharedFolders::nextcloud(settings(url)).expect_err(url);
        let problem = error.downcast_ref::<Problem>().unwrap();
        assert_eq!(problem.kind(), Kind::Configuration, "{url}");
        assert!(problem.advice().is_some());
        let text = format!("{error:?} {error:#}");
        assert!(text.contains("shared_folder.url") && !text.contains("hunter2"), "{text}");
    }
    for username in ["", " ", ".", "..", "a/b", "a\\b", "a:b", "a\nb", "../admin"] {
        let mut settings = settings("https://cloud.example.org/");
        settings.username = username.to_owned();
        let error = SharedFolders::nextcloud(settings).expect_err(username);
        assert_eq!(error.downcast_ref::<Problem>().unwrap().kind(), Kind::Configuration);
        assert!(error.to_string().contains("shared_folder.username"));
    }
}

#[test]
fn addresses_are_shown_in_one_form() {
    for (url, shown) in [
        ("https://cloud.example.org", "https://cloud.example.org/"),
        ("HTTPS://Cloud.Example.ORG:443/", "https://cloud.example.org/"),
        ("https://cloud.example.org/a/b/", "https://cloud.example.org/a/b/"),
        ("http://[::1]:8080", "http://[::1]:8080/"),
        ("https://m\u{fc}nchen.example/", "https://xn--mnchen-3ya.example/"),
    ] {
        let client = SharedFolders::nextcloud(settings(url)).unwrap();
        assert_eq!(client.location(), format!("nextcloud user meet at {shown}"));
    }
}

#[test]
fn the_user_id_is_one_encoded_segment() {
    let server = Nextcloud::start().unwrap();
    let mut settings = settings(&server.url());
    settings.username = "me et@\u{fc}?".to_owned();
    let client = SharedFolders::nextcloud(settings).unwrap();
    server.answer("/shares/", Answer::Ocs(200));
    failure(&client, &stored("one", "1", "2"));
    assert_eq!(sent(&server)[2], "DELETE /remote.php/dav/files/me%20et%40%C3%BC%3F/one");
}

#[test]
fn passwords_are_never_shown() {
    let mut settings = settings("https://cloud.example.org/");
    settings.password = SecretString::from("hunter2");
    let settings_shown = format!("{settings:?}");
    let client = SharedFolders::nextcloud(settings).unwrap();
    let shown = format!("{settings_shown} {client:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    // meet:hunter2 as it is sent
    assert!(!shown.contains("bWVldDpodW50ZXIy"), "{shown}");
}

#[test]
fn without_a_provider_every_folder_is_a_failure() {
    let client = SharedFolders::unconfigured();
    assert_eq!(client.location(), "no shared-folder provider");
    let outcomes = remove(&client, &[stored("a", "1", "2"), stored("b", "3", "4")]);
    assert_eq!(outcomes.len(), 2);
    for outcome in outcomes {
        assert!(outcome.is_err_and(|reason| reason.starts_with("no shared-folder provider is configured")));
    }
}

#[test]
fn folders_of_another_provider_are_failures() {
    let server = Nextcloud::start().unwrap();
    for (provider_data, expected) in [
        (
            json!({"type": "opencloud"}),
            r#"the folder's provider is "opencloud", but the configured one is "nextcloud""#,
        ),
        (json!({"type": "Nextcloud", "write_share_id": "1", "read_share_id": "2"}), "\"Nextcloud\""),
        (json!({"write_share_id": "1", "read_share_id": "2"}), "does not name the folder's provider"),
        (json!({"type": 1, "write_share_id": "1", "read_share_id": "2"}), "does not name the folder's provider"),
        (json!(null), "does not name the folder's provider"),
        (json!([]), "does not name the folder's provider"),
        (json!("nextcloud"), "its provider_data cannot be read"),
        (json!({"type": "nextcloud", "read_share_id": "2"}), "provider_data lacks write_share_id"),
        (json!({"type": "nextcloud", "write_share_id": "1"}), "provider_data lacks read_share_id"),
        (json!({"type": "nextcloud", "write_share_id": 1, "read_share_id": "2"}), "provider_data lacks write_share_id"),
        (
            json!({"type": "nextcloud", "write_share_id": "1", "read_share_id": null}),
            "provider_data lacks read_share_id",
        ),
    ] {
        let folder = SharedFolder { path: "Dr. Who".to_owned(), provider_data };
        let reason = failure(&client(&server), &folder);
        assert!(reason.contains(expected), "{reason}");
    }
    assert_eq!(sent(&server), [""; 0]);
}
