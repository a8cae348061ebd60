//! `[storage]`: where the platform's objects are.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use upkeep_jobs::platform::Problem;

use super::endpoint;
use super::environment::{Environment, shown};
use super::keys::{
    Key, STORAGE_ACCESS_KEY, STORAGE_BUCKET, STORAGE_FORCE_PATH_STYLE, STORAGE_KIND, STORAGE_PATH, STORAGE_REGION,
    STORAGE_SECRET_KEY, STORAGE_URI,
};
use super::sources::Settings;
use super::value::Value;

/// The object storage.
#[derive(Debug, Clone)]
pub(crate) enum StorageSettings {
    /// A bucket of an S3 server.
    S3(S3Settings),
    /// A local directory.
    Directory {
        /// Absolute; it need not exist yet.
        path: PathBuf,
    },
}

/// What it takes to reach a bucket.
#[derive(Debug, Clone)]
pub(crate) struct S3Settings {
    /// The server's base URL, `http` or `https`.
    pub(crate) uri: String,
    pub(crate) bucket: String,
    pub(crate) region: String,
    pub(crate) access_key: SecretString,
    pub(crate) secret_key: SecretString,
    /// Whether the bucket's name stands in the path (`true`) or in the host name.
    pub(crate) force_path_style: bool,
}

const OF_S3: &[Key] =
    &[STORAGE_URI, STORAGE_BUCKET, STORAGE_REGION, STORAGE_ACCESS_KEY, STORAGE_SECRET_KEY, STORAGE_FORCE_PATH_STYLE];

pub(super) fn storage(settings: &mut Settings, environment: &Environment) -> Result<StorageSettings, Problem> {
    if !settings.is_given(STORAGE_KIND) {
        // The default would silently be the empty local directory, and every object there looks deleted.
        if let Some(&key) = OF_S3.iter().find(|&&key| settings.is_given(key)) {
            return Err(settings
                .invalid(key, "is set, but storage.kind is not")
                .hint(r#"add kind = "s3" to [storage], or remove the keys for S3"#));
        }
    }
    match settings.text(STORAGE_KIND)? {
        "s3" => {
            settings.retire(&[STORAGE_PATH], "not used by s3");
            s3(settings).map(StorageSettings::S3)
        }
        "directory" => {
            settings.retire(OF_S3, "not used by directory");
            directory(settings, environment).map(|path| StorageSettings::Directory { path })
        }
        other => Err(settings.invalid(STORAGE_KIND, format!(r#"must be "s3" or "directory", not {other:?}"#))),
    }
}

fn s3(settings: &Settings) -> Result<S3Settings, Problem> {
    let uri = settings.text(STORAGE_URI)?;
    endpoint::check(uri).map_err(|fault| settings.invalid(STORAGE_URI, fault))?;
    let bucket = settings.text(STORAGE_BUCKET)?;
    if bucket.starts_with('.') || !is_name(bucket) {
        let fault = "is no name of a bucket: they have letters, digits, hyphens, underscores and dots only";
        return Err(settings.invalid(STORAGE_BUCKET, fault));
    }
    let region = settings.text(STORAGE_REGION)?;
    if !is_name(region) {
        return Err(settings
            .invalid(STORAGE_REGION, "is no name of a region")
            .hint("most servers that are not Amazon's accept us-east-1, the default"));
    }
    for key in [STORAGE_ACCESS_KEY, STORAGE_SECRET_KEY] {
        // The access key travels in a header, and neither ever has a line break but by accident.
        if settings.text(key)?.contains(char::is_control) {
            return Err(settings.invalid(key, "contains a line break or another control character; remove it"));
        }
    }
    Ok(S3Settings {
        uri: uri.to_owned(),
        bucket: bucket.to_owned(),
        region: region.to_owned(),
        access_key: settings.secret(STORAGE_ACCESS_KEY)?,
        secret_key: settings.secret(STORAGE_SECRET_KEY)?,
        force_path_style: settings.switch(STORAGE_FORCE_PATH_STYLE)?,
    })
}

fn is_name(text: &str) -> bool {
    text.len() <= 255 && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

fn directory(settings: &mut Settings, environment: &Environment) -> Result<PathBuf, Problem> {
    let path = match settings.get(STORAGE_PATH) {
        None => environment.state_directory()?.join("objects"),
        Some(setting) => {
            let path = environment.absolute(setting.origin.base(), Path::new(settings.text(STORAGE_PATH)?));
            path.map_err(|fault| settings.invalid(STORAGE_PATH, fault))?
        }
    };
    if !settings.is_given(STORAGE_PATH) {
        settings.set_default(STORAGE_PATH, Value::Text(shown(&path)));
    }
    Ok(path)
}
