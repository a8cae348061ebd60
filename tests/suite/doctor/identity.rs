//! The doctor on the identity provider.

use insta::assert_snapshot;
use upkeep_test_servers::keycloak::{Answer, CLIENT_ID, CLIENT_SECRET, Keycloak, User};

use super::{doctor, findings, trouble};
use crate::site::{DatabaseKind, Site, StorageKind, WRONG_SECRET};

fn site(keycloak: &Keycloak, secret: &str) -> Site {
    let mut site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    let (api, authority) = (keycloak.api_base_url(), keycloak.authority());
    site.set(
        "identity",
        &format!(
            "api_base_url = {api:?}\nauthority = {authority:?}\nclient_id = {CLIENT_ID:?}\nclient_secret = '{secret}'"
        ),
    );
    site
}

#[test]
fn a_realm_that_lists_its_accounts_and_one_that_does_not() {
    let keycloak = Keycloak::start().unwrap();
    keycloak.add([User::new("someone", true)]);
    let healthy = site(&keycloak, CLIENT_SECRET);
    let said = findings(&healthy, &doctor(&healthy, 0));
    assert!(said.contains("/admin/realms/") && said.contains(" lists accounts\n"), "{said}");
    assert_eq!(keycloak.requests().iter().filter(|request| request.target.contains("/users?")).count(), 2);

    let wrong = site(&keycloak, WRONG_SECRET);
    let mut said = trouble(&wrong, &doctor(&wrong, 78));
    for (needle, answer, code) in [
        ("well-known", Answer::Status(404), 78),
        ("/users", Answer::Status(403), 78),
        ("/users", Answer::Status(503), 69),
        ("/users", Answer::Html(200), 1),
    ] {
        keycloak.behave();
        keycloak.answer(needle, answer);
        said += &trouble(&healthy, &doctor(&healthy, code));
    }
    assert_snapshot!(said, @"
    exit code 78
    Identity provider
      problem  cannot get a token for client upkeep & co at http://127.0.0.1:[port]/realms/meet/protocol/openid-connect/token: HTTP 401, the client is refused (unauthorized_client)
               fix: check identity.client_id and identity.client_secret, and that the client has client authentication and service account roles switched on
    1 problem, 0 warnings
    exit code 78
    Identity provider
      problem  cannot learn from http://127.0.0.1:[port]/realms/meet/.well-known/openid-configuration where tokens are issued: HTTP 404, there is no such realm
               fix: check identity.authority: it ends in /realms/ and the name of the realm
    1 problem, 0 warnings
    exit code 78
    Identity provider
      problem  cannot read 1 accounts from number 0 on at http://127.0.0.1:[port]/admin/realms/meet: HTTP 403, the client may not see the accounts (made to fail)
               fix: give the client's service account the role view-users of the client realm-management
    1 problem, 0 warnings
    exit code 69
    Identity provider
      problem  cannot read 1 accounts from number 0 on at http://127.0.0.1:[port]/admin/realms/meet: HTTP 503, the server failed or is overloaded, also after pauses (made to fail)
               fix: look at the log of the identity provider; running again is safe
    1 problem, 0 warnings
    exit code 1
    Identity provider
      problem  cannot read 1 accounts from number 0 on at http://127.0.0.1:[port]/admin/realms/meet: HTTP 200 with an HTML page instead of JSON
               fix: check identity.api_base_url, and what stands between this host and the identity provider
    1 problem, 0 warnings
    ");
}
