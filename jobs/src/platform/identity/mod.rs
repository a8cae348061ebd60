//! The identity provider: which accounts it lists, and which of them are enabled. Nothing in here can change anything
//! there.
//!
//! Whoever is not certainly absent or not enabled must not lose access: every answer that is not exactly what was asked
//! for is an error.

mod accounts;
mod keycloak;
mod listing;
mod reading;
mod refusal;
mod requests;
mod settings;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use self::accounts::{Accounts, Standing};
use self::keycloak::{Keycloak, THREADS};
pub use self::settings::IdentitySettings;
use super::crew::Crew;
use super::{Kind, Problem, Stop};

/// The configured identity provider, a Keycloak realm. Nothing is connected before the first question.
#[derive(Debug, Clone)]
pub struct Identity {
    keycloak: Arc<Keycloak>,
}

impl Identity {
    /// The realm that the settings name; `dumps_failed_responses` logs the bodies of answers that end a run, which may
    /// hold names.
    ///
    /// # Errors
    /// A [`Problem`] of kind [`Configuration`](super::Kind::Configuration) when a setting cannot work.
    pub fn keycloak(settings: &IdentitySettings, dumps_failed_responses: bool) -> Result<Self, Problem> {
        Ok(Self { keycloak: Arc::new(Keycloak::new(settings, dumps_failed_responses)?) })
    }

    /// Where the accounts are, without secrets: for example `https://id.example.org/admin/realms/meet`.
    pub fn location(&self) -> &str {
        self.keycloak.location()
    }

    /// Whether several accounts may have the same key, as one is an attribute and not the account's id.
    pub fn has_repeatable_keys(&self) -> bool {
        self.keycloak.has_other_keys()
    }

    /// Tries to read a page with a single account, with all that it takes.
    ///
    /// # Errors
    /// What is in the way, with what to do about it; also when there is no account.
    pub fn check_access(&self, stop: &Stop) -> Result<(), Problem> {
        match self.keycloak.page(0, 1, stop)?.as_slice() {
            [] => Err(listing::nobody(&self.keycloak)),
            _ => Ok(()),
        }
    }

    /// All accounts, read in pages of `page_size`, some at a time; `progress` is told now and then how many there are
    /// so far.
    ///
    /// # Errors
    /// When a page is not exactly what was asked for, the accounts change all the time, or nobody is listed at all,
    /// which is a [`Problem`] of kind [`Refused`](super::Kind::Refused); and when `stop` says so.
    pub fn accounts(&self, page_size: u32, stop: &Stop, mut progress: impl FnMut(u64)) -> Result<Accounts, Problem> {
        listing::read(&self.keycloak, page_size, stop, &mut progress)
    }

    /// Asks again about accounts that the pages lacked: each by its own address where the key is the account's id and
    /// has one, the others by reading all pages once more.
    ///
    /// # Errors
    /// As [`Identity::accounts`]; only a clear "not found" means [`Standing::Absent`].
    pub fn look_again(
        &self,
        keys: BTreeSet<String>,
        page_size: u32,
        stop: &Stop,
    ) -> Result<BTreeMap<String, Standing>, Problem> {
        let (ids, others): (Vec<_>, Vec<_>) = keys.into_iter().partition(|key| self.keycloak.can_be_asked_for(key));
        let mut standings = BTreeMap::new();
        let (keycloak, next, asking) = (Arc::clone(&self.keycloak), AtomicUsize::new(0), stop.clone());
        let (threads, expected) = (THREADS.min(ids.len()), ids.len());
        let crew = Crew::start("accounts", threads, stop, move || {
            let id = ids.get(next.fetch_add(1, Ordering::Relaxed))?;
            Some((id.clone(), keycloak.account(id, &asking)))
        })?;
        while let Some((id, account)) = crew.next()? {
            let standing = match account? {
                Some(account) if account.enabled => Standing::Enabled,
                Some(_) => Standing::Disabled,
                None => Standing::Absent,
            };
            standings.insert(id, standing);
        }
        if standings.len() != expected {
            return Err(Problem::new(Kind::Failed, "not all accounts that were asked for got an answer"));
        }
        if !others.is_empty() {
            let accounts = self.accounts(page_size, stop, |_| {})?;
            standings.extend(others.into_iter().map(|key| {
                let standing = accounts.standing(&key);
                (key, standing)
            }));
        }
        Ok(standings)
    }
}
