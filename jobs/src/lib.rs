//! What upkeep does: the jobs, the kit they are made of, and the platform they work on.

pub mod meetings;
pub mod platform;
