//! Whether the bucket keeps old versions of objects.

use aws_sdk_s3::types::BucketVersioningStatus;

use super::super::Versioning;
use super::connection::Connection;
use super::error::StoreError;
use crate::platform::Problem;

/// Asks for it; an answer without a status means that versioning was never switched on:
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketVersioning.html>.
pub(super) fn of(connection: &Connection) -> Result<Versioning, Problem> {
    let failed = |error: StoreError| error.problem(&format!("ask for the versioning of {}", connection.location));
    connection.wait(async {
        let request = connection.client.get_bucket_versioning().bucket(&connection.bucket);
        match request.send().await.map_err(|error| failed(error.into()))?.status {
            None => Ok(Versioning::Off),
            Some(BucketVersioningStatus::Enabled) => Ok(Versioning::On),
            Some(BucketVersioningStatus::Suspended) => Ok(Versioning::Suspended),
            Some(other) => Err(failed(StoreError::other(format!("the answer has the unknown status {other}")))),
        }
    })
}
