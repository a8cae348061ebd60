//! A manual page in the man macros, in the few forms that all pages are made of.
//!
//! Of the text that comes in, `` `code` `` is set in bold and `<NAME>`, for what the reader replaces, in italics. All
//! else means itself, and stays ASCII wherever it is shown, so that it can be copied.

use crate::cli::describe::fold;

/// The day on which the pages were last read as a whole; to be set anew with every release.
const EDITION: &str = "2026-11-29";
/// Examples are indented by a page's seven columns and these, and fit on 80.
const EXAMPLE_COLUMNS: usize = 69;

/// A page, to be written from top to bottom.
pub(super) struct Page {
    name: String,
    section: u8,
    source: String,
    /// Whether the last line was a heading, after which a paragraph begins by itself.
    below_heading: bool,
}

impl Page {
    /// A page called `name` in `section` of the manual; `about` is a line that says what it is about.
    pub(super) fn new(name: &str, section: u8, about: &str) -> Self {
        let title = literal(&name.to_uppercase());
        let version = env!("CARGO_PKG_VERSION");
        let source = format!(
            ".\\\" Made by `upkeep generate man`; changes belong into the program.\n\
             .TH \"{title}\" \"{section}\" \"{EDITION}\" \"upkeep {version}\" \"upkeep\"\n\
             .\\\" No hyphens and no stretched lines: what is copied has to be what was written.\n\
             .nh\n\
             .ad l\n"
        );
        let mut page = Self { name: name.to_owned(), section, source, below_heading: false };
        page.heading("NAME");
        page.lines(&format!("{} \\- {}", literal(name), marked(&uncapitalised(about))));
        page
    }

    /// `upkeep.1`.
    pub(super) fn file_name(&self) -> String {
        format!("{}.{}", self.name, self.section)
    }

    /// The page as the man macros have it.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    pub(super) fn heading(&mut self, words: &str) {
        self.macro_line(&format!("SH \"{}\"", literal(words)));
        self.below_heading = true;
    }

    pub(super) fn paragraph(&mut self, text: &str) {
        if !self.below_heading {
            self.macro_line("PP");
        }
        self.lines(&marked(text));
    }

    /// A term with what is to be said of it, a paragraph or several.
    pub(super) fn item(&mut self, term: &str, paragraphs: &[String]) {
        self.macro_line("TP");
        self.lines(&marked(term));
        for (number, text) in paragraphs.iter().filter(|text| !text.is_empty()).enumerate() {
            if number > 0 {
                self.macro_line("IP");
            }
            self.lines(&marked(text));
        }
    }

    /// Short terms, each with a line.
    pub(super) fn list(&mut self, items: impl IntoIterator<Item = (String, String)>) {
        for (number, (term, text)) in items.into_iter().enumerate() {
            if number == 1 {
                self.macro_line("PD 0");
            }
            self.macro_line("TP 7");
            self.lines(&marked(&term));
            self.lines(&marked(&text));
        }
        self.macro_line("PD");
    }

    /// What to type, after a line that says what for.
    pub(super) fn example(&mut self, what_for: &str, commands: &[&str]) {
        self.paragraph(what_for);
        self.verbatim(commands.iter().flat_map(|command| in_shell_lines(command)));
    }

    /// Lines that stay as they are.
    pub(super) fn verbatim(&mut self, lines: impl IntoIterator<Item = String>) {
        for line in ["PP", "RS 4", "nf"] {
            self.macro_line(line);
        }
        for line in lines {
            self.text_line(&literal(&line));
        }
        self.macro_line("fi");
        self.macro_line("RE");
    }

    /// Other pages, in the order of their sections and names.
    pub(super) fn see_also(&mut self, pages: impl IntoIterator<Item = (String, u8)>) {
        let mut pages: Vec<_> = pages.into_iter().map(|(name, section)| (section, name)).collect();
        pages.sort();
        pages.dedup();
        self.heading("SEE ALSO");
        let own = (self.section, self.name.clone());
        let others = pages.into_iter().filter(|page| *page != own);
        let others: Vec<_> = others.map(|(section, name)| reference(&name, section)).collect();
        self.paragraph(&others.join(", "));
    }

    fn macro_line(&mut self, line: &str) {
        self.source.push('.');
        self.source.push_str(line);
        self.source.push('\n');
        self.below_heading = false;
    }

    /// Text to be filled.
    fn lines(&mut self, text: &str) {
        for line in fold(text, 0).lines() {
            self.text_line(line);
        }
    }

    fn text_line(&mut self, line: &str) {
        // At the beginning of a line these would start a macro.
        if line.starts_with(['.', '\'']) {
            self.source.push_str("\\&");
        }
        self.source.push_str(line);
        self.source.push('\n');
        self.below_heading = false;
    }
}

/// Another page, as text refers to it.
pub(super) fn reference(name: &str, section: u8) -> String {
    format!("`{name}`({section})")
}

/// `line` without the capital that it begins with.
fn uncapitalised(line: &str) -> String {
    let mut rest = line.chars();
    rest.next().map(|first| first.to_lowercase().chain(rest).collect()).unwrap_or_default()
}

/// `text` as it is, whatever it contains: unescaped, some of it would become typographic signs.
fn literal(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\e"),
            '-' => escaped.push_str("\\-"),
            '\'' => escaped.push_str("\\(aq"),
            '`' => escaped.push_str("\\(ga"),
            '"' => escaped.push_str("\\(dq"),
            '~' => escaped.push_str("\\(ti"),
            '^' => escaped.push_str("\\(ha"),
            '…' => escaped.push_str("..."),
            c => escaped.push(c),
        }
    }
    escaped
}

/// `text` with its code in bold and its place-holders in italics.
fn marked(text: &str) -> String {
    let mut source = String::with_capacity(text.len());
    for (number, part) in text.split('`').enumerate() {
        if number % 2 == 1 {
            source.push_str(&format!("\\fB{}\\fR", literal(part)));
            continue;
        }
        let mut rest = part;
        while let Some((before, name, after)) = place_holder(rest) {
            source.push_str(&format!("{}\\fI{}\\fR", literal(before), literal(name)));
            rest = after;
        }
        source.push_str(&literal(rest));
    }
    source
}

/// The first `<NAME>` in `text`, with what stands before and after it.
fn place_holder(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('<')?;
    let (name, after) = rest.split_once('>')?;
    name.chars().all(|c| c.is_ascii_uppercase() || c == '_').then_some((before, name, after))
}

/// A command, continued on further lines where it is too long for one: before options, and before what is quoted.
fn in_shell_lines(command: &str) -> Vec<String> {
    let marked = command.replace(" --", "\n--").replace(" '", "\n'");
    let mut lines = Vec::<String>::new();
    for part in marked.lines() {
        match lines.last_mut() {
            // Room for the sign that the command goes on.
            Some(line) if line.len() + part.len() + 3 <= EXAMPLE_COLUMNS => line.extend([" ", part]),
            Some(line) => {
                line.push_str(" \\");
                lines.push(format!("    {part}"));
            }
            None => lines.push(part.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_marked() {
        assert_eq!(
            marked("`--dry-run` of <FILE> isn't ~ \\ < 3"),
            r"\fB\-\-dry\-run\fR of \fIFILE\fR isn\(aqt \(ti \e < 3"
        );
    }

    #[test]
    fn no_text_is_taken_for_a_macro() {
        let mut page = Page::new("some-page", 7, "about");
        page.paragraph(".SH no heading");
        page.paragraph("second");
        page.verbatim(["'tis".to_owned(), ".".to_owned()]);
        let source = page.source();
        assert!(source.contains("\n\\&.SH no heading\n.PP\nsecond\n"), "{source}");
        assert!(source.contains("\n\\(aqtis\n\\&.\n.fi\n"), "{source}");
    }

    #[test]
    fn long_examples_are_continued() {
        let short = "upkeep jobs execute room-cleanup --dry-run --parameters '{\"x\": 1}'";
        assert_eq!(in_shell_lines(short), [short]);
        let long =
            format!("upkeep jobs execute some-job --timeout 15m --parameters '{{\"x\": \"{}\"}}'", "x".repeat(50));
        let lines = in_shell_lines(&long);
        assert_eq!(lines[0], "upkeep jobs execute some-job --timeout 15m --parameters \\");
        assert!(lines.iter().all(|line| line.len() <= EXAMPLE_COLUMNS), "{lines:#?}");
        assert_eq!(lines.concat().replace("\\    ", ""), long);
    }
}
