//! The units, judged by systemd itself.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use upkeep_jobs::JOBS;

use super::{EXAMPLE, SMALL, examples, files, generate};
use crate::site::{Run, finish};

/// Has to be there: a test that passes without looking is none.
fn systemd_analyze(arguments: &[&str], directory: &Path) -> Run {
    let mut command = Command::new("systemd-analyze");
    command.args(arguments).current_dir(directory).env("SYSTEMD_PAGER", "");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    match command.spawn() {
        Ok(child) => finish(child),
        Err(error) => panic!("systemd-analyze cannot be run ({error}); install systemd, or run tests/run, which does"),
    }
}

/// Units that start the program under test, as the one they name need not be installed here.
fn units(configuration: &str) -> (TempDir, Vec<PathBuf>) {
    let directory = TempDir::new().unwrap();
    generate("systemd", configuration, directory.path(), &["--program", env!("CARGO_BIN_EXE_upkeep")]).expect(0);
    let units = files(directory.path()).into_keys().filter(|name| !name.ends_with(".json"));
    let units = units.map(|name| directory.path().join(name)).collect();
    (directory, units)
}

#[test]
fn systemd_has_nothing_to_say_against_them() {
    let (directory, mut units) = units(EXAMPLE);
    // One instance stands for the template.
    units.retain(|unit| !unit.ends_with("upkeep@.service"));
    assert_eq!(units.len(), JOBS.iter().filter(|job| job.schedule().is_some()).count());
    let mut arguments = vec!["verify", "--man=no", "./upkeep@event-cleanup.service"];
    arguments.extend(units.iter().map(|unit| unit.to_str().unwrap()));
    let run = systemd_analyze(&arguments, directory.path()).expect(0);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));

    // It would have, if there were anything.
    let service = directory.path().join("upkeep@.service");
    let spoilt = std::fs::read_to_string(&service).unwrap().replace("ProtectSystem=strict", "ProtectSytem=strict");
    std::fs::write(&service, spoilt).unwrap();
    let run = systemd_analyze(&["verify", "--man=no", "./upkeep@event-cleanup.service"], directory.path());
    assert!(run.stderr.contains("ProtectSytem"), "{run:#?}");
}

/// 1.5 of 10, where 10 is a service that may do anything.
#[test]
fn the_service_is_hardened() {
    for configuration in [EXAMPLE, SMALL] {
        let (directory, _) = units(configuration);
        let arguments = ["security", "--offline=true", "--threshold=15", "./upkeep@.service"];
        let run = systemd_analyze(&arguments, directory.path()).expect(0);
        assert!(run.stdout.contains("Overall exposure level"), "{run:#?}");
    }
}

#[test]
fn timers_name_times_that_systemd_knows() {
    let files = examples("systemd");
    for job in JOBS {
        let Some(time) = job.schedule() else { continue };
        let timer = &files[&format!("upkeep@{}.timer", job.name())];
        assert!(timer.contains(&format!("\nUnit=upkeep@{}.service\n", job.name())), "{timer}");
        for line in ["RandomizedDelaySec=10min", "FixedRandomDelay=yes", "Persistent=yes", "WantedBy=timers.target"] {
            assert!(timer.contains(&format!("\n{line}\n")), "{line} in {timer}");
        }
        let calendar: Vec<_> = timer.lines().filter_map(|line| line.strip_prefix("OnCalendar=")).collect();
        assert_eq!(calendar, [time.on_calendar()]);
        let run = systemd_analyze(&["calendar", "--iterations=2", calendar[0]], Path::new("/")).expect(0);
        assert!(run.stdout.contains(&format!("Normalized form: {}", calendar[0])), "{run:#?}");
    }
}

#[test]
fn without_an_identity_provider_nobody_asks_it() {
    let (directory, _) = units(SMALL);
    assert!(files(directory.path()).keys().all(|name| !name.contains("keycloak-account-sync")));
    assert!(examples("systemd").keys().any(|name| name == "upkeep@keycloak-account-sync.timer"));
}

#[test]
fn directories_that_are_configured_can_be_written_to() {
    let directory = TempDir::new().unwrap();
    let configuration = directory.path().join("upkeep.toml");
    std::fs::write(
        &configuration,
        "[database]\nurl = \"sqlite:/srv/upkeep/upkeep.db\"\n[storage]\nkind = \"directory\"\npath = '/srv/100% \"o\\b\"'\n\
         [metrics]\ndir = \"/var/lib/metrics\"",
    )
    .unwrap();
    let (units, _) = units(configuration.to_str().unwrap());
    let service = std::fs::read_to_string(units.path().join("upkeep@.service")).unwrap();
    let lines: Vec<_> = service.lines().filter(|line| line.starts_with("ReadWritePaths=")).collect();
    assert_eq!(
        lines,
        [
            r#"ReadWritePaths="-/srv/upkeep""#,
            r#"ReadWritePaths="-/srv/100%% \"o\\b\"""#,
            r#"ReadWritePaths="-/var/lib/metrics""#
        ]
    );
    let run = systemd_analyze(&["verify", "--man=no", "./upkeep@room-cleanup.service"], units.path()).expect(0);
    assert_eq!(run.stderr, "");
    assert!(!examples("systemd")["upkeep@.service"].contains("\nReadWritePaths="));
}

/// Whatever is a secret can be a credential, and where its file is missing the unit starts all the same.
#[test]
fn every_secret_has_a_credential_and_none_is_needed() {
    let service = &examples("systemd")["upkeep@.service"];
    let loaded = service.lines().filter_map(|line| line.strip_prefix("LoadCredential="));
    let loaded: Vec<_> = loaded.map(|line| line.split_once(':').unwrap()).collect();
    assert!(loaded.contains(&("storage.secret_key", "/etc/upkeep/secrets/storage.secret_key")), "{loaded:?}");
    for (name, path) in &loaded {
        assert_eq!(*path, format!("/etc/upkeep/secrets/{name}"));
        assert!(service.contains(&format!("\nSetCredential={name}:-\n")), "{name}");
    }
    // What the unit passes when there is no file is as good as nothing.
    let directory = TempDir::new().unwrap();
    for (name, _) in &loaded {
        std::fs::write(directory.path().join(name), "-").unwrap();
    }
    let mut command = crate::site::bare(&["--config", EXAMPLE, "config", "show"]);
    let run = finish(command.env("CREDENTIALS_DIRECTORY", directory.path()).spawn().unwrap()).expect(0);
    assert!(!run.stdout.contains("credential"), "{run:#?}");
    // And those are all secrets there are.
    std::fs::write(directory.path().join("storage.no_such_key"), "x").unwrap();
    let mut command = crate::site::bare(&["config", "check"]);
    let run = finish(command.env("CREDENTIALS_DIRECTORY", directory.path()).spawn().unwrap()).expect(78);
    let (_, known) = run.stderr.split_once("known are ").unwrap();
    let known: Vec<_> = known.trim_end().trim_end_matches(')').split(", ").collect();
    assert_eq!(known, loaded.iter().map(|(name, _)| *name).collect::<Vec<_>>());
}

#[test]
fn a_comment_stands_above_every_group_of_settings() {
    for (name, unit) in examples("systemd").iter().filter(|(name, _)| !name.ends_with(".json")) {
        assert!(unit.starts_with("# "), "{name}");
        assert!(unit.lines().all(|line| line.trim_end() == line), "{name}");
    }
}
