//! Findings for people, on 80 columns.

use std::fmt::Write as _;

use super::finding::{Finding, Level};
use crate::cli::describe::fold;

/// Where the text of findings starts.
const INDENT: usize = 11;

/// One part's findings below its name.
pub(super) fn part(findings: &[Finding], colour: bool) -> String {
    let mut text = String::new();
    if let Some(first) = findings.first() {
        text = format!("{}\n", first.area);
    }
    for Finding { level, finding, causes, fix, statements, .. } in findings {
        let (word, code) = match level {
            Level::Ok => ("ok", "32"),
            Level::Note => ("note", "36"),
            Level::Warning => ("warning", "33"),
            Level::Problem => ("problem", "31"),
        };
        let shown = if colour { format!("\x1b[{code}m{word}\x1b[0m") } else { word.to_owned() };
        let gap = INDENT - 2 - word.len();
        text += &format!("  {shown}{:gap$}{}\n", "", fold(finding, INDENT).trim_start());
        for cause in causes {
            text += &format!("{}\n", fold(&format!("cause: {cause}"), INDENT));
        }
        if let Some(fix) = fix {
            text += &format!("{}\n", fold(&format!("fix: {fix}"), INDENT));
        }
        for statement in statements {
            text += &format!("{:INDENT$}{statement}\n", "");
        }
    }
    text
}

/// The last line.
pub(super) fn summary(findings: &[Finding]) -> String {
    let number = |level| findings.iter().filter(|finding| finding.level == level).count();
    let mut text = "\n".to_owned();
    let (problems, warnings) = (number(Level::Problem), number(Level::Warning));
    let counted = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let result = match (problems, warnings) {
        (0, 0) => write!(text, "Nothing has to be done"),
        (0, _) => write!(text, "Jobs can run; {}", counted(warnings, "warning")),
        _ => write!(text, "{}, {}", counted(problems, "problem"), counted(warnings, "warning")),
    };
    // Writing into a string never fails.
    if result.is_ok() {
        text.push('\n');
    }
    text
}
