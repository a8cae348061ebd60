//! Walking a directory in the order of the keys, with bounded memory however many files it holds.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::super::Object;
use super::writing::is_temporary;
use super::{failed, file_at, is_missing};
use crate::platform::{Kind, Problem};

/// Names of one directory held at a time. A directory with more is read again for each further so many: a million
/// files are read twenty times, within seconds, and take some megabytes.
const NAMES_AT_A_TIME: usize = 50_000;

/// One directory on the way from the root to the current object.
struct Level {
    /// What all keys in here start with: empty, or ending in a slash.
    prefix: String,
    /// What comes next, in order; the name of a directory ends in a slash, which puts it where its keys belong.
    names: std::collections::btree_set::IntoIter<String>,
    /// The last of `names`, if there may be more behind it.
    resume_after: Option<String>,
}

/// The objects below a root whose keys start with a prefix, in the byte order of their keys.
pub(super) struct Listing<'a> {
    root: &'a Path,
    prefix: String,
    names_at_a_time: usize,
    started: bool,
    levels: Vec<Level>,
}

impl<'a> Listing<'a> {
    pub(super) fn new(root: &'a Path, prefix: &str) -> Self {
        let (prefix, names_at_a_time) = (prefix.to_owned(), NAMES_AT_A_TIME);
        Self { root, prefix, names_at_a_time, started: false, levels: Vec::new() }
    }

    /// The next names in the directory of the keys that start with `level`.
    fn read(&self, level: String, after: Option<&str>) -> Result<Level, Problem> {
        let directory = self.root.join(&level);
        let mut names = BTreeSet::new();
        let mut more = false;
        let entries = match fs::read_dir(&directory) {
            Ok(entries) => Some(entries),
            // Somebody else has removed it since it was seen.
            Err(error) if is_missing(&error) => None,
            Err(error) => return Err(failed("list", &directory, error)),
        };
        for entry in entries.into_iter().flatten() {
            let entry = entry.map_err(|error| failed("list", &directory, error))?;
            let mut name = entry.file_name().into_string().map_err(|_| strange(&entry.path()))?;
            let kind = entry.file_type().map_err(|error| failed("look up", &entry.path(), error))?;
            if kind.is_dir() {
                name.push('/');
            }
            let key = format!("{level}{name}");
            let leads_on = key.starts_with(&self.prefix) || (kind.is_dir() && self.prefix.starts_with(&key));
            if !leads_on || is_temporary(&name) || after.is_some_and(|after| name.as_str() <= after) {
                continue;
            }
            if !kind.is_dir() && !kind.is_file() {
                return Err(strange(&entry.path()));
            }
            names.insert(name);
            if names.len() > self.names_at_a_time {
                names.pop_last();
                more = true;
            }
        }
        let resume_after = if more { names.last().cloned() } else { None };
        Ok(Level { prefix: level, names: names.into_iter(), resume_after })
    }

    fn advance(&mut self) -> Result<Option<Object>, Problem> {
        if !std::mem::replace(&mut self.started, true) {
            self.levels.push(self.read(String::new(), None)?);
        }
        while let Some(mut level) = self.levels.pop() {
            let Some(name) = level.names.next() else {
                if let Some(after) = level.resume_after.take() {
                    self.levels.push(self.read(level.prefix, Some(&after))?);
                }
                continue;
            };
            let key = format!("{}{name}", level.prefix);
            self.levels.push(level);
            if name.ends_with('/') {
                self.levels.push(self.read(key, None)?);
            } else if let Some(metadata) = file_at(&self.path(&key))? {
                return Ok(Some(Object { key, size: metadata.len() }));
            }
        }
        Ok(None)
    }

    fn path(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }
}

impl Iterator for Listing<'_> {
    type Item = anyhow::Result<Object>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.advance();
        if next.is_err() {
            // Nothing comes after an error.
            self.levels.clear();
        }
        next.map_err(anyhow::Error::from).transpose()
    }
}

/// Something that nobody put there as an object: to skip it would be to call a listing complete that is not.
pub(super) fn strange(path: &Path) -> Problem {
    let message = format!("{path:?} is neither a file nor a directory with a name in UTF-8, so it cannot be an object");
    Problem::new(Kind::Failed, message).hint("move it out of the storage directory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_with_more_names_than_are_held_at_a_time_is_listed_whole_and_in_order() {
        let root = tempfile::tempdir().unwrap();
        let mut keys: Vec<String> = (0..23).map(|n| format!("a/{}", n * 7919 % 23)).collect();
        keys.extend(["a-b", "a.b", "a0", "a/1/x", "b/c/d"].map(str::to_owned));
        // `a/1` cannot be an object and a directory at once.
        keys.retain(|key| key != "a/1");
        for key in &keys {
            let path = root.path().join(key);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, key).unwrap();
        }
        keys.sort();
        for names_at_a_time in 1..6 {
            let listing = Listing { names_at_a_time, ..Listing::new(root.path(), "") };
            let listed: Vec<String> = listing.map(|object| object.unwrap().key).collect();
            assert_eq!(listed, keys);
        }
    }
}
