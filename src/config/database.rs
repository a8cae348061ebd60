//! `[database]`: one URL that says which database, and where.

use std::path::PathBuf;

use secrecy::ExposeSecret;
use upkeep_jobs::platform::Problem;
use upkeep_jobs::platform::database::DatabaseUrl;

use super::environment::Environment;
use super::keys::DATABASE_URL;
use super::sources::Settings;
use super::value::Value;

pub(super) fn database(settings: &mut Settings, environment: &Environment) -> Result<DatabaseUrl, Problem> {
    let Some(setting) = settings.get(DATABASE_URL) else {
        let file = environment.state_directory()?.join("upkeep.db");
        let url = sqlite(file).map_err(|fault| settings.invalid(DATABASE_URL, fault).hint(DatabaseUrl::FORMS))?;
        settings.set_default(DATABASE_URL, Value::Secret(url.to_string().into()));
        return Ok(url);
    };
    let base = setting.origin.base();
    match DatabaseUrl::parse(settings.secret(DATABASE_URL)?.expose_secret()) {
        Ok(DatabaseUrl::Sqlite(path)) => environment
            .absolute(base, &path)
            .and_then(sqlite)
            .map_err(|fault| settings.invalid(DATABASE_URL, fault).hint(DatabaseUrl::FORMS)),
        Ok(url @ DatabaseUrl::Postgres(_)) => Ok(url),
        Err(invalid) => Err(settings.unusable(invalid)),
    }
}

fn sqlite(path: PathBuf) -> Result<DatabaseUrl, &'static str> {
    match path.to_str() {
        Some(_) => Ok(DatabaseUrl::Sqlite(path)),
        None => Err("lies below a directory whose name is not UTF-8"),
    }
}
