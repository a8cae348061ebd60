//! What every job is made of.

mod candidates;
mod changes;
mod cleanup;
mod context;
mod crash;
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
pub use report::{Counts, Failure, Plan, Report};
pub use retention::days_before;
pub(crate) use summary::bytes_in_words;
