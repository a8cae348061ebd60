//! upkeep keeps self-hosted collaboration platforms clean.
//!
//! Start reading at [`cli`], one file per command; [`run`] is what happens when a job is executed; what the jobs do is
//! in the package `upkeep-jobs`.

mod cli;
mod config;
mod run;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
