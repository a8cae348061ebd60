use secrecy::ExposeSecret;

use super::{Machine, load, refusal};

const KEYCLOAK: &str = "[identity]
api_base_url = 'https://id.example.org/admin/realms/meet'
authority = 'https://id.example.org/realms/meet'
client_id = 'upkeep'
client_secret = 'hunter2'
";

#[test]
fn a_complete_section_is_taken() {
    let identity = load(KEYCLOAK).identity.unwrap();
    assert_eq!(identity.api_base_url, "https://id.example.org/admin/realms/meet");
    assert_eq!((&*identity.authority, &*identity.client_id), ("https://id.example.org/realms/meet", "upkeep"));
    assert_eq!(identity.client_secret.expose_secret(), "hunter2");
    assert_eq!(identity.external_id_user_attribute_name, None);
    let identity = load(&format!("{KEYCLOAK}external_id_user_attribute_name = 'uid'")).identity.unwrap();
    assert_eq!(identity.external_id_user_attribute_name.as_deref(), Some("uid"));
}

#[test]
fn the_secret_may_come_from_elsewhere() {
    let machine = Machine::new();
    machine.write("here/secret", "from a file\n");
    machine.write("credentials/identity.client_secret", "from systemd");
    let credentials = machine.path("credentials").to_str().unwrap().to_owned();
    let without = KEYCLOAK.replace("client_secret = 'hunter2'", "");
    for (file, variable, expected) in [
        (format!("{without}client_secret_file = 'secret'"), ("NOTHING", ""), "from a file"),
        (without.clone(), ("CREDENTIALS_DIRECTORY", &*credentials), "from systemd"),
        (without.clone(), ("UPKEEP_IDENTITY__CLIENT_SECRET_FILE", "secret"), "from a file"),
        (KEYCLOAK.to_owned(), ("UPKEEP_IDENTITY__CLIENT_SECRET", "from a variable"), "from a variable"),
    ] {
        let config = machine.load(file, &[variable]).unwrap();
        assert_eq!(config.identity.as_ref().unwrap().client_secret.expose_secret(), expected);
        assert!(!format!("{config:?}{}", config.show()).contains(expected));
    }
}

#[test]
fn no_section_and_an_empty_one_are_none() {
    assert!(load("").identity.is_none());
    assert!(load("[identity]").identity.is_none());
}

#[test]
fn an_incomplete_section_is_refused_whatever_is_missing() {
    for missing in ["api_base_url", "authority", "client_id", "client_secret"] {
        let lines = KEYCLOAK.lines().filter(|line| !line.starts_with(missing)).collect::<Vec<_>>().join("\n");
        assert!(refusal(&lines).starts_with(&format!("identity.{missing} is missing\nhint: set {missing}")));
    }
    assert!(
        refusal("identity.external_id_user_attribute_name = 'uid'").starts_with("identity.api_base_url is missing")
    );
}

#[test]
fn wrong_values_are_refused_with_their_place() {
    for (right, wrong, told) in [
        (
            "= 'https://id.example.org/admin",
            "= 'id.example.org/admin",
            "identity.api_base_url (~~/here/upkeep.toml, line 2) ",
        ),
        (
            "= 'https://id.example.org/realms",
            "= 'https://u:hunter2@id/realms",
            "identity.authority (~~/here/upkeep.toml, line 3) ",
        ),
        ("'upkeep'", "' '", "identity.client_id (~~/here/upkeep.toml, line 4) is empty"),
        ("'hunter2'", "\"hunter2\\n\"", "identity.client_secret (~~/here/upkeep.toml, line 5) "),
    ] {
        let refusal = refusal(&KEYCLOAK.replace(right, wrong));
        assert!(refusal.starts_with(told) && !refusal.contains("hunter2"), "{refusal}");
    }
}
