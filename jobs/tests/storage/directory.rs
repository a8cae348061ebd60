//! What can go wrong with files.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;
use upkeep_jobs::platform::storage::Directory;

use super::*;

#[test]
fn nothing_is_created_before_the_first_put() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("a").join("b");
    let store = Directory::new(path.clone());
    assert_eq!(list(&store, ""), []);
    assert_eq!(store.head("assets/a").unwrap(), None);
    assert_eq!(refused(&store, &[]), []);
    let words = ["b: it does not exist", "its volume is mounted"];
    assert_problem(store.delete_many(&strings(&["assets/a"])), Kind::Configuration, &words);
    assert_problem(store.check_deletable(), Kind::Configuration, &words);
    assert!(!directory.path().join("a").exists());
    put(&store, "assets/a", b"x");
    assert_eq!(fs::read(path.join("assets/a")).unwrap(), b"x");
    assert_eq!(store.location(), format!("directory {}", path.display()));
}

#[test]
fn nothing_is_gone_once_the_root_is() {
    let directory = TempDir::new().unwrap();
    let (root, unmounted) = (directory.path().join("root"), directory.path().join("unmounted"));
    let store = Directory::created(root.clone()).unwrap();
    put(&store, "assets/a", b"x");
    store.check_deletable().unwrap();
    fs::rename(&root, &unmounted).unwrap();
    let keys = strings(&["assets/a"]);
    assert_problem(store.delete_many(&keys), Kind::Configuration, &["does not exist"]);
    // What shows up below a volume that is no longer mounted.
    fs::create_dir(&root).unwrap();
    assert_problem(store.delete_many(&keys), Kind::Configuration, &["was replaced by another directory"]);
    assert_problem(store.check_deletable(), Kind::Configuration, &["was replaced by another directory"]);
    fs::remove_dir(&root).unwrap();
    fs::rename(&unmounted, &root).unwrap();
    assert_eq!(refused(&store, &keys), []);
    assert_eq!(list(&store, ""), []);
}

#[test]
fn a_root_that_is_a_file_is_an_error_for_everything() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, "x").unwrap();
    let store = Directory::new(path);
    let words = ["is not a directory", "set the storage's path"];
    assert_problem(store.head("assets/a"), Kind::Configuration, &words);
    assert_problem(store.get("assets/a").map(drop), Kind::Configuration, &words);
    assert_problem(store.list("").collect::<anyhow::Result<Vec<_>>>(), Kind::Configuration, &words);
    assert_problem(store.delete_many(&strings(&["assets/a"])), Kind::Configuration, &words);
    assert_problem(store.put("assets/a", &mut &b"x"[..]), Kind::Configuration, &words);
    assert_problem(store.check_deletable(), Kind::Configuration, &words);
}

#[test]
fn keys_cannot_lead_out_of_the_root() {
    let directory = TempDir::new().unwrap();
    let root = directory.path().join("root");
    fs::create_dir(&root).unwrap();
    fs::write(directory.path().join("outside"), "x").unwrap();
    let store = Directory::new(root);
    let absolute = directory.path().join("outside").display().to_string();
    let keys = ["../outside", "a/../../outside", &absolute, "./a", "a//b", "a/", "/", ".", "..", "nul\0", ""];
    for key in keys {
        assert!(store.head(key).is_err(), "{key}");
        assert!(store.get(key).is_err(), "{key}");
        assert!(store.put(key, &mut &b"x"[..]).is_err(), "{key}");
    }
    assert_eq!(refused(&store, &strings(&keys)).len(), keys.len());
    assert_eq!(list(&store, "../"), []);
    assert!(directory.path().join("outside").exists());
}

#[test]
fn symbolic_links_are_not_followed() {
    let directory = TempDir::new().unwrap();
    let (root, outside) = (directory.path().join("root"), directory.path().join("outside"));
    fs::create_dir_all(root.join("assets")).unwrap();
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("a"), "x").unwrap();
    symlink(&outside, root.join("link")).unwrap();
    symlink(outside.join("a"), root.join("assets/a")).unwrap();
    let store = Directory::new(root.clone());
    for key in ["link/a", "assets/a"] {
        assert_problem(store.head(key), Kind::Failed, &[]);
        assert!(store.get(key).is_err());
    }
    assert!(store.put("link/b", &mut &b"x"[..]).is_err());
    assert_problem(store.list("").collect::<anyhow::Result<Vec<_>>>(), Kind::Failed, &["move it out"]);
    // The link itself can go, what it points to stays.
    let refused = refused(&store, &strings(&["link/a", "assets/a"]));
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0].1.contains("is a symbolic link"), "{refused:?}");
    assert!(!root.join("assets/a").is_symlink());
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
}

#[test]
fn a_failed_put_leaves_no_file_behind_and_a_killed_one_is_not_listed() {
    let directory = TempDir::new().unwrap();
    let store = Directory::new(directory.path().to_owned());
    put(&store, "assets/a", b"x");
    // A directory stands in the way of the file.
    put(&store, "assets/b/c", b"x");
    assert_problem(store.put("assets/b", &mut &b"x"[..]), Kind::Failed, &["assets/b"]);
    assert_problem(store.put("assets/a/d", &mut &b"x"[..]), Kind::Failed, &["assets/a"]);
    let names = fs::read_dir(directory.path().join("assets")).unwrap();
    assert_eq!(names.count(), 2);
    fs::write(directory.path().join("assets/.upkeep-killed.tmp"), "x").unwrap();
    assert_eq!(list(&store, "").len(), 2);
    assert!(store.put("assets/.upkeep-killed.tmp", &mut &b"x"[..]).is_err());
}

/// Runs itself once more under a limit on the size of files, which is how a disk can be filled without one.
#[test]
fn a_file_that_does_not_fit_is_reported_with_what_to_do() {
    const ROOT: &str = "UPKEEP_TEST_LIMITED_ROOT";
    let Some(root) = std::env::var_os(ROOT) else {
        let directory = TempDir::new().unwrap();
        fs::create_dir(directory.path().join("assets")).unwrap();
        fs::write(directory.path().join("assets/a"), "first").unwrap();
        let limited = "trap '' XFSZ; ulimit -f 100; exec \"$0\" --exact \"$1\"";
        let name = std::thread::current().name().unwrap().to_owned();
        let mut shell = Command::new("sh");
        shell.args(["-c", limited]).arg(std::env::current_exe().unwrap()).arg(name).env(ROOT, directory.path());
        let output = shell.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
        let files = fs::read_dir(directory.path().join("assets")).unwrap();
        assert_eq!(files.count(), 1);
        assert_eq!(fs::read(directory.path().join("assets/a")).unwrap(), b"first");
        return;
    };
    let root = PathBuf::from(root);
    let path = root.join("assets/a").display().to_string();
    let store = Directory::new(root);
    assert_problem(store.put("assets/a", &mut std::io::repeat(7)), Kind::Failed, &[&path, "free some space"]);
}

#[test]
fn a_directory_in_a_key_is_no_object() {
    let directory = TempDir::new().unwrap();
    let store = Directory::new(directory.path().to_owned());
    put(&store, "assets/a", b"x");
    assert_eq!(store.head("assets").unwrap(), None);
    assert_eq!(store.head("assets/a/b").unwrap(), None);
    assert_eq!(refused(&store, &strings(&["assets", "assets/a/b"])), []);
    assert_eq!(list(&store, "").len(), 1);
}
