//! The identity provider: which accounts it lists, and which of them are enabled. Nothing in here can change anything
//! there.

mod settings;

pub use self::settings::IdentitySettings;
use super::Problem;

/// The configured identity provider, a Keycloak realm. Nothing is connected before the first question.
#[derive(Debug, Clone)]
pub struct Identity {
    settings: IdentitySettings,
}

impl Identity {
    /// The realm that the settings name.
    ///
    /// # Errors
    /// A [`Problem`] of kind [`Configuration`](super::Kind::Configuration) when a setting cannot work.
    pub fn keycloak(settings: IdentitySettings) -> Result<Self, Problem> {
        settings.check()?;
        Ok(Self { settings })
    }

    /// Where the accounts are, without secrets: for example `https://id.example.org/admin/realms/meet`.
    pub fn location(&self) -> &str {
        &self.settings.api_base_url
    }
}
