//! HTTP as upkeep speaks it to providers: never redirected, bounded in time, and trusting whom the host trusts.

use std::io;
use std::time::Duration;

use ureq::http::Response;
use ureq::http::header::{HeaderName, LOCATION};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, Error, Timeout};

use super::words::one_line;

/// How long is waited for a server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waits {
    /// For a connection.
    pub(super) connect: Duration,
    /// For one request as a whole, connecting included.
    pub(super) request: Duration,
}

impl Waits {
    /// An agent that keeps up to this many connections open.
    pub(super) fn agent(self, connections: usize) -> Agent {
        Agent::config_builder()
            .http_status_as_error(false)
            // A redirected request could hit anything, and the credentials are for the configured server alone.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_connect(Some(self.connect))
            .timeout_global(Some(self.request))
            .max_idle_connections(connections)
            .max_idle_connections_per_host(connections)
            .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
            .user_agent(concat!("upkeep/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent()
    }

    /// Why there is no answer, on one line; never the request itself, whose address may hold names.
    pub(super) fn why_no_answer(self, error: &Error) -> String {
        let reason = match error {
            Error::Timeout(Timeout::Connect) => {
                format!("no connection within {} ms; is the address right?", self.connect.as_millis())
            }
            Error::Timeout(_) => format!("no answer within {} ms", self.request.as_millis()),
            Error::HostNotFound => "the name of the host is not known".to_owned(),
            Error::Io(error) => error.to_string(),
            Error::Rustls(error) => format!("TLS: {error}"),
            Error::BadUri(_) | Error::Http(_) => "the address is too long or malformed".to_owned(),
            other => other.to_string(),
        };
        one_line(&reason)
    }
}

/// Whether the connection was refused or broke, as when a server is being restarted.
pub(super) fn connection_lost(error: &Error) -> bool {
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

/// A header, if it is there and text.
pub(super) fn header(response: &Response<Body>, name: HeaderName) -> Option<&str> {
    response.headers().get(name).and_then(|value| value.to_str().ok())
}

/// Scheme, host and port a redirect points to; the rest may hold names.
pub(super) fn redirect_to(response: &Response<Body>) -> Option<String> {
    let target = url::Url::parse(header(response, LOCATION)?).ok()?;
    Some(target.origin().ascii_serialization())
}

/// Whether a body is a page for people. Servers declare even empty answers to be HTML: what counts is what they hold.
pub(super) fn is_page_for_people(content_type: Option<&str>, body: &str) -> bool {
    let start = body.trim_start().chars().take(14).collect::<String>().to_ascii_lowercase();
    let declared = content_type.is_some_and(|kind| kind.to_ascii_lowercase().contains("html"));
    !start.is_empty() && (declared || start.starts_with("<!doctype html") || start.starts_with("<html"))
}
