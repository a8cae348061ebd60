//! How to reach the identity provider, and as whom.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::platform::{InvalidSetting, endpoint};

/// How to reach a Keycloak realm, and as which of its clients.
#[derive(Debug, Clone)]
pub struct IdentitySettings {
    /// The realm's administration API, for example `https://id.example.org/admin/realms/meet`.
    pub api_base_url: String,
    /// The realm as an issuer of tokens, for example `https://id.example.org/realms/meet`.
    pub authority: String,
    /// The client whose service account may view the realm's users.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SecretString,
    /// The user attribute whose first string is the key that the platform knows an account by; the account's id if
    /// there is none.
    pub external_id_user_attribute_name: Option<String>,
    /// The longest wait for a connection.
    pub connect_timeout: Duration,
    /// The longest wait for one request as a whole, connecting included.
    pub request_timeout: Duration,
}

impl IdentitySettings {
    /// Settings with the default timeouts: 5 seconds to connect, 30 for a request, and accounts known by their ids.
    pub fn new(
        api_base_url: impl Into<String>,
        authority: impl Into<String>,
        client_id: impl Into<String>,
        client_secret: SecretString,
    ) -> Self {
        Self {
            api_base_url: api_base_url.into(),
            authority: authority.into(),
            client_id: client_id.into(),
            client_secret,
            external_id_user_attribute_name: None,
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
        }
    }

    /// Finds out whether the settings can work, as far as that is possible without connecting.
    ///
    /// # Errors
    /// The first setting that cannot.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        self.api_base()?;
        self.issuer()?;
        let blank = |text: &str| text.trim().is_empty() || text.contains(char::is_control);
        let invalid = |key, fault: &str, hint| Err(InvalidSetting { key, fault: fault.to_owned(), hint });
        if blank(&self.client_id) {
            let hint = "give the id of the client in the realm, such as upkeep";
            return invalid("identity.client_id", "is empty or contains control characters", hint);
        }
        if blank(self.client_secret.expose_secret()) {
            let hint = "copy it from the tab Credentials of the client";
            return invalid("identity.client_secret", "is empty or contains control characters", hint);
        }
        if self.external_id_user_attribute_name.as_deref().is_some_and(blank) {
            let hint = "leave it out if the platform knows accounts by their ids";
            let fault = "is empty or contains control characters";
            return invalid("identity.external_id_user_attribute_name", fault, hint);
        }
        Ok(())
    }

    /// The API's address in its one form, without the final slash.
    pub(super) fn api_base(&self) -> Result<String, InvalidSetting> {
        endpoint::base(&self.api_base_url).map_err(|fault| InvalidSetting {
            key: "identity.api_base_url",
            fault,
            hint: "give the realm's administration API, such as https://id.example.org/admin/realms/meet",
        })
    }

    /// The issuer's address in its one form, without the final slash.
    pub(super) fn issuer(&self) -> Result<String, InvalidSetting> {
        endpoint::base(&self.authority).map_err(|fault| InvalidSetting {
            key: "identity.authority",
            fault,
            hint: "give the realm's address, such as https://id.example.org/realms/meet",
        })
    }
}
