//! What jobs work on: database, object storage, identity provider, shared folders. Nothing in here knows what a job is.

mod crew;
mod endpoint;
mod http;
mod ping;
mod problem;
mod setting;
mod stop;
mod words;

pub mod database;
pub mod identity;
pub mod shared_folders;
pub mod storage;

pub use ping::{PingUrl, Signal};
pub use problem::{Kind, Problem};
pub use setting::InvalidSetting;
pub use stop::{Stop, StopReason};
pub use words::is_steering;
