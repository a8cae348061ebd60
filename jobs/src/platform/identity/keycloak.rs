//! A Keycloak realm's administration API: pages of accounts, and single ones.

use secrecy::ExposeSecret;

use super::IdentitySettings;
use super::reading::{self, Account};
use super::refusal::Asked;
use super::requests::{Answer, Requests};
use super::tokens::{Token, Tokens};
use crate::platform::http::Waits;
use crate::platform::words::{one_line, one_line_of};
use crate::platform::{InvalidSetting, Problem, Stop, endpoint};

/// Requests in flight at the provider. Keycloak reads a page far into a large realm in some ten milliseconds of its
/// database's time, which others want to log in with.
pub(super) const THREADS: usize = 6;

/// So much of the body of a failed response is logged, in characters, out of so much that is looked at, in bytes.
const LONGEST_DUMP: usize = 4_000;
const DUMPED_FROM: usize = 256 * 1024;
/// What is longer is not one of Keycloak's words for an error, in bytes.
const LONGEST_ERROR: usize = 100;

/// What ends up as part of another address than an account's, below `users/`.
const OTHER_RESOURCES: [&str; 2] = ["count", "profile"];
/// As long as `users.oidc_sub` may be, in characters.
const LONGEST_ID: usize = 255;

#[derive(Debug)]
pub(super) struct Keycloak {
    /// Without the final slash.
    base: String,
    attribute: Option<String>,
    requests: Requests,
    tokens: Tokens,
    /// Whether the bodies of failed responses are logged.
    dumps: bool,
}

impl Keycloak {
    pub(super) fn new(settings: &IdentitySettings, dumps: bool) -> Result<Self, InvalidSetting> {
        settings.check()?;
        let waits = Waits { connect: settings.connect_timeout, request: settings.request_timeout };
        Ok(Self {
            base: settings.api_base()?,
            attribute: settings.external_id_user_attribute_name.clone(),
            requests: Requests::new(waits, THREADS),
            tokens: Tokens::new(settings)?,
            dumps,
        })
    }

    pub(super) fn location(&self) -> &str {
        &self.base
    }

    /// Whether accounts are known by something else than their ids.
    pub(super) fn has_other_keys(&self) -> bool {
        self.attribute.is_some()
    }

    /// The accounts from the one numbered `first`, at most `size` of them.
    pub(super) fn page(&self, first: u64, size: u32, stop: &Stop) -> Result<Vec<Account>, Problem> {
        let attempt = format!("read {size} accounts from number {first} on at {}", self.base);
        // In their brief form accounts have no attributes.
        let brief = self.attribute.is_none();
        let url = format!("{}/users?first={first}&max={size}&briefRepresentation={brief}", self.base);
        let (answer, token) = self.ask(&attempt, &url, stop)?;
        if answer.status != 200 {
            return Err(self.refused(&attempt, &answer, &token));
        }
        let accounts = match Asked::unfit(&answer) {
            Some(why) => Err(why),
            None => reading::page(&answer.body, self.attribute.as_deref()),
        };
        let accounts = accounts.and_then(|accounts| match accounts.len() {
            length if length > size as usize => {
                Err(format!("the page has {length} accounts although {size} were asked for"))
            }
            _ => Ok(accounts),
        });
        accounts.map_err(|why| {
            self.dump(&answer, &token);
            Asked::Accounts.misunderstood(&attempt, why)
        })
    }

    /// Whether an account of this id can be asked for: whether its address is certainly that of an account, whatever
    /// the servers in between make of addresses.
    pub(super) fn can_be_asked_for(&self, id: &str) -> bool {
        self.attribute.is_none()
            && !matches!(id.trim(), "" | "." | "..")
            && !OTHER_RESOURCES.contains(&id)
            && !id.contains(|c: char| c.is_control() || matches!(c, '/' | '\\' | ';' | '%'))
            && id.chars().count() <= LONGEST_ID
    }

    /// The account of this id, if it exists: only a clear "not found" means that it does not.
    pub(super) fn account(&self, id: &str, stop: &Stop) -> Result<Option<Account>, Problem> {
        let attempt = format!("confirm at {} that an account is gone", self.base);
        let url = format!("{}/users/{}", self.base, endpoint::segment(id));
        let (answer, token) = self.ask(&attempt, &url, stop)?;
        let misunderstood = |why: String| {
            self.dump(&answer, &token);
            Asked::Accounts.misunderstood(&attempt, why)
        };
        match answer.status {
            200 => {
                let account = match Asked::unfit(&answer) {
                    Some(why) => Err(why),
                    None => reading::account(&answer.body, None),
                };
                match account.map_err(misunderstood)? {
                    account if account.id == id => Ok(Some(account)),
                    // Some databases of Keycloak's compare without regard to case; the platform does not.
                    account if account.id.eq_ignore_ascii_case(id) => Ok(None),
                    _ => Err(misunderstood("the answer is another account than the one asked for".to_owned())),
                }
            }
            404 if answer.body.is_empty() => Ok(None),
            // The pages were there a moment ago: this is something else on the way, or the realm has gone.
            404 if !answer.is_json() || !has_error(&answer) => {
                Err(misunderstood("HTTP 404 that is not Keycloak's".to_owned()))
            }
            404 if error_in(&answer).is_some_and(|error| error.starts_with("Realm")) => {
                Err(self.refused(&attempt, &answer, &token))
            }
            404 => Ok(None),
            _ => Err(self.refused(&attempt, &answer, &token)),
        }
    }

    /// Asks with a token, and with a new one if that is refused.
    fn ask(&self, attempt: &str, url: &str, stop: &Stop) -> Result<(Answer, Token), Problem> {
        let token = self.tokens.token(&self.requests, None, stop)?;
        let answer = self.requests.get(attempt, url, Some(&token.text), stop)?;
        if answer.status != 401 {
            return Ok((answer, token));
        }
        let token = self.tokens.token(&self.requests, Some(&token), stop)?;
        let answer = self.requests.get(attempt, url, Some(&token.text), stop)?;
        Ok((answer, token))
    }

    fn refused(&self, attempt: &str, answer: &Answer, token: &Token) -> Problem {
        self.dump(answer, token);
        // Keycloak's words are few; whatever else answers may speak of a person.
        let words = error_in(answer).filter(|words| words.len() <= LONGEST_ERROR && !words.contains('@'));
        let error = words.map(|error| self.readable(&error, token));
        Asked::Accounts.refused(attempt, answer, error.as_deref())
    }

    /// Logs a failed response, if that is wanted.
    fn dump(&self, answer: &Answer, token: &Token) {
        if self.dumps {
            let kind = answer.content_type.as_deref().map_or("no content type".to_owned(), one_line);
            let body = String::from_utf8_lossy(&answer.body[..answer.body.len().min(DUMPED_FROM)]);
            let body = one_line_of(&self.readable(&body, token), LONGEST_DUMP);
            log::warn!("The failed response: HTTP {}, {kind}, {} bytes: {body}", answer.status, answer.body.len());
        }
    }

    /// Text from the provider, or from whatever answered in its place and may repeat what it was sent.
    fn readable(&self, text: &str, token: &Token) -> String {
        self.tokens.without_secret(&text.replace(token.text.expose_secret(), "[token]"))
    }
}

/// Whether it is an error in one of the forms that Keycloak has for them; gateways have others.
fn has_error(answer: &Answer) -> bool {
    let body: Result<serde_json::Value, _> = serde_json::from_slice(&answer.body);
    body.is_ok_and(|body| ["error", "errorMessage"].iter().any(|name| body.get(name).is_some()))
}

/// The word by which Keycloak says what is wrong.
fn error_in(answer: &Answer) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
    Some(body.get("error")?.as_str()?.to_owned())
}
