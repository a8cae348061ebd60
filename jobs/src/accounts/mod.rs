//! The jobs on the accounts of the platform's users.

mod disabled_users;
mod foreign_references;
mod kept_users;
mod owned_events;
mod owned_rooms;
mod user_cleanup;
mod user_removal;

pub use user_cleanup::UserCleanup;
