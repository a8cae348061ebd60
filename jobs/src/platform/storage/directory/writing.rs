//! Writing so that a file is there as a whole or not at all, whenever the power fails.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use uuid::Uuid;

/// Whether a file of this name is one of ours that is still being written, or was when a run was killed.
pub(super) fn is_temporary(name: &str) -> bool {
    name.starts_with(".upkeep-") && name.ends_with(".tmp")
}

/// A new file that is not yet where it belongs; dropping it removes it.
pub(super) struct Temporary {
    path: PathBuf,
    file: File,
    kept: bool,
}

impl Temporary {
    pub(super) fn create(directory: &Path) -> io::Result<Self> {
        let path = directory.join(format!(".upkeep-{}.tmp", Uuid::new_v4()));
        let file = File::create_new(&path)?;
        Ok(Self { path, file, kept: false })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Takes the place of whatever file is at `path`, which has to be in the same directory.
    pub(super) fn replace(mut self, path: &Path) -> io::Result<()> {
        // Before the new name: otherwise a power failure could leave an empty file under it.
        self.file.sync_all()?;
        fs::rename(&self.path, path)?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.kept
            && let Err(error) = fs::remove_file(&self.path)
        {
            log::warn!("cannot remove the temporary file {}: {error}; remove it by hand", self.path.display());
        }
    }
}

/// Writes to disk which files a directory has.
pub(super) fn synchronise(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Creates a directory and those above it that are missing, each of them to last.
pub(super) fn create_directories(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        create_directories(parent)?;
    }
    match fs::create_dir(directory) {
        // Somebody else was faster.
        Err(_) if directory.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => synchronise(parent.unwrap_or(Path::new("."))),
    }
}
