//! Jobs that look after the accounts of a video-conference platform's users.

mod account_changes;
mod account_states;
mod disabled_users;
mod kept_users;
mod keycloak_account_sync;
mod owned_events;
mod owned_rooms;
mod user_cleanup;
mod user_removal;

pub use keycloak_account_sync::KeycloakAccountSync;
pub use user_cleanup::UserCleanup;
