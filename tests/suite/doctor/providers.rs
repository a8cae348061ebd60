//! The doctor on the providers.

use insta::assert_snapshot;
use upkeep_test_servers::nextcloud::{self, Answer};
use upkeep_test_servers::{Keycloak, Nextcloud, keycloak};

use super::{doctor, trouble, use_cloud};
use crate::site::{DatabaseKind, Site, StorageKind, WRONG_SECRET};

#[test]
fn a_cloud_that_would_not_remove_folders() {
    let mut site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    let cloud = Nextcloud::start().unwrap();
    use_cloud(&mut site, &cloud);
    cloud.add_folder("opentalk/some meeting");
    doctor(&site, 0);
    let mut said = String::new();
    let unknown = r#"{"ocs":{"meta":{"statuscode":998,"message":"x"}}}"#;
    for (needle, answer, code) in [
        ("/cloud/user", Answer::Status(401), 78),
        ("/cloud/user", Answer::Status(403), 78),
        ("/cloud/user", Answer::Status(503), 69),
        ("/cloud/user", Answer::Html(200), 78),
        ("/cloud/user", Answer::Html(404), 78),
        ("/cloud/user", Answer::Redirect("https://elsewhere.example.org/login".to_owned()), 78),
        ("/cloud/user", Answer::Reset, 69),
        ("/shares/", Answer::Raw(404, "application/json", unknown.to_owned()), 78),
    ] {
        cloud.behave();
        cloud.answer(needle, answer);
        said += &trouble(&site, &doctor(&site, code));
    }
    assert_snapshot!(said, @"
    exit code 78
    Shared folders
      problem  shared folders cannot be removed from nextcloud user meet at http://127.0.0.1:[port]/: HTTP 401, user name or password refused
               fix: check shared_folder.username and shared_folder.password
    1 problem, 0 warnings
    exit code 78
    Shared folders
      problem  shared folders cannot be removed from nextcloud user meet at http://127.0.0.1:[port]/: HTTP 403, forbidden
               fix: look at the server's log
    1 problem, 0 warnings
    exit code 69
    Shared folders
      problem  shared folders cannot be removed from nextcloud user meet at http://127.0.0.1:[port]/: HTTP 503, the server failed or is in maintenance
               fix: see its log
    1 problem, 0 warnings
    exit code 78
    Shared folders
      problem  shared folders cannot be removed from nextcloud user meet at http://127.0.0.1:[port]/: HTTP 200 with an HTML page instead of a Nextcloud answer
               fix: check shared_folder.url
    1 problem, 0 warnings
    exit code 78
    Shared folders
      problem  shared folders cannot be removed from nextcloud user meet at http://127.0.0.1:[port]/: HTTP 404 with an HTML page instead of a Nextcloud answer
               fix: check shared_folder.url
    1 problem, 0 warnings
    exit code 78
    Shared folders
      problem  shared folders cannot be removed from nextcloud user meet at http://127.0.0.1:[port]/: HTTP 302, a redirect, which is not followed
               fix: give the final address as shared_folder.url (it points to https://elsewhere.example.org)
    1 problem, 0 warnings
    exit code 69
    Shared folders
      problem  shared folders cannot be removed from nextcloud user meet at http://127.0.0.1:[port]/: no valid answer: Connection reset by peer (os error 104)
               fix: check shared_folder.url and that the server is up
    1 problem, 0 warnings
    exit code 78
    Shared folders
      problem  shared folders cannot be removed from nextcloud user meet at http://127.0.0.1:[port]/: Nextcloud does not know the request for shares
               fix: is its app files_sharing enabled?
    1 problem, 0 warnings
    ");
    assert!(cloud.requests().iter().all(|request| request.method == "GET"));
    assert_eq!(cloud.folders(), ["opentalk/some meeting"]);
}

#[test]
fn a_name_to_log_in_with_is_no_user_id() {
    let mut site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    let cloud = Nextcloud::start().unwrap();
    use_cloud(&mut site, &cloud);
    let other = r#"{"ocs":{"meta":{"statuscode":200,"message":"OK"},"data":{"id":"another"}}}"#;
    cloud.answer("/cloud/user", Answer::Raw(200, "application/json", other.to_owned()));
    let said = trouble(&site, &doctor(&site, 78));
    assert!(said.contains("fix: set shared_folder.username to the id"), "{said}");
    cloud.behave();
    let (url, user) = (cloud.url(), nextcloud::USERNAME);
    let keys = format!("provider = \"nextcloud\"\nurl = {url:?}\nusername = {user:?}\npassword = {WRONG_SECRET:?}");
    site.set("shared_folder", &keys);
    let said = trouble(&site, &doctor(&site, 78));
    assert!(said.contains("user name or password refused"), "{said}");
}

#[test]
fn a_realm_that_would_not_tell_about_accounts() {
    let mut site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    let realm = Keycloak::start().unwrap();
    site.set_identity(&realm, "");
    assert!(trouble(&site, &doctor(&site, 4)).contains("/admin/realms/meet lists no account at all"));
    realm.add([keycloak::User::new("alice", true)]);
    assert!(doctor(&site, 0).stdout.contains("/admin/realms/meet lists accounts"));
    for (needle, answer, code, expected) in [
        ("/users", keycloak::Answer::Status(403), 78, "view-users"),
        ("/token", keycloak::Answer::Status(401), 78, "identity.client_secret"),
        ("/.well-known/", keycloak::Answer::Status(404), 78, "identity.authority"),
        ("/users", keycloak::Answer::Status(503), 69, "look at the log of the identity provider"),
    ] {
        realm.behave();
        realm.answer(needle, answer);
        let said = trouble(&site, &doctor(&site, code));
        assert!(said.contains("Identity provider") && said.contains(expected), "{said}");
    }
}
