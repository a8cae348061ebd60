//! `[database]`: one URL that says which database, and where.

use std::fmt;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use upkeep_jobs::platform::Problem;

use super::environment::{Environment, shown};
use super::keys::DATABASE_URL;
use super::sources::Settings;
use super::value::Value;

/// The platform's database. `Display` and `Debug` show everything but passwords.
#[derive(Clone)]
pub(crate) enum DatabaseUrl {
    /// A PostgreSQL server, in the syntax of libpq's URIs.
    Postgres {
        /// With the password.
        url: SecretString,
        /// Without.
        shown: String,
    },
    /// An SQLite file, by its absolute path, which is UTF-8.
    Sqlite(PathBuf),
}

impl DatabaseUrl {
    /// The whole URL, for connecting.
    pub(crate) fn to_url(&self) -> SecretString {
        match self {
            DatabaseUrl::Postgres { url, .. } => url.clone(),
            DatabaseUrl::Sqlite(path) => format!("sqlite:{}", path.display()).into(),
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DatabaseUrl::Postgres { shown, .. } => f.write_str(shown),
            DatabaseUrl::Sqlite(path) => write!(f, "sqlite:{}", shown(path)),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

const FORMS: &str = "write postgres://user:password@host:5432/database (or postgresql://…) for PostgreSQL, \
                     sqlite:/path/to/upkeep.db for SQLite";

pub(super) fn database(settings: &mut Settings, environment: &Environment) -> Result<DatabaseUrl, Problem> {
    if settings.get(DATABASE_URL).is_none() {
        let file = environment.state_directory()?.join("upkeep.db");
        settings.set_default(DATABASE_URL, Value::Secret(format!("sqlite:{}", shown(&file)).into()));
        return utf8(file).map(DatabaseUrl::Sqlite).map_err(|fault| settings.invalid(DATABASE_URL, fault).hint(FORMS));
    }
    let url = settings.secret(DATABASE_URL)?;
    let base = settings.get(DATABASE_URL).map_or(Path::new(""), |setting| setting.origin.base());
    parse(url.expose_secret(), base, environment).map_err(|fault| settings.invalid(DATABASE_URL, fault).hint(FORMS))
}

/// Reads a URL. Its text is kept out of every fault, since the password may stand anywhere in a wrong one.
fn parse(url: &str, base: &Path, environment: &Environment) -> Result<DatabaseUrl, &'static str> {
    if url.contains(char::is_control) {
        return Err("contains a line break or another control character; remove it, or percent-encode it");
    }
    if let Some(path) = url.strip_prefix("sqlite:") {
        let path = sqlite_path(path)?;
        return utf8(environment.absolute(base, Path::new(path))?).map(DatabaseUrl::Sqlite);
    }
    for scheme in ["postgres://", "postgresql://"] {
        if let Some(rest) = url.strip_prefix(scheme) {
            return Ok(DatabaseUrl::Postgres { url: url.into(), shown: format!("{scheme}{}", without_secrets(rest)?) });
        }
    }
    Err("is no URL of a database that upkeep knows")
}

/// The path in `sqlite:PATH`, `sqlite:///PATH`. What SQLite could take for something other than a file is refused.
fn sqlite_path(path: &str) -> Result<&str, &'static str> {
    let path = match path.strip_prefix("//") {
        Some(absolute) if absolute.starts_with('/') => absolute,
        Some(_) => return Err("has a host where SQLite takes a path"),
        None => path,
    };
    if path.starts_with(":memory:") {
        return Err("asks for a database in memory, which would forget what is left to be done");
    }
    if path.starts_with("file:") || path.contains(['?', '#']) {
        return Err("has SQLite parameters, which are not supported");
    }
    if path.ends_with('/') || Path::new(path).file_name().is_none() {
        return Err("does not name a file");
    }
    Ok(path)
}

fn utf8(path: PathBuf) -> Result<PathBuf, &'static str> {
    match path.to_str() {
        Some(_) => Ok(path),
        None => Err("lies below a directory whose name is not UTF-8"),
    }
}

/// Takes apart what follows `postgres://` and puts it together again without passwords.
///
/// It is stricter than libpq about characters that should have been percent-encoded: where a password has an `@` or a
/// `/`, programs disagree on which host is meant, and we would show part of it.
fn without_secrets(rest: &str) -> Result<String, &'static str> {
    if rest.contains([' ', '#']) || !is_percent_encoded(rest) {
        return Err("is not percent-encoded properly: in user names and passwords write %20 for a blank, %23 for #, \
                    %25 for %, %2F for /, %3A for :, %3F for ?, %40 for @");
    }
    let (before, query) = rest.split_once('?').map_or((rest, None), |(before, query)| (before, Some(query)));
    let (authority, name) = before.split_once('/').map_or((before, None), |(authority, name)| (authority, Some(name)));
    let (user, hosts) = authority.split_once('@').map_or((None, authority), |(user, hosts)| (Some(user), hosts));
    let elsewhere = [hosts, name.unwrap_or_default(), query.unwrap_or_default()];
    if elsewhere.iter().any(|part| part.contains('@')) || name.is_some_and(|name| name.contains('/')) {
        return Err("has an @ or / where there cannot be one: in user names and passwords write %40 for @, %2F for /");
    }
    let mut shown = match user.map(|user| user.split_once(':').map_or((user, ""), |(user, _)| (user, ":***"))) {
        Some((user, password)) => format!("{user}{password}@"),
        None => String::new(),
    };
    for host in hosts.split(',') {
        let (host, port) = match host.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (host, None),
        };
        if port.is_some_and(|port| port.parse::<u16>().is_err()) {
            return Err("has a port that is no number, or a password without a user name and @");
        }
        if host.contains(':') && !(host.starts_with('[') && host.ends_with(']')) {
            return Err("has a : in its host name; IPv6 addresses stand in brackets");
        }
    }
    shown.push_str(hosts);
    if let Some(name) = name {
        shown.push('/');
        shown.push_str(name);
    }
    let mut has_host = !hosts.is_empty();
    for (separator, parameter) in std::iter::once('?').chain(std::iter::repeat('&')).zip(parameters(query)) {
        let (key, value) = parameter.split_once('=').ok_or("has a parameter without a value after its ?")?;
        has_host |= key == "host" && !value.is_empty();
        shown.push(separator);
        shown.push_str(&if SHOWN.contains(&key) { format!("{key}={value}") } else { hidden(key) });
    }
    if has_host { Ok(shown) } else { Err("does not say which host") }
}

fn parameters(query: Option<&str>) -> impl Iterator<Item = &str> {
    query.into_iter().flat_map(|query| query.split('&'))
}

/// The parameters of libpq that are no secrets; what is not known might be one.
const SHOWN: &[&str] = &[
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "load_balance_hosts",
    "options",
    "port",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

fn hidden(key: &str) -> String {
    if key == "password" { "password=***".to_owned() } else { "***=***".to_owned() }
}

/// Whether every `%` begins an encoded byte, and what they encode is text.
fn is_percent_encoded(text: &str) -> bool {
    let is_byte = |part: &str| part.len() >= 2 && part.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    let decoded = percent_decode_str(text).decode_utf8();
    text.split('%').skip(1).all(is_byte) && decoded.is_ok_and(|text| !text.contains('\0'))
}
