//! upkeep as its users meet it: the built binary, against real servers.
//!
//! Start reading at [`site`], which is what every test works on: a platform with its database and its storage.

#![expect(clippy::disallowed_methods, reason = "rows are made relative to the present that the binary will see")]
#![expect(clippy::unwrap_used, reason = "what a test cannot set up ends it")]

mod site;

mod bad_input;
mod command_line;
mod crashes;
mod event_cleanup;
