//! Whether the database is the platform's, lets upkeep work, and how fast; and what earlier runs left in it.

use std::collections::BTreeSet;

use anyhow::Context as _;
use chrono::TimeDelta;
use upkeep_jobs::JOBS;
use upkeep_jobs::kit::{Resources, Waiting, waiting};
use upkeep_jobs::meetings::sample_of_objects;
use upkeep_jobs::platform::Stop;
use upkeep_jobs::platform::database::{
    Access, Database, DatabaseError, DatabaseUrl, UnindexedReference, check_privileges, check_schema, generation,
    migration_state, require_migrated, server, unindexed_references,
};
use upkeep_jobs::platform::shared_folders::SharedFolders;

use super::finding::Finding;
use super::storage;
use crate::run::{held_leases, present};

const AREA: &str = "Database";
/// The name of the session, as the database's administrator sees it.
const CLIENT: &str = "upkeep:doctor";
/// So many objects are looked for in the store.
const SAMPLE: usize = 20;
/// How far the clocks may be apart.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::minutes(1);
/// In a smaller table an index saves next to nothing, in bytes.
const SMALL_TABLE: i64 = 512 * 1024;
/// What waits for longer should have been seen to, in seconds.
const LONG: i64 = 86_400;

/// What came of the examination.
pub(super) struct Examined {
    pub(super) findings: Vec<Finding>,
    /// The database, if it answers.
    pub(super) database: Option<Database>,
    /// Keys of objects that the store should have, if it could be asked for them.
    pub(super) sample: Option<Vec<String>>,
}

pub(super) fn examine(url: &DatabaseUrl, stop: &Stop) -> Examined {
    let without = |finding| Examined { findings: vec![finding], database: None, sample: None };
    if let DatabaseUrl::Sqlite(path) = url
        && !path.exists()
    {
        let text = format!("{url} does not exist yet; the first run creates it");
        return without(Finding::note(AREA, text));
    }
    let mut database = Database::new(url.clone(), CLIENT, Access::ReadOnly, stop.clone());
    let mut findings = match connection(&mut database, url) {
        Ok(findings) => findings,
        // Nothing else can be asked.
        Err(error) => return without(Finding::problem(AREA, &error.into())),
    };
    let suitable = schema(&mut database, &mut findings);
    let sample = suitable.then(|| database.read(|connection| sample_of_objects(connection, SAMPLE)));
    let sample = sample.transpose().unwrap_or_else(|error| {
        findings.push(Finding::problem(AREA, &error.into()));
        None
    });
    Examined { findings, database: Some(database), sample }
}

/// Who answers, how securely, and by which clock.
fn connection(database: &mut Database, url: &DatabaseUrl) -> Result<Vec<Finding>, DatabaseError> {
    let before = present();
    let server = server(database)?;
    let after = present();
    let mut findings = vec![Finding::ok(AREA, format!("{url} answers: {}", server.name))];
    if server.standby {
        findings.push(
            Finding::wrong(AREA, "the server is a standby: nothing can be changed there")
                .fix("name the primary server in [database] url"),
        );
    }
    match server.encrypted {
        Some(false) if !server.local => findings.push(
            Finding::warning(AREA, "the connection is not encrypted")
                .fix("add ?sslmode=verify-full&sslrootcert=system to the URL, and let the server offer TLS"),
        ),
        Some(true) if !url.verifies_server() => findings.push(
            Finding::note(AREA, "the connection is encrypted, but not verified to be with the right server")
                .fix("add ?sslmode=verify-full&sslrootcert=system to the URL, or a PEM file in place of `system`"),
        ),
        Some(true) => findings.push(Finding::ok(AREA, "the connection is encrypted and the server verified")),
        Some(false) | None => {}
    }
    // The answer was made at some moment in between.
    let clock = server.clock.0;
    let (ahead, behind) = (before - clock, clock - after);
    let apart = ahead.max(behind);
    if apart > CLOCK_TOLERANCE {
        let direction = if ahead > behind { "ahead of" } else { "behind" };
        let apart = roughly(apart.num_seconds());
        let text = format!("the clock of this host is {apart} {direction} the database's: retention periods are off");
        findings.push(Finding::warning(AREA, text).fix("set the clocks of both hosts by a time server (NTP)"));
    }
    Ok(findings)
}

/// Whether it has the tables that jobs use, and lets upkeep use them; the return value says whether jobs can use it.
fn schema(database: &mut Database, findings: &mut Vec<Finding>) -> bool {
    match migration_state(database) {
        Err(error) => findings.push(Finding::problem(AREA, &error.into())),
        Ok(state) if state.unknown.is_empty() && state.pending.is_empty() => {
            findings.push(Finding::ok(AREA, "upkeep's own tables are up to date"));
        }
        Ok(state) if state.unknown.is_empty() && !database.is_postgres() => {
            let text = format!("migrations are pending ({}); the next run applies them", state.pending.join(", "));
            findings.push(Finding::note(AREA, text));
            // The platform's tables are among them.
            return false;
        }
        Ok(_) => findings.extend(require_migrated(database).err().map(|e| Finding::problem(AREA, &e.into()))),
    }
    // Jobs that all lack the same are told of once.
    let (mut refusals, mut used) = (Vec::<(Vec<&str>, DatabaseError)>::new(), BTreeSet::new());
    for job in JOBS.iter().filter(|job| !job.requires().is_empty()) {
        match check_schema(database, &job.requires()) {
            Ok(tables) => used.extend(tables),
            Err(error) => match refusals.iter_mut().find(|(_, other)| other.to_string() == error.to_string()) {
                Some((jobs, _)) => jobs.push(job.name()),
                None => refusals.push((vec![job.name()], error)),
            },
        }
    }
    if refusals.is_empty() {
        match generation(database) {
            Ok(found) => findings.push(Finding::ok(AREA, format!("every job knows the platform's schema: {found}"))),
            Err(error) => findings.push(Finding::problem(AREA, &error.into())),
        }
    }
    let suitable = refusals.is_empty();
    for (jobs, error) in refusals {
        let error = anyhow::Error::from(error).context(format!("these jobs cannot run: {}", jobs.join(", ")));
        findings.push(Finding::problem(AREA, &error));
    }
    match check_privileges(database, used.iter().copied()) {
        Err(error) => findings.push(Finding::problem(AREA, &error.into())),
        Ok(()) if used.is_empty() || !database.is_postgres() => {}
        Ok(()) => findings.push(Finding::ok(AREA, "upkeep's user has the privileges that jobs need")),
    }
    let tables: Vec<_> = used.into_iter().collect();
    match unindexed_references(database, &tables) {
        Err(error) => findings.push(Finding::problem(AREA, &error.into())),
        Ok(references) => findings.extend(unindexed(&references)),
    }
    suitable
}

/// The foreign keys for which an index is worth while, and the number of others.
fn unindexed(references: &[UnindexedReference]) -> Vec<Finding> {
    let (large, small): (Vec<_>, Vec<_>) = references.iter().partition(|reference| reference.bytes >= SMALL_TABLE);
    let mut findings = Vec::new();
    if !large.is_empty() {
        let text = format!(
            "foreign keys without an index: {}. For each row deleted from the table they refer to, PostgreSQL reads the \
             whole table they are in. The size of that table is what an index saves each time; it costs disk space \
             and a little of the platform's time to keep it up to date",
            large.len()
        );
        let mut finding =
            Finding::warning(AREA, text).fix("as the tables' owner, one by one, while the platform runs:");
        for reference in large {
            finding.statements.push(reference.remedy());
            let saved = format!("--  saves {} for each row of {}", megabytes(reference.bytes), reference.references);
            finding.statements.push(saved);
        }
        findings.push(finding);
    }
    if !small.is_empty() {
        let text = format!(
            "foreign keys without an index in small tables (below 0.5 MB each), where it would save next to nothing: {}",
            small.len()
        );
        findings.push(Finding::note(AREA, text));
    }
    findings
}

/// A span of time, as precisely as anybody wants to know.
fn roughly(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} seconds"),
        120..7_200 => format!("{} minutes", seconds / 60),
        7_200..172_800 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn megabytes(bytes: i64) -> String {
    format!("{:.1} MB", bytes as f64 / 1_000_000.0)
}

/// What earlier runs left undone, and which runs are under way.
pub(super) fn unfinished(database: Option<Database>, resources: &Resources, stop: &Stop) -> Vec<Finding> {
    const AREA: &str = "Unfinished work";
    let mut database = match database {
        Some(database) => database,
        None => return vec![Finding::note(AREA, "not known, as there is no database to ask")],
    };
    if !migration_state(&mut database).is_ok_and(|state| state.pending.is_empty()) {
        return vec![Finding::note(AREA, "not known, as upkeep's own tables cannot be read")];
    }
    let read = database.read(|connection| Ok((waiting(connection)?, held_leases(connection)?)));
    let (waiting, leases) = match read.context("cannot read what is left to be done") {
        Ok(read) => read,
        Err(error) => return vec![Finding::problem(AREA, &error)],
    };
    let here = match places(resources, stop) {
        Ok(here) => here,
        Err(error) => return vec![Finding::problem(AREA, &error)],
    };
    let mut findings: Vec<_> = waiting.iter().map(|waiting| left(AREA, waiting, &here)).collect();
    if findings.is_empty() {
        findings.push(Finding::ok(AREA, "no objects or shared folders wait to be deleted"));
    }
    for lease in leases {
        findings.push(if lease.is_abandoned() {
            let text = format!("{} ended without saying so ({})", lease.job, lease.holder());
            Finding::note(AREA, text).fix("the next run of that job takes over by itself")
        } else {
            Finding::note(AREA, format!("{} is under way ({})", lease.job, lease.holder()))
        });
    }
    findings
}

/// Where entries of the outbox can be deleted from as things are configured.
fn places(resources: &Resources, stop: &Stop) -> anyhow::Result<Vec<String>> {
    let mut places = vec![SharedFolders::NOWHERE.to_owned()];
    places.push(storage::open(&resources.storage, stop)?.location().to_owned());
    if let Some(settings) = &resources.shared_folders {
        places.push(SharedFolders::nextcloud(settings.clone())?.location().to_owned());
    }
    Ok(places)
}

fn left(area: &'static str, waiting: &Waiting, here: &[String]) -> Finding {
    let Waiting { kind, location, number, seconds, last_error } = waiting;
    let what = if kind == "object" { "objects" } else { "shared folders" };
    let age = roughly(*seconds);
    let mut text = format!("{what} that wait to be deleted from {location}: {number}, the oldest for {age}");
    if let Some(error) = last_error {
        text += &format!("; one could not be: {error}");
    }
    if !here.contains(location) {
        let fix = "that place is not configured now; run a job that deletes once with it configured";
        return Finding::warning(area, text).fix(fix);
    }
    match (*seconds > LONG, last_error) {
        (false, _) => Finding::note(area, text).fix("the next run of a job that deletes tries again"),
        (true, None) => Finding::warning(area, text).fix("run a job that deletes, such as event-cleanup"),
        (true, Some(_)) => Finding::warning(area, text).fix("see to that, then run a job that deletes"),
    }
}
