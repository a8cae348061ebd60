//! The configuration file: TOML with sections and keys of the table in `keys` and nothing else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use upkeep_jobs::platform::Problem;

use super::environment::{ConfigurationFile, one_line, shown};
use super::keys::{self, INHERIT, Key};
use super::secret_files::{read_small, unreadable};
use super::sources::{Origin, Setting, invalid};
use super::value::Form;

/// What the file says about a key.
pub(super) enum Given {
    Value(Setting),
    /// A file that holds the secret: its path, what a relative one is relative to, and where it is named.
    SecretFile {
        path: PathBuf,
        base: PathBuf,
        named_in: String,
    },
}

/// What the file says.
#[derive(Default)]
pub(super) struct Contents {
    pub(super) given: BTreeMap<Key, Given>,
    /// The platform's configuration file as it is named, and the line that does.
    pub(super) inherit: Option<(PathBuf, usize)>,
}

/// The text of the TOML file at `path`, which messages call `name`.
///
/// # Errors
/// Unreadable, no UTF-8.
pub(super) fn read_text(path: &Path, name: &str) -> Result<String, Problem> {
    let contents = read_small(path).map_err(|error| unreadable(format!("cannot read {name}"), error))?;
    match std::str::from_utf8(&contents) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').unwrap_or(text).to_owned()),
        Err(error) => {
            let line = 1 + contents.iter().take(error.valid_up_to()).filter(|&&byte| byte == b'\n').count();
            Err(invalid(name, format!("is not UTF-8 (line {line})")).hint("save it as UTF-8"))
        }
    }
}

/// A parsed TOML file. It holds secrets and therefore has no `Debug`.
pub(super) struct Document<'t> {
    text: &'t str,
    pub(super) root: DeTable<'t>,
}

impl<'t> Document<'t> {
    /// Parses a file that messages call `name`.
    ///
    /// # Errors
    /// No TOML. Lines are named but never repeated, since they may hold a secret.
    pub(super) fn parse(text: &'t str, name: &str) -> Result<Self, Problem> {
        let (document, errors) = DeTable::parse_recoverable(text);
        // The parser goes on after an error; what comes later may only be its echo.
        let start = |error: &toml::de::Error| error.span().map_or(0, |span| span.start);
        if let Some(error) = errors.iter().min_by_key(|error| start(error)) {
            let (line, column) = position(text, start(error));
            let place = format!("line {line}, column {column}: {}", error.message());
            let hint = "strings stand in quotes; one with quotes or backslashes in it is easiest in '…' or '''…'''";
            return Err(invalid(name, format!("is no valid TOML: {place}")).hint(hint));
        }
        Ok(Self { text, root: document.into_inner() })
    }

    /// The line on which something of the document starts, counted from 1.
    pub(super) fn line<T>(&self, of: &Spanned<T>) -> usize {
        position(self.text, of.span().start).0
    }
}

/// Reads and checks the whole file, also what something else overrides.
///
/// # Errors
/// As for [`read_text`] and [`Document::parse`], and unknown names, values of the wrong form.
pub(super) fn read(file: &ConfigurationFile) -> Result<Contents, Problem> {
    let path = &file.path;
    let name = format!("the configuration file {}{}", shown(path), file.named_by);
    let text = read_text(path, &name)?;
    let document = Document::parse(&text, &name)?;
    let Contents { mut given, mut inherit } = Contents::default();
    for (section, entries) in &document.root {
        let section_name: &str = section.get_ref();
        let line = document.line(section);
        if section_name == INHERIT {
            let place = || format!("{INHERIT} ({}, line {line})", shown(path));
            let value = Form::Text.read_toml(entries.get_ref()).map_err(|fault| invalid(place(), fault))?;
            inherit = Some((value.text().unwrap_or_default().into(), line));
            continue;
        }
        let Some(&section) = keys::sections().iter().find(|&&known| known == section_name) else {
            return Err(unknown_section(path, section_name, entries.get_ref(), line));
        };
        let DeValue::Table(entries) = entries.get_ref() else {
            let fault = format!("must be a section: write [{section}] on a line of its own and its keys below");
            return Err(invalid(format!("{section} ({}, line {line})", shown(path)), fault));
        };
        for (entry, value) in entries {
            let line = document.line(entry);
            let (key, value) = read_key(path, section, entry.get_ref(), value.get_ref(), line)?;
            if given.insert(key, value).is_some() {
                let fault = format!("and {} are both set; remove one of them", key.file_name());
                return Err(invalid(format!("{key} ({}, line {line})", shown(path)), fault));
            }
        }
    }
    Ok(Contents { given, inherit })
}

fn read_key(path: &Path, section: &str, name: &str, value: &DeValue<'_>, line: usize) -> Result<(Key, Given), Problem> {
    let place = |key: &str| format!("{section}.{} ({}, line {line})", abridged(key), shown(path));
    for &key in keys::ALL.iter().filter(|key| key.section == section) {
        if key.name == name {
            let value = key.form.read_toml(value).map_err(|fault| invalid(place(name), fault))?;
            let origin = Origin::File { path: path.to_owned(), line };
            return Ok((key, Given::Value(Setting::new(value, origin))));
        }
        if key.is_secret() && key.file_name() == name {
            let value = Form::Text.read_toml(value).map_err(|fault| invalid(place(name), fault))?;
            let (file, base) = (PathBuf::from(value.text().unwrap_or_default()), path.parent().unwrap_or(path));
            let named_in = format!("named in {}", shown(path));
            return Ok((key, Given::SecretFile { path: file, base: base.to_owned(), named_in }));
        }
    }
    let hint = match keys::ALL.iter().find(|key| key.name == name) {
        _ if name == INHERIT => "inherit belongs at the top of the file, above the first section".to_owned(),
        Some(elsewhere) => format!("{name} belongs in [{}]", elsewhere.section),
        None => keys::suggestion(name, &keys::names_in(section)),
    };
    Err(invalid(place(name), "is not a known key").hint(hint))
}

fn unknown_section(path: &Path, name: &str, value: &DeValue<'_>, line: usize) -> Problem {
    let sections: Vec<_> = keys::sections().into_iter().map(str::to_owned).collect();
    let subject = format!("{} ({}, line {line})", abridged(name), shown(path));
    if matches!(value, DeValue::Table(_)) {
        return invalid(subject, "is not a known section").hint(keys::suggestion(name, &sections));
    }
    let homes: Vec<_> =
        keys::ALL.iter().filter(|key| key.name == name).map(|key| format!("[{}]", key.section)).collect();
    let hint = match homes.as_slice() {
        [] => keys::suggestion(name, &[&[INHERIT.to_owned()], &*sections].concat()),
        homes => format!("put it below {}", homes.join(" or ")),
    };
    invalid(subject, "stands outside of every section").hint(hint)
}

/// A name from the file for a message: on one line and no longer than that.
fn abridged(name: &str) -> String {
    let mut short: String = name.chars().take(60).collect();
    if short.len() < name.len() {
        short.push('…');
    }
    one_line(&short)
}

/// The line and column of a byte, counted from 1, the column in characters.
fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (1 + before.matches('\n').count(), 1 + before[line_start..].chars().count())
}
