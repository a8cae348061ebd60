//! What an answer that is no success means for whoever runs upkeep.

use super::requests::Answer;
use crate::platform::words::one_line;
use crate::platform::{Kind, Problem};

/// What was asked for, which decides what is wrong when it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// The realm's own description.
    Discovery,
    /// A token.
    Token,
    /// Accounts.
    Accounts,
}

impl Asked {
    /// The setting that names the address.
    fn setting(self) -> &'static str {
        match self {
            Asked::Discovery | Asked::Token => "identity.authority",
            Asked::Accounts => "identity.api_base_url",
        }
    }

    /// An answer with a status that is no success. `error` is the provider's own word for it, if it has one.
    pub(super) fn refused(self, attempt: &str, answer: &Answer, error: Option<&str>) -> Problem {
        let setting = self.setting();
        let (kind, meaning, hint) = match (answer.status, self) {
            (300..=399, _) => (
                Kind::Configuration,
                "a redirect, which is not followed",
                format!("give the final address as {setting}"),
            ),
            (400 | 401, Asked::Token) => (
                Kind::Configuration,
                "the client is refused",
                "check identity.client_id and identity.client_secret, and that the client has client authentication \
                 and service account roles switched on"
                    .to_owned(),
            ),
            (401, _) => (
                Kind::Configuration,
                "a fresh token is refused, too",
                "check that identity.authority and identity.api_base_url are of the same realm, and that the clocks of \
                 this host and the identity provider agree"
                    .to_owned(),
            ),
            (403, Asked::Accounts) => (
                Kind::Configuration,
                "the client may not see the accounts",
                "give the client's service account the role view-users of the client realm-management".to_owned(),
            ),
            (404, Asked::Accounts) => (
                Kind::Configuration,
                "there is no such realm or API",
                "check identity.api_base_url: it ends in /admin/realms/ and the name of the realm".to_owned(),
            ),
            (404, _) => (
                Kind::Configuration,
                "there is no such realm",
                "check identity.authority: it ends in /realms/ and the name of the realm".to_owned(),
            ),
            (429, _) => {
                (Kind::Unreachable, "too many requests, also after pauses", "run the job again later".to_owned())
            }
            (500..=599, _) => (
                Kind::Unreachable,
                "the server failed or is overloaded, also after pauses",
                "look at the log of the identity provider; running again is safe".to_owned(),
            ),
            _ => (Kind::Failed, "not an answer that this should get", format!("check {setting}")),
        };
        let mut what = format!("cannot {attempt}: HTTP {}, {meaning}", answer.status);
        if let Some(target) = &answer.redirect_to {
            what.push_str(&format!(" (it points to {target})"));
        }
        if let Some(error) = error {
            what.push_str(&format!(" ({})", one_line(error)));
        }
        Problem::new(kind, what).hint(hint)
    }

    /// An answer that says that all is well and is not what was asked for.
    pub(super) fn misunderstood(self, attempt: &str, why: impl std::fmt::Display) -> Problem {
        let hint = format!("check {}, and what stands between this host and the identity provider", self.setting());
        Problem::new(Kind::Failed, format!("cannot {attempt}: {why}")).hint(hint)
    }

    /// Why a success cannot be what was asked for, before its JSON is read.
    pub(super) fn unfit(answer: &Answer) -> Option<String> {
        let status = answer.status;
        if answer.is_html() {
            Some(format!("HTTP {status} with an HTML page instead of JSON"))
        } else if !answer.is_json() {
            let kind = answer.content_type.as_deref().map_or("no content type".to_owned(), one_line);
            Some(format!("HTTP {status} with {kind} instead of application/json"))
        } else if answer.is_too_long() {
            Some("the answer is longer than 32 MiB; choose smaller pages".to_owned())
        } else {
            None
        }
    }
}
