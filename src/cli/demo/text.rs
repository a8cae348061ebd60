//! The demo's tables and lines, none wider than 80 columns unless a path is long.

use std::ffi::OsString;
use std::path::Path;

use super::census::Census;
use super::place::Place;
use super::sample::{EVENTS, Sample};
use crate::cli::output::quoted;

/// A number with commas.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A duration as one reads it in passing.
pub(super) fn seconds(milliseconds: Option<u64>) -> String {
    format!("{:.1} seconds", milliseconds.unwrap_or(0) as f64 / 1_000.0)
}

/// Rows by table and objects, before and after, two to a line.
pub(super) fn rows(before: &Census, after: &Census) -> String {
    let tables = before.rows.iter().map(|(table, &rows)| {
        let name = if table.len() > NAME { format!("{}...", &table[..NAME - 3]) } else { table.clone() };
        (name, rows, after.rows.get(table).copied().unwrap_or(0))
    });
    let objects = [
        ("stored objects".to_owned(), before.objects.len() as u64, after.objects.len() as u64),
        ("kilobytes in them".to_owned(), before.bytes() / 1_000, after.bytes() / 1_000),
    ];
    let there = tables.chain(objects).filter(|(_, before, _)| *before > 0);
    let (changed, same): (Vec<_>, Vec<_>) = there.partition(|(_, before, after)| before != after);
    let changed = changed.iter().map(|(name, before, after)| cell(name, &number(*before), &number(*after)));
    let cells: Vec<_> = changed.collect();
    let head = cell("rows", "before", "after");
    let mut text = format!("  {head}  {head}\n");
    let (left, right) = cells.split_at(cells.len().div_ceil(2));
    for (index, cell) in left.iter().enumerate() {
        let line = format!("  {cell}  {}", right.get(index).map_or("", String::as_str));
        text.extend([line.trim_end(), "\n"]);
    }
    let same: Vec<_> = same.iter().map(|(name, rows, _)| format!("{name} {}", number(*rows))).collect();
    text.extend(["  unchanged: ", &same.join(", "), "\n"]);
    text
}

/// The width of a table's name; one is longer.
const NAME: usize = 22;

fn cell(name: &str, before: &str, after: &str) -> String {
    format!("{name:<NAME$}{before:>8}{after:>8}")
}

/// Events by what they are, before and after.
pub(super) fn situations(sample: &Sample, before: &Census, after: &Census) -> String {
    let mut text = format!("{:<64}{:>8}{:>8}\n", "What went, what stayed", "before", "after");
    for (situation, _, name) in EVENTS {
        let of_it = || sample.events.iter().filter(|event| event.situation == situation);
        let among = |census: &Census| number(of_it().filter(|event| census.events.contains(&event.id)).count() as u64);
        text.push_str(&format!("  {name:<62}{:>8}{:>8}\n", among(before), among(after)));
    }
    text
}

/// Commands to go on with.
pub(super) fn suggestions(place: &Place) -> String {
    // As it was called, so that it works where it was called.
    let called = std::env::args_os().next().unwrap_or_else(|| OsString::from("upkeep"));
    let upkeep = quoted(Path::new(&called));
    let on_demo = format!("{upkeep} --config {}", quoted(&place.file()));
    format!(
        "What to try next\n  \
         {on_demo} jobs history\n  \
         {on_demo} jobs execute event-cleanup \\\n    \
         --parameters '{{\"days_since_last_occurrence\": 1}}' --dry-run\n  \
         {on_demo} config show\n  \
         {upkeep} jobs describe event-cleanup\n\
         and when you have seen enough\n  \
         rm -r {}\n",
        quoted(place.directory())
    )
}
