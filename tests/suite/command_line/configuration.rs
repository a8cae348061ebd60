//! `upkeep config`

use insta::assert_snapshot;

use crate::site::{DatabaseKind, Site, StorageKind, bare, finish, run_bare};

#[test]
fn without_configuration_the_defaults_are_shown_and_valid() {
    assert_snapshot!(run_bare(&["config", "show"]).transcript(), @r#"
    exit code 0
    --- stdout
    # configuration file: none

    [database]
    url = "sqlite:/nonexistent/.local/state/upkeep/upkeep.db"  # default

    [storage]
    kind = "directory"                                 # default
    path = "/nonexistent/.local/state/upkeep/objects"  # default

    [identity]  # not configured

    [shared_folder]  # not configured

    [metrics]  # not configured

    [notify]  # not configured

    [safety]
    deletion = true                                    # default
    max_affected_percent = 10                          # default
    max_affected_floor = 100                           # default
    room_minimum_age = "0s"                            # default
    "#);
    assert_snapshot!(run_bare(&["config", "check"]).transcript(), @"
    exit code 0
    --- stdout
    No configuration file; the defaults and the environment are valid
    ");
}

#[test]
fn effective_values_are_shown_with_their_origin_and_without_secrets() {
    let mut site = Site::unmigrated(DatabaseKind::Postgres, StorageKind::S3);
    site.set(
        "shared_folder",
        &format!(
            "provider = \"nextcloud\"\nurl = \"https://cloud.example.org/\"\nusername = \"meet\"\npassword = {:?}",
            upkeep_test_servers::nextcloud::PASSWORD
        ),
    );
    let mut command = site.command(&["config", "show"]);
    let run = finish(command.env("UPKEEP_SAFETY__DELETION", "false").spawn().unwrap());
    // How far right the comments start depends on how long the names of the test's servers are.
    let shown: Vec<_> = run.transcript_at(&site).lines().map(one_blank_before_the_comment).collect();
    assert_snapshot!(shown.join("\n"), @r#"
    exit code 0
    --- stdout
    # configuration file: [site]/upkeep.toml

    [database]
    url = "postgres://postgres:***@127.0.0.1:[port]/[database]" # [site]/upkeep.toml

    [storage]
    kind = "s3" # [site]/upkeep.toml
    uri = "http://127.0.0.1:[port]" # [site]/upkeep.toml
    bucket = "controller" # [site]/upkeep.toml
    region = "us-east-1" # default
    access_key = "***" # [site]/upkeep.toml
    secret_key = "***" # [site]/upkeep.toml
    force_path_style = true # default

    [identity] # not configured

    [shared_folder]
    provider = "nextcloud" # [site]/upkeep.toml
    url = "https://cloud.example.org/" # [site]/upkeep.toml
    username = "meet" # [site]/upkeep.toml
    password = "***" # [site]/upkeep.toml

    [metrics] # not configured

    [notify] # not configured

    [safety]
    deletion = false # environment UPKEEP_SAFETY__DELETION
    max_affected_percent = 10 # default
    max_affected_floor = 100 # default
    room_minimum_age = "0s" # default
    "#);
    assert_snapshot!(site.upkeep(&["config", "check"]).transcript_at(&site), @"
    exit code 0
    --- stdout
    [site]/upkeep.toml is valid
    ");
}

fn one_blank_before_the_comment(line: &str) -> String {
    match line.split_once("  #") {
        Some((assignment, comment)) => format!("{} #{comment}", assignment.trim_end()),
        None => line.to_owned(),
    }
}

#[test]
fn nothing_is_created_by_looking() {
    let directory = tempfile::TempDir::new().unwrap();
    for command in ["show", "check"] {
        finish(bare(&["config", command]).env("HOME", directory.path()).spawn().unwrap()).expect(0);
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}
