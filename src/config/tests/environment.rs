use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::{Machine, refusal_of_variable};
use crate::config::{Config, DatabaseUrl, Environment, StorageSettings};

const OFF: &str = "safety.deletion = false";
const NONE: [(&str, &str); 0] = [];

fn variables(machine: &Machine, directories: &[(&'static str, &str)]) -> Environment {
    machine.environment(directories.iter().map(|(name, directory)| (*name, machine.path(directory))))
}

fn sqlite(environment: &Environment) -> std::path::PathBuf {
    match Config::load(None, environment).unwrap().database {
        DatabaseUrl::Sqlite(path) => path,
        DatabaseUrl::Postgres { .. } => panic!("not SQLite"),
    }
}

#[test]
fn the_first_file_that_exists_is_read() {
    let machine = Machine::new();
    let environment = variables(&machine, &[("HOME", "home"), ("XDG_CONFIG_HOME", "xdg")]);
    let file = || Config::load(None, &environment).unwrap().file().map(Path::to_owned);
    assert_eq!(file(), None);
    for place in ["etc/upkeep/upkeep.toml", "xdg/upkeep/upkeep.toml", "here/upkeep.toml"] {
        machine.write(place, OFF);
        assert_eq!(file(), Some(machine.path(place)));
    }
}

#[test]
fn without_xdg_config_home_it_is_dot_config() {
    let machine = Machine::new();
    machine.write("home/.config/upkeep/upkeep.toml", OFF);
    for other in ["", "relative"] {
        let home = machine.path("home");
        let environment = machine.environment([("HOME", home.as_os_str()), ("XDG_CONFIG_HOME", OsStr::new(other))]);
        assert!(!Config::load(None, &environment).unwrap().safety.deletion);
    }
}

#[test]
fn a_named_file_goes_before_all_that_are_found_and_the_flag_before_the_variable() {
    let machine = Machine::new();
    machine.write("here/upkeep.toml", "safety.max_affected_floor = 1");
    machine.write("here/two.toml", "safety.max_affected_floor = 2");
    machine.write("here/three.toml", "safety.max_affected_floor = 3");
    let environment = machine.environment([("UPKEEP_CONFIG", "two.toml"), ("HOME", "/nonexistent")]);
    assert_eq!(Config::load(None, &environment).unwrap().safety.max_affected_floor, 2);
    let explicit = machine.path("here/three.toml");
    assert_eq!(Config::load(Some(&explicit), &environment).unwrap().safety.max_affected_floor, 3);
}

#[test]
fn a_named_file_must_exist() {
    let machine = Machine::new();
    machine.write("here/upkeep.toml", OFF);
    let environment = machine.environment(NONE);
    assert_eq!(
        machine.told(Config::load(Some(Path::new("missing.toml")), &environment).unwrap_err()),
        "cannot read the configuration file ~~/here/missing.toml (named by --config)\n\
         cause: No such file or directory (os error 2)\n\
         hint: create the file, or correct the path"
    );
    let told = refusal_of_variable("UPKEEP_CONFIG", "missing.toml");
    assert!(told.starts_with("cannot read the configuration file ~~/here/missing.toml (named by UPKEEP_CONFIG)"));
    assert!(refusal_of_variable("UPKEEP_CONFIG", "").starts_with("the configuration file has an empty name"));
    assert!(refusal_of_variable("UPKEEP_CONFIG", "~/x.toml").contains("starts with ~"));
}

#[test]
fn a_link_to_nowhere_is_not_passed_over() {
    let machine = Machine::new();
    machine.write("etc/upkeep/upkeep.toml", OFF);
    symlink("nowhere", machine.path("here/upkeep.toml")).unwrap();
    let told = machine.told(Config::load(None, &machine.environment(NONE)).unwrap_err());
    assert!(told.starts_with("cannot read the configuration file ~~/here/upkeep.toml\ncause: No such file"), "{told}");
}

#[test]
fn a_place_that_cannot_be_looked_at_is_not_passed_over() {
    let machine = Machine::new();
    symlink("loop", machine.path("etc/loop")).unwrap();
    let environment = machine.environment([("HOME", "/nonexistent"), ("XDG_CONFIG_HOME", "")]);
    assert!(Config::load(None, &environment).is_ok());
    let looping = machine.path("etc/loop");
    let environment = machine.environment([("XDG_CONFIG_HOME", looping.as_os_str())]);
    let told = machine.told(Config::load(None, &environment).unwrap_err());
    assert!(told.starts_with("cannot find out whether there is a configuration file ~~/etc/loop/upkeep/upkeep.toml"));
}

#[test]
fn a_file_in_place_of_a_directory_has_no_configuration_below() {
    let machine = Machine::new();
    machine.write("etc/upkeep", "");
    assert!(Config::load(None, &variables(&machine, &[("HOME", "home")])).unwrap().file().is_none());
}

#[test]
fn the_state_directory_is_systemds_else_xdgs_else_in_the_home() {
    let machine = Machine::new();
    let (systemd, xdg, home) = (("STATE_DIRECTORY", "state"), ("XDG_STATE_HOME", "xdg"), ("HOME", "home"));
    assert_eq!(sqlite(&variables(&machine, &[systemd, xdg, home])), machine.path("state/upkeep.db"));
    assert_eq!(sqlite(&variables(&machine, &[xdg, home])), machine.path("xdg/upkeep/upkeep.db"));
    assert_eq!(sqlite(&variables(&machine, &[home])), machine.path("home/.local/state/upkeep/upkeep.db"));
    let config = Config::load(None, &variables(&machine, &[systemd])).unwrap();
    assert!(matches!(config.storage, StorageSettings::Embedded(path) if path == machine.path("state/objects")));
}

#[test]
fn of_several_state_directories_the_first_counts_and_empty_ones_do_not() {
    let machine = Machine::new();
    assert_eq!(sqlite(&machine.environment([("STATE_DIRECTORY", "/a:/b")])), Path::new("/a/upkeep.db"));
    let environment = machine.environment([("STATE_DIRECTORY", ""), ("XDG_STATE_HOME", ""), ("HOME", "/h")]);
    assert_eq!(sqlite(&environment), Path::new("/h/.local/state/upkeep/upkeep.db"));
}

#[test]
fn a_home_is_needed_only_for_a_default() {
    let machine = Machine::new();
    let told = machine.told(Config::load(None, &machine.environment(NONE)).unwrap_err());
    assert_eq!(
        told,
        "cannot tell where to keep the embedded database and objects: none of STATE_DIRECTORY, XDG_STATE_HOME and \
         HOME is set to an absolute path\n\
         hint: set database.url and [storage] in the configuration, or one of these variables"
    );
    let database = ("UPKEEP_DATABASE__URL", "postgres://db/x");
    assert!(Config::load(None, &machine.environment([database])).is_err());
    let kind = ("UPKEEP_STORAGE__KIND", "directory");
    assert!(Config::load(None, &machine.environment([database, kind])).is_err());
    let path = ("UPKEEP_STORAGE__PATH", "/srv/objects");
    assert!(Config::load(None, &machine.environment([database, kind, path])).is_ok());
}

#[test]
fn a_state_directory_that_is_not_utf8_cannot_hold_the_database() {
    let machine = Machine::new();
    let environment = machine.environment([("STATE_DIRECTORY", OsStr::from_bytes(b"/var/\xff"))]);
    let told = machine.told(Config::load(None, &environment).unwrap_err());
    assert!(told.starts_with("database.url lies below a directory whose name is not UTF-8\nhint: "), "{told}");
}

#[test]
fn a_working_directory_that_is_gone_matters_only_to_relative_paths() {
    let gone = |name: &str, value: &str| {
        let machine = Machine::new();
        let variables = [("STATE_DIRECTORY", "/var/lib/upkeep"), (name, value)];
        let environment = machine.environment(variables).without_working_directory();
        Config::load(None, &environment).map_err(|problem| machine.told(problem))
    };
    assert!(gone("HOME", "/home/x").is_ok());
    assert_eq!(
        gone("UPKEEP_STORAGE__PATH", "objects").unwrap_err(),
        "the environment variable UPKEEP_STORAGE__PATH is relative to a working directory that does not exist; use \
         an absolute path"
    );
    assert!(gone("UPKEEP_CONFIG", "upkeep.toml").unwrap_err().starts_with("the configuration file upkeep.toml (named"));
}

#[test]
fn nothing_is_created() {
    let machine = Machine::new();
    sqlite(&variables(&machine, &[("HOME", "home")]));
    assert_eq!(machine.path("home").read_dir().unwrap().count(), 0);
}

#[test]
fn the_process_has_an_environment() {
    assert_eq!(Environment::of_process().names().any(|name| name == "PATH"), std::env::var_os("PATH").is_some());
}
