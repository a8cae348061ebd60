//! Accounts as JSON, read strictly: what is not certainly an account must not decide about a person. Errors never
//! quote what was read, since it is full of names.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::error::Category;

/// An account at the identity provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    /// The provider's own identifier.
    pub(super) id: String,
    /// The first string of the configured attribute, if there is one.
    pub(super) external_id: Option<String>,
    pub(super) enabled: bool,
}

impl Account {
    /// What the platform knows it by.
    pub(super) fn key(&self) -> &str {
        self.external_id.as_deref().unwrap_or(&self.id)
    }
}

/// Reads a page: a list of accounts. Only `id`, `enabled` and the `attribute`, if one is configured, matter.
///
/// # Errors
/// What is wrong with it.
pub(super) fn page(body: &[u8], attribute: Option<&str>) -> Result<Vec<Account>, String> {
    read(body, PageSeed { attribute }).map_err(|error| words(&error, "the page"))
}

/// Reads a single account.
///
/// # Errors
/// What is wrong with it.
pub(super) fn account(body: &[u8], attribute: Option<&str>) -> Result<Account, String> {
    read(body, AccountSeed { attribute }).map_err(|error| words(&error, "the answer"))
}

/// What is wrong with some JSON.
pub(super) fn words(error: &serde_json::Error, what: &str) -> String {
    let place = format!("(line {}, column {})", error.line(), error.column());
    match error.classify() {
        Category::Eof => format!("{what} breaks off {place}"),
        Category::Syntax => format!("{what} is not valid JSON {place}"),
        Category::Data | Category::Io => format!("{what} does not have the form that was expected {place}"),
    }
}

fn read<'de, S: DeserializeSeed<'de>>(body: &'de [u8], seed: S) -> Result<S::Value, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = seed.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

#[derive(Clone, Copy)]
struct PageSeed<'a> {
    attribute: Option<&'a str>,
}

impl<'de> DeserializeSeed<'de> for PageSeed<'_> {
    type Value = Vec<Account>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for PageSeed<'_> {
    type Value = Vec<Account>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of accounts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut accounts = Vec::new();
        while let Some(account) = list.next_element_seed(AccountSeed { attribute: self.attribute })? {
            accounts.push(account);
        }
        Ok(accounts)
    }
}

#[derive(Clone, Copy)]
struct AccountSeed<'a> {
    attribute: Option<&'a str>,
}

impl<'de> DeserializeSeed<'de> for AccountSeed<'_> {
    type Value = Account;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Account, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for AccountSeed<'_> {
    type Value = Account;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an account")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Account, A::Error> {
        let (mut id, mut enabled, mut external_id) = (None, None, None);
        while let Some(name) = fields.next_key::<String>()? {
            match (name.as_str(), self.attribute) {
                ("id", _) => id = Some(fields.next_value::<String>()?),
                ("enabled", _) => enabled = Some(fields.next_value::<bool>()?),
                ("attributes", Some(wanted)) => {
                    let attributes = fields.next_value::<Option<BTreeMap<String, Value>>>()?;
                    external_id =
                        first_string(attributes.as_ref().and_then(|all| all.get(wanted))).map_err(A::Error::custom)?;
                }
                _ => drop(fields.next_value::<IgnoredAny>()?),
            }
        }
        match (id, enabled) {
            (Some(id), Some(enabled)) if !id.is_empty() => Ok(Account { id, external_id, enabled }),
            _ => Err(A::Error::custom("an account needs an id and whether it is enabled")),
        }
    }
}

/// The first string of an attribute's values. One that has none, or only an empty one, is as good as not there.
fn first_string(values: Option<&Value>) -> Result<Option<String>, &'static str> {
    match values {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(values)) => {
            Ok(values.iter().find_map(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned))
        }
        Some(_) => Err("the values of an attribute are a list"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(page: Result<Vec<Account>, String>) -> Vec<String> {
        page.unwrap().iter().map(|account| account.key().to_owned()).collect()
    }

    #[test]
    fn only_id_and_enabled_matter() {
        let body = br#"[{"username":"x","id":"a","enabled":true,"email":null,"access":{"view":true}},
            {"enabled":false,"id":"b","attributes":5}]"#;
        let accounts = page(body, None).unwrap();
        assert_eq!(accounts.iter().map(|a| (a.key(), a.enabled)).collect::<Vec<_>>(), [("a", true), ("b", false)]);
        assert_eq!(page(b" [ ] ", None), Ok(Vec::new()));
    }

    #[test]
    fn the_key_is_the_first_string_of_the_attribute_else_the_id() {
        for (attributes, key) in [
            (r#"{"uid":["x"]}"#, "x"),
            (r#"{"uid":["x","y"]}"#, "x"),
            (r#"{"uid":[5,null,"x"]}"#, "x"),
            (r#"{"uid":["X "],"other":7}"#, "X "),
            (r#"{"uid":[]}"#, "a"),
            (r#"{"uid":[""]}"#, "a"),
            (r#"{"uid":[5]}"#, "a"),
            (r#"{"uid":[["x"]]}"#, "a"),
            (r#"{"uid":null}"#, "a"),
            (r#"{"UID":["x"]}"#, "a"),
            ("{}", "a"),
            ("null", "a"),
        ] {
            let body = format!(r#"[{{"id":"a","enabled":true,"attributes":{attributes}}}]"#);
            assert_eq!(keys(page(body.as_bytes(), Some("uid"))), [key], "{attributes}");
        }
        assert_eq!(keys(page(br#"[{"id":"a","enabled":true}]"#, Some("uid"))), ["a"]);
    }

    #[test]
    fn what_is_no_list_of_accounts_is_refused_without_quoting_it() {
        for body in [
            "",
            "[",
            "null",
            "5",
            "{}",
            r#""alice""#,
            r#"{"users":[]}"#,
            r#"[{"id":"alice","enabled":true}"#,
            r#"[{"id":"alice","enabled":true}] x"#,
            r#"[{"id":"alice","enabled":true},]"#,
            r#"[null]"#,
            r#"["alice"]"#,
            r#"[["alice",true]]"#,
            r#"[{"id":"alice"}]"#,
            r#"[{"enabled":true}]"#,
            r#"[{"id":7,"enabled":true}]"#,
            r#"[{"id":null,"enabled":true}]"#,
            r#"[{"id":"","enabled":true}]"#,
            r#"[{"id":"alice","enabled":"alice"}]"#,
            r#"[{"id":"alice","enabled":1}]"#,
            r#"[{"id":"alice","enabled":null}]"#,
            r#"[{"id":"alice","enabled":true,"attributes":["alice"]}]"#,
            r#"[{"id":"alice","enabled":true,"attributes":{"uid":"alice"}}]"#,
            r#"[{"id":"alice","enabled":true,"attributes":{"uid":{"alice":"alice"}}}]"#,
        ] {
            let error = page(body.as_bytes(), Some("uid")).expect_err(body);
            assert!(!error.contains("alice"), "{error}");
        }
        assert!(page(b"[{\"id\":\"\xff\",\"enabled\":true}]", None).is_err());
        assert!(page("[".repeat(100_000).as_bytes(), None).is_err());
    }
}
