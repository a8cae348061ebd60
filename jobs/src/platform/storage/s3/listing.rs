//! Listing a bucket page by page, in several ranges of keys at the same time.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::task::JoinSet;

use super::super::{Object, OutOfOrder, Page};
use super::connection::Connection;
use super::error::StoreError;
use super::reading::size;

/// One answer to a ListObjectsV2.
struct Answer {
    objects: Vec<Object>,
    /// Where the next one starts; `None` on the last one.
    next: Option<String>,
}

/// A range of keys.
struct Range {
    /// The last key seen, and before any the bound after which the range begins.
    after: Option<String>,
    /// The last key that belongs to it.
    end: Option<String>,
}

/// The objects under a prefix. While a page of a range is worked on, the next one of that range is already on its way,
/// but no further one.
pub(super) struct Listing {
    connection: Arc<Connection>,
    prefix: String,
    ranges: Vec<Range>,
    /// Whether keys have to ascend.
    in_order: bool,
    /// The pages on their way, each with its range; dropping them cancels the requests.
    coming: JoinSet<(usize, Result<Answer, StoreError>)>,
    started: bool,
}

impl Listing {
    /// Everything, however the store orders it.
    pub(super) fn as_it_comes(connection: Arc<Connection>, prefix: &str) -> Self {
        Self::new(connection, prefix, &[], false)
    }

    /// In ranges whose last keys are `bounds`, and one more.
    pub(super) fn in_ranges(connection: Arc<Connection>, prefix: &str, bounds: &[String]) -> Self {
        Self::new(connection, prefix, bounds, true)
    }

    fn new(connection: Arc<Connection>, prefix: &str, bounds: &[String], in_order: bool) -> Self {
        let starts = std::iter::once(None).chain(bounds.iter().cloned().map(Some));
        let ends = bounds.iter().cloned().map(Some).chain([None]);
        let ranges = starts.zip(ends).map(|(after, end)| Range { after, end }).collect();
        Self { connection, prefix: prefix.to_owned(), ranges, in_order, coming: JoinSet::new(), started: false }
    }

    fn request(&mut self, range: usize, start_after: Option<String>, token: Option<String>) {
        let (connection, prefix) = (Arc::clone(&self.connection), self.prefix.clone());
        let answer = async move { (range, answer(connection, prefix, start_after, token).await) };
        self.coming.spawn_on(answer, &self.connection.runtime);
    }

    /// The page that arrives next, of whichever range; `None` after the last one of all.
    fn turn_page(&mut self) -> anyhow::Result<Option<Page>> {
        if !std::mem::replace(&mut self.started, true) {
            for range in 0..self.ranges.len() {
                self.request(range, self.ranges[range].after.clone(), None);
            }
        }
        let Self { connection, prefix, coming, .. } = self;
        let arrived = connection.wait(async {
            match coming.join_next().await {
                None => Ok(None),
                Some(Ok((range, Ok(answer)))) => Ok(Some((range, answer))),
                Some(Ok((_, Err(error)))) => Err(connection.problem("list objects under", prefix, &error)),
                Some(Err(panic)) => {
                    Err(connection.problem("list objects under", prefix, &StoreError::other(panic.to_string())))
                }
            }
        })?;
        let Some((number, Answer { mut objects, next })) = arrived else { return Ok(None) };
        let range = &mut self.ranges[number];
        if self.in_order {
            let mut before = range.after.as_ref();
            for Object { key, .. } in &objects {
                // Also the first one: a store that does not know StartAfter begins at the beginning.
                if before.is_some_and(|before| key <= before) {
                    return Err(OutOfOrder { location: self.connection.location.clone() }.into());
                }
                before = Some(key);
            }
            range.after = before.cloned();
        }
        let listed = objects.len();
        if let Some(end) = &range.end {
            // Also what comes after the end had to be in order: it shows that nothing of the range is behind it.
            objects.truncate(objects.partition_point(|object| object.key <= *end));
        }
        let last = next.is_none() || objects.len() < listed;
        if !last {
            self.request(number, None, next);
        }
        Ok(Some(Page { range: number, objects, last }))
    }
}

impl Iterator for Listing {
    type Item = anyhow::Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        let page = self.turn_page();
        if page.is_err() {
            // Nothing comes after an error.
            self.coming.abort_all();
            self.coming = JoinSet::new();
        }
        page.transpose()
    }
}

async fn answer(
    connection: Arc<Connection>,
    prefix: String,
    start_after: Option<String>,
    token: Option<String>,
) -> Result<Answer, StoreError> {
    let request = connection.client.list_objects_v2().bucket(&connection.bucket).prefix(prefix);
    let request = request.set_start_after(start_after).set_continuation_token(token.clone());
    let answer = request.send().await?;
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
    Ok(Answer { objects: objects.collect::<Result<_, StoreError>>()?, next })
}
