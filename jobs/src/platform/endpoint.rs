//! The base URLs of servers that speak HTTP.

use url::Url;

/// Reads the base URL of a server: `http` or `https`, a host, perhaps a path.
///
/// # Errors
/// What is wrong with it, to follow the name of the setting; the text itself is not repeated, as it may hold a password.
pub(super) fn parse(text: &str) -> Result<Url, &'static str> {
    const NO_HOST: &str = "is no URL: after https:// comes the name of the server";
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Err("must start with https:// or http://");
    }
    if rest.contains('@') {
        return Err("contains a user name or password; they have keys of their own");
    }
    // The URL standard would repair `https:///host`, blanks, line breaks and backslashes; a typing error stays one.
    if rest.starts_with('/') || rest.contains(|c: char| matches!(c, ' ' | '\\') || c.is_control()) {
        return Err(NO_HOST);
    }
    let url = Url::parse(text).map_err(|_| NO_HOST)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must end before any ? or #");
    }
    Ok(url)
}

/// The base URL in its one form, without the final slash, fit to put a path behind it.
///
/// # Errors
/// As in [`parse`].
pub(super) fn base(text: &str) -> Result<String, String> {
    let base = parse(text)?.as_str().trim_end_matches('/').to_owned();
    ureq::http::Uri::try_from(&base).map_err(|error| format!("is no URL that can be requested: {error}"))?;
    Ok(base)
}
