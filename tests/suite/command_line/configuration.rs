//! `upkeep config`

use insta::assert_snapshot;

use crate::site::{DatabaseKind, Site, StorageKind, bare, finish, run_bare};

#[test]
fn without_configuration_the_defaults_are_shown_and_valid() {
    assert_snapshot!(run_bare(&["config", "show"]).transcript(), @"");
    assert_snapshot!(run_bare(&["config", "check"]).transcript(), @"");
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
    assert_snapshot!(run.transcript_at(&site), @"");
    assert_snapshot!(site.upkeep(&["config", "check"]).transcript_at(&site), @"");
}

#[test]
fn nothing_is_created_by_looking() {
    let directory = tempfile::TempDir::new().unwrap();
    for command in ["show", "check"] {
        finish(bare(&["config", command]).env("HOME", directory.path()).spawn().unwrap()).expect(0);
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}
