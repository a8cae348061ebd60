//! Which realm and which client follow from the platform's own configuration.

use secrecy::ExposeSecret;
use upkeep_jobs::platform::identity::IdentitySettings;

use super::inherit::{CONTROLLER, inheriting, without};

fn identity(controller: &str) -> Option<IdentitySettings> {
    inheriting(controller, "", &[]).unwrap().identity
}

#[test]
fn the_search_falls_back_to_the_controllers_own_client() {
    let controller = CONTROLLER
        .replace("client_id = \"UserSearch\"\n", "")
        .replace("client_secret = \"hunter2 of the search\"\n", "")
        .replace("[oidc.controller]\n", "[oidc.controller]\nauthority = 'https://inner.example.org/realms/MEET'\n");
    let identity = identity(&controller).unwrap();
    assert_eq!(
        (&*identity.client_id, identity.client_secret.expose_secret()),
        ("Controller", "hunter2 of the controller")
    );
    assert_eq!(identity.authority, "https://inner.example.org/realms/MEET");
}

#[test]
fn without_keycloaks_api_there_is_no_identity_unless_upkeep_completes_it() {
    let other = CONTROLLER.replace("keycloak_webapi", "ldap");
    for controller in [&*without("user_search"), &other, &CONTROLLER.replace("backend = \"keycloak_webapi\"\n", "")] {
        assert!(identity(controller).is_none());
        assert!(inheriting(controller, "", &[]).unwrap().show().contains("[identity]  # not configured"));
    }
    let own = "[identity]\napi_base_url = 'https://id.example.org/mine'";
    let completed = inheriting(&without("user_search"), own, &[]).unwrap().identity.unwrap();
    assert_eq!((&*completed.client_id, &*completed.api_base_url), ("Controller", "https://id.example.org/mine"));
    let told = inheriting(&without("oidc"), "", &[]).unwrap_err();
    assert!(told.starts_with("identity.authority is missing\nhint: set authority in [identity]"), "{told}");
    assert!(told.ends_with("; or oidc.controller.authority in ~~/here/../etc/controller.toml"), "{told}");
}

const KEYCLOAK: &str = "
[keycloak]
base_url = 'https://id.example.org/auth/'
realm = 'our meetings'
client_id = 'Old'
client_secret = 'hunter2 of old'
external_id_user_attribute_name = 'old_uid'
";

#[test]
fn the_older_section_names_a_realm() {
    let before = without("oidc") + KEYCLOAK;
    // Without [oidc] the controller looks at no [user_search].
    for controller in [&before, &before.replace("[user_search]", "[unused]")] {
        let old = identity(controller).unwrap();
        assert_eq!(old.authority, "https://id.example.org/auth/realms/our%20meetings");
        assert_eq!(old.api_base_url, "https://id.example.org/auth/admin/realms/our%20meetings");
        assert_eq!((&*old.client_id, old.client_secret.expose_secret()), ("Old", "hunter2 of old"));
        assert_eq!(old.external_id_user_attribute_name.as_deref(), Some("old_uid"));
    }
    let newer = identity(&format!("{CONTROLLER}{KEYCLOAK}")).unwrap();
    assert_eq!((&*newer.client_id, &*newer.authority), ("UserSearch", "https://id.example.org/auth/realms/MEET"));
    let config = inheriting(&before, "", &[("OPENTALK_CTRL_KEYCLOAK__REALM", "other")]).unwrap();
    assert_eq!(config.identity.as_ref().unwrap().authority, "https://id.example.org/auth/realms/other");
    assert!(config.show().contains("and the environment variable OPENTALK_CTRL_KEYCLOAK__REALM"), "{}", config.show());
    let told = inheriting(&before.replace("realm = 'our meetings'\n", ""), "", &[]).unwrap_err();
    assert!(told.starts_with("identity.api_base_url is missing"), "{told}");
}
