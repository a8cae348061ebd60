//! `[shared_folder]`: the server on which the platform keeps the folders of its events.

use secrecy::SecretString;
use upkeep_jobs::platform::Problem;

use super::endpoint;
use super::keys::{SHARED_FOLDER_PASSWORD, SHARED_FOLDER_PROVIDER, SHARED_FOLDER_URL, SHARED_FOLDER_USERNAME};
use super::sources::Settings;

/// A Nextcloud and the account whose folders are shared.
#[derive(Debug, Clone)]
pub(crate) struct NextcloudSettings {
    /// The base URL, `http` or `https`, perhaps with a path, with or without a final slash.
    pub(crate) url: String,
    pub(crate) username: String,
    pub(crate) password: SecretString,
}

/// `None` if nothing at all is set.
pub(super) fn shared_folder(settings: &Settings) -> Result<Option<NextcloudSettings>, Problem> {
    let all = [SHARED_FOLDER_PROVIDER, SHARED_FOLDER_URL, SHARED_FOLDER_USERNAME, SHARED_FOLDER_PASSWORD];
    if !all.into_iter().any(|key| settings.is_given(key)) {
        return Ok(None);
    }
    let provider = settings.text(SHARED_FOLDER_PROVIDER)?;
    if provider != "nextcloud" {
        let fault = format!(r#"must be "nextcloud", not {provider:?}"#);
        return Err(settings.invalid(SHARED_FOLDER_PROVIDER, fault));
    }
    let url = settings.text(SHARED_FOLDER_URL)?;
    endpoint::check(url).map_err(|fault| settings.invalid(SHARED_FOLDER_URL, fault))?;
    let username = settings.text(SHARED_FOLDER_USERNAME)?;
    // It becomes a segment of the path below which folders are deleted, and the part before the colon of basic
    // authentication.
    if matches!(username, "." | "..") || username.contains(['/', ':']) {
        return Err(settings.invalid(SHARED_FOLDER_USERNAME, "is no user name: it contains / or :, or is . or .."));
    }
    let password = settings.secret(SHARED_FOLDER_PASSWORD)?;
    Ok(Some(NextcloudSettings { url: url.to_owned(), username: username.to_owned(), password }))
}
