//! What a command said, as a snapshot can hold it: whatever differs from run to run is replaced. And what no command
//! may ever say: secrets.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use upkeep_test_servers::s3::{ACCESS_KEY, SECRET_KEY};
use upkeep_test_servers::{keycloak, nextcloud, pings, postgres};

use super::{Run, Site};

impl Run {
    /// Exit code, standard output and standard error.
    pub(crate) fn transcript(&self) -> String {
        let code = self.code.map_or("killed".to_owned(), |code| format!("exit code {code}"));
        let mut text = format!("{code}\n");
        for (name, said) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !said.is_empty() {
                text.push_str(&format!("--- {name}\n{}", steady(said)));
            }
        }
        // Snapshots are easier to read, and to edit, without blanks at the ends of lines.
        text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    }

    /// The same with the site's own places replaced, too.
    pub(crate) fn transcript_at(&self, site: &Site) -> String {
        let mut text = self.transcript().replace(&site.path().display().to_string(), "[site]");
        if let super::Database::Postgres(name) = &site.database {
            text = text.replace(name.as_str(), "[database]");
        }
        text
    }

    /// Fails if a secret of the test servers stands anywhere in the output.
    #[track_caller]
    pub(super) fn assert_no_secrets(&self) {
        let login = format!("{}:{}", nextcloud::USERNAME, nextcloud::PASSWORD);
        let encoded = nextcloud::PASSWORD.replace(' ', "%20");
        let secrets = [
            postgres::PASSWORD,
            postgres::PASSWORD_IN_URL,
            ACCESS_KEY,
            SECRET_KEY,
            nextcloud::PASSWORD,
            &encoded,
            &BASE64_STANDARD.encode(login),
            keycloak::CLIENT_SECRET,
            keycloak::TOKEN_START,
            "kc%2Bsecret",
            pings::KEY,
            WRONG_SECRET,
        ];
        for secret in secrets {
            for said in [&self.stdout, &self.stderr] {
                assert!(!said.contains(secret), "{secret:?} in {self:#?}");
            }
        }
    }
}

/// For tests that configure a secret which is not the right one.
pub(crate) const WRONG_SECRET: &str = "wrong-but-secret-all-the-same";

/// `text` without identifiers, instants, durations, ports, process numbers and the host's name.
fn steady(text: &str) -> String {
    let mut rest = text;
    let mut steady = String::with_capacity(text.len());
    while let Some(c) = rest.chars().next() {
        let found = uuid(rest)
            .map(|length| (length, "[uuid]"))
            .or_else(|| instant(rest).map(|length| (length, "[instant]")))
            .or_else(|| after(rest, "127.0.0.1:", |c| c.is_ascii_digit()).map(|length| (length, "127.0.0.1:[port]")))
            .or_else(|| after(rest, "Duration: ", |c| c != '\n').map(|length| (length, "Duration: [duration]")))
            .or_else(|| after(rest, "\"duration_ms\": ", |c| c.is_ascii_digit()).map(|l| (l, "\"duration_ms\": [n]")))
            .or_else(|| after(rest, "\"host\": \"", |c| c != '"').map(|length| (length, "\"host\": \"[host]")))
            .or_else(|| process(rest).map(|length| (length, "process [n] on [host]")));
        let length = match found {
            Some((length, replacement)) => {
                steady.push_str(replacement);
                length
            }
            None => {
                steady.push(c);
                c.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    steady
}

/// The length of `prefix` and of what follows it, if `text` begins so and something follows.
fn after(text: &str, prefix: &str, belongs: impl Fn(char) -> bool) -> Option<usize> {
    let rest = text.strip_prefix(prefix)?;
    let length = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
    (length > 0).then_some(prefix.len() + length)
}

fn process(text: &str) -> Option<usize> {
    let number = after(text, "process ", |c| c.is_ascii_digit())?;
    Some(number + after(&text[number..], " on ", |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))?)
}

fn uuid(text: &str) -> Option<usize> {
    matches(text, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx").then_some(36)
}

fn instant(text: &str) -> Option<usize> {
    let seconds = matches(text, "dddd-dd-ddTdd:dd:dd").then_some(19)?;
    let fraction = after(&text[seconds..], ".", |c| c.is_ascii_digit()).unwrap_or(0);
    text[seconds + fraction..].starts_with('Z').then_some(seconds + fraction + 1)
}

/// Whether `text` begins like `pattern`, in which `x` is a hexadecimal digit and `d` a decimal one.
fn matches(text: &str, pattern: &str) -> bool {
    text.len() >= pattern.len()
        && text.bytes().zip(pattern.bytes()).all(|(byte, pattern)| match pattern {
            b'x' => byte.is_ascii_hexdigit(),
            b'd' => byte.is_ascii_digit(),
            _ => byte == pattern,
        })
}
