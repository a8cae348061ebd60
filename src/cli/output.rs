//! Writing to standard output and standard error.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Context as _;

use crate::run::{ErrorParts, may_colour, on_one_line, priority};

/// Writes `text` to standard output.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("cannot write to standard output")
}

/// Writes `value` as JSON, indented by two blanks, without holding the whole text in memory.
pub(super) fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    serde_json::to_writer_pretty(&mut out, value)
        .map_err(io::Error::from)
        .and_then(|()| out.write_all(b"\n"))
        .and_then(|()| out.flush())
        .context("cannot write to standard output")
}

/// Whether writing failed because nobody reads any more.
pub(super) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io_error = error.chain().find_map(|part| part.downcast_ref::<io::Error>());
    io_error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// A path as a shell takes it.
pub(super) fn quoted(path: &Path) -> String {
    let path = path.to_string_lossy();
    if path.chars().all(|c| c.is_alphanumeric() || "/._-+=:,@%".contains(c)) {
        return path.into_owned();
    }
    format!("'{}'", path.replace('\'', r"'\''"))
}

/// Says on standard error what went wrong, why, and what to do.
pub(super) fn complain(error: &ErrorParts) {
    let priority = priority(&io::stderr(), log::Level::Error);
    let mut err = io::stderr().lock();
    for line in error.lines().map(|line| on_one_line(&line)) {
        let line = match line.split_once(": ") {
            Some((label, text)) if may_colour(&io::stderr()) => format!("\x1b[1m{label}:\x1b[0m {text}"),
            _ => line,
        };
        // Nobody is left to tell if even this fails; the exit code still speaks.
        if writeln!(err, "{priority}{line}").is_err() {
            return;
        }
    }
}
