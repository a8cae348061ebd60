//! Writing files without doing away with anybody's changes.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use upkeep_jobs::platform::{Kind, Problem};

/// A file to be written.
pub(super) struct File {
    /// Its path below the directory.
    pub(super) name: String,
    pub(super) contents: String,
    /// Whether it is there to be edited: then it is never replaced.
    pub(super) is_operators: bool,
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placed {
    Written,
    /// It had these contents already.
    Unchanged,
    /// It has other contents, which are the operator's.
    Kept,
}

impl fmt::Display for Placed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Placed::Written => "written",
            Placed::Unchanged => "unchanged",
            Placed::Kept => "kept",
        })
    }
}

/// Writes all `files` below `directory`, or none if one of them was edited there and `force` does not say to replace it.
pub(super) fn place(directory: &Path, files: &[File], force: bool) -> anyhow::Result<Vec<Placed>> {
    let paths: Vec<_> = files.iter().map(|file| directory.join(&file.name)).collect();
    let present = paths.iter().map(|path| present(path)).collect::<Result<Vec<_>, _>>()?;
    let placed = files.iter().zip(&present).map(|(file, present)| match present {
        Some(contents) if contents == file.contents.as_bytes() => Placed::Unchanged,
        Some(_) if file.is_operators => Placed::Kept,
        Some(_) | None => Placed::Written,
    });
    let placed: Vec<_> = placed.collect();
    let replaced =
        |(_, (placed, present)): &(&PathBuf, (&Placed, &Option<_>))| **placed == Placed::Written && present.is_some();
    if let Some((edited, _)) = paths.iter().zip(placed.iter().zip(&present)).find(replaced).filter(|_| !force) {
        let message = format!("{} is there already, with other contents; nothing was written", edited.display());
        let hint = "choose another directory and compare, or replace what differs with --force";
        return Err(Problem::new(Kind::Usage, message).hint(hint).into());
    }
    for ((file, path), _) in files.iter().zip(&paths).zip(&placed).filter(|(_, placed)| **placed == Placed::Written) {
        write(path, &file.contents).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(placed)
}

fn present(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(contents) => Ok(Some(contents)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot tell whether {} was edited", path.display())),
    }
}

/// Whole or not at all: half a file would look edited the next time.
fn write(path: &Path, contents: &str) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    let written = fs::write(&unfinished, contents).and_then(|()| fs::rename(&unfinished, path));
    if written.is_err() && fs::exists(&unfinished)? {
        fs::remove_file(&unfinished)?;
    }
    written
}
