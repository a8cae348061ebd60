//! Object storage: an S3 bucket, or a directory that plays one.
//!
//! Calls are synchronous. Reading and writing are two traits, so that what only looks can be handed a value that
//! has no way to write; a dry run is handed nothing at all.

mod directory;
mod s3;

use std::io::{self, Read};

pub use directory::Directory;
pub use s3::{RetryPolicy, S3, S3Settings};

use super::Problem;

/// A key that no object has, for finding out whether deleting is allowed.
const ACCESS_CHECK_KEY: &str = "assets/.upkeep-access-check";

/// One stored object as a listing or a HEAD shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The full key, for example `assets/<uuid>`.
    pub key: String,
    /// The size in bytes.
    pub size: u64,
}

/// Part of a listing in ranges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The range it belongs to, counted from 0.
    pub range: usize,
    /// The next objects of that range.
    pub objects: Vec<Object>,
    /// Whether that range is complete.
    pub last: bool,
}

/// That a store does not list in the order of the keys, or not from where it was told to begin. What it has listed by
/// then may be anything.
#[derive(Debug, thiserror::Error)]
#[error("{location} does not list objects in the order of their keys, beginning after a given one")]
pub struct OutOfOrder {
    /// As in [`ReadObjects::location`].
    pub location: String,
}

/// Whether a store keeps old versions of objects: what is deleted there is only hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versioning {
    /// It does not.
    Off,
    /// It does.
    On,
    /// It did: versions from that time are still there.
    Suspended,
}

/// What may be asked of a store without changing it.
pub trait ReadObjects: Send + Sync {
    /// Which store this is, in a form that is stable between runs, names no secret and can be shown: for example
    /// `s3 bucket controller at https://s3.example.org` or `directory /var/lib/upkeep/objects`.
    fn location(&self) -> &str;

    /// The object under `key`, or `None` if the store clearly says that there is none.
    ///
    /// # Errors
    /// Every other answer: forbidden, bucket missing, unreachable, stopped.
    fn head(&self, key: &str) -> anyhow::Result<Option<Object>>;

    /// The sizes of the objects under `keys`, in the same order, with `None` for those of which the store clearly says
    /// that there are none. Looks up some at a time, and makes sure, after it has missed any, that it did not miss
    /// them because the bucket itself is gone.
    ///
    /// # Errors
    /// As for [`ReadObjects::head`]; one key that cannot be looked up fails the call.
    fn sizes(&self, keys: &[String]) -> anyhow::Result<Vec<Option<u64>>>;

    /// The contents of the object under `key`, as a stream.
    ///
    /// # Errors
    /// As for [`ReadObjects::head`]; a missing object is an error here.
    fn get(&self, key: &str) -> anyhow::Result<Box<dyn Read + Send>>;

    /// All objects whose keys start with `prefix`, in key order where the store keeps one, in constant memory.
    fn list<'a>(&'a self, prefix: &str) -> Box<dyn Iterator<Item = anyhow::Result<Object>> + 'a>;

    /// The same in ranges of keys, which may be read at the same time. Each of `bounds`, which ascend, is the last key
    /// of one range, and another range comes after the last bound. The pages of a range come in turn, those of
    /// different ranges as they arrive; memory holds two pages of each range. The iterator ends when all ranges are
    /// complete, or with an error, which is [`OutOfOrder`] where the keys of a range do not strictly ascend.
    fn list_ranges<'a>(
        &'a self,
        prefix: &str,
        bounds: &[String],
    ) -> Box<dyn Iterator<Item = anyhow::Result<Page>> + 'a>;

    /// Whether the store keeps old versions of objects.
    ///
    /// # Errors
    /// When it does not say: not every store knows the question, and it takes a privilege that jobs do not need.
    fn versioning(&self) -> anyhow::Result<Versioning> {
        Ok(Versioning::Off)
    }
}

/// What became of one key of a [`WriteObjects::delete_many`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// The full key.
    pub key: String,
    /// `Ok` when the store confirmed that the object is gone, which it also does for one that was never there;
    /// else the store's own words.
    pub outcome: Result<(), String>,
}

/// What changes a store.
pub trait WriteObjects: ReadObjects {
    /// Stores everything `body` yields under `key`, replacing what was there; on an error nothing is replaced.
    ///
    /// # Errors
    /// When the body cannot be read or the store does not accept it (disk full, forbidden, unreachable, stopped).
    fn put(&self, key: &str, body: &mut (dyn Read + Send)) -> anyhow::Result<()>;

    /// Deletes the objects under `keys` and answers once for each different one, in any order. Never more than the
    /// store confirmed is reported as gone.
    ///
    /// # Errors
    /// Only when the call as a whole cannot work — unreachable, forbidden, bucket missing, stopped — in which case
    /// any number of the objects may be gone, none of which is reported.
    fn delete_many(&self, keys: &[String]) -> anyhow::Result<Vec<Deletion>>;

    /// Finds out, without changing anything that matters, whether deleting would work at all: that the store can be
    /// reached, exists, and lets these credentials delete.
    ///
    /// # Errors
    /// A [`Problem`] that says which of them does not hold and what to do.
    fn check_deletable(&self) -> anyhow::Result<()>;
}

/// That the body of a `put` could not be read. If it was an object that is read from a store, its own [`Problem`] says
/// more, and decides the exit code.
fn unreadable_body(key: &str, error: io::Error) -> anyhow::Error {
    let context = format!("cannot read what is to be stored under {key:?}");
    match error.downcast::<Problem>() {
        Ok(problem) => anyhow::Error::new(problem).context(context),
        Err(error) => anyhow::Error::new(error).context(context),
    }
}
