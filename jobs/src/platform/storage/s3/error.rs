//! What went wrong with one request, and what that means for whoever runs upkeep.

use std::error::Error;
use std::fmt;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::platform::words::one_line;
use crate::platform::{Kind, Problem};

/// A failed request, or a key that the store refused; displayed in the store's own words.
#[derive(Debug, Clone)]
pub(super) struct StoreError {
    /// The HTTP status; `None` when there was no answer, or for one key of many.
    status: Option<u16>,
    /// S3's name for the error: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>.
    code: Option<String>,
    /// The store's own, on one line.
    words: String,
    cause: Cause,
}

/// What a [`StoreError`] means, which decides who can do something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The key pair is unknown or the secret wrong.
    WrongCredentials,
    /// The clocks of store and host differ.
    WrongClock,
    /// The key pair is good but may not do this.
    Forbidden,
    /// There is no such bucket there.
    NoBucket,
    /// The bucket is elsewhere.
    WrongRegion,
    /// What answers, and says that all is well, is no S3 store.
    NotS3,
    /// No answer, throttling, or trouble inside the store; all of it may pass.
    Unreachable,
    /// Anything else.
    Other,
}

impl Cause {
    /// Whether asking the same store for something else is futile.
    pub(super) fn concerns_every_request(self) -> bool {
        !matches!(self, Cause::Unreachable | Cause::Other)
    }

    fn of(status: Option<u16>, code: Option<&str>) -> Self {
        match (code, status) {
            (Some("InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken" | "ExpiredToken"), _) => {
                Cause::WrongCredentials
            }
            (Some("RequestTimeTooSkewed"), _) => Cause::WrongClock,
            (Some("NoSuchBucket" | "InvalidBucketName"), _) => Cause::NoBucket,
            (Some("NoSuchKey" | "NoSuchUpload"), _) => Cause::Other,
            (Some("AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" | "PermanentRedirect"), _)
            | (_, Some(301 | 302 | 307 | 308)) => Cause::WrongRegion,
            (
                Some(
                    "SlowDown"
                    | "InternalError"
                    | "ServiceUnavailable"
                    | "RequestTimeout"
                    | "Throttling"
                    | "ThrottlingException"
                    | "TooManyRequests"
                    | "OperationAborted",
                ),
                _,
            )
            | (_, Some(408 | 429 | 500 | 502..=599)) => Cause::Unreachable,
            (Some("AccessDenied" | "AllAccessDisabled" | "AccountProblem"), _) | (_, Some(401 | 403)) => {
                Cause::Forbidden
            }
            (_, Some(404)) => Cause::NoBucket,
            (None, Some(200..=299)) => Cause::NotS3,
            _ => Cause::Other,
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl<E> From<SdkError<E, HttpResponse>> for StoreError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let status = error.raw_response().map(|response| response.status().as_u16());
        match &error {
            SdkError::ServiceError(service) => {
                let meta = service.err();
                Self::answered(status, meta.code(), meta.message())
            }
            SdkError::ConstructionFailure(_) => Self::new(status, None, &chain(&error), Cause::Other),
            SdkError::ResponseError(_) => {
                // Half an answer is trouble on the way; a whole one that is not S3's came from something else.
                Self::new(status, None, &chain(&error), Cause::Unreachable)
            }
            _ => Self::new(None, None, &chain(&error), Cause::Unreachable),
        }
    }
}

impl StoreError {
    fn new(status: Option<u16>, code: Option<&str>, words: &str, cause: Cause) -> Self {
        Self { status, code: code.map(str::to_owned), words: one_line(words), cause }
    }

    /// What the store said, about a request or about one key.
    pub(super) fn answered(status: Option<u16>, code: Option<&str>, message: Option<&str>) -> Self {
        let message = message.filter(|message| !message.is_empty());
        let words = match (code, message, status) {
            (Some(code), Some(message), _) => format!("{code}: {message}"),
            (Some(words), None, _) | (None, Some(words), _) => words.to_owned(),
            (None, None, Some(status @ 200..=299)) => format!("an answer (HTTP status {status}) that is not S3's"),
            (None, None, Some(status)) => format!("HTTP status {status} without an explanation"),
            (None, None, None) => "an error without an explanation".to_owned(),
        };
        Self::new(status, code, &words, Cause::of(status, code))
    }

    /// An error of our own finding.
    pub(super) fn other(words: impl AsRef<str>) -> Self {
        Self::new(None, None, words.as_ref(), Cause::Other)
    }

    /// A connection that broke, or went silent, after the answer had begun.
    pub(super) fn interrupted(words: impl AsRef<str>) -> Self {
        Self { cause: Cause::Unreachable, ..Self::other(words) }
    }

    pub(super) fn cause(&self) -> Cause {
        self.cause
    }

    /// Whether the store says that there is no such object.
    pub(super) fn is_missing_key(&self) -> bool {
        self.code.as_deref() == Some("NoSuchKey")
    }

    /// Whether the status is 404, whatever it is that was not found.
    pub(super) fn is_not_found(&self) -> bool {
        self.status == Some(404)
    }

    /// Whether the store refused a request for want of a Content-MD5 header. Most say so by the code, Amazon by the
    /// message.
    pub(super) fn wants_content_md5(&self) -> bool {
        self.status == Some(400)
            && (self.code.as_deref() == Some("MissingContentMD5") || self.words.contains("Content-MD5"))
    }

    /// Whether the store does not know what was asked of it.
    pub(super) fn is_unsupported(&self) -> bool {
        matches!(self.status, Some(405 | 501)) || self.code.as_deref() == Some("NotImplemented")
    }

    /// What to tell the operator when `attempted` (as in "cannot …") failed with this.
    pub(super) fn problem(&self, attempted: &str) -> Problem {
        let (kind, hint) = match self.cause {
            Cause::WrongCredentials => (Kind::Configuration, "check the storage's access_key and secret_key"),
            Cause::WrongClock => (Kind::Configuration, "set the clock of this host, or that of the store"),
            Cause::Forbidden => (
                Kind::Configuration,
                "check the storage's access_key and secret_key, and that they may get, put, delete and list the \
                 bucket's objects (s3:GetObject, s3:PutObject, s3:DeleteObject, s3:ListBucket)",
            ),
            Cause::NoBucket => (Kind::Configuration, "check the storage's bucket, uri and force_path_style"),
            Cause::WrongRegion => (Kind::Configuration, "check the storage's region and uri"),
            Cause::NotS3 => (
                Kind::Configuration,
                "check the storage's uri: it must be that of an S3 store, without a page or a proxy in front of it",
            ),
            Cause::Unreachable => (
                Kind::Unreachable,
                "check that the store is up and that the storage's uri is right; running again is safe",
            ),
            Cause::Other => return Problem::new(Kind::Failed, format!("cannot {attempted}: {self}")),
        };
        Problem::new(kind, format!("cannot {attempted}: {self}")).hint(hint)
    }
}

/// All messages of an error and its causes, without those that only repeat the one before.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_words = cause.to_string();
        if !words.contains(&cause_words) {
            words = format!("{words}: {cause_words}");
        }
        next = cause.source();
    }
    words
}
