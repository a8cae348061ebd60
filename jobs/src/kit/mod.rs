//! What every job is made of.
//!
//! Every job: `job` (what a job is), `context` (what a run hands it), `parameters`, `report`, `guard`.
//!
//! Jobs that delete what is due: `cleanup` is what a job supplies, `candidates` does so where a condition in SQL tells
//! what is due; `passes` is a run, `pass` the loop, with `pace` (batch sizes), `patience` (locks) and `extent` (how far
//! it is). Jobs that first find out and then act: `changes`.
//!
//! What is deleted outside the database: `outbox` is the table, `object_deletions` the thread that empties it,
//! `leftovers` what earlier runs left there.

mod candidates;
mod changes;
mod cleanup;
mod context;
mod crash;
mod extent;
mod foreign_references;
mod guard;
mod job;
mod leftovers;
mod nightly;
mod object_deletions;
mod outbox;
mod pace;
mod parameters;
mod pass;
mod passes;
mod patience;
mod progress;
mod report;
mod retention;
mod summary;

pub(crate) use candidates::{Candidate, Candidates, Held};
pub use changes::{Change, Changed, change_all};
pub use cleanup::{Cleanup, Due, Preparation, Removal, Step};
pub use context::{Context, Resources, StorageSettings, Stores};
pub use crash::crash_point;
pub(crate) use foreign_references::ForeignReferences;
pub use guard::{Allowance, Guard};
pub use job::{AnyJob, Job};
pub use nightly::Nightly;
pub use outbox::{PendingFolder, StoredObject, Waiting, waiting};
pub use parameters::{parse_parameters, type_in_words};
pub use passes::{Passes, clean_up, clean_up_in_passes, drain_outbox};
pub use progress::{Progress, ShowProgress};
pub use report::{Counts, Failure, NOTES, Plan, Report};
pub use retention::days_before;
pub(crate) use summary::bytes_in_words;
