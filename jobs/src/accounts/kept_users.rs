//! Users who stay because something that they own does.

use std::collections::BTreeMap;
use std::fmt;

use uuid::Uuid;

use crate::kit::Context;

/// The reasons of so many users are remembered, more than a report holds; of the others only who they are.
const REASONS: usize = 1_000;

/// Why users stay whose events or rooms could not be removed. What a run counts is users, so it is they who fail.
#[derive(Debug, Default)]
pub(super) struct KeptUsers(BTreeMap<Uuid, Option<String>>);

impl KeptUsers {
    /// Remembers that `what` of `user` could not be removed.
    pub(super) fn note(&mut self, user: Uuid, what: impl fmt::Display, reason: &str) {
        log::debug!("{what} of user {user}: {reason}");
        let has_room = self.0.len() < REASONS;
        self.0.entry(user).or_insert_with(|| has_room.then(|| format!("its {what} could not be removed: {reason}")));
    }

    /// Why `user`, who still owns events or rooms, has to stay.
    pub(super) fn reason(&self, user: Uuid) -> String {
        match self.0.get(&user) {
            Some(reason) => in_words(reason),
            None => "it still owns events or rooms, perhaps made meanwhile; a later run removes them".to_owned(),
        }
    }

    /// Forgets `user`, of whom the report has been told.
    pub(super) fn told(&mut self, user: Uuid) {
        self.0.remove(&user);
    }

    /// Counts all these users as failed, when the run ends before it comes to them.
    pub(super) fn fail_all(&self, context: &Context) {
        for (user, reason) in &self.0 {
            context.report().fail(user, in_words(reason));
        }
    }
}

fn in_words(reason: &Option<String>) -> String {
    reason.clone().unwrap_or_else(|| "an event or room of it could not be removed; -v shows why".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_kept_counts_however_many_they_are() {
        let mut kept = KeptUsers::default();
        let users: Vec<_> = (0..REASONS as u128 + 500).map(Uuid::from_u128).collect();
        for user in users.iter().chain(&users) {
            kept.note(*user, "event 7", "locked");
        }
        assert_eq!(kept.0.len(), users.len());
        assert_eq!(kept.reason(users[0]), "its event 7 could not be removed: locked");
        assert!(kept.reason(users[REASONS]).contains("could not be removed"));
        assert!(kept.reason(Uuid::max()).contains("made meanwhile"));
    }
}
