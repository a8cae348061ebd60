//! The forms a value can have, and how it is read from the file (typed) and from text (the environment, a file of its
//! own, a credential).

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use toml::de::DeValue;

/// What kind of value a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    Text,
    /// Text that is never shown.
    Secret,
    Switch,
    Number,
    /// A length of time.
    Span,
}

/// A value of one of the forms.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    Secret(SecretString),
    Switch(bool),
    /// At most `i64::MAX`, the largest integer of TOML.
    Number(u64),
    /// The length, and how the operator wrote it.
    Span(Duration, String),
}

/// A century. Whoever subtracts a span from an instant stays within the calendar.
const LONGEST_SPAN: Duration = Duration::from_secs(36_525 * 86_400);

impl Form {
    /// What a value must be, to follow "must be".
    pub(crate) fn expected(self) -> &'static str {
        match self {
            Form::Text | Form::Secret => "a string in quotes",
            Form::Switch => "true or false",
            Form::Number => "a whole number, 0 or more",
            Form::Span => r#"a length of time such as "90s", "36h" or "7days", or a whole number of seconds"#,
        }
    }

    /// Reads a value of the configuration file.
    ///
    /// # Errors
    /// What is wrong with it, to follow the name of the key.
    pub(super) fn read_toml(self, value: &DeValue<'_>) -> Result<Value, String> {
        match (self, value) {
            (Form::Text | Form::Secret | Form::Span, DeValue::String(text)) => self.read_text(text),
            (Form::Switch, DeValue::Boolean(on)) => Ok(Value::Switch(*on)),
            (Form::Number | Form::Span, DeValue::Integer(number)) => {
                // Always decimal from here on, also if the file has 0x10.
                match i64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => self.read_text(&number.to_string()),
                    Err(_) => Err(format!("must be {}; this number is too large", self.expected())),
                }
            }
            _ => Err(format!("must be {}, not {}", self.expected(), with_article(value))),
        }
    }

    /// Reads a value that is nothing but text.
    ///
    /// # Errors
    /// What is wrong with it, to follow the name of the key or variable. Never repeats a secret.
    pub(super) fn read_text(self, text: &str) -> Result<Value, String> {
        if text.trim().is_empty() {
            return Err("is empty; give it a value or remove it".to_owned());
        }
        if text.contains('\0') {
            return Err("contains a NUL character, as UTF-16 text does; write it as UTF-8".to_owned());
        }
        let unlike = || format!("must be {}, not {text:?}", self.expected());
        match self {
            Form::Secret if text.starts_with('\u{feff}') => {
                Err("starts with a byte order mark, which would become part of the secret; remove it".to_owned())
            }
            Form::Secret => Ok(Value::Secret(text.into())),
            Form::Text if text.contains(char::is_control) => Err("contains control characters; remove them".to_owned()),
            Form::Text => Ok(Value::Text(text.to_owned())),
            Form::Switch => text.parse().map(Value::Switch).map_err(|_| unlike()),
            Form::Number => match text.parse::<i64>().map(u64::try_from) {
                Ok(Ok(number)) => Ok(Value::Number(number)),
                Ok(Err(_)) | Err(_) => Err(unlike()),
            },
            Form::Span => {
                let seconds = text.parse().map(Duration::from_secs);
                let span = seconds.or_else(|_| humantime::parse_duration(text)).map_err(|_| unlike())?;
                if span > LONGEST_SPAN {
                    return Err("must not be longer than a hundred years".to_owned());
                }
                Ok(Value::Span(span, text.to_owned()))
            }
        }
    }
}

impl Value {
    /// The text of a text or a secret.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            Value::Secret(secret) => Some(secret.expose_secret()),
            Value::Switch(_) | Value::Number(_) | Value::Span(..) => None,
        }
    }
}

fn with_article(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a section",
    }
}
