//! `[shared_folder]`: the server on which the platform keeps the folders of its events.

use upkeep_jobs::platform::Problem;
use upkeep_jobs::platform::shared_folders::NextcloudSettings;

use super::keys::{SHARED_FOLDER_PASSWORD, SHARED_FOLDER_PROVIDER, SHARED_FOLDER_URL, SHARED_FOLDER_USERNAME};
use super::sources::Settings;

/// `None` if nothing at all is set, or if the platform itself uses a provider that upkeep does not know: most jobs never
/// come to a folder, and for those that do, each is left to a later run, with a warning.
pub(super) fn shared_folder(settings: &mut Settings) -> Result<Option<NextcloudSettings>, Problem> {
    let all = [SHARED_FOLDER_PROVIDER, SHARED_FOLDER_URL, SHARED_FOLDER_USERNAME, SHARED_FOLDER_PASSWORD];
    if !all.into_iter().any(|key| settings.is_given(key)) {
        return Ok(None);
    }
    let provider = settings.text(SHARED_FOLDER_PROVIDER)?;
    if provider != "nextcloud" {
        if settings.is_inherited(SHARED_FOLDER_PROVIDER) {
            settings.retire(&all, "not used: the platform's provider of shared folders is not known to upkeep");
            return Ok(None);
        }
        let fault = format!(r#"must be "nextcloud", not {provider:?}"#);
        return Err(settings.invalid(SHARED_FOLDER_PROVIDER, fault));
    }
    let nextcloud = NextcloudSettings::new(
        settings.text(SHARED_FOLDER_URL)?,
        settings.text(SHARED_FOLDER_USERNAME)?,
        settings.secret(SHARED_FOLDER_PASSWORD)?,
    );
    nextcloud.check().map_err(|invalid| settings.unusable(invalid))?;
    Ok(Some(nextcloud))
}
