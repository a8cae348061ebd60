//! What monitoring is told of a run: metrics in a directory, pings to an address. Neither is ever a reason to fail, and
//! neither holds a run up for long.

mod metrics;
mod pings;
mod textfile;

use upkeep_jobs::platform::Stop;

use self::metrics::Metrics;
use self::pings::Pings;
use super::Request;
use super::document::Document;
use crate::config::Config;

/// Whoever is told. By default nobody.
#[derive(Default)]
pub(super) struct Monitoring {
    metrics: Option<Metrics>,
    pings: Option<Pings>,
}

impl Monitoring {
    /// As configured; of a dry run nobody is told.
    pub(super) fn of(request: &Request, config: &Config) -> Self {
        if request.dry_run {
            return Self::default();
        }
        let directory = request.metrics_dir.as_ref().or(config.monitored.metrics_dir.as_ref());
        Self {
            metrics: directory.map(|directory| Metrics::new(directory.clone(), config.database.clone())),
            pings: config.monitored.ping_url.clone().map(Pings::new),
        }
    }

    /// Of a job that uses no database nobody is told either.
    pub(super) fn without_database(request: &Request) {
        if request.metrics_dir.is_some() {
            log::warn!("{} leaves no record to make metrics of: --metrics-dir has no effect", request.job.name());
        }
    }

    /// The run is recorded and begins.
    pub(super) fn begun(&mut self, document: &Document, stop: &Stop) {
        // The ping first: it is under way while the metrics are written.
        if let Some(pings) = &mut self.pings {
            pings.begun(document);
        }
        if let Some(metrics) = &mut self.metrics {
            metrics.begun(document, stop);
        }
    }

    /// The run has ended, and its record is finished, if it ever began.
    pub(super) fn ended(self, document: &Document, stop: &Stop) {
        if let Some(metrics) = self.metrics {
            metrics.ended(document, stop);
        }
        if let Some(pings) = self.pings {
            pings.ended(document, stop);
        }
    }
}
