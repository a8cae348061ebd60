//! The base URLs of servers that speak HTTP.

use url::Url;

/// Checks that `text` is the base URL of a server: `http` or `https`, a host, perhaps a path.
///
/// # Errors
/// What is wrong with it, to follow the name of the key; the text itself is not repeated, as it may hold a password.
pub(super) fn check(text: &str) -> Result<(), &'static str> {
    // The URL standard would repair `https:host`, `https:///host`, blanks and backslashes; a typing error stays one.
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let rest = rest.ok_or("must start with https:// or http://")?;
    if rest.starts_with('/') || rest.contains([' ', '\\']) {
        return Err("is no URL: after https:// comes the name of the server");
    }
    let url = Url::parse(text).map_err(|_| "is no URL: after https:// comes the name of the server")?;
    if rest.contains('@') || !url.username().is_empty() || url.password().is_some() {
        return Err("contains a user name or password; they have keys of their own");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must end before any ? or #");
    }
    Ok(())
}
