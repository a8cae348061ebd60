//! The one client of a bucket, and the runtime its requests run on.

use std::convert::Infallible;
use std::sync::atomic::AtomicBool;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::{RetryConfig, RetryPartition};
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Config, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
};
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use secrecy::ExposeSecret;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::error::StoreError;
use super::{RetryPolicy, S3Settings};
use crate::platform::{Kind, Problem, Stop};

pub(super) struct Connection {
    pub(super) client: Client,
    pub(super) bucket: String,
    /// As in [`super::super::ReadObjects::location`].
    pub(super) location: String,
    pub(super) runtime: Handle,
    pub(super) stop: Stop,
    pub(super) retries: RetryPolicy,
    /// Whether the store has ever shown that the bucket exists.
    pub(super) bucket_seen: AtomicBool,
    /// Whether the store has asked for Content-MD5 where a checksum is required.
    pub(super) wants_content_md5: AtomicBool,
    /// Whether the store has turned out not to know DeleteObjects.
    pub(super) deletes_one_by_one: AtomicBool,
    /// Its end is the end of the thread that drives the runtime.
    _alive: oneshot::Sender<Infallible>,
}

impl Connection {
    pub(super) fn new(
        settings: &S3Settings,
        retries: RetryPolicy,
        stop: Stop,
        location: &str,
    ) -> Result<Self, Problem> {
        let failed = |error| Problem::new(Kind::Failed, format!("cannot prepare access to {location}")).because(error);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let handle = runtime.handle().clone();
        let (alive, gone) = oneshot::channel::<Infallible>();
        // A current-thread runtime makes progress only while some thread drives it: this one does, so that callers
        // may use `Handle::block_on`, and so that the next page of a listing arrives while the last is worked on.
        let drive = move || {
            let Err(oneshot::error::RecvError { .. }) = runtime.block_on(gone);
        };
        std::thread::Builder::new().name("object-storage".to_owned()).spawn(drive).map_err(failed)?;
        Ok(Self {
            client: Client::from_conf(configuration(settings, retries)),
            bucket: settings.bucket.clone(),
            location: location.to_owned(),
            runtime: handle,
            stop,
            retries,
            bucket_seen: AtomicBool::new(false),
            wants_content_md5: AtomicBool::new(false),
            deletes_one_by_one: AtomicBool::new(false),
            _alive: alive,
        })
    }

    /// Waits for `work`, but no longer than the run may go on.
    pub(super) fn wait<T>(&self, work: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
        self.stop.check()?;
        self.runtime.block_on(async {
            tokio::select! {
                reason = self.stop.triggered() => Err(Problem::from(reason)),
                result = work => result,
            }
        })
    }

    /// The [`Problem`] that doing something with `key` failed with `error`.
    pub(super) fn problem(&self, verb: &str, key: &str, error: &StoreError) -> Problem {
        error.problem(&format!("{verb} {key:?} in {}", self.location))
    }
}

fn configuration(settings: &S3Settings, retries: RetryPolicy) -> Config {
    let secret = settings.secret_key.expose_secret();
    let http = aws_smithy_http_client::Builder::new();
    let http = if settings.uri.starts_with("http:") {
        // Without reading the certificates of the system, which takes longer than everything else at the start.
        http.build_http()
    } else {
        http.tls_provider(tls::Provider::Rustls(CryptoMode::Ring)).build_https()
    };
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(retries.connect_timeout)
        .operation_attempt_timeout(retries.attempt_timeout)
        .operation_timeout(retries.operation_timeout);
    Config::builder()
        // A date of our choice, so that an update of the SDK changes no defaults behind our back.
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(http)
        .endpoint_url(&settings.uri)
        .region(Region::new(settings.region.clone()))
        .force_path_style(settings.force_path_style)
        .credentials_provider(Credentials::new(&settings.access_key, secret, None, None, "upkeep"))
        .retry_config(
            RetryConfig::standard().with_max_attempts(retries.attempts).with_initial_backoff(retries.initial_backoff),
        )
        // The SDK's quota for retries is otherwise shared by all stores of the process.
        .retry_partition(RetryPartition::custom("upkeep").build())
        .timeout_config(timeouts.build())
        // Many stores other than Amazon's know no checksums, or know them wrongly.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .build()
}
