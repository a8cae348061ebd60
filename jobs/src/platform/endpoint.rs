//! The addresses of servers that speak HTTP.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

/// All but the characters that RFC 3986, section 2.3, lets nobody interpret.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Reads the base URL of a server: `http` or `https`, a host, perhaps a path.
///
/// # Errors
/// What is wrong with it, to follow the name of the setting; the text itself is not repeated, as it may hold a
/// password.
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

/// Any text as one segment of a path. `.` and `..` stay what they are: callers must not ask for these.
pub(super) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}
