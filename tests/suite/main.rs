//! upkeep as its users meet it: the built binary, against real servers.
//!
//! Start reading at [`site`], which is what every test works on: a platform with its database and its storage.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test without its fixtures ends there; and tests are where the time of day is made up"
)]

mod site;

mod adhoc_event_cleanup;
mod bad_input;
mod command_line;
mod contention;
mod crashes;
mod database_faults;
mod demo;
mod doctor;
mod event_cascade;
mod event_cleanup;
mod folders;
mod generations;
mod history;
mod inherit;
mod invite_cleanup;
mod keycloak_account_sync;
mod manual;
mod metrics;
mod pages;
mod pings;
mod properties;
mod races;
mod room_cleanup;
mod run_history_cleanup;
mod scheduling;
mod shared_rooms;
mod statements;
mod storage_faults;
mod sync_storage_files;
mod user_cleanup;
