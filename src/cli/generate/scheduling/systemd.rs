//! The units: one service for all jobs and a timer for each.

use super::placing::File;
use super::{Plan, Scheduled, command_line};
use crate::config::Config;

const SERVICE: &str = include_str!("upkeep@.service");
const TIMER: &str = include_str!("upkeep@.timer");

/// All units.
pub(super) fn files(plan: &Plan) -> Vec<File> {
    let service = File { name: "upkeep@.service".to_owned(), contents: service(plan), is_operators: false };
    let timers = plan.scheduled.iter().map(|Scheduled { job, at }| File {
        name: format!("upkeep@{}.timer", job.name()),
        contents: TIMER
            .replace("{job}", job.name())
            .replace("{reason}", at.reason())
            .replace("{on_calendar}", &at.on_calendar()),
        is_operators: false,
    });
    std::iter::once(service).chain(timers).collect()
}

fn service(plan: &Plan) -> String {
    let credentials: String = Config::names_of_secrets()
        .map(|name| format!("LoadCredential={name}:/etc/upkeep/secrets/{name}\nSetCredential={name}:-\n"))
        .collect();
    let directories = plan.config.directories_written_to();
    let writable =
        directories.iter().map(|path| format!("ReadWritePaths={path}\n", path = escaped(&path.to_string_lossy())));
    SERVICE
        .replace("{command}", &format!("{} --if-running fail", command_line(&plan.program, "", "%i")))
        .replace("{credentials}\n", &credentials)
        .replace("{writable}\n", &writable.collect::<String>())
}

/// A path in a list of them, see systemd.syntax(7): quoted, with `%` doubled. Whether it exists is upkeep's to say.
fn escaped(path: &str) -> String {
    let path = path.replace('\\', r"\\").replace('"', r#"\""#).replace('%', "%%");
    format!("\"-{path}\"")
}

pub(super) fn next_steps(plan: &Plan) -> String {
    let mut text = "  install -m 644 upkeep@.service upkeep@*.timer /etc/systemd/system/
  systemctl daemon-reload
  systemctl start upkeep@self-check.service
  systemctl enable --now"
        .to_owned();
    for Scheduled { job, .. } in &plan.scheduled {
        text.push_str(&format!(" \\\n    upkeep@{}.timer", job.name()));
    }
    text
}
