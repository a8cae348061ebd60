//! The files that start the jobs at night: that they are what `generate` writes, that they do away with nobody's
//! changes, and that systemd and cron take them.

mod crontab;
mod units;

use std::collections::BTreeMap;
use std::path::Path;

use insta::assert_snapshot;
use tempfile::TempDir;
use upkeep_jobs::JOBS;
use upkeep_jobs::kit::Nightly;

use crate::site::{Run, bare, bound_by_permissions, finish, run_bare};

/// A configuration with everything.
const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/upkeep.toml");

/// One without an identity provider, on the embedded database.
const SMALL: &str = "/dev/null";

fn generate(what: &str, configuration: &str, directory: &Path, more: &[&str]) -> Run {
    let directory = directory.to_str().unwrap();
    run_bare(&[&["--config", configuration, "generate", what, "--dir", directory], more].concat())
}

/// All files below `directory`, by their paths.
fn files(directory: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(next) = directories.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                let name = path.strip_prefix(directory).unwrap().to_str().unwrap().to_owned();
                found.insert(name, std::fs::read_to_string(path).unwrap());
            }
        }
    }
    found
}

/// The files of the repository, which are those for a platform with everything.
fn examples(what: &str) -> BTreeMap<String, String> {
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(what))
}

#[test]
fn the_examples_are_what_is_written_for_a_platform_with_everything() {
    for what in ["systemd", "cron"] {
        let directory = TempDir::new().unwrap();
        generate(what, EXAMPLE, directory.path(), &[]).expect(0);
        let (written, there) = (files(directory.path()), examples(what));
        assert!(
            written == there,
            "examples/{what} is out of date. Remove it, and run\n\
             cargo run -- --config examples/upkeep.toml generate {what} --dir examples/{what}"
        );
    }
}

#[test]
fn every_job_but_self_check_has_a_time_and_they_follow_each_other_sensibly() {
    let unscheduled: Vec<_> = JOBS.iter().filter(|job| job.schedule().is_none()).map(|job| job.name()).collect();
    assert_eq!(unscheduled, ["self-check"]);
    let mut times: Vec<(Nightly, &str)> = JOBS.iter().filter_map(|job| Some((job.schedule()?, job.name()))).collect();
    times.sort();
    let place = |name| times.iter().position(|(_, job)| *job == name).unwrap();
    for order in [
        ["keycloak-account-sync", "user-cleanup", "event-cleanup"],
        ["event-cleanup", "room-cleanup", "sync-storage-files"],
        ["adhoc-event-cleanup", "room-cleanup", "sync-storage-files"],
        ["user-cleanup", "room-cleanup", "sync-storage-files"],
    ] {
        assert!(order.map(place).is_sorted(), "{order:?} in {times:?}");
    }
    let minutes = |time: &Nightly| {
        let cron = time.cron();
        let (minute, hour) = cron.strip_suffix(" * * *").unwrap().split_once(' ').unwrap();
        hour.parse::<u32>().unwrap() * 60 + minute.parse::<u32>().unwrap()
    };
    for pair in times.windows(2) {
        let apart = minutes(&pair[1].0) - minutes(&pair[0].0);
        assert!(apart > 10, "{pair:?}: a timer may be ten minutes late");
    }
    for (time, job) in &times {
        assert!(time.reason().ends_with('.') && !time.reason().contains('\n'), "{job}");
    }
}

#[test]
fn it_tells_what_it_wrote_and_what_to_do_with_it() {
    let directory = TempDir::new().unwrap();
    let target = directory.path().join("it's here");
    let shown = |run: Run| run.transcript().replace(directory.path().to_str().unwrap(), "[dir]");
    assert_snapshot!(shown(generate("cron", SMALL, &target, &[])), @r#"
    exit code 0
    --- stdout
    written    [dir]/it's here/upkeep
    written    [dir]/it's here/jobs/self-check.json
    written    [dir]/it's here/jobs/event-cleanup.json
    written    [dir]/it's here/jobs/user-cleanup.json
    written    [dir]/it's here/jobs/adhoc-event-cleanup.json
    written    [dir]/it's here/jobs/invite-cleanup.json
    written    [dir]/it's here/jobs/sync-storage-files.json
    written    [dir]/it's here/jobs/room-cleanup.json
    written    [dir]/it's here/jobs/run-history-cleanup.json
    left out   keycloak-account-sync, as no identity provider is configured

    To put them in place, as root:
      cd '[dir]/it'\''s here'
      getent passwd upkeep >/dev/null ||
        useradd --system --user-group --home-dir /var/lib/upkeep upkeep
      install -d /etc/upkeep/jobs
      cp -n jobs/*.json /etc/upkeep/jobs/
      chmod 644 /etc/upkeep/jobs/*.json
      [ -e /etc/upkeep/upkeep.toml ] ||
        install -m 640 -g upkeep /dev/null /etc/upkeep/upkeep.toml
      install -d -m 750 -o upkeep -g upkeep /var/lib/upkeep
      install -m 644 upkeep /etc/cron.d/upkeep
    "#);
    let parameters = target.join("jobs/room-cleanup.json");
    std::fs::write(&parameters, "{\"fail_on_shared_folder_deletion_error\": true}\n").unwrap();
    assert_snapshot!(shown(generate("systemd", SMALL, &target, &[])), @r#"
    exit code 0
    --- stdout
    written    [dir]/it's here/upkeep@.service
    written    [dir]/it's here/upkeep@user-cleanup.timer
    written    [dir]/it's here/upkeep@event-cleanup.timer
    written    [dir]/it's here/upkeep@adhoc-event-cleanup.timer
    written    [dir]/it's here/upkeep@invite-cleanup.timer
    written    [dir]/it's here/upkeep@room-cleanup.timer
    written    [dir]/it's here/upkeep@sync-storage-files.timer
    written    [dir]/it's here/upkeep@run-history-cleanup.timer
    unchanged  [dir]/it's here/jobs/self-check.json
    unchanged  [dir]/it's here/jobs/event-cleanup.json
    unchanged  [dir]/it's here/jobs/user-cleanup.json
    unchanged  [dir]/it's here/jobs/adhoc-event-cleanup.json
    unchanged  [dir]/it's here/jobs/invite-cleanup.json
    unchanged  [dir]/it's here/jobs/sync-storage-files.json
    kept       [dir]/it's here/jobs/room-cleanup.json
    unchanged  [dir]/it's here/jobs/run-history-cleanup.json
    left out   keycloak-account-sync, as no identity provider is configured

    To put them in place, as root:
      cd '[dir]/it'\''s here'
      getent passwd upkeep >/dev/null ||
        useradd --system --user-group --home-dir /var/lib/upkeep upkeep
      install -d /etc/upkeep/jobs
      cp -n jobs/*.json /etc/upkeep/jobs/
      chmod 644 /etc/upkeep/jobs/*.json
      [ -e /etc/upkeep/upkeep.toml ] ||
        install -m 640 -g upkeep /dev/null /etc/upkeep/upkeep.toml
      install -m 644 upkeep@.service upkeep@*.timer /etc/systemd/system/
      systemctl daemon-reload
      systemctl start upkeep@self-check.service
      systemctl enable --now \
        upkeep@user-cleanup.timer \
        upkeep@event-cleanup.timer \
        upkeep@adhoc-event-cleanup.timer \
        upkeep@invite-cleanup.timer \
        upkeep@room-cleanup.timer \
        upkeep@sync-storage-files.timer \
        upkeep@run-history-cleanup.timer
    "#);
    assert!(std::fs::read_to_string(parameters).unwrap().contains("true"));
}

#[test]
fn nobodys_changes_are_lost() {
    for (what, file) in [("systemd", "upkeep@.service"), ("systemd", "upkeep@room-cleanup.timer"), ("cron", "upkeep")] {
        let directory = TempDir::new().unwrap();
        generate(what, SMALL, directory.path(), &[]).expect(0);
        let original = files(directory.path());
        assert!(!generate(what, SMALL, directory.path(), &[]).expect(0).stdout.contains("written"), "it is all there");
        let (edited, parameters) = (directory.path().join(file), directory.path().join("jobs/event-cleanup.json"));
        std::fs::write(&edited, "mine").unwrap();
        std::fs::write(&parameters, "{\"days_since_last_occurrence\": 365}").unwrap();
        std::fs::remove_file(directory.path().join("jobs/user-cleanup.json")).unwrap();
        let mine = files(directory.path());

        let run = generate(what, SMALL, directory.path(), &[]).expect(2);
        assert_eq!(
            run.stderr.replace(directory.path().to_str().unwrap(), "[dir]"),
            format!(
                "error: [dir]/{file} is there already, with other contents; nothing was written\n\
                 hint: choose another directory and compare, or replace what differs with --force\n"
            )
        );
        assert_eq!((run.stdout.as_str(), files(directory.path())), ("", mine));

        generate(what, SMALL, directory.path(), &["--force"]).expect(0);
        let mut expected = original;
        expected.insert("jobs/event-cleanup.json".into(), "{\"days_since_last_occurrence\": 365}".into());
        assert_eq!(files(directory.path()), expected, "parameters are never replaced");
    }
}

#[test]
fn places_that_cannot_be_written_to_are_named() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let run = generate("systemd", SMALL, &file, &[]).expect(1);
    assert!(run.stderr.starts_with("error: cannot tell whether "), "{run:#?}");
    assert!(run.stderr.contains("cause: Not a directory"), "{run:#?}");

    let locked = directory.path().join("locked");
    std::fs::create_dir(&locked).unwrap();
    std::fs::set_permissions(&locked, std::os::unix::fs::PermissionsExt::from_mode(0o555)).unwrap();
    let command = bare(&["--config", SMALL, "generate", "cron", "--dir", locked.to_str().unwrap()]);
    let run = finish(bound_by_permissions(command).spawn().unwrap()).expect(1);
    assert!(run.stderr.starts_with("error: cannot write "), "{run:#?}");
    assert!(run.stderr.contains("cause: Permission denied"), "{run:#?}");
    assert!(files(&locked).is_empty());

    // A file in the way of another, found before anything is written.
    let odd = directory.path().join("odd");
    std::fs::create_dir_all(odd.join("jobs/self-check.json")).unwrap();
    generate("systemd", SMALL, &odd, &[]).expect(1);
    assert!(files(&odd).is_empty());
}

#[test]
fn programs_that_would_be_taken_apart_are_refused() {
    let directory = TempDir::new().unwrap();
    for program in ["upkeep", "./upkeep", "", "/opt/up keep", "/opt/100%", "/opt/$HOME/upkeep", "/opt/up;keep"] {
        let run = generate("cron", SMALL, directory.path(), &["--program", program]).expect(2);
        assert!(run.stderr.contains("write an absolute path of letters, digits and / . _ + -"), "{run:#?}");
    }
    assert!(files(directory.path()).is_empty());
    for what in ["cron", "systemd"] {
        generate(what, SMALL, directory.path(), &["--program", "/usr/local/bin/upkeep"]).expect(0);
        let texts: String = files(directory.path()).into_values().collect();
        assert!(texts.contains("/usr/local/bin/upkeep ") && !texts.contains("/usr/bin/upkeep "), "{texts}");
    }
}

#[test]
fn a_configuration_that_is_wrong_is_refused_before_anything_is_written() {
    let directory = TempDir::new().unwrap();
    let configuration = directory.path().join("upkeep.toml");
    std::fs::write(&configuration, "[databse]").unwrap();
    let target = directory.path().join("new");
    generate("systemd", configuration.to_str().unwrap(), &target, &[]).expect(78);
    assert!(!target.exists());
}

#[test]
fn parameters_are_those_that_jobs_have_by_default() {
    for what in ["systemd", "cron"] {
        let files = examples(what);
        for job in JOBS {
            let parameters = serde_json::from_str(&files[&format!("jobs/{}.json", job.name())]).unwrap();
            assert_eq!(job.complete(&parameters, chrono::Utc::now()).unwrap(), job.default_parameters());
        }
    }
}
