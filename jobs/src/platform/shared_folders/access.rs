//! Whether removing folders would work, as far as that can be found out without removing one.

use ureq::http::Method;

use super::nextcloud::{Nextcloud, OCS, not_nextcloud, refused, share_is_gone};
use super::ocs;
use super::requests::Failure;
use crate::platform::{Kind, Problem, Stop};

/// An id that no share has.
const NO_SHARE: &str = "0";

/// Asks who the user is and looks for a share that does not exist.
pub(super) fn check(nextcloud: &Nextcloud, stop: &Stop) -> Result<(), Problem> {
    let in_vain = |kind, reason: String| {
        let (why, hint) = reason.split_once("; ").unwrap_or((&reason, "look at the server's log"));
        let what = format!("shared folders cannot be removed from {}: {why}", nextcloud.location());
        Problem::new(kind, what).hint(hint)
    };
    let ask = |url: &str| match nextcloud.requests.send(&Method::GET, url, Some(OCS), stop) {
        Ok(answer) => Ok(answer),
        Err(Failure::Own(reason) | Failure::Provider(reason)) => {
            Err(in_vain(Kind::Unreachable, format!("{reason}; check shared_folder.url and that the server is up")))
        }
        Err(Failure::Stopped) => {
            stop.check()?;
            Err(in_vain(Kind::Failed, "stopped".to_owned()))
        }
    };
    let judged = |status: u16, outcome: Result<(), Failure>| match outcome {
        Ok(()) => Ok(()),
        Err(Failure::Own(reason) | Failure::Provider(reason)) => {
            let passing = matches!(status, 429 | 500..=599);
            Err(in_vain(if passing { Kind::Unreachable } else { Kind::Configuration }, reason))
        }
        Err(Failure::Stopped) => Err(in_vain(Kind::Failed, "stopped".to_owned())),
    };

    let answer = ask(&format!("{}/ocs/v2.php/cloud/user", nextcloud.base))?;
    judged(
        answer.status,
        match (answer.status, ocs::parse(&answer.body)) {
            (200, Some(ocs::Meta { status: 100 | 200, .. })) => Ok(()),
            (200, Some(ocs::Meta { status: 997, .. })) => Err(refused(401, None, "")),
            (200 | 404, None) => Err(not_nextcloud(&answer)),
            (status, _) => Err(refused(status, answer.redirect_to.as_deref(), "")),
        },
    )?;
    // The folders are found below the user's id, while all sorts of names may be used to log in.
    let user: serde_json::Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let id = user.pointer("/ocs/data/id").and_then(serde_json::Value::as_str);
    if let Some(id) = id.filter(|id| *id != nextcloud.username) {
        let reason = format!("that name is let in, but the user's id is {id:?}; set shared_folder.username to the id");
        return Err(in_vain(Kind::Configuration, reason));
    }
    let answer = ask(&nextcloud.share(NO_SHARE))?;
    judged(answer.status, share_is_gone(&answer))
}
