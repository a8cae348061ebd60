//! Tokens by client credentials (RFC 6749, section 4.4), from the endpoint that the realm names (OpenID Connect
//! Discovery 1.0, section 4).

use std::sync::{Mutex, PoisonError};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use super::IdentitySettings;
use super::reading::words;
use super::refusal::Asked;
use super::requests::Requests;
use crate::platform::{InvalidSetting, Problem, Stop, endpoint};

/// A token, numbered so that whoever finds it refused can say which one it was.
#[derive(Debug, Clone)]
pub(super) struct Token {
    number: u64,
    pub(super) text: SecretString,
}

/// Gets tokens, and hands out the same one until somebody finds it refused.
#[derive(Debug)]
pub(super) struct Tokens {
    /// Without the final slash.
    issuer: String,
    client_id: String,
    client_secret: SecretString,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    endpoint: Option<String>,
    token: Option<Token>,
}

/// What is needed of the realm's description.
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    token_endpoint: String,
}

/// What is needed of the answer with a token.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    token_type: String,
}

/// Why there is no token.
#[derive(Deserialize)]
struct Denied {
    error: String,
}

impl Tokens {
    pub(super) fn new(settings: &IdentitySettings) -> Result<Self, InvalidSetting> {
        Ok(Self {
            issuer: settings.issuer()?,
            client_id: settings.client_id.clone(),
            client_secret: settings.client_secret.clone(),
            state: Mutex::default(),
        })
    }

    /// A token other than the one that was `refused`. Those who ask meanwhile wait, and get the same.
    ///
    /// # Errors
    /// When there is none to be had.
    pub(super) fn token(&self, requests: &Requests, refused: Option<&Token>, stop: &Stop) -> Result<Token, Problem> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let last = refused.map(|token| token.number);
        if let Some(token) = state.token.as_ref().filter(|token| Some(token.number) != last) {
            return Ok(token.clone());
        }
        let endpoint = match &state.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => self.discover(requests, stop)?,
        };
        let text = self.request(requests, &endpoint, stop)?;
        let token = Token { number: last.map_or(0, |number| number + 1), text };
        state.endpoint = Some(endpoint);
        state.token = Some(token.clone());
        Ok(token)
    }

    /// The client's secret in `text` made unreadable.
    pub(super) fn without_secret(&self, text: &str) -> String {
        text.replace(self.client_secret.expose_secret(), "[secret]")
    }

    fn discover(&self, requests: &Requests, stop: &Stop) -> Result<String, Problem> {
        let url = format!("{}/.well-known/openid-configuration", self.issuer);
        let attempt = format!("learn from {url} where tokens are issued");
        let answer = requests.get(&attempt, &url, None, stop)?;
        let misunderstood = |why: String| Asked::Discovery.misunderstood(&attempt, why);
        if answer.status != 200 {
            return Err(Asked::Discovery.refused(&attempt, &answer, None));
        }
        if let Some(why) = Asked::unfit(&answer) {
            return Err(misunderstood(why));
        }
        let found: Discovery = object(&answer.body).map_err(&misunderstood)?;
        let issuer = endpoint::base(&found.issuer).map_err(|fault| misunderstood(format!("its issuer {fault}")))?;
        if issuer != self.issuer {
            let hint = format!("if that is the realm, set identity.authority to {issuer}");
            return Err(misunderstood(format!("it describes another issuer, {issuer}")).hint(hint));
        }
        let address = endpoint::base(&found.token_endpoint)
            .map_err(|fault| misunderstood(format!("its token_endpoint {fault}")))?;
        if self.issuer.starts_with("https://") && !address.starts_with("https://") {
            // Whoever can change this answer on its way must not get the secret.
            return Err(misunderstood("its token_endpoint is not secured by https".to_owned()));
        }
        Ok(address)
    }

    fn request(&self, requests: &Requests, endpoint: &str, stop: &Stop) -> Result<SecretString, Problem> {
        let attempt = format!("get a token for client {} at {endpoint}", self.client_id);
        // In the body, where it is clear how it is encoded. In a header (RFC 6749, section 2.3.1) it would be encoded
        // twice, which Keycloak has not always undone.
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", &self.client_id)
            .append_pair("client_secret", self.client_secret.expose_secret())
            .finish();
        let answer = requests.post(&attempt, endpoint, &SecretString::from(form), stop)?;
        let misunderstood = |why: String| Asked::Token.misunderstood(&attempt, why);
        if answer.status != 200 {
            let denied: Option<Denied> = serde_json::from_slice(&answer.body).ok();
            // One of the words of RFC 6749, section 5.2, and certainly nothing that was sent.
            let word = denied.map(|denied| self.without_secret(&denied.error)).filter(|word| is_error_code(word));
            return Err(Asked::Token.refused(&attempt, &answer, word.as_deref()));
        }
        if let Some(why) = Asked::unfit(&answer) {
            return Err(misunderstood(why));
        }
        let granted: Granted = object(&answer.body).map_err(&misunderstood)?;
        if !granted.token_type.eq_ignore_ascii_case("bearer") {
            return Err(misunderstood("the token is not a bearer token".to_owned()));
        }
        // RFC 6750, section 2.1; anything else would not fit into a header.
        let token = SecretString::from(granted.access_token);
        let text = token.expose_secret();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(misunderstood("the token is empty or contains what no token may".to_owned()));
        }
        Ok(token)
    }
}

fn is_error_code(word: &str) -> bool {
    (1..=40).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// Reads a JSON object; the error never quotes it.
fn object<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| words(&error, "the answer"))
}
