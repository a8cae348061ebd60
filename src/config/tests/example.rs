use super::{Machine, package_file};
use crate::config::{Config, keys};

fn text() -> String {
    std::fs::read_to_string(package_file("examples/upkeep.toml")).unwrap()
}

#[test]
fn the_example_loads() {
    let machine = Machine::new();
    let environment = machine.environment([("NOTHING", "else")]);
    let config = Config::load(Some(&package_file("examples/upkeep.toml")), &environment).unwrap();
    assert!(config.shared_folder.is_some());
}

#[test]
fn the_example_names_every_key_in_its_section_and_no_other() {
    let mut named = Vec::new();
    let mut section = String::new();
    for line in text().lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name.to_owned();
        } else if let Some((name, _)) = line.strip_prefix('#').unwrap_or(line).split_once(" = ")
            && !line.starts_with("# ")
        {
            named.push(format!("{section}.{name}").trim_start_matches('.').to_owned());
        }
    }
    let mut known: Vec<_> = keys::sections()
        .into_iter()
        .flat_map(|section| keys::names_in(section).into_iter().map(move |name| format!("{section}.{name}")))
        .chain([keys::INHERIT.to_owned()])
        .collect();
    named.sort();
    known.sort();
    assert_eq!(named, known);
}

#[test]
fn what_the_example_calls_a_default_is_one() {
    for line in text().lines().filter(|line| !line.starts_with('#')) {
        let Some((name, value)) = line.split_once(" = ") else { continue };
        let key = keys::ALL.iter().find(|key| key.name == name && key.default.is_some());
        if let Some(default) = key.and_then(|key| key.default).filter(|_| name != "kind") {
            assert_eq!(value.trim_matches('"'), default, "{name}");
        }
    }
}
