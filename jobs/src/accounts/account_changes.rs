//! Changing the states of many users in batches that give way to the platform.

use std::collections::BTreeSet;

use super::account_states::{self, Change, User};
use crate::kit::{Context, LAST_PAUSE, LAST_TRIES, LOCKED, Patience};
use crate::platform::Problem;
use crate::platform::database::{Database, DatabaseError};

/// Users changed per statement and transaction.
const BATCH: usize = 1_000;
/// Changes `users`, as far as they are still as they were read; `done` counts them, also when an error ends it. Those
/// that could not be changed are in the report.
///
/// # Errors
/// When the run is told to stop, or the database does not work.
pub(super) fn make(
    context: &Context,
    database: &mut Database,
    change: Change,
    users: Vec<User>,
    done: &mut u64,
) -> anyhow::Result<()> {
    let mut changes = Changes { context, database, change, done, patience: Patience::new(), waiting: Vec::new() };
    changes.all(&users)?;
    for _ in 0..LAST_TRIES {
        if changes.waiting.is_empty() {
            break;
        }
        context.stop().sleep(LAST_PAUSE);
        changes.patience.last_try();
        let again: Vec<_> = std::mem::take(&mut changes.waiting).into_iter().map(|(user, _)| user).collect();
        changes.all(&again)?;
    }
    for (user, reason) in changes.waiting {
        context.report().fail(user.id.0, reason);
    }
    Ok(())
}

struct Changes<'a> {
    context: &'a Context,
    database: &'a mut Database,
    change: Change,
    done: &'a mut u64,
    patience: Patience,
    /// Users to try again, with the reason why they could not be changed so far.
    waiting: Vec<(User, String)>,
}

impl Changes<'_> {
    fn all(&mut self, users: &[User]) -> anyhow::Result<()> {
        for batch in users.chunks(BATCH) {
            let mut parts = vec![batch];
            while let Some(part) = parts.pop() {
                self.context.checkpoint()?;
                match self.part(part) {
                    Ok(()) => self.patience.passed(),
                    Err(DatabaseError::Problem(problem)) => return Err(problem.into()),
                    Err(DatabaseError::Constraint(reason) | DatabaseError::Rejected(reason)) => match part {
                        [user] => self.put_off(user, reason)?,
                        // Only at the end, see there.
                        users if self.patience.is_lost() => {
                            self.waiting.extend(users.iter().map(|user| (user.clone(), reason.clone())));
                        }
                        _ => {
                            log::debug!("a batch of {} did not pass; narrowing it down: {reason}", part.len());
                            let (first, second) = part.split_at(part.len() / 2);
                            parts.extend([second, first]);
                        }
                    },
                }
            }
            self.context.progress(|report| format!("{} user accounts changed so far", report.counts.updated));
        }
        Ok(())
    }

    fn part(&mut self, users: &[User]) -> Result<(), DatabaseError> {
        let (change, now) = (self.change, self.context.now);
        let changed = self.database.write(|connection| account_states::apply(connection, change, users, now))?;
        for id in &changed {
            log::debug!("{} user {id}", if change == Change::Disable { "disabled" } else { "enabled" });
        }
        *self.done += changed.len() as u64;
        self.context.report().counts.updated += changed.len() as u64;
        if changed.len() == users.len() {
            return Ok(());
        }
        let changed: BTreeSet<_> = changed.into_iter().collect();
        let others: Vec<_> = users.iter().filter(|user| !changed.contains(&user.id.0)).cloned().collect();
        let due = self.database.read(|connection| account_states::still_due(connection, change, &others))?;
        let due: BTreeSet<_> = due.into_iter().collect();
        self.context.report().counts.skipped += (others.len() - due.len()) as u64;
        let locked = others.into_iter().filter(|user| due.contains(&user.id.0));
        self.waiting.extend(locked.map(|user| (user, LOCKED.to_owned())));
        Ok(())
    }

    /// Keeps a user who was refused alone for another try.
    fn put_off(&mut self, user: &User, reason: String) -> Result<(), Problem> {
        self.patience.refused("users", &reason)?;
        self.waiting.push((user.clone(), reason));
        Ok(())
    }
}
