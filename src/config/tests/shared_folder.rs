use secrecy::ExposeSecret;

use super::{load, refusal};

const NEXTCLOUD: &str = "[shared_folder]
provider = 'nextcloud'
url = 'https://cloud.example.org/cloud'
username = 'meet'
password = 'hunter2'
";

#[test]
fn a_complete_section_is_taken() {
    let folders = load(NEXTCLOUD).shared_folder.unwrap();
    assert_eq!((&*folders.url, &*folders.username), ("https://cloud.example.org/cloud", "meet"));
    assert_eq!(folders.password.expose_secret(), "hunter2");
}

#[test]
fn no_section_and_an_empty_one_are_none() {
    assert!(load("").shared_folder.is_none());
    assert!(load("[shared_folder]").shared_folder.is_none());
}

#[test]
fn an_incomplete_section_is_refused_whatever_is_missing() {
    for missing in ["provider", "url", "username", "password"] {
        let lines = NEXTCLOUD.lines().filter(|line| !line.starts_with(missing)).collect::<Vec<_>>().join("\n");
        assert!(refusal(&lines).starts_with(&format!("shared_folder.{missing} is missing\nhint: set {missing}")));
    }
}

#[test]
fn wrong_values_are_refused() {
    for (right, wrong, told) in [
        ("'nextcloud'", "'dropbox'", "must be \"nextcloud\", not \"dropbox\""),
        ("https://", "ftp://", "must start with https:// or http://"),
        ("https://", "https://meet:hunter2@", "contains a user name or password"),
        ("'meet'", "'../meet'", "is no Nextcloud user id"),
        ("'meet'", "'..'", "is no Nextcloud user id"),
        ("'meet'", "'meet:x'", "is no Nextcloud user id"),
        ("'meet'", "' '", "is empty"),
        ("'hunter2'", "''", "is empty"),
    ] {
        let refusal = refusal(&NEXTCLOUD.replace(right, wrong));
        assert!(refusal.contains(told) && !refusal.contains("hunter2"), "{refusal}");
    }
}
