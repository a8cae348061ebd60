//! `upkeep jobs describe`

use std::fmt::Write as _;

use clap::Args;
use serde_json::Value;
use upkeep_jobs::kit::{AnyJob, type_in_words};

use super::{job_type, output};

/// Text is folded to this many columns.
pub(super) const COLUMNS: usize = 80;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The job
    #[arg(value_name = "JOB_TYPE", value_parser = job_type())]
    job: &'static dyn AnyJob,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let job = arguments.job;
    let mut text = format!("{}\n{}\n\n", job.name(), fold(job.about(), 2));
    for (heading, words) in [
        ("Removes", job.removes()),
        ("Keeps", job.keeps()),
        ("Order", job.order()),
        ("Beside the running platform", job.beside_platform()),
    ] {
        write!(text, "{heading}\n{}\n\n", fold(words, 2))?;
    }
    text.push_str("Parameters\n");
    let schema = job.schema();
    let defaults = job.default_parameters();
    let fields = defaults.as_object().into_iter().flatten();
    for (name, default) in fields {
        let field = schema.get("properties").and_then(|properties| properties.get(name));
        let about = field.and_then(|field| field.get("description")).and_then(Value::as_str).unwrap_or_default();
        let head = format!("{name}: {} [default: {default}]", type_in_words(field));
        writeln!(text, "{}\n{}", fold(&head, 2), fold(about, 6))?;
    }
    if defaults.as_object().is_none_or(serde_json::Map::is_empty) {
        text.push_str("  none\n");
    }
    output::print(&text)
}

/// Folds `text` at blanks, each line indented by `indent`.
pub(super) fn fold(text: &str, indent: usize) -> String {
    let lines = folded(text, COLUMNS - indent).into_iter();
    lines.map(|line| format!("{:indent$}{line}", "")).collect::<Vec<_>>().join("\n")
}

/// The lines of `text`, folded at blanks to so many columns.
pub(super) fn folded(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let full = |line: &String| !line.is_empty() && line.len() + 1 + word.len() > columns;
        match lines.last_mut() {
            Some(line) if full(line) => lines.push(word.to_owned()),
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => {}
        }
    }
    lines
}
