//! The file for `/etc/cron.d`.

use super::placing::File;
use super::{Plan, Scheduled, command_line};

const HEAD: &str = include_str!("crontab");

pub(super) const NEXT_STEPS: &str = "  install -d -m 750 -o upkeep -g upkeep /var/lib/upkeep
  install -m 644 upkeep /etc/cron.d/upkeep";

/// A line for each job.
pub(super) fn file(plan: &Plan) -> File {
    let lines = plan.scheduled.iter().map(|Scheduled { job, at }| {
        let command = command_line(&plan.program, "--quiet ", job.name()) + " --if-running skip";
        format!("\n# {}\n{} upkeep {command}\n", at.reason(), at.cron())
    });
    File { name: "upkeep".to_owned(), contents: HEAD.to_owned() + &lines.collect::<String>(), is_operators: false }
}
