//! `upkeep config`

use clap::Subcommand;

use super::{Session, output};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show the effective values and where each comes from, without secrets
    Show,
    /// Check the configuration without connecting to anything
    Check,
}

pub(super) fn run(session: &Session, command: &Command) -> anyhow::Result<()> {
    let config = session.configuration()?;
    match command {
        Command::Show => output::print(&config.show()),
        Command::Check => {
            let source = match config.file() {
                Some(file) => format!("{} is valid", file.display()),
                None => "No configuration file; the defaults and the environment are valid".into(),
            };
            let inherited = config.inherited_file();
            let inherited = inherited.map(|file| format!(", with what it inherits from {}", file.display()));
            output::print(&format!("{source}{}\n", inherited.unwrap_or_default()))
        }
    }
}
