//! `upkeep doctor` on platforms in good and in bad health: what it says, how it ends, and that following its advice
//! helps.

mod database;
mod identity;
mod leftovers;
mod monitoring;
mod providers;
mod storage;

use insta::assert_snapshot;
use upkeep_test_servers::fault_proxy::{Fault, FaultProxy, Request};
use upkeep_test_servers::{Nextcloud, nextcloud};

use crate::site::{BUCKET, DatabaseKind, Event, Run, Sample, Site, StorageKind, WRONG_SECRET, run_bare};

/// What a bucket without versioning answers.
const UNVERSIONED: &str = "<?xml version=\"1.0\"?>\n<VersioningConfiguration \
                           xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"></VersioningConfiguration>";

fn asks_for_versioning(request: &Request) -> bool {
    request.method == "GET" && request.query.starts_with("versioning")
}

/// A proxy in front of the site's bucket that knows versioning, which the test server does not.
fn proxy(site: &mut Site) -> FaultProxy {
    let proxy = FaultProxy::in_front_of_bucket(site.s3(), BUCKET);
    proxy.set(without_versioning(|_| Fault::None));
    site.set_storage_uri(&proxy.uri());
    proxy
}

fn without_versioning(mut rule: impl FnMut(&Request) -> Fault) -> impl FnMut(&Request) -> Fault {
    move |request| match rule(request) {
        Fault::None if asks_for_versioning(request) => Fault::AnswerDocument(UNVERSIONED.into()),
        fault => fault,
    }
}

fn use_cloud(site: &mut Site, cloud: &Nextcloud) {
    let (url, user, password) = (cloud.url(), nextcloud::USERNAME, nextcloud::PASSWORD);
    let keys = format!("provider = \"nextcloud\"\nurl = {url:?}\nusername = {user:?}\npassword = {password:?}");
    site.set("shared_folder", &keys);
}

/// What the doctor says, which must be the same in both forms and change nothing.
#[track_caller]
fn doctor(site: &Site, code: i32) -> Run {
    let before = site.state();
    let said = site.upkeep(&["doctor"]).expect(code);
    let json = site.upkeep(&["doctor", "--output", "json"]).expect(code).report();
    assert_eq!(json["exit_code"], code);
    for finding in json["findings"].as_array().unwrap() {
        let expected =
            words(&format!("{} {}", finding["level"].as_str().unwrap(), finding["finding"].as_str().unwrap()));
        assert!(words(&said.stdout).contains(&expected), "{expected}\n{}", said.stdout);
    }
    for line in said.stdout.lines() {
        let unbreakable = line.trim_start().contains("://") || line.contains(';') || !line.trim_start().contains(' ');
        assert!(line.chars().count() <= 80 || unbreakable, "{line}");
    }
    assert_eq!(said.stderr, "");
    assert_eq!(site.state(), before);
    said
}

/// What it said, each finding on a line of its own: where it is folded depends on the names of the test's servers.
fn findings(site: &Site, run: &Run) -> String {
    let mut text = String::new();
    for line in run.transcript_at(site).lines() {
        let begins = |start: &&str| line.trim_start().starts_with(start);
        let own = ["cause: ", "fix: ", "GRANT ", "CREATE ", "-- "].iter().any(begins);
        match line.strip_prefix("           ").filter(|rest| !rest.starts_with(' ') && !own) {
            Some(continued) => text += &format!(" {continued}"),
            None => text += &format!("\n{line}"),
        }
    }
    // The number of foreign keys grows with what jobs there are.
    let steady = |line: &str| {
        let steady = [(" answers: ", "[version]"), (" it would save next to nothing: ", "[n]")];
        let found = steady.iter().find_map(|(words, what)| Some((line.split_once(words)?.0, words, what)));
        found.map_or(format!("{line}\n"), |(before, words, what)| format!("{before}{words}{what}\n"))
    };
    text.trim_start().lines().map(steady).collect()
}

/// The findings that are not as they should be, without the notes that every small site of the tests gets.
fn trouble(site: &Site, run: &Run) -> String {
    let usual =
        ["  ok ", "  note     not configured", "  note     the database has no assets", "  note     foreign keys"];
    let (mut text, mut kept, mut area) = (String::new(), true, String::new());
    for line in findings(site, run).lines() {
        match line.bytes().take_while(|byte| *byte == b' ').count() {
            0 => area = format!("{line}\n"),
            2 => kept = !usual.iter().any(|usual| line.starts_with(usual)),
            _ => {}
        }
        if kept && line.starts_with(' ') {
            text += &format!("{}{line}\n", std::mem::take(&mut area));
        }
    }
    format!("exit code {}\n{text}{area}", run.code.unwrap())
}

/// `text` on one line, however it was folded.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// All statements that the doctor prints for pasting.
fn statements(site: &Site) -> Vec<String> {
    let findings = site.upkeep(&["doctor", "--output", "json"]).report()["findings"].take();
    let all = findings.as_array().unwrap().iter().flat_map(|finding| finding["statements"].as_array().unwrap().clone());
    all.map(|statement| statement.as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_platform_in_good_health() {
    let mut site = Site::new(DatabaseKind::Postgres, StorageKind::S3);
    let (_proxy, cloud) = (proxy(&mut site), Nextcloud::start().unwrap());
    use_cloud(&mut site, &cloud);
    site.fill(&Sample::of([Event::ended(31).with_assets(2)]));
    assert_snapshot!(findings(&site, &doctor(&site, 0)), @"
    exit code 0
    --- stdout
    Configuration
      ok       [site]/upkeep.toml is valid
    Database
      ok       postgres://postgres:***@127.0.0.1:[port]/[database] answers: [version]
      ok       upkeep's own tables are up to date
      ok       every job knows the platform's schema: new, with dates in event_dates
      ok       upkeep's user has the privileges that jobs need
      note     foreign keys without an index in small tables (below 0.5 MB each), where it would save next to nothing: [n]
    Object storage
      ok       s3 bucket controller at http://127.0.0.1:[port] can be listed
      ok       objects can be deleted
      ok       2 of 2 assets that were looked for are there
    Identity provider
      note     not configured; keycloak-account-sync cannot run
               fix: set [identity] if the platform has one
    Shared folders
      ok       nextcloud user meet at http://127.0.0.1:[port]/ lets upkeep in
    Unfinished work
      ok       no objects or shared folders wait to be deleted

    Nothing has to be done
    ");
    let json = site.upkeep(&["doctor", "--output", "json"]).transcript_at(&site);
    assert_snapshot!(json.split("\"findings\"").next().unwrap(), @r#"
    exit code 0
    --- stdout
    {
      "schema": 1,
      "version": "0.1.0",
      "host": "[host]",
      "examined_at": "[instant]",
      "exit_code": 0,
    "#);
}

#[test]
fn nothing_but_defaults() {
    assert_snapshot!(run_bare(&["doctor"]).transcript(), @"
    exit code 0
    --- stdout
    Configuration
      ok       there is no configuration file; the defaults and the environment are
               valid
    Database
      note     sqlite:/nonexistent/.local/state/upkeep/upkeep.db does not exist yet;
               the first run creates it
    Object storage
      note     the directory /nonexistent/.local/state/upkeep/objects does not exist
               yet; the first run creates it
    Identity provider
      note     not configured; keycloak-account-sync cannot run
               fix: set [identity] if the platform has one
    Shared folders
      note     not configured; shared folders of events cannot be removed
               fix: set [shared_folder] if the platform has them
    Unfinished work
      note     not known, as there is no database to ask

    Nothing has to be done
    ");
    let site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    assert_snapshot!(findings(&site, &doctor(&site, 0)), @"
    exit code 0
    --- stdout
    Configuration
      ok       [site]/upkeep.toml is valid
    Database
      ok       sqlite:[site]/upkeep.db answers: [version]
      ok       upkeep's own tables are up to date
      ok       every job knows the platform's schema: new, with dates in event_dates
    Object storage
      ok       directory [site]/objects can be listed
      ok       objects can be deleted
      note     the database has no assets, so no objects were looked for
    Identity provider
      note     not configured; keycloak-account-sync cannot run
               fix: set [identity] if the platform has one
    Shared folders
      note     not configured; shared folders of events cannot be removed
               fix: set [shared_folder] if the platform has them
    Unfinished work
      ok       no objects or shared folders wait to be deleted

    Nothing has to be done
    ");
}

#[test]
fn a_wrong_configuration_is_told_as_everywhere() {
    let mut site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    site.set("safety", "deletion = 5");
    assert_snapshot!(findings(&site, &doctor(&site, 78)), @"
    exit code 78
    --- stdout
    Configuration
      problem  safety.deletion ([site]/upkeep.toml, line 4) must be true or false, not a number

    1 problem, 0 warnings
    ");
    site.set("safety", "deletion = false");
    assert_snapshot!(trouble(&site, &doctor(&site, 0)), @"
    exit code 0
    Configuration
      note     deletion = false in [safety]: every job that deletes is refused
               fix: set deletion = true when jobs may delete
    Nothing has to be done
    ");
}

/// One trouble hides no other.
#[test]
fn everything_wrong_at_once() {
    let mut site = Site::new(DatabaseKind::Postgres, StorageKind::S3);
    // Nobody listens on the port of a listener that is gone.
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let cloud = Nextcloud::start().unwrap();
    use_cloud(&mut site, &cloud);
    cloud.answer("/ocs/", nextcloud::Answer::Status(401));
    site.set_database_port(nowhere.port());
    site.set(
        "storage",
        &format!(
            "kind = \"s3\"\nuri = {:?}\nbucket = \"{BUCKET}\"\naccess_key = \"nobody\"\nsecret_key = {WRONG_SECRET:?}",
            site.s3().uri()
        ),
    );
    let run = site.upkeep(&["doctor"]).expect(1);
    assert_snapshot!(findings(&site, &run), @r#"
    exit code 1
    --- stdout
    Configuration
      ok       [site]/upkeep.toml is valid
    Database
      problem  cannot reach PostgreSQL at 127.0.0.1:[port]
               cause: error connecting to server
               cause: Connection refused (os error 111)
               fix: check that the server runs and that host and port in [database] url are right
    Object storage
      problem  cannot list objects under "assets/" in s3 bucket controller at http://127.0.0.1:[port]: NotSignedUp: Your account is not signed up
               fix: check the storage's access_key and secret_key, and that they may get, put, delete and list the bucket's objects (s3:GetObject, s3:PutObject, s3:DeleteObject, s3:ListBucket)
    Identity provider
      note     not configured; keycloak-account-sync cannot run
               fix: set [identity] if the platform has one
    Shared folders
      problem  shared folders cannot be removed from nextcloud user meet at http://127.0.0.1:[port]/: HTTP 401, user name or password refused
               fix: check shared_folder.username and shared_folder.password
    Unfinished work
      note     not known, as there is no database to ask

    3 problems, 0 warnings
    "#);
}
