//! Changing the states of many users in batches that give way to the platform.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use uuid::Uuid;

use super::account_states::{self, Change, User};
use crate::kit::{self, Changed, Context, Report, change_all};
use crate::platform::database::{Connection, Database};

/// Changes `users`, as far as they are still as they were read; `done` counts them, also when an error ends it. Those
/// that could not be changed are in the report.
///
/// # Errors
/// When the run is told to stop, or the database does not work.
pub(super) fn make(
    context: &Context,
    database: &mut Database,
    change: Change,
    users: &[User],
    done: &mut u64,
) -> anyhow::Result<()> {
    change_all(context, database, &mut AccountChange { change, now: context.now, done }, users)
}

struct AccountChange<'a> {
    change: Change,
    now: DateTime<Utc>,
    done: &'a mut u64,
}

impl kit::Change for AccountChange<'_> {
    const ROWS: &'static str = "user accounts";
    /// One statement changes them all, and no other table is looked at.
    const SMALLEST_BATCH: usize = 1_000;
    type Row = User;

    fn key(row: &User) -> Uuid {
        row.id.0
    }

    fn change(&mut self, connection: &mut Connection, users: &[User]) -> QueryResult<Changed> {
        let ids = account_states::apply(connection, self.change, users, self.now)?;
        let changed: BTreeSet<_> = ids.iter().collect();
        let others: Vec<_> = users.iter().filter(|user| !changed.contains(&user.id.0)).cloned().collect();
        let locked = match others.as_slice() {
            [] => Vec::new(),
            others => account_states::still_due(connection, self.change, others)?,
        };
        Ok(Changed { ids, locked, ..Changed::default() })
    }

    fn count(&mut self, report: &mut Report, changed: &Changed) {
        for id in &changed.ids {
            log::debug!("{} user {id}", if self.change == Change::Disable { "disabled" } else { "enabled" });
        }
        *self.done += changed.ids.len() as u64;
        report.counts.updated += changed.ids.len() as u64;
    }
}
