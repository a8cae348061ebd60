//! The servers that upkeep is tested and measured against, and faults in between.

mod background;
pub mod cutter;
pub mod fault_proxy;
pub mod lister;
pub mod nextcloud;
pub mod pgbouncer;
pub mod postgres;
pub mod s3;

pub use cutter::Cutter;
pub use nextcloud::Nextcloud;
pub use pgbouncer::PgBouncer;
pub use postgres::Postgres;
