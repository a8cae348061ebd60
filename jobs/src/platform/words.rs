//! What other servers say, made fit for logs, reports and databases.

/// Longer words are cut, in characters.
const LONGEST: usize = 500;

/// A remote server's words on one line, shortened. They must not break lines or fill a log, and PostgreSQL stores no
/// NUL.
pub(super) fn one_line(text: &str) -> String {
    one_line_of(text, LONGEST)
}

/// The same, cut at another length.
pub(super) fn one_line_of(text: &str, longest: usize) -> String {
    let words: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(longest).collect();
    words.trim().to_owned()
}
