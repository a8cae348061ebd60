//! All accounts that the provider lists, as little of them as the platform's users have to be compared with.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::reading::Account;

/// What the provider says about an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is listed, and enabled.
    Enabled,
    /// It is listed, and not enabled.
    Disabled,
    /// It is not listed.
    Absent,
}

/// The accounts that a provider lists.
#[derive(Debug, Default)]
pub struct Accounts {
    /// By key, whether one of that key is enabled.
    enabled: HashMap<Key, bool>,
    /// Only where keys are something else than ids.
    ids: HashSet<Key>,
    listed: u64,
}

impl Accounts {
    /// How many accounts are listed.
    pub fn listed(&self) -> u64 {
        self.listed
    }

    /// What is said about the account that the platform knows by `key`. Of several with the same key, one that is
    /// enabled counts.
    pub fn standing(&self, key: &str) -> Standing {
        match self.enabled.get(&Key::from(key)) {
            Some(true) => Standing::Enabled,
            Some(false) => Standing::Disabled,
            None => Standing::Absent,
        }
    }

    /// Adds an account, unless one of its id is there: then nothing is changed, and `false`.
    pub(super) fn add(&mut self, account: &Account, keys_are_ids: bool) -> bool {
        let key = Key::from(account.key());
        let new = if keys_are_ids {
            !self.enabled.contains_key(&key)
        } else {
            self.ids.insert(Key::from(account.id.as_str()))
        };
        if new {
            *self.enabled.entry(key).or_default() |= account.enabled;
            self.listed += 1;
        }
        new
    }
}

/// A text that mostly is a UUID, in as little memory as can be had; equal when the texts are the same to the byte.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Key {
    Uuid(Uuid),
    Text(Box<str>),
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        match Uuid::try_parse(text) {
            Ok(uuid) if uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text => Self::Uuid(uuid),
            _ => Self::Text(text.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

    fn account(id: &str, external_id: Option<&str>, enabled: bool) -> Account {
        Account { id: id.to_owned(), external_id: external_id.map(str::to_owned), enabled }
    }

    #[test]
    fn keys_compare_to_the_byte() {
        let mut accounts = Accounts::default();
        assert!(accounts.add(&account(ID, None, true), true));
        assert!(accounts.add(&account("Alice", None, false), true));
        assert_eq!(accounts.standing(ID), Standing::Enabled);
        assert_eq!(accounts.standing("Alice"), Standing::Disabled);
        let braced = format!("{{{ID}}}");
        for other in [&ID.to_uppercase(), &ID.replace('-', ""), &braced, "alice", "Alice ", "", "\u{fc}"] {
            assert_eq!(accounts.standing(other), Standing::Absent, "{other}");
        }
    }

    #[test]
    fn an_id_counts_once() {
        let mut accounts = Accounts::default();
        assert!(accounts.add(&account(ID, None, true), true));
        assert!(!accounts.add(&account(ID, None, false), true));
        assert_eq!((accounts.listed(), accounts.standing(ID)), (1, Standing::Enabled));
    }

    #[test]
    fn of_several_with_one_key_the_enabled_counts() {
        for order in [[true, false], [false, true]] {
            let mut accounts = Accounts::default();
            assert!(accounts.add(&account("a", Some("x"), order[0]), false));
            assert!(accounts.add(&account("b", Some("x"), order[1]), false));
            assert!(!accounts.add(&account("b", Some("y"), true), false));
            assert_eq!((accounts.listed(), accounts.standing("x")), (2, Standing::Enabled));
            assert_eq!(accounts.standing("y"), Standing::Absent);
        }
    }
}
