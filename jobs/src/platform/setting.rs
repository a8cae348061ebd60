//! A setting that cannot work, told apart from other problems so that a configuration can add where it was set.

use super::problem::{Kind, Problem};

/// A setting whose value cannot work. It converts into a [`Problem`] of kind [`Kind::Configuration`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} {fault}")]
pub struct InvalidSetting {
    /// As in the configuration, for example `storage.bucket`.
    pub key: &'static str,
    /// What is wrong with the value, to follow the name of the key; it never repeats a secret.
    pub fault: String,
    /// What to write instead.
    pub hint: &'static str,
}

impl From<InvalidSetting> for Problem {
    fn from(invalid: InvalidSetting) -> Self {
        Problem::new(Kind::Configuration, &invalid).hint(invalid.hint)
    }
}
