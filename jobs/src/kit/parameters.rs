//! Reading a job's parameters: every mistake is named before anything is connected.

use std::fmt;

use schemars::Schema;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::platform::{Kind, Problem};

fn wrong(what: impl std::fmt::Display) -> Problem {
    Problem::new(Kind::Usage, what)
}

/// Reads the text of a parameter object.
///
/// # Errors
/// A usage problem that says where the JSON breaks, or what is there in place of an object.
pub fn parse_parameters(text: &str) -> Result<Value, Problem> {
    let example = "write an object such as '{\"name\": value}'; `{}` stands for the defaults";
    let value: Value = serde_json::from_str(text)
        .map_err(|error| wrong(format!("the parameters are not valid JSON: {error}")).hint(example))?;
    match value {
        Value::Object(ref fields) => match serde_json::from_str::<Names>(text) {
            // JSON leaves it open which of two values counts.
            Ok(Names(names)) if names.len() > fields.len() => {
                let twice = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name));
                let name = twice.map(|(_, name)| name.as_str()).unwrap_or_default();
                Err(wrong(format!("parameter {name:?} is given twice")).hint("leave one of them out"))
            }
            Ok(_) => Ok(value),
            Err(error) => Err(wrong(format!("the parameters are not valid JSON: {error}")).hint(example)),
        },
        other => Err(wrong(format!("the parameters must be a JSON object, not {}", describe(&other))).hint(example)),
    }
}

/// The names in an object as they stand there, which a map does not keep.
struct Names(Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(NamesVisitor)
    }
}

struct NamesVisitor;

impl<'de> Visitor<'de> for NamesVisitor {
    type Value = Names;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
        let mut names = Vec::new();
        while let Some((name, IgnoredAny)) = map.next_entry()? {
            names.push(name);
        }
        Ok(Names(names))
    }
}

/// Completes `given` with the defaults of `P` and checks every field against its type and its bounds in `schema`.
pub(super) fn complete<P: Serialize + DeserializeOwned + Default>(
    job: &str,
    given: &Value,
    schema: &Schema,
) -> Result<(Value, P), Problem> {
    let defaults = serde_json::json!(P::default());
    let (Value::Object(given), Value::Object(mut complete)) = (given, defaults) else {
        return Err(wrong("the parameters must be a JSON object"));
    };
    let see = || format!("`upkeep jobs describe {job}` lists the parameters of this job");
    for (name, value) in given {
        let Some(default) = complete.get(name).cloned() else {
            return Err(unknown(job, name, &complete).hint(see()));
        };
        let expected = expected(schema, name);
        let mistake = || {
            let (value, wanted) = (describe(value), &expected.words);
            wrong(format!("parameter {name}: expected {wanted}, not {value}")).hint(see())
        };
        complete.insert(name.clone(), value.clone());
        // One field at a time, so that an error is certainly this field's.
        let mut alone = serde_json::json!(P::default());
        if let Value::Object(fields) = &mut alone {
            fields.insert(name.clone(), value.clone());
        }
        let fits = serde_json::from_value::<P>(alone).is_ok() && expected.admits(value);
        // `null` for a field whose type takes it in silence although its default is something else.
        if !fits || (value.is_null() && !default.is_null()) {
            return Err(mistake());
        }
    }
    let complete = Value::Object(complete);
    let typed = serde_json::from_value(complete.clone())
        .map_err(|error| wrong(format!("the parameters do not fit together: {error}")).hint(see()))?;
    Ok((complete, typed))
}

fn unknown(job: &str, name: &str, known: &Map<String, Value>) -> Problem {
    let nearest = known.keys().max_by(|a, b| strsim::jaro(a, name).total_cmp(&strsim::jaro(b, name)));
    match nearest {
        None => wrong(format!("{job} has no parameters, so none called {name:?}")),
        Some(near) if strsim::jaro(near, name) > 0.7 => {
            wrong(format!("{job} has no parameter {name:?}; did you mean {near}?"))
        }
        Some(_) => {
            let all = known.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            wrong(format!("{job} has no parameter {name:?}; it has {all}"))
        }
    }
}

/// What a field takes, as its schema says.
struct Expected {
    words: String,
    /// The only texts it takes, if it does not take just any.
    choices: Vec<String>,
    minimum: Option<f64>,
    maximum: Option<f64>,
}

impl Expected {
    fn admits(&self, value: &Value) -> bool {
        if !self.choices.is_empty() {
            return value.as_str().is_some_and(|text| self.choices.iter().any(|choice| choice == text));
        }
        let Some(number) = value.as_f64() else { return true };
        self.minimum.is_none_or(|minimum| number >= minimum) && self.maximum.is_none_or(|maximum| number <= maximum)
    }
}

fn expected(schema: &Schema, name: &str) -> Expected {
    let field = schema.get("properties").and_then(|properties| properties.get(name));
    let bound = |which| field.and_then(|field| field.get(which)).and_then(Value::as_f64);
    Expected {
        words: type_in_words(field),
        choices: choices(field),
        minimum: bound("minimum"),
        maximum: bound("maximum"),
    }
}

/// The texts that a field is restricted to; none if it is not.
fn choices(field: Option<&Value>) -> Vec<String> {
    let list = |which| field.and_then(|field| field.get(which)).and_then(Value::as_array).into_iter().flatten();
    // Choices with descriptions stand on their own.
    let described = list("oneOf").filter_map(|choice| choice.get("const"));
    list("enum").chain(described).filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A field's type and bounds in words, from its JSON Schema.
pub fn type_in_words(field: Option<&Value>) -> String {
    let text = |which| field.and_then(|field| field.get(which)).and_then(Value::as_str);
    let number = |which| field.and_then(|field| field.get(which)).and_then(Value::as_u64);
    let choices = choices(field);
    match text("type") {
        _ if !choices.is_empty() => choices.iter().map(|choice| format!("{choice:?}")).collect::<Vec<_>>().join(" or "),
        Some("boolean") => "true or false".into(),
        Some("string") => "a text".into(),
        Some("integer") => {
            let largest = match text("format") {
                Some("uint32") => Some(u64::from(u32::MAX)),
                Some("uint16") => Some(u64::from(u16::MAX)),
                _ => None,
            };
            match (number("minimum").unwrap_or(0), number("maximum").or(largest)) {
                (minimum, Some(maximum)) => format!("a whole number from {minimum} to {maximum}"),
                (minimum, None) => format!("a whole number of at least {minimum}"),
            }
        }
        // One that may be left out: its type is a list, of which null is a part.
        None if text("format") == Some("date-time") => "an RFC 3339 time with a zone, or null".into(),
        _ => "another kind of value".into(),
    }
}

/// A value as an error message names it.
fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) if text.chars().count() <= 40 => format!("the text {value}"),
        Value::String(_) => "a long text".into(),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
    }
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Serialize, Deserialize, JsonSchema)]
    struct Sample {
        #[schemars(range(min = 1))]
        days: u64,
        seconds: u32,
        strict: bool,
    }

    impl Default for Sample {
        fn default() -> Self {
            Self { days: 30, seconds: 60, strict: false }
        }
    }

    fn read(text: &str) -> Result<Value, String> {
        parse_parameters(text)
            .and_then(|given| complete::<Sample>("sample", &given, &schemars::schema_for!(Sample)))
            .map(|(complete, _)| complete)
            .map_err(|problem| {
                assert_eq!(problem.kind(), Kind::Usage);
                problem.to_string()
            })
    }

    #[test]
    fn missing_fields_take_their_defaults() {
        assert_eq!(read("{}").unwrap(), json!({"days": 30, "seconds": 60, "strict": false}));
        assert_eq!(read(r#"{"days": 1}"#).unwrap()["days"], 1);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["[]", "5", "null", "\"x\"", "", "{", "{]", "{\"days\": 1} x", "{\"days\": 1e999}"] {
            assert!(read(text).is_err(), "{text}");
        }
        assert_eq!(read("[]").unwrap_err(), "the parameters must be a JSON object, not a list");
    }

    #[test]
    fn a_wrong_value_is_named_with_its_field() {
        for (value, shown) in [
            ("-1", "-1"),
            ("\"30\"", "the text \"30\""),
            ("1.5", "1.5"),
            ("null", "null"),
            ("0", "0"),
            ("[30]", "a list"),
            ("18446744073709551616", "1.8446744073709552e+19"),
        ] {
            let error = read(&format!("{{\"days\": {value}}}")).unwrap_err();
            assert_eq!(error, format!("parameter days: expected a whole number of at least 1, not {shown}"));
        }
        assert_eq!(
            read(r#"{"seconds": 4294967296}"#).unwrap_err(),
            "parameter seconds: expected a whole number from 0 to 4294967295, not 4294967296"
        );
        assert_eq!(read(r#"{"strict": 1}"#).unwrap_err(), "parameter strict: expected true or false, not 1");
    }

    #[test]
    fn an_unknown_field_is_met_with_the_nearest_known() {
        assert_eq!(read(r#"{"dyas": 3}"#).unwrap_err(), "sample has no parameter \"dyas\"; did you mean days?");
        assert_eq!(
            read(r#"{"xyzzy": 3}"#).unwrap_err(),
            "sample has no parameter \"xyzzy\"; it has days, seconds, strict"
        );
    }
}
