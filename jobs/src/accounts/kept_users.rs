//! Users who stay because something that they own does.

use std::collections::BTreeMap;
use std::fmt;

use uuid::Uuid;

use crate::kit::Context;

/// The reasons of so many users are remembered; a report holds fewer.
const REMEMBERED: usize = 1_000;

/// Why users stay whose events or rooms could not be removed. What a run counts is users, so it is they who fail.
#[derive(Debug, Default)]
pub(super) struct KeptUsers(BTreeMap<Uuid, String>);

impl KeptUsers {
    /// Remembers that `what` of `user` could not be removed.
    pub(super) fn note(&mut self, user: Uuid, what: impl fmt::Display, reason: &str) {
        log::debug!("{what} of user {user}: {reason}");
        if self.0.len() < REMEMBERED {
            self.0.entry(user).or_insert_with(|| format!("its {what} could not be removed: {reason}"));
        }
    }

    /// Why `user`, who still owns events or rooms, has to stay.
    pub(super) fn reason(&self, user: Uuid) -> String {
        let unknown = || "it still owns events or rooms, perhaps made meanwhile; a later run removes them".to_owned();
        self.0.get(&user).cloned().unwrap_or_else(unknown)
    }

    /// Forgets `user`, of whom the report has been told.
    pub(super) fn told(&mut self, user: Uuid) {
        self.0.remove(&user);
    }

    /// Counts all these users as failed, when the run ends before it comes to them.
    pub(super) fn fail_all(&self, context: &Context) {
        for (user, reason) in &self.0 {
            context.report().fail(user, reason);
        }
    }
}
