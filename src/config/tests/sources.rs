use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use secrecy::ExposeSecret;

use super::{Machine, refusal_of_variable};
use crate::config::{Config, keys, value};

/// The parts of a shared folder that are no secret.
const FOLDER: &str = "[shared_folder]\nprovider = 'nextcloud'\nurl = 'https://c.example.org'\nusername = 'meet'\n";
const VARIABLE: &str = "UPKEEP_SHARED_FOLDER__PASSWORD";
const FILE_VARIABLE: &str = "UPKEEP_SHARED_FOLDER__PASSWORD_FILE";

fn password(config: &Config) -> &str {
    config.shared_folder.as_ref().unwrap().password.expose_secret()
}

/// The machine with a password in all five places, and the variables that name them, highest first.
fn everywhere() -> (Machine, Vec<(&'static str, String)>) {
    let machine = Machine::new();
    machine.write("here/from-file", "file");
    machine.write("credentials/shared_folder.password", "credential");
    let variables = vec![
        (VARIABLE, "variable".to_owned()),
        (FILE_VARIABLE, machine.write("from-variable", "variable's file")),
        ("CREDENTIALS_DIRECTORY", machine.path("credentials").to_str().unwrap().to_owned()),
    ];
    (machine, variables)
}

#[test]
fn environment_goes_before_its_file_before_credential_before_configuration() {
    let (machine, variables) = everywhere();
    let expected = ["variable", "variable's file", "credential", "configuration"];
    for (skipped, expected) in expected.into_iter().enumerate() {
        let variables: Vec<_> = variables.iter().skip(skipped).map(|(name, value)| (*name, value.as_str())).collect();
        let config = machine.load(format!("{FOLDER}password = 'configuration'"), &variables).unwrap();
        assert_eq!(password(&config), expected);
        if expected != "configuration" {
            let config = machine.load(format!("{FOLDER}password_file = 'from-file'"), &variables).unwrap();
            assert_eq!(password(&config), expected);
            assert_eq!(password(&machine.load(FOLDER, &variables).unwrap()), expected);
        }
    }
    let config = machine.load(format!("{FOLDER}password_file = 'from-file'"), &[]).unwrap();
    assert_eq!(password(&config), "file");
}

#[test]
fn a_source_that_loses_is_not_even_read() {
    let machine = Machine::new();
    let variables = [(VARIABLE, "variable"), (FILE_VARIABLE, "/nonexistent")];
    assert_eq!(
        password(&machine.load(format!("{FOLDER}password_file = 'nonexistent'"), &variables).unwrap()),
        "variable"
    );
}

#[test]
fn every_secret_and_nothing_else_has_a_file_and_a_credential() {
    let secrets: Vec<_> = keys::ALL.iter().filter(|key| key.is_secret()).map(|key| key.to_string()).collect();
    assert_eq!(
        secrets,
        [
            "database.url",
            "storage.access_key",
            "storage.secret_key",
            "identity.client_secret",
            "shared_folder.password",
            "notify.ping_url",
        ]
    );
    for key in keys::ALL {
        let machine = Machine::new();
        let scheme = if key.section == "notify" { "https:/" } else { "sqlite:" };
        machine.write(&format!("credentials/{key}"), format!("{scheme}/from/credential.db"));
        let file = machine.write("secret", format!("{scheme}/from/file.db"));
        let directory = machine.path("credentials").to_str().unwrap().to_owned();
        let with_credential = machine.load("storage.kind = 'directory'", &[("CREDENTIALS_DIRECTORY", &directory)]);
        let with_file = machine.load("storage.kind = 'directory'", &[(&key.file_variable(), &file)]);
        for result in [with_credential, with_file] {
            match result {
                Ok(config) => assert!(config.show().contains("  # credential") || config.show().contains("  # file")),
                Err(problem) if ["identity", "shared_folder"].contains(&key.section) && key.is_secret() => {
                    assert!(problem.to_string().ends_with(" is missing"), "{problem}");
                }
                Err(problem) => {
                    assert!(!key.is_secret() && machine.told(problem).contains(" is not known"), "{key}");
                }
            }
        }
    }
}

#[test]
fn both_a_key_and_its_file_in_one_configuration_are_one_too_many() {
    let machine = Machine::new();
    machine.write("here/secret", "x");
    for (first, second) in
        [("password = 'hunter2'", "password_file = 'secret'"), ("password_file = 'secret'", "password = 'hunter2'")]
    {
        let told = machine.refusal(format!("{FOLDER}{first}\n{second}"), &[]);
        assert!(told.starts_with("shared_folder.password (~~/here/upkeep.toml, line "), "{told}");
        assert!(told.ends_with("and password_file are both set; remove one of them"), "{told}");
    }
}

#[test]
fn one_line_break_at_the_end_of_a_file_is_not_part_of_the_secret() {
    let machine = Machine::new();
    for (contents, secret) in [
        ("hunter2", "hunter2"),
        ("hunter2\n", "hunter2"),
        ("hunter2\r\n", "hunter2"),
        ("hunter2\n\n", "hunter2\n"),
        (" hünter\"'2 @\nmore\\", " hünter\"'2 @\nmore\\"),
        ("hunter2\r", "hunter2\r"),
    ] {
        machine.write("here/secret", contents);
        assert_eq!(password(&machine.load(format!("{FOLDER}password_file = 'secret'"), &[]).unwrap()), secret);
        assert_eq!(password(&machine.load(FOLDER, &[(FILE_VARIABLE, "secret")]).unwrap()), secret);
    }
    assert_eq!(password(&machine.load(FOLDER, &[(VARIABLE, " h\"'\n@ü\n")]).unwrap()), " h\"'\n@ü\n");
    let quoted = format!("{FOLDER}password = \"h\\\"'\\n@ü\"");
    assert_eq!(password(&machine.load(quoted, &[]).unwrap()), "h\"'\n@ü");
}

#[test]
fn files_that_hold_no_secret_are_refused() {
    let machine = Machine::new();
    fs::create_dir(machine.path("here/folder")).unwrap();
    machine.write("here/empty", "\n");
    machine.write("here/nul", "hunter2\0");
    machine.write("here/bom", "\u{feff}hunter2");
    machine.write("here/latin1", b"h\xfcnter2");
    for (file, expected) in [
        (
            "missing",
            "cannot read shared_folder.password from ~~/here/missing (named in ~~/here/upkeep.toml)\ncause: No such file or directory (os error 2)\nhint: create the file, or correct the path",
        ),
        (
            "folder",
            "cannot read shared_folder.password from ~~/here/folder (named in ~~/here/upkeep.toml)\ncause: Is a directory (os error 21)\nhint: name a file, not a directory",
        ),
        (
            "/dev/zero",
            "cannot read shared_folder.password from /dev/zero (named in ~~/here/upkeep.toml)\ncause: it is larger than 1 MiB\nhint: create the file, or correct the path",
        ),
        (
            "latin1",
            "cannot read shared_folder.password from ~~/here/latin1 (named in ~~/here/upkeep.toml)\ncause: it is not UTF-8 text\nhint: save it as UTF-8",
        ),
        (
            "empty",
            "shared_folder.password, read from ~~/here/empty (named in ~~/here/upkeep.toml), is empty; give it a value or remove it",
        ),
        (
            "nul",
            "shared_folder.password, read from ~~/here/nul (named in ~~/here/upkeep.toml), contains a NUL character, as UTF-16 text does; write it as UTF-8",
        ),
        (
            "bom",
            "shared_folder.password, read from ~~/here/bom (named in ~~/here/upkeep.toml), starts with a byte order mark, which would become part of the secret; remove it",
        ),
        (
            "~/x",
            "password_file (named in ~~/here/upkeep.toml) starts with ~, which only shells expand; write the whole path (or ./~ if you mean it)",
        ),
    ] {
        assert_eq!(machine.refusal(format!("{FOLDER}password_file = '{file}'"), &[]), expected);
    }
    let told = machine.refusal(FOLDER, &[(FILE_VARIABLE, "missing")]);
    assert!(told.contains("(named in UPKEEP_SHARED_FOLDER__PASSWORD_FILE)"), "{told}");
    assert!(machine.refusal(FOLDER, &[(FILE_VARIABLE, "")]).contains("is empty; name a file or remove it"));
}

#[test]
fn a_relative_file_is_beside_the_configuration_or_in_the_working_directory() {
    let machine = Machine::new();
    machine.write("etc/upkeep/secret", "beside");
    machine.write("here/secret", "here");
    let file = machine.write("etc/upkeep/upkeep.toml", format!("{FOLDER}password_file = 'secret'"));
    assert_eq!(password(&machine.load("", &[("UPKEEP_CONFIG", &file)]).unwrap()), "beside");
    let config = machine.load("", &[("UPKEEP_CONFIG", &file), (FILE_VARIABLE, "secret")]).unwrap();
    assert_eq!(password(&config), "here");
}

#[test]
fn credentials_of_others_are_ignored_but_not_misspelt_ones_of_ours() {
    let machine = Machine::new();
    let directory = machine.path("credentials").to_str().unwrap().to_owned();
    let variables = [("CREDENTIALS_DIRECTORY", &*directory)];
    assert!(machine.load("", &variables).is_ok(), "a directory that is not there");
    machine.write("credentials/smtp.password", "x");
    machine.write("credentials/database", "x");
    assert!(machine.load("", &variables).is_ok());
    machine.write("credentials/database.uri", "hunter2");
    assert_eq!(
        machine.refusal("", &variables),
        "the systemd credential database.uri is not known\n\
         hint: did you mean database.url? (known are database.url, storage.access_key, storage.secret_key, \
         identity.client_secret, shared_folder.password, notify.ping_url)"
    );
    assert!(machine.load("", &[("CREDENTIALS_DIRECTORY", "")]).is_ok());
    machine.write("file", "");
    let told = machine.refusal("", &[("CREDENTIALS_DIRECTORY", machine.path("file").to_str().unwrap())]);
    assert!(told.starts_with("cannot list the systemd credentials in ~~/file\ncause: Not a directory"), "{told}");
}

#[test]
fn a_credential_that_cannot_be_used_is_refused() {
    let machine = Machine::new();
    let directory = machine.path("credentials").to_str().unwrap().to_owned();
    machine.write("credentials/database.url", "");
    let told = machine.refusal("", &[("CREDENTIALS_DIRECTORY", &directory)]);
    assert_eq!(told, "the systemd credential database.url is empty; give it a value or remove it");
    fs::remove_file(machine.path("credentials/database.url")).unwrap();
    fs::create_dir(machine.path("credentials/database.url")).unwrap();
    let told = machine.refusal("", &[("CREDENTIALS_DIRECTORY", &directory)]);
    assert!(told.starts_with("cannot read the systemd credential database.url\ncause: Is a directory"), "{told}");
}

/// A unit has to give every credential that it loads a value for the case that there is no file.
#[test]
fn a_credential_that_is_a_dash_is_as_good_as_none() {
    let machine = Machine::new();
    let directory = machine.path("credentials").to_str().unwrap().to_owned();
    machine.write("credentials/database.url", "-");
    machine.write("credentials/storage.secret_key", "-\n");
    machine.write("credentials/identity.client_secret", "-");
    let variables = [("CREDENTIALS_DIRECTORY", directory.as_str())];
    let config = machine.load("database.url = 'sqlite:/from/file.db'", &variables).unwrap();
    assert!(config.show().contains("sqlite:/from/file.db") && config.identity.is_none(), "{}", config.show());
    machine.write("credentials/database.url", "--");
    let told = machine.refusal("", &variables);
    assert!(told.contains("the systemd credential database.url"), "{told}");
}

#[test]
fn unknown_variables_name_the_nearest_known_one() {
    let told = refusal_of_variable("UPKEEP_STORAGE__SECRET_KYE", "hunter2");
    assert!(told.starts_with(
        "the environment variable UPKEEP_STORAGE__SECRET_KYE is not known\n\
         hint: did you mean UPKEEP_STORAGE__SECRET_KEY? (known are UPKEEP_INHERIT, UPKEEP_DATABASE__URL, "
    ));
    for (wrong, right) in [
        ("UPKEEP_STORAGE_SECRET_KEY", "UPKEEP_STORAGE__SECRET_KEY"),
        ("UPKEEP_DATABASE_URL", "UPKEEP_DATABASE__URL"),
        ("UPKEEP_storage__kind", "UPKEEP_STORAGE__KIND"),
        ("UPKEEP_STORAGE__BUCKET_FILE", "UPKEEP_STORAGE__BUCKET"),
        ("UPKEEP_SAFTY__DELETION", "UPKEEP_SAFETY__DELETION"),
        ("UPKEEP__DATABASE__URL", "UPKEEP_DATABASE__URL"),
    ] {
        let told = refusal_of_variable(wrong, "hunter2");
        assert!(told.contains(&format!("did you mean {right}?")) && !told.contains("hunter2"), "{told}");
    }
}

#[test]
fn other_variables_are_not_ours() {
    let variables =
        [("UPKEEP_SERVICE_HOST", "10.0.0.1"), ("UPKEEP_PORT", "tcp://x"), ("UPKEEPER__X", "1"), ("upkeep_a__b", "")];
    assert!(Machine::new().load("", &variables).is_ok());
}

#[test]
fn variables_that_are_not_utf8_are_refused_only_where_they_are_ours() {
    let machine = Machine::new();
    let bytes = OsStr::from_bytes(b"sqlite:/hunter\xff");
    let home = ("HOME", OsStr::new("/home/x"));
    assert!(Config::load(None, &machine.environment([home, ("OTHER", bytes)])).is_ok());
    assert!(Config::load(None, &machine.environment([home, ("UPKEEP_\u{fffd}", bytes)])).is_ok());
    let environment = machine.environment([home, ("UPKEEP_DATABASE__URL", bytes)]);
    let told = machine.told(Config::load(None, &environment).unwrap_err());
    assert_eq!(told, "the environment variable UPKEEP_DATABASE__URL is not UTF-8");
}

#[test]
fn every_default_of_the_table_is_valid() {
    for key in keys::ALL {
        assert!(key.default.is_none_or(|text| key.form.read_text(text).is_ok()), "{key}");
        assert!(key.default.is_none() || key.form != value::Form::Secret, "{key}");
    }
}
