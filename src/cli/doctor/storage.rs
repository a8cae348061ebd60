//! Whether the objects are where jobs look for them, and can be deleted.

use std::sync::Arc;

use upkeep_jobs::kit::{Guard, StorageSettings};
use upkeep_jobs::platform::Stop;
use upkeep_jobs::platform::storage::{Versioning, WriteObjects};

use super::finding::{Finding, Level};

const AREA: &str = "Object storage";
/// What the platform's assets are stored under.
const PREFIX: &str = "assets/";

/// Lists, looks up and tries to delete; `sample` holds keys of objects that there should be, if the database could be
/// asked for some.
pub(super) fn examine(
    settings: &StorageSettings,
    sample: Option<Vec<String>>,
    guard: &Guard,
    stop: &Stop,
) -> Vec<Finding> {
    if let StorageSettings::Embedded(path) = settings
        && !path.exists()
    {
        let text = format!("the directory {} does not exist yet; the first run creates it", path.display());
        return vec![Finding::note(AREA, text)];
    }
    let store = match open(settings, stop) {
        Ok(store) => store,
        Err(error) => return vec![Finding::problem(AREA, &error)],
    };
    let mut findings = Vec::new();
    match store.list(PREFIX).next().transpose() {
        Ok(_) => {
            findings.push(Finding::ok(AREA, format!("{} can be listed", store.location())));
            findings.extend(versioning(store.as_ref()));
        }
        Err(error) => findings.push(Finding::problem(AREA, &error)),
    }
    match store.check_deletable() {
        Ok(()) => findings.push(Finding::ok(AREA, "objects can be deleted")),
        Err(error) => add(&mut findings, Finding::problem(AREA, &error)),
    }
    if let Some(finding) = sample.and_then(|sample| assets(store.as_ref(), &sample, guard)) {
        add(&mut findings, finding);
    }
    findings
}

/// Adds a finding. What keeps a store from being listed may keep it from everything: the same advice once is enough.
fn add(findings: &mut Vec<Finding>, finding: Finding) {
    let same = |other: &Finding| {
        let problems = (other.level, finding.level) == (Level::Problem, Level::Problem);
        problems && other.kind == finding.kind && other.fix.is_some() && other.fix == finding.fix
    };
    if !findings.iter().any(same) {
        findings.push(finding);
    }
}

/// The store as it is: opening the embedded one for a job would create it.
pub(super) fn open(settings: &StorageSettings, stop: &Stop) -> anyhow::Result<Arc<dyn WriteObjects>> {
    match settings {
        StorageSettings::Embedded(path) => StorageSettings::Directory(path.clone()).open(stop),
        other => other.open(stop),
    }
}

fn versioning(store: &dyn WriteObjects) -> Option<Finding> {
    match store.versioning() {
        Ok(Versioning::Off) => None,
        Ok(Versioning::On) => Some(
            Finding::warning(AREA, "the bucket keeps old versions: what jobs delete there is hidden, not erased")
                .fix("add a lifecycle rule that expires noncurrent versions, or switch versioning off"),
        ),
        Ok(Versioning::Suspended) => Some(
            Finding::warning(AREA, "the bucket has kept old versions for a time: those of deleted objects remain")
                .fix("add a lifecycle rule that expires noncurrent versions"),
        ),
        Err(error) => Some(
            Finding::note(AREA, format!("it is not known whether the bucket keeps old versions: {error:#}"))
                .fix("if the store has versioning, see that it is off, or allow s3:GetBucketVersioning"),
        ),
    }
}

/// A store without any of the platform's objects is most likely another one.
fn assets(store: &dyn WriteObjects, sample: &[String], guard: &Guard) -> Option<Finding> {
    let mut found = 0;
    for key in sample {
        match store.head(key) {
            Ok(object) => found += usize::from(object.is_some()),
            Err(error) => return Some(Finding::problem(AREA, &error)),
        }
    }
    let looked_for = sample.len();
    if looked_for == 0 {
        return Some(Finding::note(AREA, "the database has no assets, so no objects were looked for"));
    }
    if found == 0 {
        let refused = guard.permit_store_without(looked_for as u64, store.location()).err()?;
        let advice = refused.advice().unwrap_or_default().to_owned();
        let text = format!("{} has none of {looked_for} assets that were looked for", store.location());
        return Some(Finding::wrong(AREA, text).fix(advice));
    }
    let text = format!("{found} of {looked_for} assets that were looked for are there");
    Some(if found == looked_for {
        Finding::ok(AREA, text)
    } else {
        Finding::note(AREA, text).fix("sync-storage-files says which are missing, as a dry run first")
    })
}
