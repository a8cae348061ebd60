//! Listing a bucket page by page.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::task::JoinSet;

use super::super::Object;
use super::connection::Connection;
use super::error::StoreError;
use super::reading::size;
use crate::platform::Problem;

struct Page {
    objects: Vec<Object>,
    /// Where the next page starts; `None` on the last one.
    next: Option<String>,
}

/// The objects under a prefix. While a page is worked on, the next one is already on its way, but no further one.
pub(super) struct Listing {
    connection: Arc<Connection>,
    prefix: String,
    objects: std::vec::IntoIter<Object>,
    /// The page on its way; dropping it cancels the request.
    coming: JoinSet<Result<Page, StoreError>>,
    started: bool,
}

impl Listing {
    pub(super) fn new(connection: Arc<Connection>, prefix: &str) -> Self {
        let (prefix, coming) = (prefix.to_owned(), JoinSet::new());
        Self { connection, prefix, objects: Vec::new().into_iter(), coming, started: false }
    }

    fn request(&mut self, token: Option<String>) {
        let page = page(Arc::clone(&self.connection), self.prefix.clone(), token);
        self.coming.spawn_on(page, &self.connection.runtime);
    }

    /// Whether there was another page.
    fn turn_page(&mut self) -> Result<bool, Problem> {
        if !std::mem::replace(&mut self.started, true) {
            self.request(None);
        }
        let Self { connection, prefix, coming, .. } = self;
        let page = connection.wait(async {
            match coming.join_next().await {
                None => Ok(None),
                Some(Ok(Ok(page))) => Ok(Some(page)),
                Some(Ok(Err(error))) => Err(connection.problem("list objects under", prefix, &error)),
                Some(Err(panic)) => {
                    Err(connection.problem("list objects under", prefix, &StoreError::other(panic.to_string())))
                }
            }
        })?;
        let Some(page) = page else { return Ok(false) };
        self.objects = page.objects.into_iter();
        if page.next.is_some() {
            self.request(page.next);
        }
        Ok(true)
    }
}

impl Iterator for Listing {
    type Item = anyhow::Result<Object>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(object) = self.objects.next() {
                return Some(Ok(object));
            }
            match self.turn_page() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(problem) => {
                    // Nothing comes after an error.
                    self.coming.abort_all();
                    self.coming = JoinSet::new();
                    return Some(Err(problem.into()));
                }
            }
        }
    }
}

async fn page(connection: Arc<Connection>, prefix: String, token: Option<String>) -> Result<Page, StoreError> {
    let request = connection.client.list_objects_v2().bucket(&connection.bucket).prefix(prefix);
    let answer = request.set_continuation_token(token.clone()).send().await?;
    connection.bucket_seen.store(true, Ordering::Relaxed);
    let next = match (answer.is_truncated(), answer.next_continuation_token) {
        (None | Some(false), _) => None,
        // A store that starts over and over again must not be listed for ever.
        (Some(true), next) if next.is_none() || next == token => {
            return Err(StoreError::other("the answer says that there is more, but not where"));
        }
        (Some(true), next) => next,
    };
    let object = |object: aws_sdk_s3::types::Object| {
        let size = size(object.size)?;
        let key = object.key.ok_or_else(|| StoreError::other("the answer lacks the key of an object"))?;
        Ok(Object { key, size })
    };
    let objects = answer.contents.unwrap_or_default().into_iter().map(object);
    Ok(Page { objects: objects.collect::<Result<_, StoreError>>()?, next })
}
