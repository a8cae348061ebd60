use super::{Machine, load};
use crate::config::Config;

fn shown(machine: &Machine, config: &Config) -> String {
    config.show().replace(machine.path("").to_str().unwrap().trim_end_matches('/'), "~~")
}

#[test]
fn defaults_alone() {
    let machine = Machine::new();
    let environment = machine.environment([("STATE_DIRECTORY", "/var/lib/upkeep")]);
    insta::assert_snapshot!(shown(&machine, &Config::load(None, &environment).unwrap()), @r##"
    # configuration file: none

    [database]
    url = "sqlite:/var/lib/upkeep/upkeep.db"  # default

    [storage]
    kind = "directory"                        # default
    path = "/var/lib/upkeep/objects"          # default

    [identity]  # not configured

    [shared_folder]  # not configured

    [metrics]  # not configured

    [notify]  # not configured

    [safety]
    deletion = true                           # default
    max_affected_percent = 10                 # default
    max_affected_floor = 100                  # default
    room_minimum_age = "0s"                   # default
    "##);
}

#[test]
fn every_origin() {
    let machine = Machine::new();
    machine.write("credentials/shared_folder.password", "hunter2");
    machine.write("s3-secret", "hunter2");
    let file = "
        [database]
        url = 'postgres://upkeep:hunter2@db.example.org:5432/opentalk?sslmode=verify-full&sslrootcert=/etc/ssl/db.pem'
        [storage]
        kind = 's3'
        path = '/srv/\\objects'
        uri = 'https://s3.example.org'
        bucket = 'controller'
        access_key = 'hunter2'
        secret_key_file = '../s3-secret'
        [shared_folder]
        provider = 'nextcloud'
        url = 'https://cloud.example.org/'
        username = '\"meet\"'
        [safety]
        max_affected_floor = 0x10
        room_minimum_age = 3600
    ";
    let credentials = machine.path("credentials").to_str().unwrap().to_owned();
    let variables = [("CREDENTIALS_DIRECTORY", &*credentials), ("UPKEEP_SAFETY__DELETION", "false")];
    let config = machine.load(file, &variables).unwrap();
    insta::assert_snapshot!(shown(&machine, &config), @r##"
    # configuration file: ~~/here/upkeep.toml

    [database]
    # ~~/here/upkeep.toml
    url = "postgres://upkeep:***@db.example.org:5432/opentalk?sslmode=verify-full&sslrootcert=/etc/ssl/db.pem"

    [storage]
    kind = "s3"                         # ~~/here/upkeep.toml
    path = "/srv/\\objects"             # ~~/here/upkeep.toml; not used by s3
    uri = "https://s3.example.org"      # ~~/here/upkeep.toml
    bucket = "controller"               # ~~/here/upkeep.toml
    region = "us-east-1"                # default
    access_key = "***"                  # ~~/here/upkeep.toml
    secret_key = "***"                  # file ~~/here/../s3-secret (named in ~~/here/upkeep.toml)
    force_path_style = true             # default

    [identity]  # not configured

    [shared_folder]
    provider = "nextcloud"              # ~~/here/upkeep.toml
    url = "https://cloud.example.org/"  # ~~/here/upkeep.toml
    username = "\"meet\""               # ~~/here/upkeep.toml
    password = "***"                    # credential shared_folder.password

    [metrics]  # not configured

    [notify]  # not configured

    [safety]
    deletion = false                    # environment UPKEEP_SAFETY__DELETION
    max_affected_percent = 10           # default
    max_affected_floor = 16             # ~~/here/upkeep.toml
    room_minimum_age = 3600             # ~~/here/upkeep.toml
    "##);
}

#[test]
fn what_is_shown_is_toml_that_means_the_same() {
    let machine = Machine::new();
    let first = machine.load("safety.room_minimum_age = '36h'\nstorage.path = 'o \"b\" \\j\u{e4}'", &[]).unwrap();
    let second = machine.load(first.show(), &[]).unwrap();
    assert_eq!(first.safety, second.safety);
    assert_eq!(
        format!("{:?}{:?}", first.database, first.storage),
        format!("{:?}{:?}", second.database, second.storage)
    );
}

#[test]
fn a_strange_path_stays_in_its_comment() {
    let machine = Machine::new();
    let file = machine.write("etc/a\nb = 1\u{1b}/upkeep.toml", "safety.deletion = false");
    let shown = machine.load("", &[("UPKEEP_CONFIG", &file)]).unwrap().show();
    assert!(toml::from_str::<toml::Table>(&shown).is_ok(), "{shown}");
    assert!(shown.contains(r"a\nb = 1\u{1b}"), "{shown}");
}

#[test]
fn no_secret_is_in_what_is_shown_or_debugged() {
    let config = load(
        "[database]\nurl = 'postgres://u:hunter2@db/x?password=hunter2&passfile=hunter2'\n\
         [storage]\nkind = 'directory'\naccess_key = 'hunter2'\nsecret_key = 'hunter2'\n\
         [shared_folder]\nprovider = 'nextcloud'\nurl = 'https://c'\nusername = 'meet'\npassword = 'hunter2'\n",
    );
    assert!(!config.show().contains("hunter2"), "{}", config.show());
    assert!(!format!("{config:?} {config:#?}").contains("hunter2"));
    assert!(config.show().contains("postgres://u:***@db/x?password=***&***=***"));
}
