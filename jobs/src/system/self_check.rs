//! Shows that jobs can be started and that their log arrives, without touching anything.
//!
//! Why: the first thing to try after installing, and a probe for monitoring.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kit::{Context, Job, Nightly, Report};
use crate::platform::database::Requirement;

/// Shows that jobs can be started and that their log arrives.
pub struct SelfCheck;

/// Nothing can be set.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Parameters {}

impl Job for SelfCheck {
    const NAME: &'static str = "self-check";
    const ABOUT: &'static str = "A simple self-check of the job execution system";
    const REMOVES: &'static str = "Nothing.";
    const KEEPS: &'static str = "Everything; neither configuration nor database is needed.";
    const ORDER: &'static str = "Nothing is done but to write the log.";
    const BESIDE_PLATFORM: &'static str = "Yes: it touches nothing.";
    const REQUIRES: &'static [&'static [Requirement]] = &[];
    const SCHEDULE: Option<Nightly> = None;
    type Parameters = Parameters;

    fn execute(context: &Context, Parameters {}: Parameters) -> anyhow::Result<Report> {
        log::info!("Executing self-check job");
        log::info!("");
        log::trace!("Test output in TRACE level");
        log::debug!("Test output in DEBUG level");
        log::info!("Test output in INFO level");
        log::warn!("Test output in WARN level");
        log::error!("Test output in ERROR level");
        Ok(context.take_report())
    }
}
