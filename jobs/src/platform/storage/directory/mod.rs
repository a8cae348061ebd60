//! A directory that plays an object store: every object a file, every slash in a key a directory.

mod listing;
mod pages;
mod writing;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use self::listing::Listing;
use self::pages::Pages;
use self::writing::Temporary;
use super::{ACCESS_CHECK_KEY, Deletion, Object, Page, ReadObjects, WriteObjects, unreadable_body};
use crate::platform::{Kind, Problem};

/// What [`Directory::require_root`] is asked for.
const DELETE: &str = "delete objects from";
const LOOK_UP: &str = "look up objects in";

/// A directory of objects. Until there is one, it holds nothing, and nothing can be deleted from it: more likely than
/// that all objects are gone, its path is wrong or its volume not mounted. [`WriteObjects::put`] creates it.
///
/// Symbolic links below it are never followed, so that no key leads out of it.
#[derive(Debug)]
pub struct Directory {
    root: PathBuf,
    location: String,
    /// Device and inode of the root that objects are listed in and deleted from.
    identity: OnceLock<(u64, u64)>,
}

impl Directory {
    /// The store in the directory `path`; nothing is touched yet.
    pub fn new(path: PathBuf) -> Self {
        let location = format!("directory {}", path.display());
        Self { root: path, location, identity: OnceLock::new() }
    }

    /// The store in the directory `path`, which is created if it is missing.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn created(path: PathBuf) -> Result<Self, Problem> {
        writing::create_directories(&path).map_err(|error| failed("create", &path, error))?;
        Ok(Self::new(path))
    }

    /// Whether there is a directory at all.
    fn exists(&self) -> Result<bool, Problem> {
        Ok(self.root_metadata()?.is_some())
    }

    /// Makes sure that the root is there, and is the same as the last time: where a volume is no longer mounted, or a
    /// directory was moved away, every object would look deleted.
    fn require_root(&self, attempted: &str) -> Result<(), Problem> {
        let identity = self.root_metadata()?.map(|metadata| (metadata.dev(), metadata.ino()));
        let what = match identity {
            None => "does not exist",
            Some(identity) if *self.identity.get_or_init(|| identity) == identity => return Ok(()),
            Some(_) => "was replaced by another directory",
        };
        let message = format!("cannot {attempted} {}: it {what}", self.location);
        Err(Problem::new(Kind::Configuration, message).hint(
            "check the storage's path and that its volume is mounted; create the directory if nothing was ever stored",
        ))
    }

    fn root_metadata(&self) -> Result<Option<Metadata>, Problem> {
        match fs::metadata(&self.root) {
            Ok(metadata) if metadata.is_dir() => Ok(Some(metadata)),
            Ok(_) => {
                let message = format!("{} is not a directory, so it cannot hold objects", self.root.display());
                Err(Problem::new(Kind::Configuration, message).hint("set the storage's path to a directory"))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("open", &self.root, error)),
        }
    }

    /// The file that holds the object under `key`, whether it exists or not.
    fn path(&self, key: &str) -> Result<PathBuf, Problem> {
        let unusable = |why: &str| {
            let message = format!("the key {key:?} cannot be used in {}: {why}", self.location);
            Problem::new(Kind::Failed, message)
        };
        if key.contains('\0') {
            return Err(unusable("it contains a NUL character"));
        }
        let mut path = self.root.clone();
        let mut segments = key.split('/').peekable();
        while let Some(segment) = segments.next() {
            if matches!(segment, "" | "." | "..") {
                return Err(unusable("a part between slashes is empty, `.` or `..`"));
            }
            if writing::is_temporary(segment) {
                return Err(unusable("the name is reserved for files that are being written"));
            }
            path.push(segment);
            if segments.peek().is_some() && file_at(&path)?.is_some_and(|metadata| metadata.is_symlink()) {
                return Err(unusable(&format!("{} is a symbolic link", path.display())));
            }
        }
        Ok(path)
    }

    /// The file of an object that exists.
    fn find(&self, key: &str) -> Result<Option<(PathBuf, Metadata)>, Problem> {
        let path = self.path(key)?;
        if !self.exists()? {
            return Ok(None);
        }
        match file_at(&path)? {
            Some(metadata) if metadata.is_file() => Ok(Some((path, metadata))),
            // A directory is part of the keys below it and no object.
            Some(metadata) if metadata.is_dir() => Ok(None),
            Some(_) => Err(listing::strange(&path)),
            None => Ok(None),
        }
    }

    /// Removes the file of an object and answers with the directory that has to be synchronised for that to last.
    fn remove(&self, key: &str) -> Result<PathBuf, Problem> {
        let path = self.path(key)?;
        // `path` is at least one segment below the root.
        let parent = path.parent().unwrap_or(&self.root).to_owned();
        match file_at(&path)? {
            None => {}
            Some(metadata) if metadata.is_dir() => {}
            Some(_) => match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("remove", &path, error)),
                Ok(()) | Err(_) => {}
            },
        }
        Ok(parent)
    }
}

impl ReadObjects for Directory {
    fn location(&self) -> &str {
        &self.location
    }

    fn head(&self, key: &str) -> anyhow::Result<Option<Object>> {
        let found = self.find(key)?;
        Ok(found.map(|(_, metadata)| Object { key: key.to_owned(), size: metadata.len() }))
    }

    fn sizes(&self, keys: &[String]) -> anyhow::Result<Vec<Option<u64>>> {
        let mut sizes = Vec::with_capacity(keys.len());
        for key in keys {
            sizes.push(self.find(key)?.map(|(_, metadata)| metadata.len()));
        }
        if sizes.contains(&None) {
            self.require_root(LOOK_UP)?;
        }
        Ok(sizes)
    }

    fn get(&self, key: &str) -> anyhow::Result<Box<dyn Read + Send>> {
        let missing = || Problem::new(Kind::Failed, format!("there is no object {key:?} in {}", self.location));
        let (path, _) = self.find(key)?.ok_or_else(missing)?;
        let file = File::open(&path).map_err(|error| failed("read", &path, error))?;
        Ok(Box::new(file))
    }

    fn list<'a>(&'a self, prefix: &str) -> Box<dyn Iterator<Item = anyhow::Result<Object>> + 'a> {
        match self.exists() {
            Ok(true) => Box::new(Listing::new(&self.root, prefix)),
            Ok(false) => Box::new(std::iter::empty()),
            Err(problem) => Box::new(std::iter::once(Err(problem.into()))),
        }
    }

    /// One range after the other: here nothing is gained by reading several at a time.
    fn list_ranges<'a>(
        &'a self,
        prefix: &str,
        bounds: &[String],
    ) -> Box<dyn Iterator<Item = anyhow::Result<Page>> + 'a> {
        // What is missing from now on is to be missed in this root.
        match self.exists().and_then(|exists| if exists { self.require_root(LOOK_UP) } else { Ok(()) }) {
            Ok(()) => Box::new(Pages::new(self.list(prefix), bounds)),
            Err(problem) => Box::new(std::iter::once(Err(problem.into()))),
        }
    }
}

impl WriteObjects for Directory {
    fn put(&self, key: &str, body: &mut (dyn Read + Send)) -> anyhow::Result<()> {
        let path = self.path(key)?;
        self.exists()?;
        let parent = path.parent().unwrap_or(&self.root);
        writing::create_directories(parent).map_err(|error| failed("create", parent, error))?;
        let mut temporary = Temporary::create(parent).map_err(|error| failed("create a file in", parent, error))?;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let length = match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(unreadable_body(key, error)),
            };
            temporary.write(&buffer[..length]).map_err(|error| failed("write", &path, error))?;
        }
        temporary.replace(&path).map_err(|error| failed("write", &path, error))?;
        writing::synchronise(parent).map_err(|error| failed("write to disk what changed in", parent, error))?;
        Ok(())
    }

    fn delete_many(&self, keys: &[String]) -> anyhow::Result<Vec<Deletion>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.require_root(DELETE)?;
        let keys: BTreeSet<&String> = keys.iter().collect();
        let mut deletions = Vec::with_capacity(keys.len());
        let mut touched: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
        for key in keys {
            match self.remove(key) {
                Ok(parent) => touched.entry(parent).or_default().push(key.clone()),
                Err(problem) => deletions.push(Deletion { key: key.clone(), outcome: Err(words(&problem)) }),
            }
        }
        // A file that was missing already may have been unlinked by a run that ended before it came to this, so
        // that a power failure could still bring it back: its directory is written to disk as well.
        for (parent, keys) in touched {
            let outcome = match writing::synchronise(&parent) {
                Err(error) if !is_missing(&error) => {
                    Err(words(&failed("write to disk what changed in", &parent, error)))
                }
                Ok(()) | Err(_) => Ok(()),
            };
            deletions.extend(keys.into_iter().map(|key| Deletion { key, outcome: outcome.clone() }));
        }
        // What was missing counts as gone only if it was looked for in the right place.
        self.require_root(DELETE)?;
        Ok(deletions)
    }

    fn check_deletable(&self) -> anyhow::Result<()> {
        let trial = self.path(ACCESS_CHECK_KEY)?;
        self.require_root(DELETE)?;
        // Whoever may create a file in a directory may remove one.
        let parent = trial.parent().filter(|parent| parent.is_dir()).unwrap_or(&self.root);
        drop(Temporary::create(parent).map_err(|error| failed("create and remove files in", parent, error))?);
        Ok(())
    }
}

/// What is at `path` itself; `None` if there is nothing.
fn file_at(path: &Path) -> Result<Option<Metadata>, Problem> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(failed("look up", path, error)),
    }
}

/// Also where a file stands in the way of a directory, nothing can exist below it.
fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn failed(verb: &str, path: &Path, error: io::Error) -> Problem {
    use io::ErrorKind::{FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    let (kind, hint) = match error.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => {
            (Kind::Failed, Some("free some space there or raise the limit, then run again"))
        }
        PermissionDenied | ReadOnlyFilesystem => {
            (Kind::Configuration, Some("let the user that upkeep runs as read and write there"))
        }
        _ => (Kind::Failed, None),
    };
    let problem = Problem::new(kind, format!("cannot {verb} {}: {error}", path.display())).because(error);
    match hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

/// What a [`Deletion`] has to say, where there is room for one line.
fn words(problem: &Problem) -> String {
    match problem.advice() {
        Some(advice) => format!("{problem} ({advice})"),
        None => problem.to_string(),
    }
}
