//! Storing one object, in one piece or in parts.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};

use super::super::unreadable_body;
use super::connection::Connection;
use super::error::StoreError;
use super::reading::refuse_empty;

/// Up to this size an object is stored by one request, beyond it in parts of this size; S3 wants 5 MiB at least.
const PART_SIZE: usize = 8 * 1024 * 1024;

/// The most parts S3 accepts: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>.
const MOST_PARTS: i32 = 10_000;

/// Cleaning up must not delay the end of a run.
const ABORT_TIMEOUT: Duration = Duration::from_secs(1);

/// Stores what `body` yields under `key`; two parts are in memory at a time.
pub(super) fn put(connection: &Arc<Connection>, key: &str, body: &mut (dyn Read + Send)) -> anyhow::Result<()> {
    refuse_empty(key).map_err(|error| connection.problem("store", key, &error))?;
    let first = read_part(key, body)?;
    let second = if first.len() == PART_SIZE { read_part(key, body)? } else { Vec::new() };
    if second.is_empty() {
        return put_object(connection, key, first);
    }
    let upload = Upload::start(connection, key)?;
    let stored = upload.parts(first, second, body).and_then(|parts| upload.complete(parts));
    if stored.is_err() {
        upload.abort();
    }
    stored
}

/// The next part of `body`; only the last is shorter than [`PART_SIZE`].
fn read_part(key: &str, body: &mut (dyn Read + Send)) -> anyhow::Result<Vec<u8>> {
    let mut part = Vec::new();
    let limit = PART_SIZE as u64;
    body.take(limit).read_to_end(&mut part).map_err(|error| unreadable_body(key, error))?;
    Ok(part)
}

fn put_object(connection: &Connection, key: &str, contents: Vec<u8>) -> anyhow::Result<()> {
    connection.wait(async {
        let request = connection.client.put_object().bucket(&connection.bucket).key(key);
        let answer = request.body(ByteStream::from(contents)).send().await;
        answer.map(drop).map_err(|error| connection.problem("store", key, &error.into()))
    })?;
    Ok(())
}

/// A multipart upload under way; nothing of it can be seen before it is complete.
struct Upload<'a> {
    connection: &'a Connection,
    key: &'a str,
    id: String,
}

impl<'a> Upload<'a> {
    fn start(connection: &'a Connection, key: &'a str) -> anyhow::Result<Self> {
        let failed = |error: StoreError| connection.problem("start to store", key, &error);
        let id = connection.wait(async {
            let request = connection.client.create_multipart_upload().bucket(&connection.bucket).key(key);
            let answer = request.send().await.map_err(|error| failed(error.into()))?;
            answer.upload_id.ok_or_else(|| failed(StoreError::other("the answer lacks the id of the upload")))
        })?;
        Ok(Self { connection, key, id })
    }

    fn parts(
        &self,
        first: Vec<u8>,
        second: Vec<u8>,
        body: &mut (dyn Read + Send),
    ) -> anyhow::Result<Vec<CompletedPart>> {
        let mut parts = Vec::new();
        let mut number = 0;
        let (mut part, mut next) = (first, second);
        while !part.is_empty() {
            number += 1;
            if number > MOST_PARTS {
                let (most, size) = (MOST_PARTS, PART_SIZE / (1024 * 1024));
                let words = format!("it is larger than {most} parts of {size} MiB, the most that upkeep can store");
                return Err(self.connection.problem("store", self.key, &StoreError::other(words)).into());
            }
            parts.push(self.part(number, part)?);
            part = next;
            next = if part.len() == PART_SIZE { read_part(self.key, body)? } else { Vec::new() };
        }
        Ok(parts)
    }

    fn part(&self, number: i32, contents: Vec<u8>) -> anyhow::Result<CompletedPart> {
        let Self { connection, key, id } = self;
        let answer = connection.wait(async {
            let request = connection.client.upload_part().bucket(&connection.bucket).key(*key).upload_id(id);
            let answer = request.part_number(number).body(ByteStream::from(contents)).send().await;
            answer.map_err(|error| connection.problem("store a part of", key, &error.into()))
        })?;
        Ok(CompletedPart::builder().part_number(number).set_e_tag(answer.e_tag).build())
    }

    fn complete(&self, parts: Vec<CompletedPart>) -> anyhow::Result<()> {
        let Self { connection, key, id } = self;
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        connection.wait(async {
            let request = connection.client.complete_multipart_upload().bucket(&connection.bucket).key(*key);
            let answer = request.upload_id(id).multipart_upload(parts).send().await;
            answer.map(drop).map_err(|error| connection.problem("finish storing", key, &error.into()))
        })?;
        Ok(())
    }

    /// Has the store forget the parts, also when the run has been stopped.
    fn abort(&self) {
        let Self { connection, key, id } = self;
        let request = connection.client.abort_multipart_upload().bucket(&connection.bucket).key(*key).upload_id(id);
        let aborted = connection.runtime.block_on(async {
            match tokio::time::timeout(ABORT_TIMEOUT, request.send()).await {
                Ok(answer) => answer.map(drop).map_err(StoreError::from),
                Err(_) => Err(StoreError::interrupted("no answer in time")),
            }
        });
        if let Err(error) = aborted {
            let location = &connection.location;
            log::warn!("parts of {key:?} stay in {location} until its rules remove unfinished uploads: {error}");
        }
    }
}
