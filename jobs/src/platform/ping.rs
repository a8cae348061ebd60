//! Telling a monitoring service over HTTP that a run started or how it ended, in the form that healthchecks.io and its
//! self-hosted kin understand: `<url>/start`, `<url>`, `<url>/<exit code>`.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::endpoint;
use super::http::Waits;
use super::setting::InvalidSetting;

const KEY: &str = "notify.ping_url";
const HINT: &str = "write it like https://hc-ping.com/<ping key>/{job}; {job} stands for the name of the job, so that each \
                    job has a check of its own";
/// What stands for the job's name.
const JOB: &str = "{job}";

/// What a ping says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// A run started.
    Start,
    /// It succeeded.
    Success,
    /// It ended with this exit code, which is not 0.
    Failure(u8),
}

/// Where pings go to. Whoever knows the address can send them: it is a secret.
#[derive(Debug, Clone)]
pub struct PingUrl(SecretString);

impl PingUrl {
    /// Reads an address, in which `{job}` stands for the name of the job.
    ///
    /// # Errors
    /// When it is no URL that can be requested; the text itself is not repeated.
    pub fn parse(text: &str) -> Result<Self, InvalidSetting> {
        let invalid = |fault: String| InvalidSetting { key: KEY, fault, hint: HINT };
        let example = text.replace(JOB, "job");
        if example.contains(['{', '}']) {
            return Err(invalid("has braces other than those of {job}".into()));
        }
        if example.contains('@') {
            return Err(invalid("must not contain a user name or password".into()));
        }
        endpoint::base(&example).map_err(invalid)?;
        Ok(Self(text.into()))
    }

    /// Whether each job has an address of its own.
    pub fn tells_jobs_apart(&self) -> bool {
        self.0.expose_secret().contains(JOB)
    }

    /// Sends a ping about `job` and waits for the answer, at most for `patience`.
    ///
    /// # Errors
    /// Why it did not arrive or was not accepted; the address is not repeated.
    pub fn send(&self, job: &str, signal: Signal, patience: Duration) -> Result<(), String> {
        let waits = Waits { connect: patience, request: patience };
        let address = self.address(job, signal)?;
        let answer = waits.agent(1).get(&address).call().map_err(|error| waits.why_no_answer(&error))?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(format!("HTTP status {}", status.as_u16())),
        }
    }

    fn address(&self, job: &str, signal: Signal) -> Result<String, String> {
        let base = endpoint::base(&self.0.expose_secret().replace(JOB, &endpoint::segment(job)))?;
        Ok(match signal {
            Signal::Start => format!("{base}/start"),
            Signal::Success => base,
            Signal::Failure(code) => format!("{base}/{code}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(text: &str) -> [String; 3] {
        let url = PingUrl::parse(text).unwrap();
        [Signal::Start, Signal::Success, Signal::Failure(3)].map(|signal| url.address("room-cleanup", signal).unwrap())
    }

    #[test]
    fn the_form_is_that_of_healthchecks() {
        let of_each_job = addresses("https://hc.example.org/ping/key/{job}");
        assert_eq!(of_each_job[0], "https://hc.example.org/ping/key/room-cleanup/start");
        assert_eq!(of_each_job[1], "https://hc.example.org/ping/key/room-cleanup");
        assert_eq!(of_each_job[2], "https://hc.example.org/ping/key/room-cleanup/3");
        let of_all = addresses("http://hc:8000/ping/5f3c/");
        assert_eq!(
            of_all,
            ["http://hc:8000/ping/5f3c/start", "http://hc:8000/ping/5f3c", "http://hc:8000/ping/5f3c/3"]
        );
        assert!(PingUrl::parse("https://hc/{job}/x").unwrap().tells_jobs_apart());
        assert!(!PingUrl::parse("https://hc/x").unwrap().tells_jobs_apart());
    }

    #[test]
    fn what_is_no_address_is_refused_and_not_repeated() {
        for (text, fault) in [
            ("hc-ping.com/s3cret", "must start with https:// or http://"),
            ("ftp://hc/s3cret", "must start with https:// or http://"),
            ("https://", "is no URL: after https:// comes the name of the server"),
            ("https:///s3cret", "is no URL: after https:// comes the name of the server"),
            ("https://hc/s3cret\n", "is no URL: after https:// comes the name of the server"),
            ("https://hc/s3cret {job}", "is no URL: after https:// comes the name of the server"),
            ("https://hc/s3cret?x={job}", "must end before any ? or #"),
            ("https://u:s3cret@hc/x", "must not contain a user name or password"),
            ("https://hc/s3cret/{name}", "has braces other than those of {job}"),
            ("https://hc/s3cret/{{job}}", "has braces other than those of {job}"),
            ("https://hc/s3cret/{job", "has braces other than those of {job}"),
        ] {
            let invalid = PingUrl::parse(text).unwrap_err();
            assert_eq!(invalid.fault, fault, "{text}");
            assert!(!invalid.to_string().contains("s3cret"));
        }
        assert!(!format!("{:?}", PingUrl::parse("https://hc/s3cret").unwrap()).contains("s3cret"));
    }
}
