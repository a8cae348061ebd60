//! Objects without contents, for measurements: listings are answered from an index, as real stores do, where s3s-fs reads
//! its whole directory for each page.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use s3s::dto::{
    HeadBucketInput, HeadBucketOutput, HeadObjectInput, HeadObjectOutput, ListObjectsV2Input, ListObjectsV2Output,
    Object,
};
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};

/// The sizes of objects by their keys; clones share them. It can only be read over S3.
#[derive(Debug, Clone, Default)]
pub struct Index {
    objects: Arc<Mutex<BTreeMap<String, i64>>>,
    page_time: Duration,
}

impl Index {
    /// No objects yet. A page of a listing takes `page_time`, however many are asked for at once.
    pub fn new(page_time: Duration) -> Self {
        Self { page_time, ..Self::default() }
    }

    /// The objects, to be changed past the server.
    pub fn objects(&self) -> MutexGuard<'_, BTreeMap<String, i64>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait::async_trait]
impl S3 for Index {
    async fn head_bucket(&self, _: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        match self.objects().get(&request.input.key) {
            Some(size) => {
                Ok(S3Response::new(HeadObjectOutput { content_length: Some(*size), ..HeadObjectOutput::default() }))
            }
            None => Err(s3_error!(NoSuchKey)),
        }
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        tokio::time::sleep(self.page_time).await;
        let ListObjectsV2Input { prefix, start_after, continuation_token, max_keys, .. } = request.input;
        let (prefix, limit) = (prefix.unwrap_or_default(), max_keys.unwrap_or(1_000).clamp(0, 1_000));
        // The token is the last key of the page before.
        let after = continuation_token.or(start_after).unwrap_or_default().max(prefix.clone());
        let objects = self.objects();
        let behind = objects.range::<str, _>((Bound::Excluded(after.as_str()), Bound::Unbounded));
        let mut wanted = behind.take_while(|(key, _)| key.starts_with(&prefix)).peekable();
        let mut contents = Vec::new();
        for (key, size) in wanted.by_ref().take(usize::try_from(limit).unwrap_or_default()) {
            contents.push(Object { key: Some(key.clone()), size: Some(*size), ..Object::default() });
        }
        let more = wanted.peek().is_some();
        let last = contents.last().and_then(|object| object.key.clone());
        Ok(S3Response::new(ListObjectsV2Output {
            is_truncated: Some(more),
            next_continuation_token: last.filter(|_| more),
            key_count: i32::try_from(contents.len()).ok(),
            contents: Some(contents),
            ..ListObjectsV2Output::default()
        }))
    }
}
