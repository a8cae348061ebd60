//! An S3 bucket: AWS's own or one of the many stores that speak its protocol.
//!
//! Nothing here asks for more than one bucket allows: buckets are never listed.

mod confirmation;
mod connection;
mod content_md5;
mod deletion;
mod error;
mod listing;
mod reading;
mod upload;
mod versioning;

use std::fmt;
use std::io::Read;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use self::connection::Connection;
use self::listing::Listing;
use super::{ACCESS_CHECK_KEY, Deletion, Object, Page, ReadObjects, Versioning, WriteObjects};
use crate::platform::{InvalidSetting, Problem, Stop, endpoint};

/// Which bucket, and how to get at it. `Debug` leaves the key pair out.
#[derive(Clone)]
pub struct S3Settings {
    /// The endpoint, `http://…` or `https://…`.
    pub uri: String,
    /// The bucket's name.
    pub bucket: String,
    /// The region requests are signed for; stores that know no regions accept any, for example `us-east-1`.
    pub region: String,
    /// The id of the key pair.
    pub access_key: String,
    /// The secret of the key pair.
    pub secret_key: SecretString,
    /// Whether the bucket goes into the path (`https://host/bucket/key`) instead of the host name.
    pub force_path_style: bool,
}

impl fmt::Debug for S3Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { uri, bucket, region, access_key: _, secret_key: _, force_path_style } = self;
        f.debug_struct("S3Settings")
            .field("uri", uri)
            .field("bucket", bucket)
            .field("region", region)
            .field("force_path_style", force_path_style)
            .finish_non_exhaustive()
    }
}

impl S3Settings {
    /// Finds out whether the settings can work, as far as that is possible without connecting.
    ///
    /// # Errors
    /// The first setting that cannot.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        let Self { uri, bucket, region, access_key, secret_key, force_path_style: _ } = self;
        let invalid = |key, fault: String, hint| Err(InvalidSetting { key, fault, hint });
        if let Err(fault) = endpoint::parse(uri) {
            let hint = "set uri to the store's endpoint alone, for example https://s3.example.org";
            return invalid("storage.uri", fault.to_owned(), hint);
        }
        // Amazon's rules for names, without its ban on capitals and underscores, which other stores allow:
        // https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
        let is_end = |end: Option<char>| end.is_some_and(|end| end.is_ascii_alphanumeric());
        let is_name = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
        let ends = [bucket.chars().next(), bucket.chars().last()];
        if !(3..=63).contains(&bucket.len()) || !is_name(bucket) || !ends.into_iter().all(is_end) {
            let fault = format!(
                "is {bucket:?}, which is no name of a bucket: they have 3 to 63 letters, digits, dots, hyphens and \
                 underscores and begin and end with a letter or a digit"
            );
            return invalid("storage.bucket", fault, "set bucket to the name of the platform's bucket");
        }
        if region.is_empty() || !is_name(region) {
            let fault = format!("is {region:?}, which is no name of a region");
            return invalid(
                "storage.region",
                fault,
                "most servers that are not Amazon's accept us-east-1, the default",
            );
        }
        for (key, value) in [("storage.access_key", &**access_key), ("storage.secret_key", secret_key.expose_secret())]
        {
            // The access key travels in a header, and neither ever has a line break but by accident.
            if value.is_empty() || value.contains(char::is_control) {
                let fault = "is empty, or contains a line break or another control character";
                return invalid(key, fault.to_owned(), "set access_key and secret_key to the platform's key pair");
            }
        }
        Ok(())
    }
}

/// How often and how long one request is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all, on throttling, 5xx answers, timeouts and lost connections.
    pub attempts: u32,
    /// The longest pause before the second attempt; it doubles with each further one, and chance shortens it.
    pub initial_backoff: Duration,
    /// For a connection to stand.
    pub connect_timeout: Duration,
    /// For one attempt, and for each piece of a body that is read.
    pub attempt_timeout: Duration,
    /// For all attempts together.
    pub operation_timeout: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 4,
            initial_backoff: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(3),
            attempt_timeout: Duration::from_secs(30),
            operation_timeout: Duration::from_secs(120),
        }
    }
}

/// An S3 bucket. Nothing is connected before the first call that needs it.
pub struct S3 {
    location: String,
    settings: S3Settings,
    retries: RetryPolicy,
    stop: Stop,
    connection: OnceLock<Arc<Connection>>,
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("S3").field(&self.location).finish()
    }
}

impl S3 {
    /// The bucket that `settings` describe; every call on it ends when `stop` says so.
    ///
    /// # Errors
    /// A [`Problem`] of kind [`Configuration`](crate::platform::Kind::Configuration) for settings that cannot work.
    pub fn new(settings: S3Settings, stop: Stop) -> anyhow::Result<Self> {
        settings.check().map_err(Problem::from)?;
        let settings = S3Settings { uri: settings.uri.trim_end_matches('/').to_owned(), ..settings };
        let location = format!("s3 bucket {} at {}", settings.bucket, settings.uri);
        Ok(Self { location, settings, retries: RetryPolicy::default(), stop, connection: OnceLock::new() })
    }

    /// The same bucket with other patience; to be called before the first request.
    #[must_use]
    pub fn with_retries(self, retries: RetryPolicy) -> Self {
        Self { retries, connection: OnceLock::new(), ..self }
    }

    fn connection(&self) -> Result<&Arc<Connection>, Problem> {
        if let Some(connection) = self.connection.get() {
            return Ok(connection);
        }
        let connection = Connection::new(&self.settings, self.retries, self.stop.clone(), &self.location)?;
        // Should two threads come here at once, one connection is used and the other dropped unused.
        Ok(self.connection.get_or_init(|| Arc::new(connection)))
    }
}

impl ReadObjects for S3 {
    fn location(&self) -> &str {
        &self.location
    }

    fn head(&self, key: &str) -> anyhow::Result<Option<Object>> {
        Ok(reading::head(self.connection()?, key)?)
    }

    fn sizes(&self, keys: &[String]) -> anyhow::Result<Vec<Option<u64>>> {
        Ok(reading::sizes(self.connection()?, keys)?)
    }

    fn get(&self, key: &str) -> anyhow::Result<Box<dyn Read + Send>> {
        Ok(Box::new(reading::get(self.connection()?, key)?))
    }

    fn list<'a>(&'a self, prefix: &str) -> Box<dyn Iterator<Item = anyhow::Result<Object>> + 'a> {
        match self.connection() {
            Ok(connection) => {
                let pages = Listing::as_it_comes(Arc::clone(connection), prefix);
                Box::new(pages.flat_map(|page| match page {
                    Ok(page) => page.objects.into_iter().map(Ok).collect(),
                    Err(error) => vec![Err(error)],
                }))
            }
            Err(problem) => Box::new(std::iter::once(Err(problem.into()))),
        }
    }

    fn list_ranges<'a>(
        &'a self,
        prefix: &str,
        bounds: &[String],
    ) -> Box<dyn Iterator<Item = anyhow::Result<Page>> + 'a> {
        match self.connection() {
            Ok(connection) => Box::new(Listing::in_ranges(Arc::clone(connection), prefix, bounds)),
            Err(problem) => Box::new(std::iter::once(Err(problem.into()))),
        }
    }

    fn versioning(&self) -> anyhow::Result<Versioning> {
        Ok(versioning::of(self.connection()?)?)
    }
}

impl WriteObjects for S3 {
    fn put(&self, key: &str, body: &mut (dyn Read + Send)) -> anyhow::Result<()> {
        upload::put(self.connection()?, key, body)
    }

    fn delete_many(&self, keys: &[String]) -> anyhow::Result<Vec<Deletion>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let outcomes = deletion::delete(self.connection()?, keys)?;
        let deletion =
            |(key, outcome): deletion::Outcome| Deletion { key, outcome: outcome.map_err(|e| e.to_string()) };
        Ok(outcomes.into_iter().map(deletion).collect())
    }

    fn check_deletable(&self) -> anyhow::Result<()> {
        for (key, outcome) in deletion::delete(self.connection()?, &[ACCESS_CHECK_KEY.to_owned()])? {
            outcome.map_err(|error| error.problem(&format!("delete {key}, as a trial, from {}", self.location)))?;
        }
        Ok(())
    }
}
