//! Jobs about events, rooms and guest invites; and how these are removed, which the jobs in other places share.

mod adhoc_event_cleanup;
mod event_cleanup;
mod event_folders;
pub(crate) mod event_removal;
mod foreign_rows;
mod invite_cleanup;
pub(crate) mod permissions;
mod recurrence;
mod room_cleanup;
pub(crate) mod room_removal;
pub(crate) mod rows;
mod schedule;
pub(crate) mod schema;

pub use adhoc_event_cleanup::AdhocEventCleanup;
pub use event_cleanup::EventCleanup;
pub use invite_cleanup::InviteCleanup;
pub use room_cleanup::RoomCleanup;
pub use room_removal::sample_of_objects;
