//! Which database: the address as the operator writes it.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};

use super::super::setting::InvalidSetting;

#[cfg(test)]
mod tests;

/// A database address. `Display` and `Debug` show everything but passwords.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// A PostgreSQL server.
    Postgres(PostgresUrl),
    /// An SQLite file, by its path as given.
    Sqlite(PathBuf),
}

/// The address of a PostgreSQL database in the syntax of libpq's URIs, already found to be well-formed.
///
/// Source: <https://www.postgresql.org/docs/current/libpq-connect.html>, section "Connection URIs".
#[derive(Clone)]
pub struct PostgresUrl {
    pub(super) text: SecretString,
    shown: String,
}

impl DatabaseUrl {
    /// The key of the configuration that holds the address.
    pub const KEY: &'static str = "database.url";
    /// What an address looks like, as a hint.
    pub const FORMS: &'static str = "write postgres://user:password@host:5432/database (or postgresql://…) for \
                                     PostgreSQL, sqlite:/path/to/upkeep.db for SQLite";

    /// Reads an address. The path of an SQLite file may be relative.
    ///
    /// # Errors
    /// Anything but a well-formed address of a file or of a PostgreSQL server. The text is never repeated, since the
    /// password may stand anywhere in a wrong one.
    pub fn parse(text: &str) -> Result<Self, InvalidSetting> {
        parse(text).map_err(|fault| InvalidSetting { key: Self::KEY, fault: fault.to_owned(), hint: Self::FORMS })
    }

    /// Whether this is PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Whether it is made sure that the server is the right one, by its certificate and name.
    pub fn verifies_server(&self) -> bool {
        let Self::Postgres(url) = self else { return true };
        let (_, query) = split_query(url.text.expose_secret());
        let mut parameters = parameters(query).filter_map(Parameter::read);
        parameters.any(|parameter| parameter.name == "sslmode" && parameter.value == "verify-full")
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres(url) => f.write_str(&url.shown),
            Self::Sqlite(path) => {
                f.write_str("sqlite:")?;
                // A directory may have any name, but a message stays on its line.
                path.to_string_lossy().chars().try_for_each(|c| match c.is_control() {
                    true => write!(f, "{}", c.escape_default()),
                    false => f.write_char(c),
                })
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({})", self.shown)
    }
}

fn parse(text: &str) -> Result<DatabaseUrl, &'static str> {
    if text.contains(char::is_control) {
        return Err("contains a line break or another control character; remove it, or percent-encode it");
    }
    if let Some(path) = text.strip_prefix("sqlite:") {
        return sqlite_path(path).map(|path| DatabaseUrl::Sqlite(path.into()));
    }
    for scheme in ["postgres://", "postgresql://"] {
        if let Some(rest) = text.strip_prefix(scheme) {
            let shown = format!("{scheme}{}", without_secrets(rest)?);
            return Ok(DatabaseUrl::Postgres(PostgresUrl { text: text.into(), shown }));
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

/// Takes apart what follows `postgres://` and puts it together again without passwords.
///
/// It is stricter than libpq about characters that should have been percent-encoded: where a password has an `@` or a
/// `/`, programs disagree on which host is meant, and we would show part of it. It also refuses what libpq and the
/// driver underneath understand differently.
fn without_secrets(rest: &str) -> Result<String, &'static str> {
    if rest.contains([' ', '#']) || !is_percent_encoded(rest) {
        return Err("is not percent-encoded properly: in user names and passwords write %20 for a blank, %23 for #, \
                    %25 for %, %2F for /, %3A for :, %3F for ?, %40 for @");
    }
    let (before, query) = split_query(rest);
    let (authority, name) = before.split_once('/').map_or((before, None), |(authority, name)| (authority, Some(name)));
    let (user, hosts) = authority.split_once('@').map_or((None, authority), |(user, hosts)| (Some(user), hosts));
    let elsewhere = [hosts, name.unwrap_or_default(), query.unwrap_or_default()];
    if elsewhere.iter().any(|part| part.contains('@')) || name.is_some_and(|name| name.contains('/')) {
        return Err(
            "has an @ or / where there cannot be one: in user names and passwords write %40 for @, %2F for /, \
                    and so in the name of a socket's directory before the database, or put that after it: \
                    ?host=/directory",
        );
    }
    let mut shown = match user.map(|user| user.split_once(':').map_or((user, ""), |(user, _)| (user, ":***"))) {
        Some((user, password)) => format!("{user}{password}@"),
        None => String::new(),
    };
    shown.push_str(hosts);
    if let Some(name) = name {
        shown.push('/');
        shown.push_str(name);
    }
    let mut names = Vec::new();
    for (separator, parameter) in std::iter::once('?').chain(std::iter::repeat('&')).zip(parameters(query)) {
        let Parameter { raw_name, name, value } =
            Parameter::read(parameter).ok_or("has a parameter without a value after its ?")?;
        if names.contains(&name) {
            return Err("has a parameter twice after its ?");
        }
        // Where both are given, libpq prefers these, and the driver takes them for a second server.
        if !hosts.is_empty() && matches!(&*name, "host" | "port") {
            return Err("has a host or port both before and after its ?; write them in one of these places");
        }
        if name == "host" {
            check_host(&value)?;
        }
        names.push(name);
        shown.push(separator);
        shown.push_str(&match raw_name {
            "password" => "password=***".to_owned(),
            name if SHOWN.contains(&name) => parameter.to_owned(),
            _ => "***=***".to_owned(),
        });
    }
    if hosts.is_empty() {
        return if names.iter().any(|name| name == "host") { Ok(shown) } else { Err("does not say which host") };
    }
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
        check_host(&decoded(host))?;
    }
    Ok(shown)
}

/// Checks a decoded host: a name, an address, or the absolute directory of a Unix-domain socket.
fn check_host(host: &str) -> Result<(), &'static str> {
    match host {
        "" => Err("does not say which host"),
        host if host.contains(',') => {
            Err("has several hosts in one; write them as in postgres://host1:5432,host2:5432/")
        }
        _ => Ok(()),
    }
}

/// A parameter after the `?`, decoded as libpq does it: `+` is no blank.
pub(super) struct Parameter<'a> {
    raw_name: &'a str,
    pub(super) name: Cow<'a, str>,
    pub(super) value: Cow<'a, str>,
}

impl<'a> Parameter<'a> {
    /// Reads `name=value`.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let (raw_name, value) = text.split_once('=')?;
        Some(Self { raw_name, name: decoded(raw_name), value: decoded(value) })
    }
}

/// What stands before and after the `?` of an address.
pub(super) fn split_query(address: &str) -> (&str, Option<&str>) {
    address.split_once('?').map_or((address, None), |(before, query)| (before, Some(query)))
}

/// The parameters in what follows the `?`, as they are written.
pub(super) fn parameters(query: Option<&str>) -> impl Iterator<Item = &str> {
    query.into_iter().flat_map(|query| query.split('&'))
}

/// A part of an address of which [`is_percent_encoded`] has been checked.
fn decoded(part: &str) -> Cow<'_, str> {
    percent_decode_str(part).decode_utf8_lossy()
}

/// Whether every `%` begins an encoded byte, and what they encode is text.
fn is_percent_encoded(text: &str) -> bool {
    let is_byte = |part: &str| part.len() >= 2 && part.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    let decoded = percent_decode_str(text).decode_utf8();
    text.split('%').skip(1).all(is_byte) && decoded.is_ok_and(|text| !text.contains('\0'))
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
