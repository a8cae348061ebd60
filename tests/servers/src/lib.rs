//! The servers that upkeep is tested and measured against, and faults in between.

mod background;
pub mod cutter;
pub mod fault_proxy;
mod http;
pub mod keycloak;
pub mod lister;
pub mod nextcloud;
pub mod pgbouncer;
pub mod pings;
pub mod postgres;
pub mod s3;

pub use cutter::Cutter;
pub use keycloak::Keycloak;
pub use nextcloud::Nextcloud;
pub use pgbouncer::PgBouncer;
pub use pings::PingService;
pub use postgres::Postgres;
