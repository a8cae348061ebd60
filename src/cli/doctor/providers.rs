//! What the identity provider and the shared-folder provider say.

use upkeep_jobs::platform::Stop;
use upkeep_jobs::platform::identity::{Identity, IdentitySettings};
use upkeep_jobs::platform::shared_folders::{NextcloudSettings, SharedFolders};

use super::finding::Finding;

/// Asks for a single account.
pub(super) fn identity(settings: Option<&IdentitySettings>, stop: &Stop) -> Vec<Finding> {
    const AREA: &str = "Identity provider";
    let Some(settings) = settings else {
        let text = "not configured; keycloak-account-sync cannot run";
        return vec![Finding::note(AREA, text).fix("set [identity] if the platform has one")];
    };
    let checked = Identity::keycloak(settings, false).and_then(|identity| {
        identity.check_access(stop)?;
        Ok(format!("{} lists accounts", identity.location()))
    });
    vec![told(AREA, checked)]
}

/// Asks who the user is and whether there are shares at all.
pub(super) fn shared_folders(settings: Option<&NextcloudSettings>, stop: &Stop) -> Vec<Finding> {
    const AREA: &str = "Shared folders";
    let Some(settings) = settings else {
        let text = "not configured; shared folders of events cannot be removed";
        return vec![Finding::note(AREA, text).fix("set [shared_folder] if the platform has them")];
    };
    let checked = SharedFolders::nextcloud(settings.clone()).and_then(|folders| {
        folders.check_access(stop)?;
        Ok(format!("{} lets upkeep in", folders.location()))
    });
    vec![told(AREA, checked)]
}

fn told<E: Into<anyhow::Error>>(area: &'static str, checked: Result<String, E>) -> Finding {
    match checked {
        Ok(text) => Finding::ok(area, text),
        Err(error) => Finding::problem(area, &error.into()),
    }
}
