//! The full report of one run, on 80 columns: what was erased, when, by which parameters, and what was not.

use std::time::Duration;

use serde_json::Value;

use crate::cli::describe::fold;
use crate::run::{PastRun, on_one_line};

/// Where the second column starts.
const COLUMN: usize = 14;

/// What the numbers of items are called.
const COUNTS: [(&str, &str); 6] = [
    ("examined", "looked at"),
    ("matched", "due, or to be changed"),
    ("deleted", "deleted"),
    ("updated", "changed"),
    ("skipped", "left alone, as they had changed meanwhile"),
    ("failed", "failed"),
];

pub(super) fn text(run: &PastRun) -> String {
    let document = Document(&run.document);
    let mut text = format!("Run {}\n\n", run.run_id);
    text += &entry("job", &run.job);
    text += &entry("state", &state(run, document));
    text += &entry("started", document.text("/started_at"));
    if let Some(finished) = document.0.get("finished_at").and_then(Value::as_str) {
        let took = document.number("/duration_ms").map(Duration::from_millis).unwrap_or_default();
        text += &entry("ended", &format!("{finished}, after {}", humantime::format_duration(took)));
    }
    text += &entry("on", &format!("{}, by upkeep {}", document.text("/host"), document.text("/version")));
    text += &entry("now", &format!("{} (periods are counted back from here)", document.text("/now")));
    if let Some(cutoff) = document.0.get("cutoff").and_then(Value::as_str) {
        text += &entry("cutoff", cutoff);
    }
    text += &parameters(document.0.get("parameters"));
    if document.number("/exit_code").is_some() {
        text += &work(document);
    }
    text
}

/// The document of a run, in which later versions may have more, and earlier ones less.
#[derive(Clone, Copy)]
struct Document<'d>(&'d Value);

impl<'d> Document<'d> {
    fn text(self, path: &str) -> &'d str {
        self.0.pointer(path).and_then(Value::as_str).unwrap_or("not recorded")
    }

    fn number(self, path: &str) -> Option<u64> {
        self.0.pointer(path).and_then(Value::as_u64)
    }

    fn list(self, name: &str) -> impl Iterator<Item = &'d Value> + use<'d> {
        self.0.get(name).and_then(Value::as_array).into_iter().flatten()
    }
}

fn entry(name: &str, value: &str) -> String {
    let value = fold(&on_one_line(value), COLUMN);
    format!("{name:COLUMN$}{}\n", value.trim_start())
}

fn state(run: &PastRun, document: Document<'_>) -> String {
    let state = run.state.replace('_', " ");
    match (run.state.as_str(), document.number("/exit_code")) {
        (_, Some(code)) => format!("{state}, exit code {code}"),
        ("running", None) => format!("{state}; what it has done is recorded when it ends"),
        (_, None) => format!("{state}: it ended without saying so; what it had done by then is not recorded"),
    }
}

fn parameters(parameters: Option<&Value>) -> String {
    let fields = parameters.and_then(Value::as_object).into_iter().flatten();
    let lines: Vec<_> = fields.map(|(name, value)| fold(&on_one_line(&format!("{name}: {value}")), COLUMN)).collect();
    match lines.is_empty() {
        true => entry("parameters", "none"),
        false => format!("{:COLUMN$}{}\n", "parameters", lines.join("\n").trim_start()),
    }
}

/// What was done and what was not.
fn work(document: Document<'_>) -> String {
    let mut text = String::new();
    let named = |name: &str| document.0.get(name).and_then(Value::as_object).into_iter().flatten();
    let numbers = |name| named(name).filter_map(|(name, number)| Some((name.replace('_', " "), number.as_u64()?)));
    let counts = COUNTS
        .iter()
        .filter_map(|(name, words)| Some(((*words).to_owned(), document.number(&format!("/counts/{name}"))?)));
    text += &table("Items", counts);
    text += &table("Rows deleted", named("rows").filter_map(|(table, rows)| Some((table.clone(), rows.as_u64()?))));
    let outside = [
        ("objects_deleted", "stored objects deleted"),
        ("bytes_freed", "bytes in them"),
        ("shared_folders_deleted", "shared folders deleted"),
        ("backlog", "stored objects and shared folders left for a later run"),
    ];
    let outside =
        outside.iter().filter_map(|(name, words)| Some(((*words).to_owned(), document.number(&format!("/{name}"))?)));
    text += &table("Outside the database", outside);
    text += &table("Figures of this job", numbers("figures"));
    let warnings: Vec<_> = document.list("warnings").filter_map(Value::as_str).map(str::to_owned).collect();
    text += &words("Warnings", document.number("/warnings_total"), &warnings);
    let failures: Vec<_> = document.list("failures").map(|failure| failure_in_words(Document(failure))).collect();
    text += &words("Failures", document.number("/counts/failed"), &failures);
    text + &error(document)
}

fn failure_in_words(failure: Document<'_>) -> String {
    format!("{}: {}", failure.text("/subject"), failure.text("/reason"))
}

fn table(title: &str, numbers: impl Iterator<Item = (String, u64)>) -> String {
    let lines: String = numbers.map(|(name, number)| format!("{number:>12}  {}\n", on_one_line(&name))).collect();
    if lines.is_empty() { lines } else { format!("\n{title}\n{lines}") }
}

/// Messages below how many there were of them, of which the first are kept.
fn words(title: &str, total: Option<u64>, kept: &[String]) -> String {
    if kept.is_empty() {
        return String::new();
    }
    let total = total.unwrap_or(0).max(kept.len() as u64);
    let lines: String = kept.iter().map(|line| fold(&on_one_line(line), 2) + "\n").collect();
    match total > kept.len() as u64 {
        true => format!("\n{title}, the first {} of {total}\n{lines}", kept.len()),
        false => format!("\n{title}\n{lines}"),
    }
}

fn error(document: Document<'_>) -> String {
    let Some(error) = document.0.get("error").filter(|error| error.is_object()).map(Document) else {
        return String::new();
    };
    let causes = error.list("causes").filter_map(Value::as_str).map(|cause| format!("cause: {cause}"));
    let hint = error.0.get("hint").and_then(Value::as_str).map(|hint| format!("hint: {hint}"));
    let lines: Vec<_> = std::iter::once(error.text("/message").to_owned()).chain(causes).chain(hint).collect();
    words("Ended by an error", None, &lines)
}
