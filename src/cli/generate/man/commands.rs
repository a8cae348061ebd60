//! Pages of the commands: what their help says, and what there is room for in a manual.

use clap::{Arg, ArgAction, Command, CommandFactory};
use upkeep_jobs::JOBS;

use super::page::{Page, reference};
use super::words::{self, Words};
use super::{exit_codes, jobs};
use crate::cli::{Cli, doctor, exit_status};

/// Commands that execute a job, and with it all commands above them, end with any of the exit codes.
const EXECUTING: [&str; 4] = ["upkeep", "upkeep jobs", "upkeep jobs execute", "upkeep demo"];

/// Commands that need neither configuration nor database.
const NEEDING_NOTHING: [&str; 5] = [
    "upkeep jobs default-parameters",
    "upkeep jobs list",
    "upkeep jobs describe",
    "upkeep generate man",
    "upkeep completions",
];

/// A page for every command, the first for upkeep as a whole.
pub(super) fn pages() -> Vec<Page> {
    let mut root = Cli::command();
    root.build();
    let mut pages = Vec::new();
    add(&root, None, &mut pages);
    pages
}

fn add(command: &Command, above: Option<&str>, pages: &mut Vec<Page>) {
    pages.push(page(command, above));
    for below in commands_below(command) {
        add(below, Some(&page_name(command)), pages);
    }
}

/// Its subcommands, without the one that only prints help.
fn commands_below(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|below| below.get_name() != "help")
}

/// `upkeep jobs execute`.
fn full_name(command: &Command) -> &str {
    command.get_bin_name().unwrap_or(command.get_name())
}

fn page_name(command: &Command) -> String {
    full_name(command).replace(' ', "-")
}

fn page(command: &Command, above: Option<&str>) -> Page {
    let name = full_name(command);
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let mut page = Page::new(&page_name(command), 1, &about);
    page.heading("SYNOPSIS");
    page.paragraph(&synopsis(command));
    let words = words::of(name);
    let long_about = command.get_long_about().map(ToString::to_string).unwrap_or_default();
    let description: Vec<_> = match words {
        Some(Words { description, .. }) => description.to_vec(),
        None => long_about.split("\n\n").filter(|paragraph| !paragraph.is_empty()).collect(),
    };
    if !description.is_empty() {
        page.heading("DESCRIPTION");
        description.iter().for_each(|paragraph| page.paragraph(paragraph));
    }
    list_commands(&mut page, command, above.is_none());
    if above.is_none() {
        page.heading("JOBS");
        for job in JOBS {
            page.item(&reference(&jobs::page_name(*job), 7), &[job.about().to_owned()]);
        }
    }
    list_arguments(&mut page, command);
    exit_codes(&mut page, &codes(name));
    if above.is_none() {
        environment_and_files(&mut page);
    }
    if let Some(Words { examples, .. }) = words {
        page.heading("EXAMPLES");
        for (what_for, commands) in *examples {
            page.example(what_for, commands);
        }
    }
    let mut others = vec![("upkeep".to_owned(), 1), ("upkeep.toml".to_owned(), 5)];
    others.extend(above.map(|above| (above.to_owned(), 1)));
    others.extend(commands_below(command).map(|below| (page_name(below), 1)));
    if EXECUTING.contains(&name) {
        others.extend(JOBS.iter().map(|&job| (jobs::page_name(job), 7)));
    }
    page.see_also(others);
    page
}

fn synopsis(command: &Command) -> String {
    let usage = command.clone().render_usage().to_string();
    let rest = usage.trim_start_matches("Usage: ").trim_start_matches(full_name(command));
    format!("`{}`{rest}", full_name(command))
}

/// The codes that a command can end with.
fn codes(name: &str) -> Vec<(u8, &'static str)> {
    let possible = match name {
        "upkeep doctor" => return doctor::EXIT_CODES.to_vec(),
        name if EXECUTING.contains(&name) => return exit_status::ALL.to_vec(),
        name if NEEDING_NOTHING.contains(&name) => exit_status::WITHOUT_A_PLATFORM,
        _ => exit_status::WITHOUT_A_RUN,
    };
    exit_status::ALL.iter().filter(|(code, _)| possible.contains(code)).copied().collect()
}

/// The commands below this one; in the page of all of upkeep those below them, too.
fn list_commands(page: &mut Page, command: &Command, all: bool) {
    if commands_below(command).next().is_none() {
        return;
    }
    page.heading("COMMANDS");
    for below in commands_below(command) {
        let mut leaves: Vec<_> = commands_below(below).filter(|_| all).collect();
        if leaves.is_empty() {
            leaves.push(below);
        }
        for leaf in leaves {
            let about = leaf.get_about().map(ToString::to_string).unwrap_or_default();
            page.item(&reference(&page_name(leaf), 1), &[about]);
        }
    }
}

/// Arguments and options below the headings that help has them under.
fn list_arguments(page: &mut Page, command: &Command) {
    let all = || command.get_arguments().filter(|argument| !argument.is_hide_set());
    let mut heading = None;
    let positional = all().filter(|argument| argument.is_positional());
    let options = all().filter(|argument| !argument.is_positional() && argument.get_help_heading().is_none());
    let elsewhere = all().filter(|argument| argument.get_help_heading().is_some());
    for argument in positional.chain(options).chain(elsewhere) {
        let own = match argument.get_help_heading() {
            Some(heading) => heading.to_uppercase(),
            None if argument.is_positional() => "ARGUMENTS".to_owned(),
            None => "OPTIONS".to_owned(),
        };
        if heading.as_ref() != Some(&own) {
            page.heading(&own);
            heading = Some(own);
        }
        page.item(&term(argument), &explanation(argument));
    }
}

/// How the argument is written.
fn term(argument: &Arg) -> String {
    let short = argument.get_short().map(|short| format!("`-{short}`"));
    let long = argument.get_long().map(|long| format!("`--{long}`"));
    let mut term = short.into_iter().chain(long).collect::<Vec<_>>().join(", ");
    if argument.get_action().takes_values() {
        for name in argument.get_value_names().unwrap_or_default() {
            term.push_str(&format!("{}<{name}>", if term.is_empty() { "" } else { " " }));
        }
    }
    term
}

/// What it does, what it can be, and what it is by default.
fn explanation(argument: &Arg) -> Vec<String> {
    let help = match argument.get_action() {
        ArgAction::Help => "Print help".to_owned(),
        _ => argument.get_long_help().or(argument.get_help()).map(ToString::to_string).unwrap_or_default(),
    };
    let mut paragraphs = vec![help];
    let defaults: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if !argument.get_action().takes_values() {
        return paragraphs;
    }
    let choices = argument.get_possible_values();
    if !choices.is_empty() && choices.iter().all(|choice| JOBS.iter().any(|job| job.name() == choice.get_name())) {
        paragraphs.push(format!("The jobs are listed in {}.", reference("upkeep", 1)));
    } else {
        paragraphs.extend(choices.iter().map(|choice| match choice.get_help() {
            Some(help) => format!("`{}`: {help}", choice.get_name()),
            None => format!("`{}`", choice.get_name()),
        }));
    }
    if !defaults.is_empty() {
        paragraphs.push(format!("Default: `{}`", defaults.join(" ")));
    }
    paragraphs
}

fn environment_and_files(page: &mut Page) {
    page.heading("ENVIRONMENT");
    for (variable, about) in words::ENVIRONMENT {
        page.item(variable, &[(*about).to_owned()]);
    }
    page.heading("FILES");
    for (file, about) in words::FILES {
        page.item(file, &[(*about).to_owned()]);
    }
}
