//! `upkeep generate systemd` and `upkeep generate cron`: the files that start the configured jobs every night.
//!
//! Both start a job by the same command line, with its parameters in a file, and differ in what they do about another
//! run: systemd notes exit code 75 without calling it a failure, while cron would send a mail about it.

mod cron;
mod placing;
mod systemd;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use upkeep_jobs::JOBS;
use upkeep_jobs::kit::{AnyJob, Nightly};

use self::placing::{File, place};
use super::super::{Session, output};
use crate::config::Config;

pub(super) const SYSTEMD: &str = "\
Write a hardened systemd service and a timer for each configured job, with the jobs' parameters in a file for each. \
Which jobs, and where they may write, follows from the configuration. The jobs themselves read \
/etc/upkeep/upkeep.toml, and their parameters from /etc/upkeep/jobs.";
pub(super) const CRON: &str = "\
Write a file for /etc/cron.d that starts each configured job, with the jobs' parameters in a file for each. Which jobs \
follows from the configuration. The jobs themselves read /etc/upkeep/upkeep.toml, and their parameters from \
/etc/upkeep/jobs. Mails are sent only when somebody has to act.";

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// The directory to write them to; made if there is none
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Where the program is, or will be
    #[arg(long, value_name = "PATH", default_value = "/usr/bin/upkeep", value_parser = program)]
    program: String,
    /// Replace files that were edited; parameters are never replaced
    #[arg(long)]
    force: bool,
}

/// A path that means the same in a unit, in a crontab and to a shell.
fn program(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._+-".contains(c);
    match text.starts_with('/') && text.chars().all(plain) {
        true => Ok(text.to_owned()),
        false => Err("write an absolute path of letters, digits and / . _ + -".to_owned()),
    }
}

/// A job that is started at night.
struct Scheduled {
    job: &'static dyn AnyJob,
    at: Nightly,
}

/// What the files are made of.
struct Plan {
    config: Config,
    program: String,
    /// All jobs that can do their work with this configuration, also those that are only started by hand.
    able: Vec<&'static dyn AnyJob>,
    /// Those among them that are started at night, in the order of their times.
    scheduled: Vec<Scheduled>,
}

impl Plan {
    fn of(session: &Session, arguments: &Arguments) -> anyhow::Result<Self> {
        let config = session.configuration()?;
        let is_able = |job: &&dyn AnyJob| !job.asks_identity_provider() || config.identity.is_some();
        let able: Vec<_> = JOBS.iter().copied().filter(is_able).collect();
        let scheduled = able.iter().filter_map(|&job| Some(Scheduled { job, at: job.schedule()? }));
        let mut scheduled: Vec<_> = scheduled.collect();
        scheduled.sort_by_key(|scheduled| scheduled.at);
        Ok(Self { config, program: arguments.program.clone(), able, scheduled })
    }
}

pub(super) fn systemd(session: &Session, arguments: &Arguments) -> anyhow::Result<()> {
    let plan = Plan::of(session, arguments)?;
    write(arguments, &plan, systemd::files(&plan), &systemd::next_steps(&plan))
}

pub(super) fn cron(session: &Session, arguments: &Arguments) -> anyhow::Result<()> {
    let plan = Plan::of(session, arguments)?;
    write(arguments, &plan, vec![cron::file(&plan)], cron::NEXT_STEPS)
}

/// Writes the files, and tells what became of each and what is to be done with them.
fn write(arguments: &Arguments, plan: &Plan, mut files: Vec<File>, next_steps: &str) -> anyhow::Result<()> {
    files.extend(plan.able.iter().map(|job| parameters(*job)).collect::<anyhow::Result<Vec<_>>>()?);
    let placed = place(&arguments.dir, &files, arguments.force)?;
    let mut text = String::new();
    for (file, placed) in files.iter().zip(placed) {
        writeln!(text, "{placed:<10} {}", arguments.dir.join(&file.name).display())?;
    }
    for job in JOBS.iter().filter(|job| job.asks_identity_provider() && plan.config.identity.is_none()) {
        writeln!(text, "left out   {}, as no identity provider is configured", job.name())?;
    }
    let directory = std::path::absolute(&arguments.dir)?;
    writeln!(text, "\nTo put them in place, as root:\n  cd {}\n{FIRST_STEPS}", output::quoted(&directory))?;
    let configuration = plan.config.file().unwrap_or(Path::new("/dev/null"));
    if configuration != Path::new(CONFIGURATION) {
        let configuration = output::quoted(configuration);
        writeln!(text, "  [ -e {CONFIGURATION} ] ||\n    install -m 640 -g upkeep {configuration} {CONFIGURATION}")?;
    }
    writeln!(text, "{next_steps}")?;
    output::print(&text)
}

/// Where jobs that are started at night find their configuration.
const CONFIGURATION: &str = "/etc/upkeep/upkeep.toml";

/// What the package has done already, and may be done again.
const FIRST_STEPS: &str = "  getent passwd upkeep >/dev/null ||
    useradd --system --user-group --home-dir /var/lib/upkeep upkeep
  install -d /etc/upkeep/jobs
  cp -n jobs/*.json /etc/upkeep/jobs/
  chmod 644 /etc/upkeep/jobs/*.json";

/// The file with a job's parameters, which are the operator's to change.
fn parameters(job: &dyn AnyJob) -> anyhow::Result<File> {
    let json = serde_json::to_string_pretty(&job.default_parameters())?;
    Ok(File { name: format!("jobs/{}.json", job.name()), contents: json + "\n", is_operators: true })
}

/// How a job is started.
fn command_line(program: &str, flags: &str, job: &str) -> String {
    format!(
        "{program} {flags}--config {CONFIGURATION} jobs execute {job} \
         --parameters @/etc/upkeep/jobs/{job}.json --timeout 1h"
    )
}
