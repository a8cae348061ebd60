//! upkeep as its users meet it: the built binary, against real servers.
//!
//! Start reading at [`site`], which is what every test works on: a platform with its database and its storage.

#![expect(clippy::unwrap_used, reason = "what a test cannot set up ends it")]

mod site;

mod bad_input;
mod command_line;
mod crashes;
mod event_cleanup;
