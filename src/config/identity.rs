//! `[identity]`: the identity provider, which knows the platform's accounts.

use upkeep_jobs::platform::Problem;
use upkeep_jobs::platform::identity::IdentitySettings;

use super::keys::{
    IDENTITY_API_BASE_URL, IDENTITY_AUTHORITY, IDENTITY_CLIENT_ID, IDENTITY_CLIENT_SECRET,
    IDENTITY_EXTERNAL_ID_USER_ATTRIBUTE_NAME,
};
use super::sources::Settings;

/// `None` if nothing at all is set.
pub(super) fn identity(settings: &Settings) -> Result<Option<IdentitySettings>, Problem> {
    let all = [
        IDENTITY_API_BASE_URL,
        IDENTITY_AUTHORITY,
        IDENTITY_CLIENT_ID,
        IDENTITY_CLIENT_SECRET,
        IDENTITY_EXTERNAL_ID_USER_ATTRIBUTE_NAME,
    ];
    if !all.into_iter().any(|key| settings.is_given(key)) {
        return Ok(None);
    }
    let mut identity = IdentitySettings::new(
        settings.text(IDENTITY_API_BASE_URL)?,
        settings.text(IDENTITY_AUTHORITY)?,
        settings.text(IDENTITY_CLIENT_ID)?,
        settings.secret(IDENTITY_CLIENT_SECRET)?,
    );
    let attribute = settings.get(IDENTITY_EXTERNAL_ID_USER_ATTRIBUTE_NAME);
    identity.external_id_user_attribute_name = attribute.and_then(|setting| setting.value.text()).map(str::to_owned);
    identity.check().map_err(|invalid| settings.unusable(invalid))?;
    Ok(Some(identity))
}
