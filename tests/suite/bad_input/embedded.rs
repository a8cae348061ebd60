//! An embedded database that is none, or that is not allowed.

use insta::assert_snapshot;

use super::{EXECUTE, complaint, fill};
use crate::site::{DatabaseKind, Site, StorageKind, bound_by_permissions, finish};

#[test]
fn an_embedded_database_that_is_none() {
    let mut site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    let file = site.path().join("other");
    let mut check = |contents: &[u8]| {
        std::fs::write(&file, contents).unwrap();
        site.set("database", &format!("url = \"sqlite:{}\"", file.display()));
        let shown = complaint(&site, &site.upkeep(&EXECUTE));
        assert_eq!(std::fs::read(&file).unwrap(), contents);
        shown
    };
    assert_snapshot!(check(b"This is a text and not a database, although it is longer than a hundred bytes, the length \
        of the header that every database begins with."), @"
    error: cannot open the embedded database [site]/other: file is not a database
    hint: check [database] url, that upkeep may write to the file and its directory, and that the disk is not full
    ");
    let path = site.path().join("other/upkeep.db");
    site.set("database", &format!("url = \"sqlite:{}\"", path.display()));
    assert_snapshot!(site.upkeep(&EXECUTE).transcript_at(&site), @"
    exit code 78
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ]
    [ERROR] cannot open the embedded database [site]/other/upkeep.db: File exists (os error 17)
    [ERROR] Job failed
    [INFO ] Duration: [duration]
    --- stderr
    error: cannot open the embedded database [site]/other/upkeep.db: File exists (os error 17)
    hint: check [database] url, that upkeep may write to the file and its directory, and that the disk is not full
    ");
    let path = site.path().display().to_string();
    site.set("database", &format!("url = \"sqlite:{path}\""));
    assert_snapshot!(site.upkeep(&EXECUTE).transcript_at(&site), @"
    exit code 78
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ]
    [ERROR] cannot open the embedded database [site]: unable to open database file
    [ERROR] Job failed
    [INFO ] Duration: [duration]
    --- stderr
    error: cannot open the embedded database [site]: unable to open database file
    hint: check [database] url, that upkeep may write to the file and its directory, and that the disk is not full
    ");
}

#[test]
fn an_embedded_database_that_may_not_be_written() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    fill(&site);
    let before = site.state();
    let file = site.path().join("upkeep.db");
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o400)).unwrap();
    let run = finish(bound_by_permissions(site.command(&EXECUTE)).spawn().unwrap());
    assert_snapshot!(run.transcript_at(&site), @"
    exit code 78
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ]
    [ERROR] the database refused a statement: attempt to write a readonly database
    [ERROR] Job failed
    [INFO ] Duration: [duration]
    --- stderr
    error: the database refused a statement: attempt to write a readonly database
    hint: let the user that upkeep runs as write to the database's file and its directory
    ");
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o000)).unwrap();
    let run = finish(bound_by_permissions(site.command(&EXECUTE)).spawn().unwrap());
    assert_snapshot!(complaint(&site, &run), @"
    error: cannot open the embedded database [site]/upkeep.db: unable to open database file
    hint: check [database] url, that upkeep may write to the file and its directory, and that the disk is not full
    ");
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    assert_eq!(site.state(), before);
}
