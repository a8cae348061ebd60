//! `upkeep generate`: files that go with upkeep, made from the same tables as everything else.

mod man;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Write the manual pages
    Man(man::Arguments),
}

pub(super) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Man(arguments) => man::run(arguments),
    }
}
