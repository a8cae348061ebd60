//! Shared folders: what belongs to an event at the platform's shared-folder provider, and its removal there.
//!
//! Every operation may be repeated: what is already gone counts as removed. Nothing is sent for a folder whose
//! stored data does not name exactly one folder below the root of the configured user.

mod access;
mod nextcloud;
mod ocs;
mod requests;
mod work;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::nextcloud::Nextcloud;
pub use self::nextcloud::NextcloudSettings;
use self::work::Work;
use super::{Problem, Stop};

/// Everything that is needed to remove a shared folder, now or from the outbox; it holds no passwords or links.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedFolder {
    /// The folder, relative to the root of the configured user, as the platform stored it.
    pub path: String,
    /// The platform's `provider_data`: `{"type":"nextcloud","write_share_id":"..","read_share_id":".."}`. If that
    /// cannot be read, its text as a string, for which nothing is sent.
    pub provider_data: serde_json::Value,
}

/// The configured shared-folder provider, or none.
#[derive(Debug, Clone)]
pub struct SharedFolders {
    location: String,
    provider: Option<Arc<Nextcloud>>,
}

impl SharedFolders {
    /// The [`location`](SharedFolders::location) when there is no provider.
    pub const NOWHERE: &'static str = "no shared-folder provider";

    /// Folders in a Nextcloud. Nothing is connected before the first removal.
    ///
    /// # Errors
    /// A [`Problem`] of kind [`Configuration`](super::Kind::Configuration) when the URL or the user name cannot work.
    pub fn nextcloud(settings: NextcloudSettings) -> anyhow::Result<Self> {
        let provider = Nextcloud::new(settings).map_err(Problem::from)?;
        Ok(Self { location: provider.location(), provider: Some(Arc::new(provider)) })
    }

    /// No provider: every removal fails with that reason.
    pub fn unconfigured() -> Self {
        Self { location: Self::NOWHERE.to_owned(), provider: None }
    }

    /// Where the folders are, without secrets and the same in every run: for example
    /// `nextcloud user meet at https://cloud.example.org/`.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// Finds out whether removing folders would work, without removing any; also when there is no provider, nothing is
    /// wrong.
    ///
    /// # Errors
    /// What is in the way, with what to do about it.
    pub fn check_access(&self, stop: &Stop) -> Result<(), Problem> {
        match &self.provider {
            Some(nextcloud) => access::check(nextcloud, stop),
            None => Ok(()),
        }
    }

    /// Removes each folder with both its shares and answers in the order given; the error is the reason in words for
    /// the operator, without the folder's path, which may hold names.
    ///
    /// Folders are removed a bounded number at a time. When several in a row fail for a reason that lies with the
    /// provider as a whole (hanging, unreachable, credentials refused, in maintenance), the rest fails at once with
    /// that reason, and so does all that this value or a clone of it is asked to remove later: the next run tries anew.
    ///
    /// # Errors
    /// Only when `stop` says so: then any number of the folders may be gone and a request may still be in flight.
    pub fn remove_many(&self, folders: &[SharedFolder], stop: &Stop) -> Result<Vec<Result<(), String>>, Problem> {
        match &self.provider {
            Some(nextcloud) => Work::new(Arc::clone(nextcloud), folders, stop).run(),
            None => {
                let reason = "no shared-folder provider is configured; set [shared_folder] to the provider in use";
                Ok(vec![Err(reason.to_owned()); folders.len()])
            }
        }
    }
}
