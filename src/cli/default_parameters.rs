//! `upkeep jobs default-parameters`

use clap::Args;
use upkeep_jobs::kit::AnyJob;

use super::{job_type, output};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The job
    #[arg(value_name = "JOB_TYPE", value_parser = job_type())]
    job: &'static dyn AnyJob,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    output::print_json(&arguments.job.default_parameters())
}
