//! The servers that upkeep is tested and measured against, and faults in between.

mod background;
pub mod fault_proxy;
pub mod nextcloud;
pub mod s3;

pub use nextcloud::Nextcloud;
