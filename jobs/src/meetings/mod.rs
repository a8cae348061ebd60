//! The jobs of the video-conference platform.

mod event_cleanup;
mod event_folders;
pub(crate) mod event_removal;
pub(crate) mod permissions;
mod recurrence;
pub(crate) mod room_removal;
pub(crate) mod rows;
mod schedule;
pub(crate) mod schema;

pub use event_cleanup::EventCleanup;
pub use room_removal::sample_of_objects;
