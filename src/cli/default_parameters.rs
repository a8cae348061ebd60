//! `upkeep jobs default-parameters`

use clap::Args;
use upkeep_jobs::kit::AnyJob;

use super::{job_type, output};

#[derive(Args)]
pub(super) struct Arguments {
    /// The job
    #[arg(value_name = "JOB_TYPE", value_parser = job_type())]
    job: &'static dyn AnyJob,
}

impl std::fmt::Debug for Arguments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Arguments").field("job", &self.job.name()).finish()
    }
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    output::print_json(&arguments.job.default_parameters())
}
