//! `upkeep database`

use std::fmt::Write as _;

use clap::Subcommand;
use upkeep_jobs::JOBS;
use upkeep_jobs::platform::Stop;
use upkeep_jobs::platform::database::{
    Access, Database, DatabaseError, check_generation, generation, migrate, migration_state, require_migrated,
};

use super::{Session, output};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create or upgrade upkeep's own tables, in an embedded database also the platform's; nothing else is touched
    Migrate,
    /// Show which tables are there: upkeep's own, and those the jobs work on
    Status,
}

pub(super) fn run(session: &Session, command: &Command) -> anyhow::Result<()> {
    let url = session.configuration()?.database;
    let stop = Stop::without_deadline();
    match command {
        Command::Migrate => {
            let mut database = Database::new(url, "upkeep:migrate", Access::ReadWrite, stop);
            let applied = migrate(&mut database)?;
            let mut text = String::new();
            for version in &applied {
                writeln!(text, "Applied {version}")?;
            }
            writeln!(text, "{} is up to date", database.location())?;
            output::print(&text)
        }
        Command::Status => status(Database::new(url, "upkeep:status", Access::ReadOnly, stop)),
    }
}

fn status(mut database: Database) -> anyhow::Result<()> {
    let state = migration_state(&mut database)?;
    let mut text = format!("{}\n\nupkeep's own tables\n", database.location());
    for (versions, what) in [(&state.applied, "applied"), (&state.pending, "pending"), (&state.unknown, "unknown")] {
        for version in versions {
            writeln!(text, "  {version:24} {what}")?;
        }
    }
    writeln!(text, "\nThe platform's schema\n  {:24} {}", "generation", generation(&mut database)?)?;
    let mut unsuitable = None;
    for job in JOBS.iter().filter(|job| !job.requires().is_empty()) {
        match check_generation(&mut database, &job.requires()) {
            Ok(()) => writeln!(text, "  {:24} can run", job.name())?,
            Err(DatabaseError::Problem(problem)) => {
                writeln!(text, "  {:24} cannot run: {problem}", job.name())?;
                unsuitable = Some(problem);
            }
            Err(error) => return Err(error.into()),
        }
    }
    output::print(&text)?;
    if let Some(problem) = unsuitable {
        return Err(problem.into());
    }
    Ok(require_migrated(&mut database)?)
}
