//! Settings that can and cannot work.

use super::*;

fn with(change: impl FnOnce(&mut IdentitySettings)) -> IdentitySettings {
    let mut settings = IdentitySettings::new(
        "https://id.example.org/admin/realms/meet",
        "https://id.example.org/realms/meet",
        "upkeep",
        SecretString::from("hunter2"),
    );
    change(&mut settings);
    settings
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let url = |text: &str| text.to_owned();
    for (settings, key) in [
        (with(|s| s.api_base_url = url("id.example.org")), "identity.api_base_url"),
        (with(|s| s.api_base_url = url("")), "identity.api_base_url"),
        (with(|s| s.api_base_url = url("https://me:hunter2@id.example.org/")), "identity.api_base_url"),
        (with(|s| s.api_base_url = url("https://id.example.org/?realm=meet")), "identity.api_base_url"),
        (with(|s| s.authority = url("ftp://id.example.org/realms/meet")), "identity.authority"),
        (with(|s| s.authority = url("https:///realms/meet")), "identity.authority"),
        (with(|s| s.client_id = url(" ")), "identity.client_id"),
        (with(|s| s.client_id = url("a\nb")), "identity.client_id"),
        (with(|s| s.client_secret = SecretString::from("")), "identity.client_secret"),
        (with(|s| s.external_id_user_attribute_name = Some(url(""))), "identity.external_id_user_attribute_name"),
    ] {
        assert_eq!(settings.check().unwrap_err().key, key);
        let problem = Identity::keycloak(&settings, false).unwrap_err();
        assert_eq!(problem.kind(), Kind::Configuration);
        let text = in_words(problem);
        assert!(text.contains(key) && !text.contains("hunter2"), "{text}");
    }
    assert_eq!(with(|_| {}).check(), Ok(()));
    assert!(!format!("{:?} {:?}", with(|_| {}), Identity::keycloak(&with(|_| {}), true)).contains("hunter2"));
}

#[test]
fn addresses_may_end_in_slashes_and_have_paths() {
    let server = Keycloak::start_under("/auth").unwrap();
    server.add([User::new("a", true)]);
    let mut settings = settings(&server);
    settings.api_base_url.push('/');
    settings.authority.push_str("//");
    let client = Identity::keycloak(&settings, false).unwrap();
    assert_eq!(client.location(), server.api_base_url());
    assert_eq!(list(&client, 100).unwrap().listed(), 1);
}
