//! `config show`: the effective configuration as TOML, each value with its origin in a comment, secrets as `***`.

use super::Config;
use super::environment::{one_line, shown};
use super::inherited::Inherit;
use super::keys::{self, Key};
use super::sources::{Origin, Setting};
use super::value::Value;

/// Comments start right of the longest value that is no longer than this.
const WIDEST_VALUE: usize = 56;
/// Where a line would be longer than this, its comment stands above it.
const WIDEST_LINE: usize = 100;

impl Config {
    /// The effective values as TOML with their origins. It shows no secret and is a valid configuration file but
    /// for them.
    pub(crate) fn show(&self) -> String {
        let mut text = match &self.file {
            Some(path) => format!("# configuration file: {}\n", shown(path)),
            None => "# configuration file: none\n".to_owned(),
        };
        if let Some(Inherit { path, named_in }) = self.settings.inherit() {
            text.push_str(&format!("inherit = {}  # named by {}\n", quoted(&shown(path)), named_in));
        }
        let set = keys::ALL.iter().filter_map(|&key| Some((key, self.settings.get(key)?)));
        let lines: Vec<_> =
            set.map(|(key, setting)| (key, self.assignment(key, setting), comment(key, setting))).collect();
        let widths = lines.iter().map(|(_, assignment, _)| assignment.chars().count());
        let column = widths.filter(|width| *width <= WIDEST_VALUE).max().unwrap_or(0);
        for section in keys::sections() {
            let mut own = lines.iter().filter(|(key, ..)| key.section == section).peekable();
            let unset = if own.peek().is_none() { "  # not configured" } else { "" };
            text.push_str(&format!("\n[{section}]{unset}\n"));
            for (_, assignment, comment) in own {
                let line = format!("{assignment:column$}  # {comment}\n");
                if assignment.chars().count() > column && line.chars().count() > WIDEST_LINE {
                    text.push_str(&format!("# {comment}\n{assignment}\n"));
                } else {
                    text.push_str(&line);
                }
            }
        }
        text
    }

    fn assignment(&self, key: Key, setting: &Setting) -> String {
        let value = match &setting.value {
            // The one secret of which most can be shown.
            Value::Secret(_) if key == keys::DATABASE_URL => quoted(&self.database.to_string()),
            Value::Secret(_) => quoted("***"),
            Value::Text(text) => quoted(text),
            Value::Switch(on) => on.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Span(_, seconds) if seconds.bytes().all(|byte| byte.is_ascii_digit()) => seconds.clone(),
            Value::Span(_, written) => quoted(written),
        };
        format!("{} = {value}", key.name)
    }
}

fn comment(key: Key, setting: &Setting) -> String {
    let origin = match &setting.origin {
        Origin::Default => "default".to_owned(),
        Origin::File { path, .. } => shown(path),
        Origin::Environment => format!("environment {}", key.variable()),
        Origin::Credential => format!("credential {key}"),
        Origin::SecretFile { path, named_in } => format!("file {} ({})", shown(path), one_line(named_in)),
        Origin::Inherited { source, .. } => format!("inherited from {source}"),
    };
    match setting.unused {
        Some(why) => format!("{origin}; {why}"),
        None => origin,
    }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            // Nothing that is shown has control characters; should one get here, the line stays one.
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", c as u32)),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}
