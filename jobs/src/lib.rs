//! What upkeep does: the jobs, the kit they are made of, and the platform they work on.
//!
//! Start reading at [`meetings`], where a job's file tells its whole policy, then [`kit`] for the loop that carries it
//! out, and [`platform`] for database, storage, identity provider and shared folders.

pub mod accounts;
pub mod assets;
pub mod kit;
pub mod meetings;
pub mod platform;
pub mod system;

use kit::AnyJob;

/// Lists jobs by their types.
macro_rules! jobs {
    ($($job:path),* $(,)?) => {
        &[$(&$job),*]
    };
}

/// All jobs, in the order in which help and listings show them. A new job is a new file and a line here.
pub static JOBS: &[&dyn AnyJob] = jobs! {
    system::SelfCheck,
    meetings::EventCleanup,
    accounts::UserCleanup,
    meetings::AdhocEventCleanup,
    meetings::InviteCleanup,
    assets::SyncStorageFiles,
    meetings::RoomCleanup,
    accounts::KeycloakAccountSync,
    system::RunHistoryCleanup,
};

/// The job called `name`.
pub fn job(name: &str) -> Option<&'static dyn AnyJob> {
    JOBS.iter().copied().find(|job| job.name() == name)
}
