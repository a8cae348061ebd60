//! upkeep on a platform whose own configuration says everything: one line is enough.

use upkeep_test_servers::s3::{ACCESS_KEY, SECRET_KEY};
use upkeep_test_servers::{Nextcloud, Postgres, nextcloud};

use crate::site::{BUCKET, DatabaseKind, Event, Sample, Site, StorageKind, finish};

/// A platform with a configuration of its own in `etc/controller.toml`, and upkeep's, which only names that.
fn site(cloud: &Nextcloud) -> Site {
    let site = Site::unmigrated(DatabaseKind::Postgres, StorageKind::S3);
    let controller = format!(
        "[database]\nurl = {url:?}\nmax_connections = 20\n[http]\nport = 11311\n\
         [minio]\nuri = {uri:?}\nbucket = {BUCKET:?}\naccess_key = {ACCESS_KEY:?}\nsecret_key = {SECRET_KEY:?}\n\
         [shared_folder]\nprovider = \"nextcloud\"\nurl = {cloud:?}\nusername = {user:?}\npassword = {password:?}\n\
         directory = \"opentalk\"\nexpiry = 48\n",
        url = Postgres::shared().url(site.database_name()),
        uri = site.s3().uri(),
        cloud = cloud.url(),
        user = nextcloud::USERNAME,
        password = nextcloud::PASSWORD,
    );
    std::fs::create_dir(site.path().join("etc")).unwrap();
    std::fs::write(site.path().join("etc/controller.toml"), controller).unwrap();
    std::fs::write(site.configuration(), "inherit = \"etc/controller.toml\"\n").unwrap();
    site
}

#[test]
fn one_line_of_configuration_and_a_migration_are_enough() {
    let cloud = Nextcloud::start().unwrap();
    let site = site(&cloud);
    let (write, read) = cloud.add_folder("opentalk/some meeting");
    let shares = serde_json::json!({ "type": "nextcloud", "write_share_id": write, "read_share_id": read });
    let (old, young) = (Event::ended(31).with_assets(2), Event::ended(29).with_assets(1));
    site.fill(&Sample::of([old.with_folder("opentalk/some meeting", shares), young.clone()]));

    let checked = site.upkeep(&["config", "check"]).expect(0).stdout.replace(site.path().to_str().unwrap(), "[site]");
    assert_eq!(checked, "[site]/upkeep.toml is valid, with what it inherits from [site]/etc/controller.toml\n");
    site.clean_up(&[]).expect(78);
    site.upkeep(&["database", "migrate"]).expect(0);
    let report = site.clean_up(&["--dry-run"]).expect(0).report();
    assert_eq!(report["plan"]["objects"], 2);
    let report = site.clean_up(&[]).expect(0).report();
    assert_eq!((&report["counts"]["deleted"], &report["objects_deleted"]), (&1.into(), &2.into()));
    assert_eq!(report["shared_folders_deleted"], 1);
    assert_eq!(site.events().len(), 1);
    assert_eq!(site.objects().into_iter().collect::<Vec<_>>(), young.keys());
    assert!(cloud.folders().is_empty() && cloud.shares().is_empty() && site.outbox().is_empty());
}

#[test]
fn the_controllers_variables_and_upkeeps_own_win() {
    let cloud = Nextcloud::start().unwrap();
    let site = site(&cloud);
    site.upkeep(&["database", "migrate"]).expect(0);
    site.fill(&Sample::of([Event::ended(31).with_assets(1)]));
    let before = site.state();
    for (variable, value, code) in [
        ("OPENTALK_CTRL_MINIO__BUCKET", "another", 78),
        ("OPENTALK_CTRL_DATABASE__URL", "postgres://nobody:x@127.0.0.1:1/x", 69),
        ("UPKEEP_SAFETY__DELETION", "false", 4),
    ] {
        let mut command = site.command(&["jobs", "execute", "event-cleanup"]);
        finish(command.env(variable, value).spawn().unwrap()).expect(code);
        assert_eq!(site.state(), before);
    }
    let mut command = site.command(&["jobs", "execute", "event-cleanup"]);
    command.env("OPENTALK_CTRL_MINIO__BUCKET", "another").env("UPKEEP_STORAGE__BUCKET", BUCKET);
    finish(command.spawn().unwrap()).expect(0);
    assert!(site.objects().is_empty() && site.events().is_empty());
}

/// The database is the controller's, the objects are where upkeep's own configuration says.
#[test]
fn a_storage_of_its_own_wins_whole() {
    let cloud = Nextcloud::start().unwrap();
    let site = site(&cloud);
    let objects = site.path().join("objects");
    let event = Event::ended(31).with_assets(1);
    site.fill(&Sample::of([event.clone()]));
    std::fs::create_dir_all(objects.join("assets")).unwrap();
    std::fs::write(objects.join(&event.keys()[0]), "x").unwrap();
    let own = "inherit = \"etc/controller.toml\"\n[storage]\nkind = \"directory\"\npath = \"objects\"\n";
    std::fs::write(site.configuration(), own).unwrap();
    site.upkeep(&["database", "migrate"]).expect(0);
    site.clean_up(&[]).expect(0);
    assert!(!objects.join(&event.keys()[0]).exists());
    assert_eq!(site.objects().into_iter().collect::<Vec<_>>(), event.keys(), "the bucket is left alone");
}

/// Most jobs never come to a folder; a folder that cannot be removed waits, as one does whose provider is down.
#[test]
fn another_provider_of_shared_folders_stops_no_job() {
    let cloud = Nextcloud::start().unwrap();
    let site = site(&cloud);
    let file = site.path().join("etc/controller.toml");
    let controller = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, controller.replace("provider = \"nextcloud\"", "provider = \"hoster\"")).unwrap();
    site.upkeep(&["database", "migrate"]).expect(0);
    let with_folder = Event::ended(31).with_folder("opentalk/a", serde_json::json!({"type": "hoster"}));
    site.fill(&Sample::of([with_folder.clone(), Event::ended(31)]));
    let report = site.clean_up(&[]).expect(0).report();
    assert_eq!((&report["counts"]["deleted"], &report["backlog"]), (&2.into(), &1.into()));
    assert!(report["warnings"][0].as_str().unwrap().contains("no shared-folder provider is configured"), "{report}");
    assert_eq!(site.outbox(), [format!("shared_folder {}", with_folder.id)].into());
    let shown = site.upkeep(&["config", "show"]).expect(0).stdout;
    assert!(shown.contains("not used: the platform's provider of shared folders is not known to upkeep"), "{shown}");
    assert!(cloud.requests().is_empty());
}

#[test]
fn a_controllers_file_that_cannot_be_used_changes_nothing() {
    let cloud = Nextcloud::start().unwrap();
    let site = site(&cloud);
    site.upkeep(&["database", "migrate"]).expect(0);
    site.fill(&Sample::of([Event::ended(31).with_assets(1)]));
    let before = site.state();
    let file = site.path().join("etc/controller.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    let mut said = String::new();
    for bad in [
        format!("{good}[minio]\n"),
        good.replace("bucket = ", "bucket = 5 # "),
        good.replace("postgres://", "mysql://"),
        good.replace("secret_key = ", "#"),
    ] {
        std::fs::write(&file, bad).unwrap();
        let run = site.upkeep(&["jobs", "execute", "event-cleanup", "-q"]).expect(78);
        said += &format!("{}\n", run.transcript_at(&site));
        for command in [&["config", "show"][..], &["config", "check"], &["database", "status"]] {
            site.upkeep(command).expect(78);
        }
    }
    std::fs::remove_file(&file).unwrap();
    said += &site.upkeep(&["jobs", "execute", "event-cleanup", "-q"]).expect(78).transcript_at(&site);
    assert_eq!(site.state(), before);
    insta::assert_snapshot!(said, @r#"
    exit code 78
    --- stdout
    [ERROR] the controller's configuration [site]/etc/controller.toml (named by [site]/upkeep.toml, line 1) is no valid TOML: line 18, column 2: duplicate key
    [ERROR] Job failed
    --- stderr
    error: the controller's configuration [site]/etc/controller.toml (named by [site]/upkeep.toml, line 1) is no valid TOML: line 18, column 2: duplicate key
    hint: strings stand in quotes; one with quotes or backslashes in it is easiest in '…' or '''…'''
    exit code 78
    --- stdout
    [ERROR] storage.bucket, inherited from minio.bucket in [site]/etc/controller.toml, line 8, must be a string in quotes, not a number
    [ERROR] Job failed
    --- stderr
    error: storage.bucket, inherited from minio.bucket in [site]/etc/controller.toml, line 8, must be a string in quotes, not a number
    exit code 78
    --- stdout
    [ERROR] database.url, inherited from database.url in [site]/etc/controller.toml, line 2, is no URL of a database that upkeep knows
    [ERROR] Job failed
    --- stderr
    error: database.url, inherited from database.url in [site]/etc/controller.toml, line 2, is no URL of a database that upkeep knows
    hint: write postgres://user:password@host:5432/database (or postgresql://…) for PostgreSQL, sqlite:/path/to/upkeep.db for SQLite; or set it in upkeep's own configuration, which wins
    exit code 78
    --- stdout
    [ERROR] storage.secret_key is missing
    [ERROR] Job failed
    --- stderr
    error: storage.secret_key is missing
    hint: set secret_key in [storage] of the configuration file, or UPKEEP_STORAGE__SECRET_KEY, or name a file that holds it with secret_key_file or UPKEEP_STORAGE__SECRET_KEY_FILE; or minio.secret_key in [site]/etc/controller.toml
    exit code 78
    --- stdout
    [ERROR] cannot read the controller's configuration [site]/etc/controller.toml (named by [site]/upkeep.toml, line 1): No such file or directory (os error 2)
    [ERROR] Job failed
    --- stderr
    error: cannot read the controller's configuration [site]/etc/controller.toml (named by [site]/upkeep.toml, line 1)
    cause: No such file or directory (os error 2)
    hint: create the file, or correct the path
    "#);
}
