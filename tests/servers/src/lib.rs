//! servers

pub mod nextcloud;

pub use nextcloud::Nextcloud;
