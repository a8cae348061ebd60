//! Which database: the address as the operator writes it.

use std::fmt;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::super::problem::{Kind, Problem};

/// A database address. `Display` and `Debug` leave the password out.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// `postgres://user:password@host:port/database?sslmode=…`
    Postgres(SecretString),
    /// `sqlite:/path/to/file`
    Sqlite(PathBuf),
}

impl DatabaseUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// A configuration [`Problem`] for anything but the two forms; it never quotes the text, which may hold a
    /// password.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let invalid = |why: &str| {
            Problem::new(Kind::Configuration, format!("the database address {why}")).hint(
                "write postgres://USER:PASSWORD@HOST:PORT/DATABASE or sqlite:/PATH/TO/FILE \
                 (special characters in user and password as %XX)",
            )
        };
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return match path {
                "" => Err(invalid("names no file")),
                ":memory:" => Err(invalid("is an in-memory database, which would be empty in every run")),
                path if path.contains(['?', '\0']) => Err(invalid("contains a character that no option can have")),
                path => Ok(Self::Sqlite(PathBuf::from(path))),
            };
        }
        let url = Url::parse(text).map_err(|error| invalid(&format!("is malformed ({error})")))?;
        match url.scheme() {
            "postgres" | "postgresql" => Ok(Self::Postgres(SecretString::from(text))),
            _ => Err(invalid("is neither postgres:// nor sqlite:")),
        }
    }

    /// Whether this is PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(text) => match Url::parse(text.expose_secret()) {
                Ok(url) => {
                    let host = url.host_str().unwrap_or("localhost");
                    let port = url.port().unwrap_or(5432);
                    write!(f, "PostgreSQL database {} at {host}:{port}", url.path().trim_start_matches('/'))
                }
                Err(_) => f.write_str("PostgreSQL"),
            },
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
