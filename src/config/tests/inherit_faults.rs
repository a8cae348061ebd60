//! Platform configurations that cannot be used, as far as upkeep uses them.

use std::fs;

use proptest::prelude::*;

use super::Machine;
use super::inherit::{CONTROLLER, inheriting};

#[test]
fn what_is_overridden_is_not_looked_at() {
    let broken = CONTROLLER
        .replace("url = \"postgres://controller:hunter2@db.example.org:5432/opentalk\"", "url = 5")
        .replace("[shared_folder]\n", "[shared_folder]\nunknown = 1\n");
    assert!(inheriting(&broken, "database.url = 'postgres://mine/x'", &[]).is_ok());
    let variable = [("OPENTALK_CTRL_DATABASE__URL", "postgres://variable/x")];
    assert!(inheriting(&broken, "", &variable).is_ok());
}

#[test]
fn wrong_values_name_key_and_file_and_no_secret() {
    let file = "~~/here/../etc/controller.toml";
    for (right, wrong, told) in [
        (
            "postgres://controller",
            "mysql://controller",
            "database.url, inherited from database.url in FILE, line 12, is no URL of a database that upkeep knows",
        ),
        (
            "url = \"postgres",
            "url = [\"hunter2\"]\nx = \"postgres",
            "database.url, inherited from database.url in FILE, line 12, must be a string in quotes, not an array",
        ),
        (
            "\"postgres://controller:hunter2@db.example.org:5432/opentalk\"",
            "\"host=db password=hunter2 dbname=opentalk\"",
            "database.url, inherited from database.url in FILE, line 12, is no URL",
        ),
        (
            "controller:hunter2@",
            "controller:hunter2#@",
            "database.url, inherited from database.url in FILE, line 12, is not percent-encoded properly",
        ),
        (
            "bucket = \"controller\"",
            "bucket = 5",
            "storage.bucket, inherited from minio.bucket in FILE, line 46, must be a string in quotes, not a number",
        ),
        (
            "bucket = \"controller\"",
            "bucket = \"\"",
            "storage.bucket, inherited from minio.bucket in FILE, line 46, is empty",
        ),
        (
            "bucket = \"controller\"\n",
            "",
            "storage.bucket is missing\nhint: set bucket in [storage] of the configuration file, or UPKEEP_STORAGE__BUCKET; or minio.bucket in FILE",
        ),
        (
            "uri = \"http://",
            "uri = \"ftp://hunter2",
            "storage.uri, inherited from minio.uri in FILE, line 45, must start with https://",
        ),
        (
            "secret_key = \"hunter2 of the store\"",
            "secret_key = true\nx = 'hunter2'",
            "storage.secret_key, inherited from minio.secret_key in FILE, line 48, must be",
        ),
        (
            "[minio]",
            "[minio]\nforce_path_style = 'hunter2'\n",
            "storage.force_path_style, inherited from minio.force_path_style in FILE, line 45, must be true or false, not a string",
        ),
        (
            "backend = \"keycloak_webapi\"",
            "backend = 5",
            "identity, inherited from user_search.backend in FILE, line 30, must be a string",
        ),
        (
            "api_base_url = \"https",
            "api_base_url = \"x",
            "identity.api_base_url, inherited from user_search.api_base_url in FILE, line 31, must start",
        ),
        (
            "client_secret = \"hunter2 of the search\"",
            "client_secret = ['hunter2']",
            "identity.client_secret, inherited from user_search.client_secret in FILE, line 33, must be",
        ),
        ("password = \"hunter2 of the cloud\"\n", "", "shared_folder.password is missing"),
        ("extension_of_a_later_version", "minio = 'hunter2'\nx", "minio in FILE, line 3 must be a section"),
    ] {
        let controller = CONTROLLER.replace(right, wrong);
        let controller =
            if wrong.starts_with("minio =") { controller.replace("[minio]", "[unused.minio]") } else { controller };
        let refusal = inheriting(&controller, "", &[]).unwrap_err();
        let told = told.replace("FILE", file);
        assert!(refusal.starts_with(&told) && !refusal.contains("hunter2"), "{told}\n{refusal}");
    }
    for (variable, value, told) in [
        ("OPENTALK_CTRL_DATABASE__URL", "host=hunter2", "is no URL of a database"),
        ("OPENTALK_CTRL_MINIO__FORCE_PATH_STYLE", "maybe", "must be true or false, not \"maybe\""),
        ("OPENTALK_CTRL_MINIO__SECRET_KEY", "", "is empty; give it a value or remove it"),
        ("OPENTALK_CTRL_OIDC__AUTHORITY", "https://id:hunter2@x", "contains a user name or password"),
    ] {
        let refusal = inheriting(CONTROLLER, "", &[(variable, value)]).unwrap_err();
        let place = format!("inherited from the environment variable {variable}, {told}");
        assert!(refusal.contains(&place) && !refusal.contains("hunter2"), "{refusal}");
    }
}

#[test]
fn an_address_that_upkeep_cannot_use_may_be_given_to_it_alone() {
    let controller = CONTROLLER.replace("postgres://controller:hunter2@db.example.org:5432/opentalk", "host=db");
    let told = inheriting(&controller, "", &[]).unwrap_err();
    assert!(told.ends_with("; or set it in upkeep's own configuration, which wins"), "{told}");
    assert!(inheriting(&controller, "database.url = 'postgres://db/opentalk'", &[]).is_ok());
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_what_names_it() {
    let machine = Machine::new();
    fs::create_dir(machine.path("here/folder")).unwrap();
    machine.write("here/cut.toml", "[database]\nurl = \"postgres://u:hunter2@h/d\n");
    machine.write("here/latin1.toml", b"# caf\xe9\n");
    let told = |own: &str, variables: &[(&str, &str)]| -> String { machine.refusal(own, variables) };
    assert_eq!(
        told("\ninherit = 'missing.toml'", &[]),
        "cannot read the controller's configuration ~~/here/missing.toml (named by ~~/here/upkeep.toml, line 2)\n\
         cause: No such file or directory (os error 2)\n\
         hint: create the file, or correct the path"
    );
    assert!(told("inherit = 'folder'", &[]).contains("hint: name a file, not a directory"));
    assert!(told("inherit = '/dev/zero'", &[]).contains("larger than 1 MiB"));
    assert!(told("inherit = 'latin1.toml'", &[]).contains("is not UTF-8 (line 1)"));
    let cut = told("", &[("UPKEEP_INHERIT", "cut.toml")]);
    assert!(cut.starts_with(
        "the controller's configuration ~~/here/cut.toml (named by UPKEEP_INHERIT) is no valid TOML: line 2"
    ));
    assert!(!cut.contains("hunter2"), "{cut}");
    for (own, fault) in [
        ("inherit = 5", "inherit (~~/here/upkeep.toml, line 1) must be a string in quotes, not a number"),
        ("[inherit]", "inherit (~~/here/upkeep.toml, line 1) must be a string in quotes, not a section"),
        ("inherit = ''", "inherit (~~/here/upkeep.toml, line 1) is empty"),
        ("inherit = '~/x'", "the path to inherit from (~~/here/upkeep.toml, line 1) starts with ~"),
        (
            "inherits = 'x'",
            "inherits (~~/here/upkeep.toml, line 1) stands outside of every section\nhint: did you mean inherit?",
        ),
        (
            "[database]\ninherit = 'x'",
            "database.inherit (~~/here/upkeep.toml, line 2) is not a known key\nhint: inherit belongs at the top of the file, above the first section",
        ),
    ] {
        let refusal = told(own, &[]);
        assert!(refusal.starts_with(fault), "{refusal}");
    }
    assert!(told("", &[("UPKEEP_INHERIT", "")]).starts_with("the path to inherit from (UPKEEP_INHERIT) is empty"));
}

proptest! {
    /// Whatever a controller's file holds, upkeep ends in an orderly way and keeps its secrets.
    #[test]
    fn no_controllers_file_makes_it_panic_or_tell_a_secret(
        section in "(database|minio|oidc|oidc.controller|user_search|keycloak|shared_folder)",
        key in "(url|uri|client_secret|secret_key|realm|backend|password)",
        garbage in r#"[\[\]="'\\#.{},a-z0-9\n -]{0,20}"#,
        quote in r#"["']"#,
    ) {
        let controller = format!("[{section}]\n{key} = {quote}hunter2{garbage}");
        let told = match inheriting(&controller, "", &[]) {
            Ok(config) => format!("{config:?}{}", config.show()),
            Err(told) => told,
        };
        // These are no secrets.
        let shown = matches!((&*section, &*key), (_, "uri" | "realm" | "backend") | ("shared_folder", "url"));
        if !shown {
            prop_assert!(!told.contains("hunter2"), "{}", told);
        }
    }
}
