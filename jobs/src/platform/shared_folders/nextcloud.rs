//! Nextcloud: what is sent for a folder, what is never sent, and what an answer means.

use std::sync::Mutex;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use ureq::http::Method;
use ureq::http::header::HeaderName;

use super::requests::{Answer, Failure, Requests};
use super::work::Health;
use super::{SharedFolder, ocs};
use crate::platform::http::Waits;
use crate::platform::{InvalidSetting, Stop, endpoint};

/// What the share interface wants of every request.
pub(super) const OCS: (HeaderName, &str) = (HeaderName::from_static("ocs-apirequest"), "true");

/// How to reach a Nextcloud, and as whom.
#[derive(Debug, Clone)]
pub struct NextcloudSettings {
    /// The address of the installation, with or without a path and a final slash.
    pub url: String,
    /// The user id (not an e-mail address used to log in); the folders and shares are this user's.
    pub username: String,
    /// The user's password or, better, an app password.
    pub password: SecretString,
    /// The longest wait for a connection.
    pub connect_timeout: Duration,
    /// The longest wait for one request as a whole, connecting included.
    pub request_timeout: Duration,
}

impl NextcloudSettings {
    /// Settings with the default timeouts: 5 seconds to connect, 30 for a request.
    pub fn new(url: impl Into<String>, username: impl Into<String>, password: SecretString) -> Self {
        Self {
            url: url.into(),
            username: username.into(),
            password,
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
        }
    }

    /// Finds out whether the settings can work, as far as that is possible without connecting.
    ///
    /// # Errors
    /// The first setting that cannot.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        base(&self.url)?;
        // It becomes a segment of the path below which folders are deleted, and the part before the colon of basic
        // authentication.
        let username = self.username.trim();
        let misfit = |c: char| matches!(c, '/' | '\\' | ':') || c.is_control();
        if matches!(username, "" | "." | "..") || self.username.contains(misfit) {
            return Err(InvalidSetting {
                key: "shared_folder.username",
                fault: "is no Nextcloud user id".to_owned(),
                hint: "it must not be empty, `.` or `..`, or contain a slash, backslash, colon or control character",
            });
        }
        Ok(())
    }
}

/// The three requests that remove a folder.
#[derive(Debug)]
pub(super) struct Removal {
    write_share: String,
    read_share: String,
    folder: String,
}

#[derive(Debug)]
pub(super) struct Nextcloud {
    /// Without the final slash.
    pub(super) base: String,
    pub(super) username: String,
    pub(super) requests: Requests,
    /// It outlives a call: a provider that hangs must not cost its waits for every group of folders again.
    pub(super) health: Mutex<Health>,
}

impl Nextcloud {
    pub(super) fn new(settings: NextcloudSettings) -> Result<Self, InvalidSetting> {
        settings.check()?;
        let base = base(&settings.url)?;
        let username = settings.username;
        // RFC 7617
        let credentials = STANDARD.encode(format!("{username}:{}", settings.password.expose_secret()));
        let authorization = SecretString::from(format!("Basic {credentials}"));
        let waits = Waits { connect: settings.connect_timeout, request: settings.request_timeout };
        let requests = Requests::new(authorization, waits);
        Ok(Self { base, username, requests, health: Mutex::default() })
    }

    pub(super) fn location(&self) -> String {
        format!("nextcloud user {} at {}/", self.username, self.base)
    }

    /// Turns what the platform stored into requests, or says why nothing must be sent.
    pub(super) fn plan(&self, folder: &SharedFolder) -> Result<Removal, String> {
        let data = &folder.provider_data;
        if data.is_string() {
            return Err("its provider_data cannot be read as a JSON object".to_owned());
        }
        match data.get("type").and_then(|tag| tag.as_str()) {
            Some("nextcloud") => {}
            Some(other) => {
                return Err(format!("the folder's provider is {other:?}, but the configured one is \"nextcloud\""));
            }
            None => return Err("provider_data does not name the folder's provider (`type`)".to_owned()),
        }
        let share = |name: &str| {
            let id = data.get(name).and_then(|id| id.as_str()).ok_or_else(|| format!("provider_data lacks {name}"))?;
            match id.trim() {
                "" | "." | ".." => Err(format!("provider_data has a {name} that is no share id: {id:?}")),
                _ => Ok(self.share(id)),
            }
        };
        let mut address = format!("{}/remote.php/dav/files/{}", self.base, endpoint::segment(&self.username));
        for segment in segments(&folder.path)? {
            address.push('/');
            address.push_str(&endpoint::segment(segment));
        }
        Ok(Removal { write_share: share("write_share_id")?, read_share: share("read_share_id")?, folder: address })
    }

    /// The address of a share.
    pub(super) fn share(&self, id: &str) -> String {
        format!("{}/ocs/v2.php/apps/files_sharing/api/v1/shares/{}", self.base, endpoint::segment(id))
    }

    /// Removes the write share, the read share and the folder, in this order, up to the first failure.
    pub(super) fn remove(&self, removal: &Removal, stop: &Stop) -> Result<(), Failure> {
        self.delete_share(&removal.write_share, stop)
            .map_err(|failure| failure.attempting("removing its write share"))?;
        // The provider has just answered: whatever fails from here on says nothing about other folders.
        let of_this_folder = |failure: Failure, what| failure.of_this_folder().attempting(what);
        self.delete_share(&removal.read_share, stop)
            .map_err(|failure| of_this_folder(failure, "removing its read share"))?;
        self.delete_folder(&removal.folder, stop).map_err(|failure| of_this_folder(failure, "removing the folder"))
    }

    fn delete_share(&self, url: &str, stop: &Stop) -> Result<(), Failure> {
        share_is_gone(&self.requests.send(&Method::DELETE, url, Some(OCS), stop)?)
    }

    fn delete_folder(&self, url: &str, stop: &Stop) -> Result<(), Failure> {
        let answer = self.requests.send(&Method::DELETE, url, None, stop)?;
        match answer.status {
            200..=299 | 404 if answer.html => Err(not_nextcloud(&answer)),
            200..=299 => Ok(()),
            // A login name that is no user id is let in, and then everything "is not found".
            404 if answer.body.contains("<s:message>Principal with name ") => {
                Err(Failure::own(format!("Nextcloud has no user id {:?}; check shared_folder.username", self.username)))
            }
            404 if answer.body.trim().is_empty() || answer.body.contains("\"DAV:\"") => Ok(()),
            404 => Err(not_nextcloud(&answer)),
            status => Err(refused(status, answer.redirect_to.as_deref(), "")),
        }
    }
}

/// Whether the answer to a request about a share means that the share is gone.
pub(super) fn share_is_gone(answer: &Answer) -> Result<(), Failure> {
    match (answer.status, ocs::parse(&answer.body)) {
        (200, Some(ocs::Meta { status: 100 | 200 | 404, .. })) => Ok(()),
        // 998 comes with HTTP 404 and means that nothing is behind the address: the share may well exist.
        (404, Some(ocs::Meta { status: 998, .. })) => Err(Failure::Provider(
            "Nextcloud does not know the request for shares; is its app files_sharing enabled?".to_owned(),
        )),
        (404, Some(_)) => Ok(()),
        (404, None) if answer.body.trim().is_empty() => Ok(()),
        (200 | 404, None) => Err(not_nextcloud(answer)),
        (200, Some(ocs::Meta { status: 997, message })) => Err(refused(401, None, &message)),
        (200, Some(meta)) => Err(Failure::Own(format!("OCS status {}: {:?}", meta.status, meta.message))),
        (_, Some(meta)) => Err(refused(answer.status, None, &meta.message)),
        (_, None) => Err(refused(answer.status, answer.redirect_to.as_deref(), "")),
    }
}

/// The installation's address in its one form, without the final slash.
fn base(text: &str) -> Result<String, InvalidSetting> {
    endpoint::base(text).map_err(|fault| InvalidSetting {
        key: "shared_folder.url",
        fault,
        hint: "give the address of the Nextcloud installation, such as https://cloud.example.org/",
    })
}

/// The names on the way to the folder, if they cannot lead anywhere but below the user's root.
///
/// Deleting the root deletes everything the user has. Nextcloud reads backslashes as slashes and knows neither names
/// of blanks alone nor control characters in names, so none of these is a folder that the platform made.
fn segments(path: &str) -> Result<Vec<&str>, String> {
    let unsafe_path = |why: &str| Err(format!("its stored path {why}; nothing is sent for it"));
    if path.contains(char::is_control) {
        return unsafe_path("contains a control character");
    }
    if path.contains('\\') {
        return unsafe_path("contains a backslash, which Nextcloud reads as a slash");
    }
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    if segments.iter().all(|segment| segment.trim().is_empty()) {
        return unsafe_path("names no folder but the root of all folders");
    }
    if segments.iter().any(|segment| matches!(segment.trim(), "" | "." | "..")) {
        return unsafe_path("contains a segment that is blank, `.` or `..`");
    }
    Ok(segments)
}

pub(super) fn not_nextcloud(answer: &Answer) -> Failure {
    let what = if answer.html { "an HTML page" } else { "something else" };
    let status = answer.status;
    Failure::Provider(format!("HTTP {status} with {what} instead of a Nextcloud answer; check shared_folder.url"))
}

/// A status that is neither success nor "gone".
pub(super) fn refused(status: u16, redirect_to: Option<&str>, message: &str) -> Failure {
    let meaning = match status {
        300..=399 => "a redirect, which is not followed; give the final address as shared_folder.url",
        401 => "user name or password refused; check shared_folder.username and shared_folder.password",
        403 => "forbidden",
        423 => "locked: a file in it is in use",
        429 => "too many requests, also after a pause",
        500..=599 => "the server failed or is in maintenance; see its log",
        _ => "not an answer that a deletion should get",
    };
    let mut reason = format!("HTTP {status}, {meaning}");
    if let Some(target) = redirect_to {
        reason.push_str(&format!(" (it points to {target})"));
    }
    if !message.is_empty() {
        reason.push_str(&format!(": {message:?}"));
    }
    match status {
        300..=399 | 401 | 429 | 502..=504 => Failure::Provider(reason),
        _ => Failure::Own(reason),
    }
}
