//! Looking at one object, and reading it.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use aws_sdk_s3::primitives::ByteStream;
use tokio::task::JoinSet;

use super::super::Object;
use super::connection::Connection;
use super::error::{StoreError, chain};
use crate::platform::{Kind, Problem};

/// Objects looked up at the same time: enough to hide the way to the store and back, too few to be throttled.
const LOOKED_UP_AT_ONCE: usize = 32;

pub(super) fn head(connection: &Arc<Connection>, key: &str) -> Result<Option<Object>, Problem> {
    let failed = |error: StoreError| connection.problem("look up", key, &error);
    connection.wait(async {
        let size = look_up(connection, key).await.map_err(failed)?;
        if size.is_none() && !connection.bucket_seen.load(Ordering::Relaxed) {
            require_bucket(connection).await.map_err(failed)?;
        }
        Ok(size.map(|size| Object { key: key.to_owned(), size }))
    })
}

pub(super) fn sizes(connection: &Arc<Connection>, keys: &[String]) -> Result<Vec<Option<u64>>, Problem> {
    connection.wait(async {
        let mut sizes = vec![None; keys.len()];
        let mut waiting = keys.iter().enumerate();
        let mut running = JoinSet::new();
        loop {
            while running.len() < LOOKED_UP_AT_ONCE
                && let Some((number, key)) = waiting.next()
            {
                let (connection, key) = (Arc::clone(connection), key.clone());
                running.spawn(async move {
                    let size = look_up(&connection, &key).await;
                    size.map(|size| (number, size)).map_err(|error| connection.problem("look up", &key, &error))
                });
            }
            match running.join_next().await {
                None => break,
                Some(Ok(looked_up)) => {
                    let (number, size) = looked_up?;
                    sizes[number] = size;
                }
                Some(Err(panic)) => return Err(Problem::new(Kind::Failed, "looking up objects failed").because(panic)),
            }
        }
        // Afterwards, and however often it was seen before: in a bucket that has just gone nothing is found either.
        if let Some(missing) = sizes.iter().position(Option::is_none) {
            let failed = |error: StoreError| connection.problem("look up", &keys[missing], &error);
            require_bucket(connection).await.map_err(failed)?;
        }
        Ok(sizes)
    })
}

/// The size of an object; `None` if the store says that something does not exist. The answer to a HEAD has no body that
/// could say whether that is the object or the bucket.
async fn look_up(connection: &Connection, key: &str) -> Result<Option<u64>, StoreError> {
    refuse_empty(key)?;
    match connection.client.head_object().bucket(&connection.bucket).key(key).send().await.map_err(StoreError::from) {
        Ok(answer) => {
            connection.bucket_seen.store(true, Ordering::Relaxed);
            size(answer.content_length()).map(Some)
        }
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes sure that it was not the bucket that was not found.
async fn require_bucket(connection: &Connection) -> Result<(), StoreError> {
    connection.client.head_bucket().bucket(&connection.bucket).send().await?;
    connection.bucket_seen.store(true, Ordering::Relaxed);
    Ok(())
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
