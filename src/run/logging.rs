//! The log of a run: a line each, the level in front, no time, which journal and cron add themselves.

use std::fs::{File, Metadata};
use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use env_logger::{Builder, Logger, Target, WriteStyle};
use log::{Level, LevelFilter, Log, Record};
use upkeep_jobs::kit::NOTES;
use upkeep_jobs::platform::is_steering;

use super::bar;

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verbosity {
    /// Errors, where whoever runs the job tells the rest.
    ErrorsOnly,
    /// What was left undone, and what somebody has to act on.
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

/// Whether what is written to `stream` goes straight into the journal, which then says in `JOURNAL_STREAM` which file
/// that is (see systemd.exec(5)): the variable alone is inherited by whatever is started with another output.
fn is_journal(stream: &impl AsFd) -> bool {
    let Ok(expected) = std::env::var("JOURNAL_STREAM") else { return false };
    metadata(stream).is_ok_and(|file| expected == format!("{}:{}", file.dev(), file.ino()))
}

/// Whether somebody else reads what is written to `stream`, and does with it whatever he likes.
pub(crate) fn is_pipe(stream: &impl AsFd) -> bool {
    metadata(stream).is_ok_and(|file| file.file_type().is_fifo())
}

fn metadata(stream: &impl AsFd) -> std::io::Result<Metadata> {
    File::from(stream.as_fd().try_clone_to_owned()?).metadata()
}

/// What has to stand in front of a line on `stream`: a priority for the journal (see sd-daemon(3)), nothing elsewhere.
pub(crate) fn priority(stream: &impl AsFd, level: Level) -> &'static str {
    if is_journal(stream) { priority_of(level) } else { "" }
}

fn priority_of(level: Level) -> &'static str {
    match level {
        Level::Error => "<3>",
        Level::Warn => "<4>",
        Level::Info => "<6>",
        Level::Debug | Level::Trace => "<7>",
    }
}

/// `text` on one line and without anything that steers a terminal or changes the direction of writing: a message of
/// several lines must not look like several messages, nor anybody's text like a message of ours.
pub(crate) fn on_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' => line.push(' '),
            c if is_steering(c) => line.extend(c.escape_default()),
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
            match verbosity {
                // For cron: a mail about what nobody has to act on is one too many.
                Verbosity::Quiet => builder.filter_module(NOTES, LevelFilter::Off),
                // Its purpose is to show that lines of every level arrive.
                _ => builder.filter_module("upkeep_jobs::system::self_check", LevelFilter::Trace),
            };
        }
    }
    // What it gives up on, upkeep says itself, with the event's id.
    builder.filter_module("rrule", LevelFilter::Off);
    // They would show addresses, in which there are names of people's folders.
    builder.filter_module("ureq", LevelFilter::Warn).filter_module("ureq_proto", LevelFilter::Warn);
    let (target, colour, journal) = match to {
        LogTo::Stdout => (Target::Stdout, may_colour(&std::io::stdout()), is_journal(&std::io::stdout())),
        LogTo::Stderr => (Target::Stderr, may_colour(&std::io::stderr()), is_journal(&std::io::stderr())),
    };
    builder.target(target).write_style(if colour { WriteStyle::Always } else { WriteStyle::Never });
    builder.format(move |out, record| {
        let style = out.default_level_style(record.level());
        let priority = if journal { priority_of(record.level()) } else { "" };
        let text = on_one_line(&record.args().to_string());
        writeln!(out, "{priority}[{style}{:<5}{style:#}] {text}", record.level())
    });
    let logger = builder.build();
    log::set_max_level(logger.filter());
    if log::set_boxed_logger(Box::new(AboveTheBar(logger))).is_err() {
        log::debug!("the log was started twice; it stays as it was");
    }
}

/// A log whose lines come out whole although there may be a progress bar below them.
struct AboveTheBar(Logger);

impl Log for AboveTheBar {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        self.0.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if self.0.matches(record) {
            bar::put_aside(|| self.0.log(record));
        }
    }

    fn flush(&self) {
        self.0.flush();
    }
}
