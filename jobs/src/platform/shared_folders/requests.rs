//! Requests to the provider: one agent, bounded in time and size, repeated where a repetition may help.

use std::io::Read;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use ureq::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName};
use ureq::http::{Method, Response};
use ureq::{Agent, Body, Error};

use super::work::THREADS;
use crate::platform::Stop;
use crate::platform::http::{Waits, connection_lost, header, is_page_for_people, redirect_to};

/// The pauses before the second and the third attempt. Enough for a restart; a maintenance window takes the next run.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(800)];

/// More of an answer's body is not read, in bytes; those of Nextcloud to a DELETE have a few hundred.
const BODY_LIMIT: u64 = 64 * 1024;

/// Why a removal did not succeed.
#[derive(Debug)]
pub(super) enum Failure {
    /// It is this folder's own.
    Own(String),
    /// It lies with the provider as a whole: other folders would fail alike.
    Provider(String),
    /// The run is told to stop.
    Stopped,
}

impl Failure {
    pub(super) fn own(reason: impl Into<String>) -> Self {
        Self::Own(reason.into())
    }

    /// Puts what was attempted before the reason.
    pub(super) fn attempting(self, what: &str) -> Self {
        match self {
            Self::Own(reason) => Self::Own(format!("{what}: {reason}")),
            Self::Provider(reason) => Self::Provider(format!("{what}: {reason}")),
            Self::Stopped => Self::Stopped,
        }
    }

    /// The same, for a provider that has answered something about this folder already.
    pub(super) fn of_this_folder(self) -> Self {
        match self {
            Self::Provider(reason) => Self::Own(reason),
            other => other,
        }
    }
}

/// An answer, whatever its status.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Text, cut at a limit.
    pub(super) body: String,
    /// Whether there is a body and it is a page for people, which neither interface of Nextcloud ever sends.
    pub(super) html: bool,
    /// Scheme, host and port a redirect points to; the rest may hold names.
    pub(super) redirect_to: Option<String>,
}

/// Sends requests with the user's credentials.
#[derive(Debug)]
pub(super) struct Requests {
    agent: Agent,
    authorization: SecretString,
    waits: Waits,
}

impl Requests {
    pub(super) fn new(authorization: SecretString, waits: Waits) -> Self {
        Self { agent: waits.agent(THREADS), authorization, waits }
    }

    /// Sends `GET url` or `DELETE url`, again after 429, 503 or a lost connection: neither does harm when repeated.
    pub(super) fn send(
        &self,
        method: &Method,
        url: &str,
        header: Option<(HeaderName, &'static str)>,
        stop: &Stop,
    ) -> Result<Answer, Failure> {
        for pause in PAUSES {
            match self.send_once(method, url, header.as_ref(), stop)? {
                Ok(Answer { status: 429 | 503, .. }) => {}
                // A timeout is none of these: to wait once for a server that hangs is enough.
                Err(error) if connection_lost(&error) => {}
                Ok(answer) => return Ok(answer),
                Err(error) => return Err(self.no_answer(&error)),
            }
            stop.sleep(pause);
        }
        self.send_once(method, url, header.as_ref(), stop)?.map_err(|error| self.no_answer(&error))
    }

    fn send_once(
        &self,
        method: &Method,
        url: &str,
        header: Option<&(HeaderName, &'static str)>,
        stop: &Stop,
    ) -> Result<Result<Answer, Error>, Failure> {
        if stop.reason().is_some() {
            return Err(Failure::Stopped);
        }
        let request = if *method == Method::DELETE { self.agent.delete(url) } else { self.agent.get(url) };
        let mut request =
            request.header(AUTHORIZATION, self.authorization.expose_secret()).header(ACCEPT, "application/json");
        if let Some((name, value)) = header {
            request = request.header(name, *value);
        }
        Ok(request.call().and_then(read))
    }

    fn no_answer(&self, error: &Error) -> Failure {
        Failure::Provider(format!("no valid answer: {}", self.waits.why_no_answer(error)))
    }
}

fn read(mut response: Response<Body>) -> Result<Answer, Error> {
    let mut body = Vec::new();
    response.body_mut().as_reader().take(BODY_LIMIT).read_to_end(&mut body)?;
    let body = String::from_utf8_lossy(&body).into_owned();
    let html = is_page_for_people(header(&response, CONTENT_TYPE), &body);
    Ok(Answer { status: response.status().as_u16(), body, html, redirect_to: redirect_to(&response) })
}
