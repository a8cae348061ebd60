//! A configuration that is missing, unreadable or wrong.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;

use super::{EXECUTE, complaint, fails, fill};
use crate::site::{DatabaseKind, Site, StorageKind, WRONG_SECRET, bound_by_permissions, finish};

fn site() -> Site {
    let site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    fill(&site);
    site
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let site = site();
    let before = site.state();
    let mut said = String::new();
    for (name, contents) in [
        ("latin1.toml", &b"# caf\xe9\n"[..]),
        ("cut.toml", b"[database]\nurl = \"postgres://u:wrong-but-secret-all-the-same@h/d\n"),
        ("twice.toml", b"[safety]\ndeletion = true\ndeletion = false\n"),
    ] {
        std::fs::write(site.path().join(name), contents).unwrap();
    }
    for config in ["missing.toml", "", ".", "latin1.toml", "cut.toml", "twice.toml", "~/upkeep.toml", "/dev/zero"] {
        let path = site.path().join(config);
        let path = if config.starts_with('~') || config.is_empty() { config } else { path.to_str().unwrap() };
        for command in [&EXECUTE[..], &["config", "check"], &["config", "show"], &["database", "status"]] {
            let run = site.upkeep(&[command, &["--config", path]].concat()).expect(78);
            if command == EXECUTE {
                writeln!(said, "{}", complaint(&site, &run)).unwrap();
            }
        }
    }
    assert_snapshot!(said, @"");
    assert_eq!(site.state(), before);
}

#[test]
fn a_file_that_may_not_be_read_is_named() {
    let site = site();
    std::fs::set_permissions(site.configuration(), PermissionsExt::from_mode(0o000)).unwrap();
    let run = finish(bound_by_permissions(site.command(&EXECUTE)).spawn().unwrap()).expect(78);
    assert_snapshot!(complaint(&site, &run), @"");
}

#[test]
fn wrong_contents_are_named_with_file_and_line() {
    let mut site = site();
    let database = format!("url = \"sqlite:{}/upkeep.db\"", site.path().display());
    let mut said = String::new();
    for (section, keys) in [
        ("databse", "url = \"x\"".into()),
        ("database", "ur = \"x\"".into()),
        ("database", "url = 5".into()),
        ("database", "url = \"\"".into()),
        ("database", format!("url = \"mysql://u:{WRONG_SECRET}@h/d\"")),
        ("database", format!("url = \"postgres://u:{WRONG_SECRET}\"")),
        ("database", format!("url = \"postgres://u:{WRONG_SECRET}@/db\"")),
        ("database", format!("url = \"postgres://u:{WRONG_SECRET}@h:99999/db\"")),
        ("database", format!("url = \"postgres://u:{WRONG_SECRET}#x@h/db\"")),
        ("database", format!("url = \"postgres://u:{WRONG_SECRET}@h/db?sslmode=prefer&sslcert=x\"")),
        ("database", "url = \"sqlite::memory:\"".into()),
        ("storage", "kind = \"ftp\"".into()),
        ("storage", "uri = \"https://s3.example.org\"".into()),
        ("storage", format!("kind = \"s3\"\nuri = \"https://u:{WRONG_SECRET}@s3.example.org\"")),
        ("storage", "kind = \"s3\"\nuri = \"https://s3.example.org\"\nbucket = \"b\"\naccess_key = \"a\"".into()),
        ("storage", "kind = \"s3\"\nsecret_key_file = \"/nonexistent/secret\"".into()),
        ("shared_folder", "provider = \"dropbox\"".into()),
        ("safety", "deletion = \"no\"".into()),
        ("safety", "max_affected_percent = 101".into()),
        ("safety", "max_affected_floor = -1".into()),
    ] {
        site.set("database", &database);
        for section in ["databse", "storage", "shared_folder", "safety"] {
            site.set(section, "");
        }
        site.unset("databse");
        site.set(section, &keys);
        let run = site.upkeep(&EXECUTE).expect(78);
        writeln!(said, "{}\n{}", keys.replace(WRONG_SECRET, "***"), complaint(&site, &run)).unwrap();
    }
    assert_snapshot!(said, @"");
}

#[test]
fn the_environment_is_checked_as_strictly() {
    let site = site();
    let mut said = String::new();
    for (name, value) in [
        ("UPKEEP_DATABASE__URI", "sqlite:x"),
        ("UPKEEP_DATABASE_URL", "sqlite:x"),
        ("UPKEEP_SAFETY__DELETION", "maybe"),
        ("UPKEEP_STORAGE__SECRET_KEY_FILE", "/nonexistent/secret"),
        ("UPKEEP_CONFIG", ""),
    ] {
        let mut command = site.command(&EXECUTE);
        if name == "UPKEEP_CONFIG" {
            command = crate::site::bare(&EXECUTE);
        }
        let run = finish(command.env(name, value).spawn().unwrap()).expect(78);
        writeln!(said, "{name}={value}\n{}", complaint(&site, &run)).unwrap();
    }
    assert_snapshot!(said, @"");
}

#[test]
fn a_wrong_configuration_changes_nothing() {
    let mut site = site();
    site.set("safety", "max_affected_percent = 101");
    fails(&site, 78);
}
