//! The log of a run: a line each, the level in front, no time, which journal and cron add themselves.

use std::io::{IsTerminal, Write};

use env_logger::{Builder, Target, WriteStyle};
use log::LevelFilter;

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verbosity {
    /// Errors, where whoever runs the job tells the rest.
    ErrorsOnly,
    /// Warnings and errors.
    Quiet,
    /// What was found and done.
    Normal,
    /// Every step.
    Verbose,
}

/// Where the log goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogTo {
    /// The log is the output.
    Stdout,
    /// The output is something else.
    Stderr,
}

/// Whether output to `stream` may have colours: on a terminal, unless the environment asks for none.
pub(crate) fn may_colour(stream: &impl IsTerminal) -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !set("NO_COLOR") && !set("CI") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// `text` on one line and without anything that steers a terminal or changes the direction of writing: a message of
/// several lines must not look like several messages, nor anybody's text like a message of ours.
pub(crate) fn on_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' => line.push(' '),
            '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                line.extend(c.escape_unicode())
            }
            c if c.is_control() => line.extend(c.escape_default()),
            c => line.push(c),
        }
    }
    line
}

/// Starts logging. `RUST_LOG` overrides `verbosity`.
pub(crate) fn init(verbosity: Verbosity, to: LogTo) {
    let level = match verbosity {
        Verbosity::ErrorsOnly => LevelFilter::Error,
        Verbosity::Quiet => LevelFilter::Warn,
        Verbosity::Normal => LevelFilter::Info,
        Verbosity::Verbose => LevelFilter::Debug,
    };
    let mut builder = Builder::new();
    match std::env::var("RUST_LOG") {
        // Without levels for modules, which would take precedence over a general one.
        Ok(filters) if !filters.is_empty() => {
            builder.filter_level(level).parse_filters(&filters);
        }
        _ => {
            builder.filter_level(LevelFilter::Warn).filter_module("upkeep", level).filter_module("upkeep_jobs", level);
            if verbosity != Verbosity::Quiet {
                // Its purpose is to show that lines of every level arrive.
                builder.filter_module("upkeep_jobs::system::self_check", LevelFilter::Trace);
            }
        }
    }
    // What it gives up on, upkeep says itself, with the event's id.
    builder.filter_module("rrule", LevelFilter::Off);
    // They would show addresses, in which there are names of people's folders.
    builder.filter_module("ureq", LevelFilter::Warn).filter_module("ureq_proto", LevelFilter::Warn);
    let (target, colour) = match to {
        LogTo::Stdout => (Target::Stdout, may_colour(&std::io::stdout())),
        LogTo::Stderr => (Target::Stderr, may_colour(&std::io::stderr())),
    };
    builder.target(target).write_style(if colour { WriteStyle::Always } else { WriteStyle::Never });
    builder.format(|out, record| {
        let style = out.default_level_style(record.level());
        writeln!(out, "[{style}{:<5}{style:#}] {}", record.level(), on_one_line(&record.args().to_string()))
    });
    builder.init();
}
