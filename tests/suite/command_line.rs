//! Everything that can be said to upkeep, and what it answers: standard output, standard error and exit code.

mod busy;
mod configuration;
mod database;
mod event_cleanup;
mod failures;
mod help;
mod progress;
mod quiet;
mod self_check;
mod service;
mod stopping;
mod terminal;
