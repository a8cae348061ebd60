//! Jobs about assets: recordings, minutes, whiteboards, and whatever else rooms have stored.

mod corrections;
mod difference;
mod listed;
mod merge;
mod remembered;
mod rows;
mod survey;
mod sync_storage_files;

pub use sync_storage_files::SyncStorageFiles;
