//! Jobs that look after the accounts of a video-conference platform's users.

mod account_changes;
mod account_states;
mod keycloak_account_sync;

pub use keycloak_account_sync::KeycloakAccountSync;
