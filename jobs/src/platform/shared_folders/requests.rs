//! Requests to the provider: one agent, bounded in time and size, repeated where a repetition may help.

use std::io::{self, Read};
use std::thread;
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use ureq::http::Method;
use ureq::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, LOCATION};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, Error, Timeout, http};

use super::work::THREADS;
use crate::platform::Stop;
use crate::platform::words::one_line;

/// The pauses before the second and the third attempt. Enough for a restart; a maintenance window takes the next run.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(800)];

/// How often a pause looks at the stop.
const STOP_CHECK: Duration = Duration::from_millis(50);

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
    connect_timeout: Duration,
    request_timeout: Duration,
}

impl Requests {
    pub(super) fn new(authorization: SecretString, connect_timeout: Duration, request_timeout: Duration) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            // A redirected DELETE could hit anything, and the credentials are for the configured server alone.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_connect(Some(connect_timeout))
            .timeout_global(Some(request_timeout))
            .max_idle_connections(THREADS)
            .max_idle_connections_per_host(THREADS)
            .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
            .user_agent(concat!("upkeep/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Self { agent, authorization, connect_timeout, request_timeout }
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
                Err(error) if connection_lost(&error) => {}
                Ok(answer) => return Ok(answer),
                Err(error) => return Err(self.no_answer(&error)),
            }
            wait(pause, stop)?;
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

    /// Why there is no answer; never the request itself, whose address may hold names.
    fn no_answer(&self, error: &Error) -> Failure {
        let reason = match error {
            Error::Timeout(Timeout::Connect) => {
                format!("no connection within {} ms; is the address right?", self.connect_timeout.as_millis())
            }
            Error::Timeout(_) => format!("no answer within {} ms", self.request_timeout.as_millis()),
            Error::HostNotFound => "the name of the host is not known".to_owned(),
            Error::Io(error) => error.to_string(),
            Error::Rustls(error) => format!("TLS: {error}"),
            Error::BadUri(_) | Error::Http(_) => "the address is too long or malformed".to_owned(),
            other => other.to_string(),
        };
        Failure::Provider(format!("no valid answer: {}", one_line(&reason)))
    }
}

fn read(mut response: http::Response<Body>) -> Result<Answer, Error> {
    let mut body = Vec::new();
    response.body_mut().as_reader().take(BODY_LIMIT).read_to_end(&mut body)?;
    let body = String::from_utf8_lossy(&body).into_owned();
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    // PHP declares even an empty answer to be HTML: what counts is what it holds.
    let start: String = body.trim_start().chars().take(14).collect::<String>().to_ascii_lowercase();
    let declared = header(CONTENT_TYPE).is_some_and(|kind| kind.to_ascii_lowercase().contains("html"));
    let html = !start.is_empty() && (declared || start.starts_with("<!doctype html") || start.starts_with("<html"));
    let redirect_to = header(LOCATION)
        .and_then(|location| url::Url::parse(location).ok())
        .map(|location| location.origin().ascii_serialization());
    Ok(Answer { status: response.status().as_u16(), body, html, redirect_to })
}

/// Whether the connection was refused or broke, as when a server is being restarted. A timeout is none of these: to
/// wait once for a server that hangs is enough.
fn connection_lost(error: &Error) -> bool {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, NotConnected, UnexpectedEof,
    };
    match error {
        Error::ConnectionFailed => true,
        Error::Io(error) => matches!(
            error.kind(),
            BrokenPipe | ConnectionAborted | ConnectionRefused | ConnectionReset | NotConnected | UnexpectedEof
        ),
        _ => false,
    }
}

fn wait(pause: Duration, stop: &Stop) -> Result<(), Failure> {
    let end = Instant::now() + pause;
    while Instant::now() < end {
        if stop.reason().is_some() {
            return Err(Failure::Stopped);
        }
        thread::sleep(STOP_CHECK.min(end.saturating_duration_since(Instant::now())));
    }
    Ok(())
}
