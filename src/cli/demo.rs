//! `upkeep demo`
use clap::Args;
#[derive(Debug, Args)]
pub(super) struct Arguments {}
pub(super) fn run(_arguments: &Arguments) -> anyhow::Result<()> {
    Ok(())
}
