//! Somebody else's words, made fit for logs, reports, terminals and databases.

/// Longer words are cut, in characters.
const LONGEST: usize = 500;

/// Whether a character leaves its line, steers a terminal or changes the direction of writing: somebody else's text must
/// not look like a message of ours.
pub fn is_steering(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A remote server's words on one line, shortened. They must not break lines or fill a log, and PostgreSQL stores no
/// NUL.
pub(super) fn one_line(text: &str) -> String {
    one_line_of(text, LONGEST)
}

/// The same, cut at another length.
pub(super) fn one_line_of(text: &str, longest: usize) -> String {
    let words: String = text.trim().chars().map(|c| if is_steering(c) { ' ' } else { c }).take(longest).collect();
    words.trim().to_owned()
}
