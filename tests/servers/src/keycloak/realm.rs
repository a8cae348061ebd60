//! What Keycloak does with a request.

use std::collections::BTreeMap;

use super::{CLIENT_ID, CLIENT_SECRET, State, TOKEN_START, html};
use crate::http::{Request, Response, decoded};

/// The realm that the double has.
pub const REALM: &str = "meet";

/// A user of the realm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The identifier.
    pub id: String,
    /// Users are listed in the order of their names.
    pub username: String,
    /// Whether the account is enabled.
    pub enabled: bool,
    /// The attributes, as a JSON object.
    pub attributes: String,
}

impl User {
    /// A user without attributes, who is called like the identifier.
    pub fn new(id: impl Into<String>, enabled: bool) -> Self {
        let id = id.into();
        Self { username: id.clone(), id, enabled, attributes: "{}".to_owned() }
    }

    /// The same with an attribute of a single value.
    #[must_use]
    pub fn with(mut self, attribute: &str, value: &str) -> Self {
        self.attributes = format!("{{{}:[{}]}}", quoted(attribute), quoted(value));
        self
    }

    fn json(&self, brief: bool) -> String {
        let (id, name) = (quoted(&self.id), quoted(&self.username));
        let attributes = if brief { String::new() } else { format!(r#","attributes":{}"#, self.attributes) };
        format!(
            r#"{{"id":{id},"username":{name},"firstName":"Alice","lastName":"Liddell","emailVerified":false,"createdTimestamp":1700000000000,"enabled":{},"totp":false{attributes}}}"#,
            self.enabled
        )
    }
}

/// A JSON text.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

pub(super) fn json(status: u16, body: impl Into<String>) -> Response {
    Response::new(status, "application/json;charset=UTF-8", body)
}

pub(super) fn error(status: u16, word: &str) -> Response {
    json(status, format!(r#"{{"error":{}}}"#, quoted(word)))
}

/// The fields of a form, or of a query; `None` if it is malformed or has a field twice.
fn fields(text: &str) -> Option<BTreeMap<String, String>> {
    let mut fields = BTreeMap::new();
    for field in text.split('&').filter(|field| !field.is_empty()) {
        let (name, value) = field.split_once('=')?;
        let decode = |text: &str| decoded(&text.replace('+', " "));
        if fields.insert(decode(name), decode(value)).is_some() {
            return None;
        }
    }
    Some(fields)
}

impl State {
    /// Answers a request below the server's `base` address.
    pub(super) fn keycloak(&mut self, request: &Request, target: &str, base: &str) -> Response {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let of_realm = |start| path.strip_prefix(start).and_then(|rest| rest.split_once('/'));
        if let Some((realm, rest)) = of_realm("/realms/") {
            match rest {
                _ if realm != REALM => error(404, "Realm does not exist"),
                ".well-known/openid-configuration" if request.method == "GET" => self.describe(base),
                "protocol/openid-connect/token" if request.method == "POST" => self.token(request),
                _ => error(405, "HTTP 405 Method Not Allowed"),
            }
        } else if let Some((realm, rest)) = of_realm("/admin/realms/") {
            let token = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
            if !token.is_some_and(|token| self.valid_tokens.contains(token)) {
                return error(401, "HTTP 401 Unauthorized");
            }
            match rest.strip_prefix("users") {
                _ if realm != REALM => error(404, "Realm not found."),
                _ if request.method != "GET" => error(405, "HTTP 405 Method Not Allowed"),
                Some("") => self.page(query),
                Some("/count") => json(200, self.users.len().to_string()),
                Some("/profile") => json(200, r#"{"attributes":[]}"#),
                Some("/" | "/.") => self.page(query),
                Some("/..") => json(200, format!(r#"{{"id":"1","realm":"{REALM}","enabled":true}}"#)),
                Some(id) => self.user(id.trim_start_matches('/')),
                None => error(404, "Unable to find matching target resource method"),
            }
        } else {
            html(404)
        }
    }

    fn describe(&self, base: &str) -> Response {
        let realm = format!("{base}/realms/{REALM}");
        let issuer = self.issuer.clone().unwrap_or_else(|| realm.clone());
        let tokens = self.token_endpoint.clone().unwrap_or_else(|| format!("{realm}/protocol/openid-connect/token"));
        json(200, format!(r#"{{"issuer":{},"token_endpoint":{},"jwks_uri":""}}"#, quoted(&issuer), quoted(&tokens)))
    }

    fn token(&mut self, request: &Request) -> Response {
        if request.header("content-type") != Some("application/x-www-form-urlencoded") {
            return error(415, "HTTP 415 Unsupported Media Type");
        }
        let Some(form) = fields(&request.body) else { return error(400, "invalid_request") };
        let field = |name: &str| form.get(name).map(String::as_str);
        if field("grant_type") != Some("client_credentials") {
            return error(400, "unsupported_grant_type");
        }
        let in_form = (field("client_id"), field("client_secret")) == (Some(CLIENT_ID), Some(CLIENT_SECRET));
        if !in_form && !request.authorised(CLIENT_ID, CLIENT_SECRET) {
            let body =
                r#"{"error":"unauthorized_client","error_description":"Invalid client or Invalid client credentials"}"#;
            return json(401, body);
        }
        self.issued += 1;
        let token = format!("{TOKEN_START}{}", self.issued);
        self.valid_tokens.insert(token.clone());
        json(200, format!(r#"{{"access_token":"{token}","expires_in":60,"token_type":"Bearer","scope":""}}"#))
    }

    fn page(&self, query: &str) -> Response {
        let Some(mut query) = fields(query) else { return error(400, "malformed query") };
        let mut number = |name| query.remove(name).and_then(|text| text.parse::<usize>().ok());
        let (Some(first), Some(max)) = (number("first"), number("max")) else { return error(400, "no page") };
        let brief = query.remove("briefRepresentation");
        if !query.is_empty() || !matches!(brief.as_deref(), Some("true" | "false")) {
            return error(400, "unknown parameters");
        }
        let users = self.users.iter().skip(first).take(max);
        let users: Vec<_> = users.map(|user| user.json(brief.as_deref() == Some("true"))).collect();
        json(200, format!("[{}]", users.join(",")))
    }

    fn user(&self, id: &str) -> Response {
        // As strict as the newest Keycloak, which refuses paths that are not in their normal form.
        if id.contains("%2F") || id.contains(';') {
            return error(400, "missingNormalization");
        }
        match self.users.iter().find(|user| user.id == decoded(id)) {
            _ if id.contains('/') => error(404, "Unable to find matching target resource method"),
            Some(user) => json(200, user.json(false)),
            None => error(404, "User not found"),
        }
    }
}
