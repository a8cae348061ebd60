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
    for config in ["missing.toml", ".", "latin1.toml", "cut.toml", "twice.toml", "~/upkeep.toml", "/dev/zero"] {
        let path = site.path().join(config);
        let path = if config.starts_with('~') { config } else { path.to_str().unwrap() };
        for command in [&EXECUTE[..], &["config", "check"], &["config", "show"], &["database", "status"]] {
            let run = site.upkeep(&[command, &["--config", path]].concat()).expect(78);
            if command == EXECUTE {
                writeln!(said, "{}", complaint(&site, &run)).unwrap();
            }
        }
    }
    assert_snapshot!(said, @r#"
    error: cannot read the configuration file [site]/missing.toml (named by --config)
    cause: No such file or directory (os error 2)
    hint: create the file, or correct the path
    error: cannot read the configuration file [site]/. (named by --config)
    cause: Is a directory (os error 21)
    hint: name a file, not a directory
    error: the configuration file [site]/latin1.toml (named by --config) is not UTF-8 (line 1)
    hint: save it as UTF-8
    error: the configuration file [site]/cut.toml (named by --config) is no valid TOML: line 2, column 54: invalid basic string, expected `"`
    hint: strings stand in quotes; one with quotes or backslashes in it is easiest in '…' or '''…'''
    error: the configuration file [site]/twice.toml (named by --config) is no valid TOML: line 3, column 1: duplicate key
    hint: strings stand in quotes; one with quotes or backslashes in it is easiest in '…' or '''…'''
    error: the configuration file ~/upkeep.toml (named by --config) starts with ~, which only shells expand; write the whole path (or ./~ if you mean it)
    error: cannot read the configuration file /dev/zero (named by --config)
    cause: it is larger than 1 MiB
    hint: create the file, or correct the path
    "#);
    assert_eq!(site.state(), before);
}

#[test]
fn a_file_that_may_not_be_read_is_named() {
    let site = site();
    std::fs::set_permissions(site.configuration(), PermissionsExt::from_mode(0o000)).unwrap();
    let run = finish(bound_by_permissions(site.command(&EXECUTE)).spawn().unwrap()).expect(78);
    assert_snapshot!(complaint(&site, &run), @"
    error: cannot read the configuration file [site]/upkeep.toml (named by --config)
    cause: Permission denied (os error 13)
    hint: let the user that runs upkeep read it
    ");
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
        for section in ["databse", "shared_folder", "safety"] {
            site.set(section, "");
        }
        site.set("storage", "kind = \"directory\"");
        site.unset("databse");
        site.set(section, &keys);
        let run = site.upkeep(&EXECUTE).expect(78);
        writeln!(said, "{}\n{}", keys.replace(WRONG_SECRET, "***"), complaint(&site, &run)).unwrap();
    }
    assert_snapshot!(said, @r#"
    url = "x"
    error: databse ([site]/upkeep.toml, line 3) is not a known section
    hint: did you mean database? (known are database, storage, identity, shared_folder, metrics, notify, safety)
    ur = "x"
    error: database.ur ([site]/upkeep.toml, line 2) is not a known key
    hint: did you mean url? (known are url, url_file)
    url = 5
    error: database.url ([site]/upkeep.toml, line 2) must be a string in quotes, not a number
    url = ""
    error: database.url ([site]/upkeep.toml, line 2) is empty; give it a value or remove it
    url = "mysql://u:***@h/d"
    error: database.url ([site]/upkeep.toml, line 2) is no URL of a database that upkeep knows
    hint: write postgres://user:password@host:5432/database (or postgresql://…) for PostgreSQL, sqlite:/path/to/upkeep.db for SQLite
    url = "postgres://u:***"
    error: database.url ([site]/upkeep.toml, line 2) has a port that is no number, or a password without a user name and @
    hint: write postgres://user:password@host:5432/database (or postgresql://…) for PostgreSQL, sqlite:/path/to/upkeep.db for SQLite
    url = "postgres://u:***@/db"
    error: database.url ([site]/upkeep.toml, line 2) does not say which host
    hint: write postgres://user:password@host:5432/database (or postgresql://…) for PostgreSQL, sqlite:/path/to/upkeep.db for SQLite
    url = "postgres://u:***@h:99999/db"
    error: database.url ([site]/upkeep.toml, line 2) has a port that is no number, or a password without a user name and @
    hint: write postgres://user:password@host:5432/database (or postgresql://…) for PostgreSQL, sqlite:/path/to/upkeep.db for SQLite
    url = "postgres://u:***#x@h/db"
    error: database.url ([site]/upkeep.toml, line 2) is not percent-encoded properly: in user names and passwords write %20 for a blank, %23 for #, %25 for %, %2F for /, %3A for :, %3F for ?, %40 for @
    hint: write postgres://user:password@host:5432/database (or postgresql://…) for PostgreSQL, sqlite:/path/to/upkeep.db for SQLite
    url = "postgres://u:***@h/db?sslmode=prefer&sslcert=x"
    error: sslcert in the PostgreSQL address is not supported
    hint: sslmode can be disable, prefer, require, verify-ca or verify-full; sslrootcert a PEM file or `system`
    url = "sqlite::memory:"
    error: database.url ([site]/upkeep.toml, line 2) asks for a database in memory, which would forget what is left to be done
    hint: write postgres://user:password@host:5432/database (or postgresql://…) for PostgreSQL, sqlite:/path/to/upkeep.db for SQLite
    kind = "ftp"
    error: storage.kind ([site]/upkeep.toml, line 8) must be "s3" or "directory", not "ftp"
    uri = "https://s3.example.org"
    error: storage.uri ([site]/upkeep.toml, line 8) is set, but storage.kind is not
    hint: add kind = "s3" to [storage], or remove the keys for S3
    kind = "s3"
    uri = "https://u:***@s3.example.org"
    error: storage.bucket is missing
    hint: set bucket in [storage] of the configuration file, or UPKEEP_STORAGE__BUCKET
    kind = "s3"
    uri = "https://s3.example.org"
    bucket = "b"
    access_key = "a"
    error: storage.secret_key is missing
    hint: set secret_key in [storage] of the configuration file, or UPKEEP_STORAGE__SECRET_KEY, or name a file that holds it with secret_key_file or UPKEEP_STORAGE__SECRET_KEY_FILE
    kind = "s3"
    secret_key_file = "/nonexistent/secret"
    error: cannot read storage.secret_key from /nonexistent/secret (named in [site]/upkeep.toml)
    cause: No such file or directory (os error 2)
    hint: create the file, or correct the path
    provider = "dropbox"
    error: shared_folder.provider ([site]/upkeep.toml, line 6) must be "nextcloud", not "dropbox"
    deletion = "no"
    error: safety.deletion ([site]/upkeep.toml, line 4) must be true or false, not a string
    max_affected_percent = 101
    error: safety.max_affected_percent ([site]/upkeep.toml, line 4) must be a percentage between 0 and 100
    max_affected_floor = -1
    error: safety.max_affected_floor ([site]/upkeep.toml, line 4) must be a whole number, 0 or more, not "-1"
    "#);
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
    assert_snapshot!(said, @r#"
    UPKEEP_DATABASE__URI=sqlite:x
    error: the environment variable UPKEEP_DATABASE__URI is not known
    hint: did you mean UPKEEP_DATABASE__URL? (known are UPKEEP_INHERIT, UPKEEP_DATABASE__URL, UPKEEP_STORAGE__KIND, UPKEEP_STORAGE__PATH, UPKEEP_STORAGE__URI, UPKEEP_STORAGE__BUCKET, UPKEEP_STORAGE__REGION, UPKEEP_STORAGE__ACCESS_KEY, UPKEEP_STORAGE__SECRET_KEY, UPKEEP_STORAGE__FORCE_PATH_STYLE, UPKEEP_IDENTITY__API_BASE_URL, UPKEEP_IDENTITY__AUTHORITY, UPKEEP_IDENTITY__CLIENT_ID, UPKEEP_IDENTITY__CLIENT_SECRET, UPKEEP_IDENTITY__EXTERNAL_ID_USER_ATTRIBUTE_NAME, UPKEEP_SHARED_FOLDER__PROVIDER, UPKEEP_SHARED_FOLDER__URL, UPKEEP_SHARED_FOLDER__USERNAME, UPKEEP_SHARED_FOLDER__PASSWORD, UPKEEP_METRICS__DIR, UPKEEP_NOTIFY__PING_URL, UPKEEP_SAFETY__DELETION, UPKEEP_SAFETY__MAX_AFFECTED_PERCENT, UPKEEP_SAFETY__MAX_AFFECTED_FLOOR, UPKEEP_SAFETY__ROOM_MINIMUM_AGE, UPKEEP_DATABASE__URL_FILE, UPKEEP_STORAGE__ACCESS_KEY_FILE, UPKEEP_STORAGE__SECRET_KEY_FILE, UPKEEP_IDENTITY__CLIENT_SECRET_FILE, UPKEEP_SHARED_FOLDER__PASSWORD_FILE, UPKEEP_NOTIFY__PING_URL_FILE)
    UPKEEP_DATABASE_URL=sqlite:x
    error: the environment variable UPKEEP_DATABASE_URL is not known
    hint: did you mean UPKEEP_DATABASE__URL? (known are UPKEEP_INHERIT, UPKEEP_DATABASE__URL, UPKEEP_STORAGE__KIND, UPKEEP_STORAGE__PATH, UPKEEP_STORAGE__URI, UPKEEP_STORAGE__BUCKET, UPKEEP_STORAGE__REGION, UPKEEP_STORAGE__ACCESS_KEY, UPKEEP_STORAGE__SECRET_KEY, UPKEEP_STORAGE__FORCE_PATH_STYLE, UPKEEP_IDENTITY__API_BASE_URL, UPKEEP_IDENTITY__AUTHORITY, UPKEEP_IDENTITY__CLIENT_ID, UPKEEP_IDENTITY__CLIENT_SECRET, UPKEEP_IDENTITY__EXTERNAL_ID_USER_ATTRIBUTE_NAME, UPKEEP_SHARED_FOLDER__PROVIDER, UPKEEP_SHARED_FOLDER__URL, UPKEEP_SHARED_FOLDER__USERNAME, UPKEEP_SHARED_FOLDER__PASSWORD, UPKEEP_METRICS__DIR, UPKEEP_NOTIFY__PING_URL, UPKEEP_SAFETY__DELETION, UPKEEP_SAFETY__MAX_AFFECTED_PERCENT, UPKEEP_SAFETY__MAX_AFFECTED_FLOOR, UPKEEP_SAFETY__ROOM_MINIMUM_AGE, UPKEEP_DATABASE__URL_FILE, UPKEEP_STORAGE__ACCESS_KEY_FILE, UPKEEP_STORAGE__SECRET_KEY_FILE, UPKEEP_IDENTITY__CLIENT_SECRET_FILE, UPKEEP_SHARED_FOLDER__PASSWORD_FILE, UPKEEP_NOTIFY__PING_URL_FILE)
    UPKEEP_SAFETY__DELETION=maybe
    error: the environment variable UPKEEP_SAFETY__DELETION must be true or false, not "maybe"
    UPKEEP_STORAGE__SECRET_KEY_FILE=/nonexistent/secret
    error: cannot read storage.secret_key from /nonexistent/secret (named in UPKEEP_STORAGE__SECRET_KEY_FILE)
    cause: No such file or directory (os error 2)
    hint: create the file, or correct the path
    UPKEEP_CONFIG=
    error: the configuration file has an empty name (named by UPKEEP_CONFIG)
    hint: give the path of a file, or nothing
    "#);
}

#[test]
fn a_wrong_configuration_changes_nothing() {
    let mut site = site();
    site.set("safety", "max_affected_percent = 101");
    fails(&site, 78);
}
