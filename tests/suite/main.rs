//! upkeep as its users meet it: the built binary, against real servers.
//!
//! Start reading at [`site`], which is what every test works on: a platform with its database and its storage.

#![expect(clippy::disallowed_methods, reason = "the program under test goes by the real time of day")]

mod site;

mod crashes;
mod demo;
mod event_cleanup;
