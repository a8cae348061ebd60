//! Jobs about upkeep itself.

mod run_history_cleanup;
mod self_check;

pub use run_history_cleanup::RunHistoryCleanup;
pub use self_check::SelfCheck;
