use secrecy::ExposeSecret;
use upkeep_jobs::kit::StorageSettings;
use upkeep_jobs::platform::storage::S3Settings;

use super::{Machine, load, refusal};

const S3: &str = "[storage]
kind = 's3'
uri = 'https://s3.example.org'
bucket = 'controller'
access_key = 'id'
secret_key = 'hunter2'
";

fn s3(contents: &str) -> S3Settings {
    match load(contents).storage {
        StorageSettings::S3(s3) => s3,
        _ => panic!("not S3"),
    }
}

#[test]
fn s3_takes_its_defaults_for_region_and_addressing() {
    let s3 = s3(S3);
    assert_eq!((&*s3.uri, &*s3.bucket, &*s3.region), ("https://s3.example.org", "controller", "us-east-1"));
    assert_eq!((&*s3.access_key, s3.secret_key.expose_secret()), ("id", "hunter2"));
    assert!(s3.force_path_style);
}

#[test]
fn s3_takes_what_is_set() {
    let s3 = s3(&format!("{S3}region = 'eu-central-1'\nforce_path_style = false"));
    assert_eq!((&*s3.region, s3.force_path_style), ("eu-central-1", false));
}

#[test]
fn s3_names_what_is_missing_and_the_ways_to_set_it() {
    for missing in ["uri", "bucket", "access_key", "secret_key"] {
        let lines = S3.lines().filter(|line| !line.starts_with(missing)).collect::<Vec<_>>().join("\n");
        let told = refusal(&lines);
        assert!(told.starts_with(&format!("storage.{missing} is missing\nhint: set {missing} in [storage]")), "{told}");
    }
    assert_eq!(
        refusal(&S3.replace("secret_key = 'hunter2'", "")),
        "storage.secret_key is missing\n\
         hint: set secret_key in [storage] of the configuration file, or UPKEEP_STORAGE__SECRET_KEY, or name a file \
         that holds it with secret_key_file or UPKEEP_STORAGE__SECRET_KEY_FILE"
    );
}

#[test]
fn keys_of_s3_without_a_kind_are_refused() {
    assert_eq!(
        refusal(&S3.replace("kind = 's3'", "")),
        "storage.uri (~~/here/upkeep.toml, line 3) is set, but storage.kind is not\n\
         hint: add kind = \"s3\" to [storage], or remove the keys for S3"
    );
    let told = Machine::new().refusal("", &[("UPKEEP_STORAGE__SECRET_KEY", "hunter2")]);
    assert!(told.contains("UPKEEP_STORAGE__SECRET_KEY is set, but storage.kind is not"), "{told}");
}

#[test]
fn an_explicit_kind_makes_the_other_kinds_keys_idle() {
    let config = load(&S3.replace("'s3'", "'directory'"));
    assert!(matches!(config.storage, StorageSettings::Directory(_)));
    let config = load(&format!("{S3}path = '/srv/objects'"));
    assert!(matches!(config.storage, StorageSettings::S3(_)));
}

#[test]
fn an_unknown_kind_is_refused() {
    let told = refusal("storage.kind = 's4'");
    assert_eq!(told, "storage.kind (~~/here/upkeep.toml, line 1) must be \"s3\" or \"directory\", not \"s4\"");
}

#[test]
fn postgresql_without_a_kind_of_storage_is_refused() {
    for storage in ["", "storage.path = '/srv/objects'"] {
        assert_eq!(
            refusal(&format!("database.url = 'postgres://db/x'\n{storage}")),
            "storage.kind is missing, and a platform with PostgreSQL has no default for it\n\
             hint: say in [storage] where the platform keeps its objects: kind = \"s3\" or \"directory\", and what it \
             needs"
        );
    }
    let config = load("database.url = 'postgres://db/x'\nstorage.kind = 'directory'");
    assert!(matches!(config.storage, StorageSettings::Directory(_)));
}

#[test]
fn only_the_untouched_default_is_upkeeps_own_directory() {
    assert!(matches!(load("").storage, StorageSettings::Embedded(_)));
    for touched in ["storage.kind = 'directory'", "storage.path = 'objects'", "database.url = 'sqlite:x.db'"] {
        assert!(matches!(load(touched).storage, StorageSettings::Directory(_)), "{touched}");
    }
}

#[test]
fn a_directory_is_absolute_afterwards() {
    let machine = Machine::new();
    for (text, path) in
        [("", "home/.local/state/upkeep/objects"), ("path = 'a/b'", "here/a/b"), ("path = './a'", "here/./a")]
    {
        let config = machine.load(format!("[storage]\n{text}"), &[]).unwrap();
        assert!(config.show().contains(&format!("path = {:?}", machine.path(path))), "{}", config.show());
        let (StorageSettings::Directory(loaded) | StorageSettings::Embedded(loaded)) = config.storage else {
            panic!("not a directory")
        };
        assert_eq!(loaded, machine.path(path));
    }
    let config = machine.load("[storage]\npath = '/srv/öbjects'", &[]).unwrap();
    assert!(matches!(config.storage, StorageSettings::Directory(path) if path.to_str() == Some("/srv/öbjects")));
    assert!(machine.refusal("[storage]\npath = '~/objects'", &[]).contains("starts with ~, which only shells expand"));
}

#[test]
fn endpoints_that_are_no_base_urls_are_refused_without_repeating_them() {
    for wrong in [
        "s3.example.org",
        "s3://hunter2",
        "https:s3.example.org",
        "https://",
        "https:///s3.example.org",
        "https://s3 .example.org",
        "https:\\\\s3.example.org",
        "https://s3.example.org:hunter2",
        "https://id:hunter2@s3.example.org",
        "https://@s3.example.org",
        "https://s3.example.org/?hunter2",
        "https://s3.example.org/#x",
        "https://[::1",
        "file:///srv",
    ] {
        let told = refusal(&S3.replace("https://s3.example.org", wrong));
        assert!(told.starts_with("storage.uri (~~/here/upkeep.toml, line 3) "), "{wrong}: {told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
    for right in ["http://127.0.0.1:9000", "http://[::1]:9000/", "https://example.org/s3"] {
        load(&S3.replace("https://s3.example.org", right));
    }
}

#[test]
fn names_that_would_change_the_request_are_refused() {
    for (name, right, wrong) in [
        ("bucket", "bucket = 'controller'", "bucket = 'a/b'"),
        ("bucket", "bucket = 'controller'", "bucket = '..'"),
        ("bucket", "bucket = 'controller'", "bucket = 'a?b'"),
        ("bucket", "bucket = 'controller'", "bucket = 'bücket'"),
        ("region", "bucket = 'controller'", "bucket = 'controller'\nregion = 'eu central'"),
        ("secret_key", "secret_key = 'hunter2'", "secret_key = \"hunter2\\nhunter2\""),
        ("access_key", "access_key = 'id'", "access_key = \"hunter2\\r\""),
    ] {
        let told = refusal(&S3.replace(right, wrong));
        assert!(told.starts_with(&format!("storage.{name} (~~/here/upkeep.toml, line ")), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}
