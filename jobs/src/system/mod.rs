//! Jobs about upkeep itself.

mod self_check;

pub use self_check::SelfCheck;
