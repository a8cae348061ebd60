//! Looking at one object, and reading it.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use aws_sdk_s3::primitives::ByteStream;

use super::super::Object;
use super::connection::Connection;
use super::error::{StoreError, chain};
use crate::platform::Problem;

pub(super) fn head(connection: &Arc<Connection>, key: &str) -> Result<Option<Object>, Problem> {
    let failed = |error: StoreError| connection.problem("look up", key, &error);
    refuse_empty(key).map_err(failed)?;
    connection.wait(async {
        let request = connection.client.head_object().bucket(&connection.bucket).key(key);
        match request.send().await.map_err(StoreError::from) {
            Ok(answer) => {
                connection.bucket_seen.store(true, Ordering::Relaxed);
                let size = size(answer.content_length()).map_err(failed)?;
                Ok(Some(Object { key: key.to_owned(), size }))
            }
            Err(error) if error.is_not_found() => {
                // The answer to a HEAD has no body that could say what it is that does not exist.
                if !connection.bucket_seen.load(Ordering::Relaxed) {
                    let bucket = connection.client.head_bucket().bucket(&connection.bucket);
                    bucket.send().await.map_err(|error| failed(error.into()))?;
                    connection.bucket_seen.store(true, Ordering::Relaxed);
                }
                Ok(None)
            }
            Err(error) => Err(failed(error)),
        }
    })
}

pub(super) fn get(connection: &Arc<Connection>, key: &str) -> Result<Body, Problem> {
    let failed = |error: StoreError| connection.problem("read", key, &error);
    refuse_empty(key).map_err(failed)?;
    let stream = connection.wait(async {
        let request = connection.client.get_object().bucket(&connection.bucket).key(key);
        request.send().await.map(|answer| answer.body).map_err(|error| failed(error.into()))
    })?;
    Ok(Body { connection: Arc::clone(connection), key: key.to_owned(), stream, piece: io::Cursor::default() })
}

/// S3 takes a request without a key for one about the bucket.
pub(super) fn refuse_empty(key: &str) -> Result<(), StoreError> {
    if key.is_empty() { Err(StoreError::other("an empty key names no object")) } else { Ok(()) }
}

/// A size that is missing from an answer must not pass for an empty object.
pub(super) fn size(answered: Option<i64>) -> Result<u64, StoreError> {
    let size = answered.and_then(|size| u64::try_from(size).ok());
    size.ok_or_else(|| StoreError::other("the answer lacks the size of the object"))
}

/// The contents of an object while they arrive, in constant memory.
pub(super) struct Body {
    connection: Arc<Connection>,
    key: String,
    stream: ByteStream,
    piece: io::Cursor<Vec<u8>>,
}

impl Body {
    /// The next bytes that arrived; `None` at the end.
    fn next_piece(&mut self) -> Result<Option<Vec<u8>>, Problem> {
        let Self { connection, key, stream, .. } = self;
        let failed = |words: String| {
            let error = StoreError::interrupted(words);
            connection.problem("read", key, &error)
        };
        connection.wait(async {
            match tokio::time::timeout(connection.retries.attempt_timeout, stream.next()).await {
                Err(_) => Err(failed("the store has stopped sending in the middle".to_owned())),
                Ok(None) => Ok(None),
                Ok(Some(Ok(piece))) => Ok(Some(piece.into())),
                Ok(Some(Err(error))) => Err(failed(chain(&error))),
            }
        })
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let length = self.piece.read(buffer)?;
            if length > 0 || buffer.is_empty() {
                return Ok(length);
            }
            match self.next_piece().map_err(io::Error::other)? {
                None => return Ok(0),
                Some(piece) => self.piece = io::Cursor::new(piece),
            }
        }
    }
}
