//! Metrics of a job, `upkeep_<job>.prom`, and of the outbox that all jobs share, `upkeep_outbox.prom`.
//!
//! They are rebuilt from the run history, so that a failed run hides no earlier success, once when a run begins and once
//! when it has ended: of one that was killed they tell that it started and not that it ended.

use std::path::PathBuf;

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use upkeep_jobs::kit::{Waiting, waiting};
use upkeep_jobs::platform::Stop;
use upkeep_jobs::platform::database::{Access, Database, DatabaseUrl};

use super::super::document::{Document, ErrorParts};
use super::super::history::{Landmarks, landmarks};
use super::super::present;
use super::textfile::{self, Gauge, Text, seconds, thousandths};

const STARTED: Gauge =
    Gauge { name: "upkeep_job_last_start_timestamp_seconds", help: "When the latest run of the job started." };
const ENDED: Gauge = Gauge {
    name: "upkeep_job_last_end_timestamp_seconds",
    help: "When the latest run that did not die ended, whatever became of it.",
};
const SUCCEEDED: Gauge = Gauge {
    name: "upkeep_job_last_success_timestamp_seconds",
    help: "When the latest run ended that did all that was due.",
};
const EXIT_CODE: Gauge =
    Gauge { name: "upkeep_job_last_exit_code", help: "Exit code of the latest run that ended; 0 is success." };
const DURATION: Gauge =
    Gauge { name: "upkeep_job_last_duration_seconds", help: "How long the latest run that ended took." };
const ITEMS: Gauge = Gauge {
    name: "upkeep_job_last_items",
    help: "Items of the latest run that ended, by what became of them; an item can be in several of these numbers.",
};
const FREED: Gauge = Gauge {
    name: "upkeep_job_last_freed_bytes",
    help: "Size of the stored objects that the latest run that ended deleted.",
};
const BACKLOG: Gauge = Gauge {
    name: "upkeep_job_last_backlog",
    help: "Stored objects and shared folders in the outbox when the latest run that ended did so.",
};
const OUTBOX: Gauge = Gauge {
    name: "upkeep_outbox_entries",
    help: "Stored objects and shared folders that wait to be deleted, their rows being gone.",
};
const OLDEST: Gauge = Gauge {
    name: "upkeep_outbox_oldest_entry_timestamp_seconds",
    help: "When the oldest of these entries was made; absent if there is none.",
};

const RESULTS: [&str; 6] = ["examined", "matched", "deleted", "updated", "skipped", "failed"];
const KINDS: [&str; 2] = ["object", "shared_folder"];

/// Where the metrics of a run go.
pub(super) struct Metrics {
    directory: PathBuf,
    database: DatabaseUrl,
    /// What never began is no run, and not in the history.
    begun: bool,
}

impl Metrics {
    pub(super) fn new(directory: PathBuf, database: DatabaseUrl) -> Self {
        Self { directory, database, begun: false }
    }

    /// Tells that a run has started.
    pub(super) fn begun(&mut self, document: &Document, stop: &Stop) {
        self.begun = true;
        if let Err(error) = self.write(document, stop) {
            // If nothing is done about it meanwhile, there will be a warning in the end.
            log::debug!("the metrics could not be written: {}", ErrorParts::of(&error).in_one_line());
        }
    }

    /// Tells how it ended.
    pub(super) fn ended(self, document: &Document, stop: &Stop) {
        if self.begun
            && let Err(error) = self.write(document, stop)
        {
            log::warn!("The metrics could not be written: {}", ErrorParts::of(&error).in_one_line());
        }
    }

    fn write(&self, document: &Document, stop: &Stop) -> anyhow::Result<()> {
        let stop = if stop.reason().is_some() { stop.last_words() } else { stop.clone() };
        let client = format!("upkeep:{}", document.job);
        let mut database = Database::new(self.database.clone(), client, Access::ReadOnly, stop);
        let now = present();
        let (landmarks, waiting) =
            database.read(|connection| Ok((landmarks(connection, document.job, now)?, waiting(connection)?)))?;
        let files = [
            (format!("upkeep_{}.prom", document.job), of_job(document.job, &landmarks)),
            ("upkeep_outbox.prom".to_owned(), of_outbox(&waiting, now)),
        ];
        for (name, text) in files {
            textfile::replace(&self.directory, &name, document.run_id, &text)
                .with_context(|| format!("cannot write {}", self.directory.join(&name).display()))?;
        }
        Ok(())
    }
}

fn of_job(job: &str, landmarks: &Landmarks) -> Text {
    // Not `job`, which Prometheus gives another meaning and overwrites.
    let labels = || format!("job_type=\"{job}\"");
    let mut text = Text::default();
    text.add(STARTED, landmarks.started.map(|at| (labels(), seconds(at))));
    text.add(SUCCEEDED, landmarks.succeeded.map(|at| (labels(), seconds(at))));
    let Some(ended) = &landmarks.ended else { return text };
    let number = |path: &str| ended.pointer(path).and_then(Value::as_i64);
    let at = ended.pointer("/finished_at").and_then(Value::as_str);
    let at = at.and_then(|at| at.parse::<DateTime<Utc>>().ok());
    text.add(ENDED, at.map(|at| (labels(), seconds(at))));
    text.add(EXIT_CODE, number("/exit_code").map(|code| (labels(), code.to_string())));
    text.add(DURATION, number("/duration_ms").map(|duration| (labels(), thousandths(duration))));
    let items = RESULTS.iter().filter_map(|result| Some((result, number(&format!("/counts/{result}"))?)));
    text.add(ITEMS, items.map(|(result, items)| (format!("{},result=\"{result}\"", labels()), items.to_string())));
    text.add(FREED, number("/bytes_freed").map(|bytes| (labels(), bytes.to_string())));
    text.add(BACKLOG, number("/backlog").map(|entries| (labels(), entries.to_string())));
    text
}

fn of_outbox(waiting: &[Waiting], now: DateTime<Utc>) -> Text {
    let of = |kind| waiting.iter().filter(move |waiting| waiting.kind == kind);
    let labels = |kind| format!("kind=\"{kind}\"");
    let mut text = Text::default();
    text.add(OUTBOX, KINDS.map(|kind| (labels(kind), of(kind).map(|waiting| waiting.number).sum::<i64>().to_string())));
    let oldest = |kind| of(kind).map(|waiting| waiting.seconds).max().and_then(TimeDelta::try_seconds);
    let oldest = KINDS.into_iter().filter_map(|kind| Some((kind, now.checked_sub_signed(oldest(kind)?)?)));
    text.add(OLDEST, oldest.map(|(kind, made)| (labels(kind), seconds(made))));
    text
}
