//! An S3 server over HTTP, in this process: real signatures, real XML, objects as files in a directory of its own.

#![expect(clippy::expect_used, reason = "a test server that cannot be set up ends the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s::{S3, S3Result, s3_error};
use tempfile::TempDir;

use crate::background::Background;

mod index;

pub use self::index::Index;

/// The one access key the server knows.
pub const ACCESS_KEY: &str = "upkeep-test-access";
/// The secret that belongs to [`ACCESS_KEY`].
pub const SECRET_KEY: &str = "upkeep-test-secret";

type Counts = Arc<Mutex<BTreeMap<String, u64>>>;

/// A running S3 server; dropping it stops it and removes everything it stored.
pub struct S3Server {
    // Goes first: what serves from the directory must have ended before that is removed.
    server: Background,
    root: TempDir,
    counts: Counts,
}

impl S3Server {
    /// Starts a server without buckets on a free port of the loopback interface.
    pub fn start() -> Self {
        Self::serving(|root| s3s_fs::FileSystem::new(root).expect("a root for the objects"))
    }

    /// Starts a server, likewise without buckets, that answers from `index`, in whatever bucket.
    pub fn of_index(index: Index) -> Self {
        Self::serving(|_| index)
    }

    fn serving<S: S3>(backend: impl FnOnce(&Path) -> S) -> Self {
        let root = tempfile::Builder::new().prefix("upkeep-s3-").tempdir().expect("a temporary directory");
        let counts = Counts::default();
        let mut builder = S3ServiceBuilder::new(backend(root.path()));
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        builder.set_access(Gate { root: root.path().to_owned(), counts: Arc::clone(&counts) });
        let service = builder.build();

        let server = Background::start("s3-server", move |socket| {
            let service = service.clone();
            async move {
                let connection = auto::Builder::new(TokioExecutor::new());
                // A client that goes away in the middle is what the fault tests do on purpose.
                if let Err(gone) = connection.serve_connection(TokioIo::new(socket), service).await {
                    drop(gone);
                }
            }
        });
        Self { server, root, counts }
    }

    /// The same server, with a bucket of this name (three characters at least).
    #[must_use]
    pub fn with_bucket(self, name: &str) -> Self {
        fs::create_dir_all(self.root.path().join(name)).expect("a directory for the bucket");
        self
    }

    /// Direct access to the objects of a bucket, past the server.
    pub fn bucket(&self, name: &str) -> Bucket {
        Bucket { path: self.root.path().join(name) }
    }

    /// The endpoint, for example `http://127.0.0.1:41234`; path-style addressing only.
    pub fn uri(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The directory that holds one directory per bucket, and the unfinished multipart uploads as hidden files.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// How many well-signed requests of this S3 operation (`DeleteObjects`, `HeadObject`, …) have arrived.
    pub fn count(&self, operation: &str) -> u64 {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).get(operation).copied().unwrap_or_default()
    }

    /// Starts counting afresh.
    pub fn forget_counts(&self) {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The files of multipart uploads that were neither completed nor aborted.
    pub fn unfinished_uploads(&self) -> Vec<String> {
        let entries = fs::read_dir(self.root.path()).expect("the root");
        let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with(".upload")).collect()
    }
}

/// Counts requests, and says `NoSuchBucket` where s3s-fs, unlike S3, would create the bucket or shrug.
struct Gate {
    root: PathBuf,
    counts: Counts,
}

impl Gate {
    fn admit(&self, context: &S3AccessContext<'_>) -> S3Result<()> {
        let operation = context.s3_op().name();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(operation.to_owned()).or_default() += 1;
        drop(counts);
        if context.credentials().is_none() {
            return Err(s3_error!(AccessDenied, "anonymous requests are not served"));
        }
        match context.s3_path().get_bucket_name() {
            Some(bucket) if operation != "CreateBucket" && !self.root.join(bucket).is_dir() => {
                Err(s3_error!(NoSuchBucket, "there is no bucket of this name"))
            }
            Some(_) => Ok(()),
            // Credentials that are limited to one bucket may not list the others.
            None => Err(s3_error!(AccessDenied, "these credentials are limited to one bucket")),
        }
    }
}

impl S3Access for Gate {
    fn check<'server, 'request, 'context, 'answer>(
        &'server self,
        context: &'request mut S3AccessContext<'context>,
    ) -> Pin<Box<dyn Future<Output = S3Result<()>> + Send + 'answer>>
    where
        'server: 'answer,
        'request: 'answer,
        'context: 'answer,
        Self: 'answer,
    {
        Box::pin(std::future::ready(self.admit(context)))
    }
}

/// The objects of one bucket, as the files they are; nothing here goes through the server.
#[derive(Debug, Clone)]
pub struct Bucket {
    path: PathBuf,
}

impl Bucket {
    /// Stores `contents` under `key`.
    pub fn put(&self, key: &str, contents: &[u8]) {
        let path = self.path.join(key);
        fs::create_dir_all(path.parent().expect("a key below the bucket")).expect("a directory for the object");
        fs::write(path, contents).expect("an object");
    }

    /// The contents under `key`, if there are any.
    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        match fs::read(self.path.join(key)) {
            Ok(contents) => Some(contents),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => panic!("cannot read object {key}: {error}"),
        }
    }

    /// Whether there is an object under `key`.
    pub fn exists(&self, key: &str) -> bool {
        self.path.join(key).is_file()
    }

    /// Removes the object under `key`; it need not exist.
    pub fn remove(&self, key: &str) {
        match fs::remove_file(self.path.join(key)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("cannot remove object {key}: {error}"),
            Ok(()) | Err(_) => {}
        }
    }

    /// All keys, sorted.
    pub fn keys(&self) -> BTreeSet<String> {
        let mut keys = BTreeSet::new();
        let mut directories = vec![self.path.clone()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).expect("a directory of the bucket") {
                let entry = entry.expect("an entry");
                if entry.file_type().expect("a file type").is_dir() {
                    directories.push(entry.path());
                } else {
                    let path = entry.path();
                    let key = path.strip_prefix(&self.path).expect("a path in the bucket");
                    keys.insert(key.to_str().expect("a key in UTF-8").to_owned());
                }
            }
        }
        keys
    }

    /// Makes exactly `keys` exist. Objects that are there already stay as they are; a new one contains its key.
    pub fn reset(&self, keys: &[String]) {
        let wanted: BTreeSet<String> = keys.iter().cloned().collect();
        let present = self.keys();
        for key in present.difference(&wanted) {
            self.remove(key);
        }
        for key in wanted.difference(&present) {
            self.put(key, key.as_bytes());
        }
    }
}
