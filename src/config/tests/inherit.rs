//! Taking from the platform's own configuration.

use std::fs;

use secrecy::ExposeSecret;
use upkeep_jobs::kit::StorageSettings;
use upkeep_jobs::platform::storage::S3Settings;

use super::{Machine, package_file};
use crate::config::Config;

pub(super) const CONTROLLER: &str = include_str!("controller.toml");
const INHERIT: &str = "inherit = '../etc/controller.toml'\n";

/// A machine with this configuration of the controller.
fn with(controller: &str) -> Machine {
    let machine = Machine::new();
    machine.write("etc/controller.toml", controller);
    machine
}

/// What upkeep makes of `own`, after the line that inherits, with these variables.
pub(super) fn inheriting(controller: &str, own: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    let machine = with(controller);
    machine.load(format!("{INHERIT}{own}"), variables).map_err(|problem| machine.told(problem))
}

fn s3(config: &Config) -> &S3Settings {
    match &config.storage {
        StorageSettings::S3(s3) => s3,
        other => panic!("not S3: {other:?}"),
    }
}

/// The controller's configuration without a section and what is below it.
pub(super) fn without(section: &str) -> String {
    let mut kept = true;
    let keep = |line: &&str| {
        if line.starts_with('[') {
            kept = !line.starts_with(&format!("[{section}]")) && !line.starts_with(&format!("[{section}."));
        }
        kept
    };
    CONTROLLER.lines().filter(keep).map(|line| format!("{line}\n")).collect()
}

#[test]
fn one_line_of_configuration_is_enough() {
    let config = inheriting(CONTROLLER, "", &[]).unwrap();
    assert_eq!(config.database.to_string(), "postgres://controller:***@db.example.org:5432/opentalk");
    let store = s3(&config);
    assert_eq!((&*store.uri, &*store.bucket), ("http://minio.example.org:9000", "controller"));
    assert_eq!((&*store.access_key, store.secret_key.expose_secret()), ("controller's key", "hunter2 of the store"));
    assert_eq!((&*store.region, store.force_path_style), ("us-east-1", true));
    let identity = config.identity.unwrap();
    assert_eq!(identity.api_base_url, "https://id.example.org/auth/admin/realms/MEET");
    assert_eq!(identity.authority, "https://id.example.org/auth/realms/MEET");
    assert_eq!((&*identity.client_id, identity.client_secret.expose_secret()), ("UserSearch", "hunter2 of the search"));
    assert_eq!(identity.external_id_user_attribute_name.as_deref(), Some("uid"));
    let folders = config.shared_folder.unwrap();
    assert_eq!((&*folders.url, &*folders.username), ("https://cloud.example.org/", "opentalk"));
    assert_eq!(folders.password.expose_secret(), "hunter2 of the cloud");
    assert!(config.safety.deletion);
}

#[test]
fn whatever_toml_has_may_stand_in_the_rest_of_the_file() {
    let rest = "\n[odd]\nday = 2024-02-29\nhour = 07:32:00.5\nthen = 1979-05-27T07:32:00Z\nhere = 1979-05-27 07:32:00\n\
        huge = 18446744073709551615\nhex = 0xFF\nsmall = -1e-9\nbeyond = -inf\nnone = nan\n\
        'a key' = \"\"\"\nmany\nlines \\\n\"\"\"\nraw = '''\n[minio]\nuri = 5'''\n\
        [[odd.tables]]\nname = 'x'\n[[odd.tables.inner]]\nlist = [[1, 2], ['a'], [{ b = {} }]]\n[[odd.tables]]\n\
        [odd.\"minio\".database]\nurl = 5\n[\"\"]\n";
    let file = format!("\u{feff}{CONTROLLER}{rest}").replace('\n', "\r\n");
    let config = inheriting(&file, "", &[]).unwrap();
    assert_eq!(s3(&config).uri, "http://minio.example.org:9000");
    assert!(config.identity.is_some() && config.shared_folder.is_some());
    let dotted = "database.url = 'postgres://c@db/x'\nminio = { uri = 'http://s3', bucket = 'bbb', access_key = 'k', \
                  secret_key = 's' }\nshared_folder = { provider = 'nextcloud', url = 'https://c/', username = 'u', password = 'p' }";
    assert_eq!(s3(&inheriting(dotted, "", &[]).unwrap()).bucket, "bbb");
    for (wrong, place) in [("[[minio]]", "minio in ~~/here/../etc/controller.toml, line 44"), ("[minio", "line 44")] {
        let told = inheriting(&CONTROLLER.replace("[minio]", wrong), "", &[]).unwrap_err();
        assert!(told.contains(place) && !told.contains("hunter2"), "{told}");
    }
}

#[test]
fn what_is_inherited_is_shown_with_where_it_is_from() {
    let machine = with(CONTROLLER);
    let variables = [
        ("OPENTALK_CTRL_MINIO__REGION", "eu-central-1"),
        ("OPENTALK_CTRL_DATABASE__URL", "postgres://c:hunter2@other/x"),
        ("UPKEEP_SHARED_FOLDER__USERNAME", "upkeep"),
    ];
    let own = format!("{INHERIT}[storage]\nbucket = 'mine'\n[identity]\nclient_id = 'upkeep'");
    let config = machine.load(own, &variables).unwrap();
    let shown = config.show().replace(machine.path("").to_str().unwrap().trim_end_matches('/'), "~~");
    assert!(!shown.contains("hunter2") && !format!("{config:?}").contains("hunter2"), "{shown}");
    insta::assert_snapshot!(shown, @r##"
    # configuration file: ~~/here/upkeep.toml
    inherit = "~~/here/../etc/controller.toml"  # named by ~~/here/upkeep.toml, line 1

    [database]
    url = "postgres://c:***@other/x"                       # inherited from the environment variable OPENTALK_CTRL_DATABASE__URL

    [storage]
    kind = "s3"                                            # inherited from [minio] in ~~/here/../etc/controller.toml
    uri = "http://minio.example.org:9000"                  # inherited from minio.uri in ~~/here/../etc/controller.toml, line 45
    bucket = "mine"                                        # ~~/here/upkeep.toml
    region = "eu-central-1"                                # inherited from the environment variable OPENTALK_CTRL_MINIO__REGION
    access_key = "***"                                     # inherited from minio.access_key in ~~/here/../etc/controller.toml, line 47
    secret_key = "***"                                     # inherited from minio.secret_key in ~~/here/../etc/controller.toml, line 48
    force_path_style = true                                # default

    [identity]
    # inherited from user_search.api_base_url in ~~/here/../etc/controller.toml, line 31
    api_base_url = "https://id.example.org/auth/admin/realms/MEET"
    authority = "https://id.example.org/auth/realms/MEET"  # inherited from oidc.authority in ~~/here/../etc/controller.toml, line 20
    client_id = "upkeep"                                   # ~~/here/upkeep.toml
    client_secret = "***"                                  # inherited from user_search.client_secret in ~~/here/../etc/controller.toml, line 33
    external_id_user_attribute_name = "uid"                # inherited from user_search.external_id_user_attribute_name in ~~/here/../etc/controller.toml, line 34

    [shared_folder]
    provider = "nextcloud"                                 # inherited from shared_folder.provider in ~~/here/../etc/controller.toml, line 51
    url = "https://cloud.example.org/"                     # inherited from shared_folder.url in ~~/here/../etc/controller.toml, line 52
    username = "upkeep"                                    # environment UPKEEP_SHARED_FOLDER__USERNAME
    password = "***"                                       # inherited from shared_folder.password in ~~/here/../etc/controller.toml, line 54

    [metrics]  # not configured

    [notify]  # not configured

    [safety]
    deletion = true                                        # default
    max_affected_percent = 10                              # default
    max_affected_floor = 100                               # default
    room_minimum_age = "0s"                                # default
    "##);
}

#[test]
fn what_is_shown_of_it_means_the_same_but_for_secrets() {
    let machine = with(CONTROLLER);
    let first = machine.load(INHERIT, &[]).unwrap();
    let values = |config: &Config| -> Vec<String> {
        let shown = config.show();
        let lines = shown.lines().filter(|line| !line.starts_with('#') && !line.contains("***"));
        lines.map(|line| line.split("  #").next().unwrap().trim_end().to_owned()).collect()
    };
    let second = machine.load(values(&first).join("\n"), &[]).unwrap();
    assert_eq!(values(&first), values(&second));
}

#[test]
fn every_value_can_be_overridden_at_every_level() {
    // Upkeep's environment, its file, the controller's environment, the controller's file, the default.
    let region = |levels: usize| {
        let controller = match levels > 1 {
            true => CONTROLLER.replace("[minio]\n", "[minio]\nregion = 'controller-file'\n"),
            false => CONTROLLER.to_owned(),
        };
        let own = if levels > 3 { "storage.region = 'upkeep-file'" } else { "" };
        let variables =
            [("UPKEEP_STORAGE__REGION", "upkeep-variable"), ("OPENTALK_CTRL_MINIO__REGION", "controller-variable")];
        let set: Vec<_> = match levels {
            0..=2 => vec![],
            3 | 4 => variables[1..].to_vec(),
            _ => variables.to_vec(),
        };
        s3(&inheriting(&controller, own, &set).unwrap()).region.clone()
    };
    let levels = ["us-east-1", "us-east-1", "controller-file", "controller-variable", "upkeep-file", "upkeep-variable"];
    for (level, expected) in levels.into_iter().enumerate() {
        assert_eq!(region(level), expected);
    }
}

#[test]
fn the_controllers_variables_override_every_key_that_is_read() {
    let variables = [
        ("OPENTALK_CTRL_DATABASE__URL", "postgres://u@h/variable"),
        ("OPENTALK_CTRL_MINIO__URI", "http://variable:9000"),
        ("OPENTALK_CTRL_MINIO__BUCKET", "variable"),
        ("OPENTALK_CTRL_MINIO__ACCESS_KEY", "variable"),
        ("OPENTALK_CTRL_MINIO__SECRET_KEY", "variable"),
        ("OPENTALK_CTRL_MINIO__REGION", "variable"),
        ("OPENTALK_CTRL_MINIO__FORCE_PATH_STYLE", "false"),
        ("OPENTALK_CTRL_OIDC__CONTROLLER__AUTHORITY", "https://variable/realms/x"),
        ("OPENTALK_CTRL_USER_SEARCH__API_BASE_URL", "https://variable/admin"),
        ("OPENTALK_CTRL_USER_SEARCH__CLIENT_ID", "variable"),
        ("OPENTALK_CTRL_USER_SEARCH__CLIENT_SECRET", "variable"),
        ("OPENTALK_CTRL_USER_SEARCH__EXTERNAL_ID_USER_ATTRIBUTE_NAME", "variable"),
        ("OPENTALK_CTRL_SHARED_FOLDER__PROVIDER", "nextcloud"),
        ("OPENTALK_CTRL_SHARED_FOLDER__URL", "https://variable/"),
        // The controller reads it in any case.
        ("opentalk_ctrl_shared_folder__username", "variable"),
        ("OPENTALK_CTRL_SHARED_FOLDER__PASSWORD", "variable"),
    ];
    let expected = |config: &Config| {
        let (store, identity, folders) =
            (s3(config), config.identity.as_ref().unwrap(), config.shared_folder.as_ref().unwrap());
        assert_eq!(config.database.to_string(), "postgres://u@h/variable");
        assert_eq!((&*store.uri, &*store.bucket, &*store.region), ("http://variable:9000", "variable", "variable"));
        assert_eq!((&*store.access_key, store.secret_key.expose_secret()), ("variable", "variable"));
        assert!(!store.force_path_style);
        assert_eq!(
            (&*identity.authority, &*identity.api_base_url),
            ("https://variable/realms/x", "https://variable/admin")
        );
        assert_eq!((&*identity.client_id, identity.client_secret.expose_secret()), ("variable", "variable"));
        assert_eq!(identity.external_id_user_attribute_name.as_deref(), Some("variable"));
        assert_eq!((&*folders.url, &*folders.username), ("https://variable/", "variable"));
        assert_eq!(folders.password.expose_secret(), "variable");
    };
    expected(&inheriting(CONTROLLER, "", &variables).unwrap());
    // The same out of nothing but variables, as in a container.
    let backend = ("OPENTALK_CTRL_USER_SEARCH__BACKEND", "keycloak_webapi");
    expected(&inheriting("", "", &[&variables[..], &[backend]].concat()).unwrap());
}

#[test]
fn the_controllers_variables_count_only_when_inheriting() {
    let machine = with(CONTROLLER);
    let variables =
        [("OPENTALK_CTRL_DATABASE__URL", "postgres://u@h/d"), ("OPENTALK_CTRL_MINIO__FORCE_PATH_STYLE", "maybe")];
    let config = machine.load("", &variables).unwrap();
    assert!(!config.database.is_postgres() && matches!(config.storage, StorageSettings::Embedded(_)));
}

#[test]
fn a_storage_of_its_own_wins_whole() {
    let config = inheriting(CONTROLLER, "[storage]\nkind = 'directory'\npath = '/srv/objects'", &[]).unwrap();
    assert!(matches!(&config.storage, StorageSettings::Directory(path) if path.to_str() == Some("/srv/objects")));
    assert!(!config.show().contains("minio"), "{}", config.show());
    let broken = CONTROLLER.replace("bucket = \"controller\"", "bucket = 5");
    assert!(inheriting(&broken, "[storage]\nkind = 'directory'\npath = '/srv/objects'", &[]).is_ok());
    let told = inheriting(CONTROLLER, "[storage]\npath = '/srv/objects'", &[]).unwrap_err();
    assert_eq!(
        told,
        "storage.path (~~/here/upkeep.toml, line 3) is set, but the storage is inherited, and that is S3\n\
         hint: add kind = \"directory\" to [storage], or remove the path"
    );
    let told = inheriting(&without("minio"), "", &[]).unwrap_err();
    assert!(told.starts_with("storage.kind is missing, and a platform with PostgreSQL has no default"), "{told}");
}

#[test]
fn a_relative_path_starts_at_what_names_it_and_the_variable_wins() {
    let machine = Machine::new();
    machine.write("etc/upkeep/beside.toml", "database.url = 'postgres://beside/x'\nminio.uri = 'https://s3'");
    machine.write("here/around.toml", "database.url = 'postgres://around/x'");
    let own = machine
        .write("etc/upkeep/upkeep.toml", "inherit = 'beside.toml'\nstorage.kind = 'directory'\nstorage.path = '/srv'");
    let environment = machine.environment([("UPKEEP_CONFIG", &*own)]);
    assert_eq!(Config::load(None, &environment).unwrap().database.to_string(), "postgres://beside/x");
    let environment = machine.environment([("UPKEEP_CONFIG", &*own), ("UPKEEP_INHERIT", "around.toml")]);
    let config = Config::load(None, &environment).unwrap();
    assert_eq!(config.database.to_string(), "postgres://around/x");
    assert_eq!(config.inherited_file(), Some(&*machine.path("here/around.toml")));
    assert!(config.show().contains("around.toml\"  # named by UPKEEP_INHERIT\n"), "{}", config.show());
}

#[test]
fn the_variable_alone_is_enough() {
    let machine = with(CONTROLLER);
    let file = machine.path("etc/controller.toml");
    let environment = machine.environment([("UPKEEP_INHERIT", file.as_os_str())]);
    assert!(Config::load(None, &environment).unwrap().database.is_postgres());
}

#[test]
fn the_example_inherits_everything() {
    let machine = with(CONTROLLER);
    let example = fs::read_to_string(package_file("examples/upkeep-opentalk.toml")).unwrap();
    assert!(example.contains("inherit = \"/etc/opentalk/controller.toml\"\n"), "{example}");
    let example =
        example.replace("/etc/opentalk/controller.toml", machine.path("etc/controller.toml").to_str().unwrap());
    let config = machine.load(example, &[]).unwrap();
    assert!(config.database.is_postgres() && config.identity.is_some() && config.shared_folder.is_some());
}
