//! Metrics for Prometheus: what they tell, that whoever reads gets them whole, and that nothing ever depends on them.

mod examples;
mod exposition;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use insta::assert_snapshot;
use serde_json::Value;
use uuid::Uuid;

use self::exposition::{Samples, read};
use crate::history::Past;
use crate::site::{DATABASES, DatabaseKind, Event, Sample, Site, StorageKind, bound_by_permissions, finish, run_bare};

const EXECUTE: [&str; 4] = ["jobs", "execute", "event-cleanup", "--hide-duration"];

/// A site with something to do, and the directory that metrics go to.
fn measured(database: DatabaseKind) -> (Site, PathBuf) {
    let mut site = Site::new(database, StorageKind::Directory);
    site.fill(&Sample::of([Event::ended(31).with_assets(2), Event::ended(31), Event::ended(29)]));
    let directory = site.path().join("metrics");
    std::fs::create_dir(&directory).unwrap();
    // Relative to the configuration file.
    site.set("metrics", "dir = \"metrics\"");
    (site, directory)
}

fn of_job(samples: &Samples, name: &str) -> f64 {
    samples[&format!("upkeep_job_last_{name}{{job_type=\"event-cleanup\"}}")]
}

fn seconds(report: &Value, field: &str) -> f64 {
    let instant: DateTime<Utc> = report[field].as_str().unwrap().parse().unwrap();
    instant.timestamp_millis() as f64 / 1000.0
}

fn files(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        directory.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn they_are_what_the_report_says() {
    for database in DATABASES {
        let (mut site, directory) = measured(database);
        let done = site.clean_up(&[]).expect(0).report();
        let samples = read(&directory);
        assert_eq!(files(&directory), ["upkeep_event-cleanup.prom", "upkeep_outbox.prom"]);
        assert_eq!(of_job(&samples, "start_timestamp_seconds"), seconds(&done, "started_at"));
        assert_eq!(of_job(&samples, "end_timestamp_seconds"), seconds(&done, "finished_at"));
        assert_eq!(of_job(&samples, "success_timestamp_seconds"), seconds(&done, "finished_at"));
        assert_eq!(of_job(&samples, "duration_seconds"), done["duration_ms"].as_f64().unwrap() / 1000.0);
        assert_eq!((of_job(&samples, "exit_code"), of_job(&samples, "freed_bytes")), (0.0, 3.0));
        assert_eq!(of_job(&samples, "backlog"), 0.0);
        for (result, number) in done["counts"].as_object().unwrap() {
            let sample = format!("upkeep_job_last_items{{job_type=\"event-cleanup\",result=\"{result}\"}}");
            assert_eq!(samples[&sample], number.as_f64().unwrap(), "{sample}");
        }
        assert_eq!(samples.len(), 15);

        // A failed run hides no earlier success.
        site.set("safety", "deletion = false");
        let refused = site.clean_up(&[]).expect(4).report();
        let samples = read(&directory);
        assert_eq!(of_job(&samples, "success_timestamp_seconds"), seconds(&done, "finished_at"));
        assert_eq!(of_job(&samples, "end_timestamp_seconds"), seconds(&refused, "finished_at"));
        assert_eq!((of_job(&samples, "exit_code"), of_job(&samples, "freed_bytes")), (4.0, 0.0));

        // Neither does it where the success is long ago and no file is left of it.
        std::fs::remove_dir_all(&directory).unwrap();
        std::fs::create_dir(&directory).unwrap();
        site.clean_up(&[]).expect(4);
        assert_eq!(of_job(&read(&directory), "success_timestamp_seconds"), seconds(&done, "finished_at"));
    }
}

#[test]
fn the_files_of_several_jobs_agree() {
    let (site, directory) = measured(DatabaseKind::Sqlite);
    for job in ["event-cleanup", "room-cleanup", "invite-cleanup", "sync-storage-files", "run-history-cleanup"] {
        site.upkeep(&["jobs", "execute", job]).expect(0);
    }
    // Which is what reading looks at.
    let samples = read(&directory);
    assert_eq!(files(&directory).len(), 6);
    assert_eq!(samples.keys().filter(|sample| sample.starts_with("upkeep_job_last_exit_code")).count(), 5);
    assert_snapshot!(std::fs::read_to_string(directory.join("upkeep_outbox.prom")).unwrap());
    let text = std::fs::read_to_string(directory.join("upkeep_event-cleanup.prom")).unwrap();
    let steady = text.lines().map(|line| match line.rsplit_once(' ') {
        Some((sample, _)) if sample.contains("seconds{") => format!("{sample} [seconds]\n"),
        _ => format!("{line}\n"),
    });
    assert_snapshot!("of_a_job", steady.collect::<String>());
}

#[test]
fn the_outbox_is_told_by_kind_with_the_age_of_its_oldest_entry() {
    for database in [DatabaseKind::Postgres, DatabaseKind::Sqlite] {
        let (site, directory) = measured(database);
        let dialect = site.dialect();
        let now = Utc::now();
        for (kind, place, hours) in
            [("object", "here", 1), ("object", "there", 50), ("object", "there", 2), ("shared_folder", "x", 3)]
        {
            site.execute(&format!(
                "INSERT INTO upkeep_pending_deletions (kind, location, target, job, run_id, recorded_at) \
                 VALUES ('{kind}', '{place}', '{hours}', 'room-cleanup', {}, {})",
                dialect.uuid(Uuid::now_v7()),
                dialect.instant(now - TimeDelta::hours(hours))
            ));
        }
        site.upkeep(&["jobs", "execute", "run-history-cleanup"]).expect(0);
        let samples = read(&directory);
        let outbox = |name: &str, kind: &str| samples[&format!("upkeep_outbox_{name}{{kind=\"{kind}\"}}")];
        assert_eq!((outbox("entries", "object"), outbox("entries", "shared_folder")), (3.0, 1.0));
        for (kind, hours) in [("object", 50), ("shared_folder", 3)] {
            let made = (now - TimeDelta::hours(hours)).timestamp() as f64;
            assert!((outbox("oldest_entry_timestamp_seconds", kind) - made).abs() < 10.0, "{samples:#?}");
        }
        assert_eq!(samples["upkeep_job_last_backlog{job_type=\"run-history-cleanup\"}"], 4.0);
    }
}

#[test]
fn of_a_run_that_was_killed_they_tell_that_it_started() {
    let (site, directory) = measured(DatabaseKind::Postgres);
    let yesterday = Utc::now() - TimeDelta::days(1);
    site.remember(&[Past::ended("event-cleanup", yesterday, "succeeded", 0)]);
    let mut command = site.command(&EXECUTE);
    assert_eq!(finish(command.env("UPKEEP_CRASH_AT", "before-commit").spawn().unwrap()).code, None);
    let killed = read(&directory);
    assert!(of_job(&killed, "start_timestamp_seconds") > of_job(&killed, "end_timestamp_seconds") + 80_000.0);
    assert_eq!(of_job(&killed, "end_timestamp_seconds"), of_job(&killed, "success_timestamp_seconds"));
    site.upkeep(&EXECUTE).expect(0);
    let done = read(&directory);
    assert!(of_job(&done, "end_timestamp_seconds") >= of_job(&done, "start_timestamp_seconds"));

    // The very first run may be the one that is killed.
    let (site, directory) = measured(DatabaseKind::Sqlite);
    let mut command = site.command(&EXECUTE);
    assert_eq!(finish(command.env("UPKEEP_CRASH_AT", "leased").spawn().unwrap()).code, None);
    let samples = read(&directory);
    assert_eq!(samples.len(), 3, "{samples:#?}");
    assert!(of_job(&samples, "start_timestamp_seconds") > 0.0);
}

/// Or no alarm would go off until that time has come.
#[test]
fn a_clock_that_was_wrong_once_hides_nothing() {
    for database in [DatabaseKind::Postgres, DatabaseKind::Sqlite] {
        let (mut site, directory) = measured(database);
        let now = Utc::now();
        let success = Past::ended("event-cleanup", now - TimeDelta::days(5), "succeeded", 0);
        site.remember(&[success, Past::ended("event-cleanup", now + TimeDelta::days(4_000), "succeeded", 0)]);
        site.set("safety", "deletion = false");
        let refused = site.clean_up(&[]).expect(4).report();
        let samples = read(&directory);
        assert!(of_job(&samples, "success_timestamp_seconds") < (now - TimeDelta::days(4)).timestamp() as f64);
        assert_eq!(of_job(&samples, "start_timestamp_seconds"), seconds(&refused, "started_at"), "{database:?}");
        assert_eq!(of_job(&samples, "exit_code"), 4.0);
    }
}

#[test]
fn there_are_none_of_what_leaves_no_record() {
    let (site, directory) = measured(DatabaseKind::Sqlite);
    site.upkeep(&[&EXECUTE[..], &["--dry-run"]].concat()).expect(0);
    site.upkeep(&[&EXECUTE[..], &["--parameters", "5"]].concat()).expect(2);
    site.upkeep(&["jobs", "execute", "self-check"]).expect(0);
    let until = site.dialect().instant(Utc::now() + TimeDelta::hours(1));
    let run = site.dialect().uuid(Uuid::now_v7());
    site.execute(&format!("INSERT INTO upkeep_leases VALUES ('event-cleanup', {run}, '{{}}', {until})"));
    site.upkeep(&EXECUTE).expect(75);
    site.upkeep(&[&EXECUTE[..], &["--if-running", "skip"]].concat()).expect(0);
    assert_eq!(files(&directory), [""; 0]);
    // Asked for, it is said.
    let run = run_bare(&["jobs", "execute", "self-check", "-q", "--metrics-dir", "/nonexistent"]).expect(0);
    assert_snapshot!(run.transcript(), @"
    exit code 0
    --- stdout
    [WARN ] self-check leaves no record to make metrics of: --metrics-dir has no effect
    [WARN ] Test output in WARN level
    [ERROR] Test output in ERROR level
    ");
}

#[test]
fn the_option_wins_over_the_configuration() {
    let (site, configured) = measured(DatabaseKind::Sqlite);
    let other = site.path().join("other");
    std::fs::create_dir(&other).unwrap();
    // Relative to the working directory.
    site.upkeep(&[&EXECUTE[..], &["--metrics-dir", "other"]].concat()).expect(0);
    assert_eq!((files(&configured).len(), files(&other).len()), (0, 2));
}

#[test]
fn the_collector_may_read_them_whatever_the_umask() {
    let (site, directory) = measured(DatabaseKind::Sqlite);
    let command = site.command(&EXECUTE);
    let mut shell = Command::new("sh");
    shell.args(["-c", "umask 077; exec \"$0\" \"$@\""]).arg(command.get_program()).args(command.get_args());
    shell.current_dir(site.path()).env_clear().env("HOME", site.path());
    assert!(shell.output().unwrap().status.success());
    for name in files(&directory) {
        assert_eq!(std::fs::metadata(directory.join(&name)).unwrap().permissions().mode() & 0o7777, 0o644, "{name}");
    }
}

#[test]
fn metrics_that_cannot_be_written_are_a_warning() {
    let (mut site, directory) = measured(DatabaseKind::Sqlite);
    let mut said = String::new();
    let quiet = [&EXECUTE[..], &["-q"]].concat();
    // A directory stands where the file should be.
    std::fs::create_dir(directory.join("upkeep_event-cleanup.prom")).unwrap();
    said += &site.upkeep(&quiet).expect(0).transcript_at(&site);
    assert_eq!(files(&directory), ["upkeep_event-cleanup.prom"], "nothing else is left");
    std::fs::remove_dir(directory.join("upkeep_event-cleanup.prom")).unwrap();
    // Nothing may be written there.
    std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o500)).unwrap();
    let bound = bound_by_permissions(site.command(&quiet)).spawn().unwrap();
    said += &format!("\n{}", finish(bound).expect(0).transcript_at(&site));
    std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(files(&directory), [""; 0]);
    for wrong in ["missing", "upkeep.toml"] {
        site.set("metrics", &format!("dir = \"{wrong}\""));
        said += &format!("\n{}", site.upkeep(&quiet).expect(0).transcript_at(&site));
    }
    assert_snapshot!(said);
    assert!(!site.path().join("missing").exists(), "it is not created: the collector would not read it either");
    // Nor does it change another exit code, which failed in the same way.
    site.set("safety", "deletion = false");
    site.upkeep(&quiet).expect(4);
}

/// Gives the metrics a file system of their own, runs a job, fills it up, and runs the job again.
const ON_A_FULL_DISK: &str = r#"
set -e
mount -t tmpfs -o size=16k none "$1/metrics"
run() { "$2" --config "$1/upkeep.toml" jobs execute event-cleanup -q; }
run "$1" "$2"
cp "$1"/metrics/upkeep_event-cleanup.prom "$1/before"
dd if=/dev/zero of="$1/metrics/filler" bs=4096 2> /dev/null || true
run "$1" "$2"
cp "$1"/metrics/upkeep_event-cleanup.prom "$1/after"
ls -A "$1/metrics"
"#;

#[test]
fn on_a_full_disk_the_old_file_stays_and_nothing_else_is_left() {
    let (site, _) = measured(DatabaseKind::Sqlite);
    let mut command = Command::new("unshare");
    command.args(["--mount", "--map-root-user", "--", "sh", "-c", ON_A_FULL_DISK, "sh"]);
    command.arg(site.path()).arg(env!("CARGO_BIN_EXE_upkeep"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let run = finish(command.spawn().unwrap()).expect(0);
    assert_snapshot!(run.transcript_at(&site));
    let text = |name: &str| std::fs::read_to_string(site.path().join(name)).unwrap();
    assert!(text("before").ends_with('\n') && text("before") == text("after"));
}

/// As node_exporter reads: any time, whatever is there.
#[test]
fn whoever_reads_meanwhile_gets_whole_files() {
    let (site, directory) = measured(DatabaseKind::Sqlite);
    site.upkeep(&EXECUTE).expect(0);
    let (done, begun) = (AtomicBool::new(false), AtomicBool::new(false));
    let reads = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0;
            while !done.load(Ordering::SeqCst) {
                let samples = read(&directory);
                assert_eq!(samples.len(), 15);
                begun.store(true, Ordering::SeqCst);
                reads += 1;
            }
            reads
        });
        for _ in 0..8 {
            site.upkeep(&EXECUTE).expect(0);
        }
        done.store(true, Ordering::SeqCst);
        reader.join().unwrap()
    });
    assert!(begun.into_inner() && reads > 50, "{reads}");
    assert_eq!(files(&directory).len(), 2);
}
