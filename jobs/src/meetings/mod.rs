//! The jobs of the video-conference platform.

mod event_cleanup;
mod event_folders;
mod event_removal;
mod recurrence;
mod schedule;

pub use event_cleanup::EventCleanup;
