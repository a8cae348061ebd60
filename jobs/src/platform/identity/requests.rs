//! Requests to the identity provider, repeated where a repetition may help.

use std::io::Read;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use ureq::http::Response;
use ureq::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use ureq::{Agent, Body, Error};

use crate::platform::http::{Waits, connection_lost, header, is_page_for_people, redirect_to};
use crate::platform::{Kind, Problem, Stop};

/// The pauses before the second and each later attempt; a server that asks for a longer one gets it, up to a limit.
const PAUSES: [Duration; 3] = [Duration::from_millis(200), Duration::from_millis(800), Duration::from_secs(3)];
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A longer body is no answer to anything that is asked here, in bytes: even of 10,000 accounts, the most that a page
/// may have, each has room for three thousand.
const BODY_LIMIT: u64 = 32 * 1024 * 1024;

/// An answer, whatever its status.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: Option<String>,
    /// At most one byte longer than the limit.
    pub(super) body: Vec<u8>,
    /// Scheme, host and port a redirect points to.
    pub(super) redirect_to: Option<String>,
    retry_after: Option<Duration>,
}

impl Answer {
    /// Whether there is more of it than was read.
    pub(super) fn is_too_long(&self) -> bool {
        self.body.len() as u64 > BODY_LIMIT
    }

    /// Whether it is declared to be JSON.
    pub(super) fn is_json(&self) -> bool {
        let essence = self.content_type.as_deref().and_then(|kind| kind.split(';').next());
        essence.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
    }

    /// Whether it is a page for people.
    pub(super) fn is_html(&self) -> bool {
        let start = String::from_utf8_lossy(&self.body[..self.body.len().min(100)]);
        is_page_for_people(self.content_type.as_deref(), &start)
    }

    /// Whether another attempt may be answered differently.
    fn may_pass(&self) -> bool {
        matches!(self.status, 429 | 500..=599)
    }
}

/// Sends requests and knows nothing of what they mean.
#[derive(Debug)]
pub(super) struct Requests {
    agent: Agent,
    waits: Waits,
}

impl Requests {
    /// Over at most so many connections.
    pub(super) fn new(waits: Waits, connections: usize) -> Self {
        Self { agent: waits.agent(connections), waits }
    }

    /// Reads what is at `url`, which is described by `attempt` if that fails: as in "cannot …".
    ///
    /// # Errors
    /// When there is no answer, after repetitions, or the run is told to stop.
    pub(super) fn get(
        &self,
        attempt: &str,
        url: &str,
        token: Option<&SecretString>,
        stop: &Stop,
    ) -> Result<Answer, Problem> {
        self.patiently(attempt, stop, || {
            let mut request = self.agent.get(url).header(ACCEPT, "application/json");
            if let Some(token) = token {
                request = request.header(AUTHORIZATION, format!("Bearer {}", token.expose_secret()));
            }
            request.call().and_then(read)
        })
    }

    /// Sends a form to `url`.
    ///
    /// # Errors
    /// As [`Requests::get`].
    pub(super) fn post(&self, attempt: &str, url: &str, form: &SecretString, stop: &Stop) -> Result<Answer, Problem> {
        self.patiently(attempt, stop, || {
            let request = self.agent.post(url).header(ACCEPT, "application/json");
            let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
            request.send(form.expose_secret()).and_then(read)
        })
    }

    fn patiently(
        &self,
        attempt: &str,
        stop: &Stop,
        once: impl Fn() -> Result<Answer, Error>,
    ) -> Result<Answer, Problem> {
        let mut pauses = PAUSES.into_iter();
        loop {
            stop.check()?;
            let answered = once();
            let again = match &answered {
                Ok(answer) => answer.may_pass(),
                Err(error) => connection_lost(error) || matches!(error, Error::Timeout(_)),
            };
            let pause = pauses.next().filter(|_| again);
            match (answered, pause) {
                (answered, Some(pause)) => {
                    let asked_for = answered.ok().and_then(|answer| answer.retry_after).unwrap_or_default();
                    stop.sleep(asked_for.clamp(pause, LONGEST_PAUSE));
                }
                (Ok(answer), None) => return Ok(answer),
                (Err(error), None) => return Err(self.no_answer(attempt, &error)),
            }
        }
    }

    fn no_answer(&self, attempt: &str, error: &Error) -> Problem {
        let reason = self.waits.why_no_answer(error);
        let what = format!("cannot {attempt}: no valid answer: {reason}");
        match error {
            Error::Rustls(_) | Error::Tls(_) => not_trusted(&what),
            Error::Io(_) if reason.contains("certificate") => not_trusted(&what),
            Error::BadUri(_) | Error::Http(_) => Problem::new(Kind::Failed, what),
            _ => Problem::new(Kind::Unreachable, what).hint(
                "check that the identity provider is up and that authority and api_base_url in [identity] are right",
            ),
        }
    }
}

fn not_trusted(what: &str) -> Problem {
    Problem::new(Kind::Configuration, what).hint(
        "check the server's certificate; one of an authority of your own has to be among those that this host trusts",
    )
}

fn read(mut response: Response<Body>) -> Result<Answer, Error> {
    let mut body = Vec::new();
    response.body_mut().as_reader().take(BODY_LIMIT + 1).read_to_end(&mut body)?;
    // The other form, a date, is left to the ordinary pauses.
    let seconds = header(&response, RETRY_AFTER).and_then(|text| text.trim().parse().ok());
    Ok(Answer {
        status: response.status().as_u16(),
        content_type: header(&response, CONTENT_TYPE).map(str::to_owned),
        body,
        redirect_to: redirect_to(&response),
        retry_after: seconds.map(Duration::from_secs),
    })
}
