//! The command line: what can be said, and what is done then.

mod completions;
mod configuration;
mod database;
mod default_parameters;
mod demo;
mod describe;
mod doctor;
mod execute;
mod exit_status;
mod generate;
mod history;
mod list;
mod output;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand};
use upkeep_jobs::JOBS;
use upkeep_jobs::kit::AnyJob;
use upkeep_jobs::platform::Problem;

use crate::config::{Config, Environment};
use crate::run::{ErrorParts, LogTo, Verbosity, init_logging, kind_of, may_colour};

/// Keeps self-hosted collaboration platforms clean: maintenance jobs that are truthful about what they delete
#[derive(Debug, Parser)]
#[command(name = "upkeep", version, after_help = exit_status::in_help("", exit_status::ALL), max_term_width = 100)]
struct Cli {
    /// Configuration file [default: $UPKEEP_CONFIG, ./upkeep.toml, ~/.config/upkeep/upkeep.toml,
    /// /etc/upkeep/upkeep.toml, whichever exists first; none is needed]
    #[arg(long, value_name = "FILE", global = true, help_heading = "Global options")]
    config: Option<PathBuf>,
    /// Log only the warnings and errors that somebody has to see to
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Global options")]
    quiet: bool,
    /// Log every step
    #[arg(short, long, global = true, action = ArgAction::SetTrue, help_heading = "Global options")]
    verbose: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Manage and execute maintenance jobs
    #[command(subcommand)]
    Jobs(JobsCommand),
    /// upkeep's own tables in the platform's database
    #[command(subcommand)]
    Database(database::Command),
    /// The configuration and where it comes from
    #[command(subcommand)]
    Config(configuration::Command),
    /// Try everything that jobs need, and say what to do about what is found
    #[command(after_help = exit_status::in_help(doctor::NOTES, doctor::EXIT_CODES))]
    Doctor(doctor::Arguments),
    /// Show event-cleanup at work on a sample platform of its own
    Demo(demo::Arguments),
    /// Write files that go with upkeep
    #[command(subcommand)]
    Generate(generate::Command),
    /// Print a completion script for a shell
    Completions(completions::Arguments),
}

#[derive(Debug, Subcommand)]
enum JobsCommand {
    /// Execute a job by its job type id
    #[command(after_help = exit_status::in_help("", exit_status::ALL))]
    Execute(execute::Arguments),
    /// Show the default parameter set for a job
    DefaultParameters(default_parameters::Arguments),
    /// List all jobs
    List,
    /// Describe a job: its parameters, what it removes and what stays
    Describe(describe::Arguments),
    /// Show past runs
    History(history::Arguments),
}

/// What every command may need to know.
struct Session {
    config: Option<PathBuf>,
    verbosity: Verbosity,
}

impl Session {
    /// Reads the configuration.
    fn configuration(&self) -> Result<Config, Problem> {
        Config::load(self.config.as_deref(), &Environment::of_process())
    }
}

/// Reads the command line, does what it says, and returns the exit code.
pub(crate) fn main() -> ExitCode {
    let colour = may_colour(&std::io::stdout()) && may_colour(&std::io::stderr());
    let command = Cli::command().color(if colour { ColorChoice::Auto } else { ColorChoice::Never });
    let cli = match Cli::from_arg_matches(&command.get_matches()) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let verbosity = match (cli.quiet, cli.verbose) {
        (true, _) => Verbosity::Quiet,
        (_, true) => Verbosity::Verbose,
        _ => Verbosity::Normal,
    };
    let session = Session { config: cli.config, verbosity };
    match &cli.command {
        // Where its log goes depends on its output.
        Command::Jobs(JobsCommand::Execute(_)) => {}
        // It tells about warnings itself.
        Command::Demo(_) if !cli.verbose => init_logging(Verbosity::ErrorsOnly, LogTo::Stderr),
        _ => init_logging(verbosity, LogTo::Stderr),
    }
    let done = match cli.command {
        Command::Jobs(JobsCommand::Execute(arguments)) => return execute::run(&session, arguments),
        Command::Demo(arguments) => return exit_code(demo::run(&session, &arguments)),
        Command::Doctor(arguments) => return exit_code(doctor::run(&session, &arguments)),
        Command::Jobs(JobsCommand::DefaultParameters(arguments)) => default_parameters::run(&arguments),
        Command::Jobs(JobsCommand::List) => list::run(),
        Command::Jobs(JobsCommand::Describe(arguments)) => describe::run(&arguments),
        Command::Jobs(JobsCommand::History(arguments)) => history::run(&session, &arguments),
        Command::Database(command) => database::run(&session, &command),
        Command::Config(command) => configuration::run(&session, &command),
        Command::Generate(command) => generate::run(&session, &command),
        Command::Completions(arguments) => completions::run(&arguments),
    };
    exit_code(done.map(|()| ExitCode::SUCCESS))
}

/// Says what went wrong, if anything did.
fn exit_code(done: anyhow::Result<ExitCode>) -> ExitCode {
    match done {
        Ok(code) => code,
        // Whoever reads has had enough, as in `upkeep jobs list | head -1`.
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&ErrorParts::of(&error));
            ExitCode::from(kind_of(&error).exit_code())
        }
    }
}

/// Reads a job's name.
fn job_type() -> impl TypedValueParser<Value = &'static dyn AnyJob> {
    PossibleValuesParser::new(JOBS.iter().map(|job| PossibleValue::new(job.name()).help(job.about())))
        .try_map(|name| upkeep_jobs::job(&name).ok_or_else(|| format!("there is no job {name}")))
}
