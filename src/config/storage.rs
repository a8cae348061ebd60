//! `[storage]`: where the platform's objects are.

use std::path::PathBuf;

use upkeep_jobs::kit::StorageSettings;
use upkeep_jobs::platform::Problem;
use upkeep_jobs::platform::database::DatabaseUrl;
use upkeep_jobs::platform::storage::S3Settings;

use super::environment::{Environment, shown};
use super::keys::{
    DATABASE_URL, Key, STORAGE_ACCESS_KEY, STORAGE_BUCKET, STORAGE_FORCE_PATH_STYLE, STORAGE_KIND, STORAGE_PATH,
    STORAGE_REGION, STORAGE_SECRET_KEY, STORAGE_URI,
};
use super::sources::{Origin, Settings};
use super::value::Value;

const OF_S3: &[Key] =
    &[STORAGE_URI, STORAGE_BUCKET, STORAGE_REGION, STORAGE_ACCESS_KEY, STORAGE_SECRET_KEY, STORAGE_FORCE_PATH_STYLE];

pub(super) fn storage(
    settings: &mut Settings,
    environment: &Environment,
    database: &DatabaseUrl,
) -> Result<StorageSettings, Problem> {
    if !settings.is_given(STORAGE_KIND) {
        // The default would silently be the empty local directory, and every object there looks deleted.
        if let Some(&key) = OF_S3.iter().find(|&&key| settings.is_given(key)) {
            return Err(settings
                .invalid(key, "is set, but storage.kind is not")
                .hint(r#"add kind = "s3" to [storage], or remove the keys for S3"#));
        }
        if let DatabaseUrl::Postgres(_) = database {
            let fault = "is missing, and a platform with PostgreSQL has no default for it";
            return Err(settings.invalid(STORAGE_KIND, fault).hint(
                r#"say in [storage] where the platform keeps its objects: kind = "s3" or "directory", and what it needs"#,
            ));
        }
    }
    let inherits_kind = settings.get(STORAGE_KIND).is_some_and(|kind| matches!(kind.origin, Origin::Inherited { .. }));
    if inherits_kind && settings.is_given(STORAGE_PATH) {
        return Err(settings
            .invalid(STORAGE_PATH, "is set, but the storage is inherited, and that is S3")
            .hint(r#"add kind = "directory" to [storage], or remove the path"#));
    }
    match settings.text(STORAGE_KIND)? {
        "s3" => {
            settings.retire(&[STORAGE_PATH], "not used by s3");
            s3(settings).map(StorageSettings::S3)
        }
        "directory" => {
            settings.retire(OF_S3, "not used by directory");
            let given = [DATABASE_URL, STORAGE_KIND, STORAGE_PATH].iter().any(|&key| settings.is_given(key));
            let path = directory(settings, environment)?;
            Ok(if given { StorageSettings::Directory(path) } else { StorageSettings::Embedded(path) })
        }
        other => Err(settings.invalid(STORAGE_KIND, format!(r#"must be "s3" or "directory", not {other:?}"#))),
    }
}

fn s3(settings: &Settings) -> Result<S3Settings, Problem> {
    let s3 = S3Settings {
        uri: settings.text(STORAGE_URI)?.to_owned(),
        bucket: settings.text(STORAGE_BUCKET)?.to_owned(),
        region: settings.text(STORAGE_REGION)?.to_owned(),
        access_key: settings.text(STORAGE_ACCESS_KEY)?.to_owned(),
        secret_key: settings.secret(STORAGE_SECRET_KEY)?,
        force_path_style: settings.switch(STORAGE_FORCE_PATH_STYLE)?,
    };
    s3.check().map_err(|invalid| settings.unusable(invalid))?;
    Ok(s3)
}

fn directory(settings: &mut Settings, environment: &Environment) -> Result<PathBuf, Problem> {
    let path = match settings.path(STORAGE_PATH, environment)? {
        None => environment.state_directory()?.join("objects"),
        Some(path) => path,
    };
    let effective = Value::Text(shown(&path));
    match settings.is_given(STORAGE_PATH) {
        true => settings.resolve(STORAGE_PATH, effective),
        false => settings.set_default(STORAGE_PATH, effective),
    }
    Ok(path)
}
