//! Whether the answer to a DeleteObject is one that only an S3 store gives.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_s3::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;

/// Looks at the answer, of which the SDK takes every 2xx for success: a web server or a login page that answers
/// everything with 200 has deleted nothing.
///
/// S3 answers 204: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html>. A 200 counts if it is
/// empty and carries the identifier that S3 gives each request.
#[derive(Debug, Clone, Default)]
pub(super) struct Confirmation(Arc<AtomicBool>);

impl Confirmation {
    pub(super) fn is_given(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Intercept for Confirmation {
    fn name(&self) -> &'static str {
        "Confirmation"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let empty = response.body().bytes().is_some_and(<[u8]>::is_empty);
        let given = match response.status().as_u16() {
            204 => true,
            200 => empty && response.headers().contains_key("x-amz-request-id"),
            _ => false,
        };
        self.0.store(given, Ordering::Relaxed);
        Ok(())
    }
}
