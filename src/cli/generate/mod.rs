//! `upkeep generate`: files that go with upkeep, made from the same tables as everything else.

mod man;
mod scheduling;

use clap::Subcommand;

use super::Session;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Write a hardened systemd service and a timer for each configured job
    #[command(long_about = scheduling::SYSTEMD)]
    Systemd(scheduling::Arguments),
    /// Write a file for /etc/cron.d that starts each configured job
    #[command(long_about = scheduling::CRON)]
    Cron(scheduling::Arguments),
    /// Write the manual pages
    Man(man::Arguments),
}

pub(super) fn run(session: &Session, command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Systemd(arguments) => scheduling::systemd(session, arguments),
        Command::Cron(arguments) => scheduling::cron(session, arguments),
        Command::Man(arguments) => man::run(arguments),
    }
}
