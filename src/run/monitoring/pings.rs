//! Pings to a monitoring service: one when a run begins, one when it ends.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use upkeep_jobs::kit::NOTES;
use upkeep_jobs::platform::{Kind, PingUrl, Signal, Stop};

use super::super::document::{Document, Outcome};

/// How long a service that does not answer holds up the end of a run.
struct Patience {
    usual: Duration,
    /// Of a run that was told to stop and has to be gone two seconds later, whatever else does not answer.
    last: Duration,
}

/// Until the ping of the start is done with, which was sent long ago.
const FOR_START: Patience = Patience { usual: Duration::from_secs(1), last: Duration::from_millis(150) };
/// And then for the one of the end.
const FOR_END: Patience = Patience { usual: Duration::from_secs(2), last: Duration::from_millis(250) };
/// How often a waiting run looks whether it is told to stop.
const LOOK: Duration = Duration::from_millis(20);
/// Longer than anybody waits.
const REQUEST: Duration = Duration::from_secs(10);

type Answer = Receiver<Result<(), String>>;

/// The pings of one run.
pub(super) struct Pings {
    url: PingUrl,
    /// Comes when the ping of the start is done with, if there was one.
    start: Option<Answer>,
}

impl Pings {
    pub(super) fn new(url: PingUrl) -> Self {
        Self { url, start: None }
    }

    /// Tells that a run begins. Nobody waits for the answer before the run ends.
    pub(super) fn begun(&mut self, document: &Document) {
        self.start = Some(self.send(document.job, Signal::Start));
    }

    /// Tells how it ended. Runs that left the work to another one tell nothing: that other one does.
    pub(super) fn ended(self, document: &Document, stop: &Stop) {
        let code = document.exit_code.unwrap_or_default();
        if document.outcome == Some(Outcome::Skipped) || code == Kind::LeaseHeld.exit_code() {
            return;
        }
        let enough = |patience: Patience| if stop.reason().is_some() { patience.last } else { patience.usual };
        // In this order, or a service would take the run for one under way.
        if let Some(answer) = &self.start
            && let Err(reason) = wait(answer, |waited| waited < enough(FOR_START))
        {
            log::debug!("The ping that the run began did not arrive: {reason}");
        }
        let signal = if code == 0 { Signal::Success } else { Signal::Failure(code) };
        // Of the time for last words it may have what is left.
        let may_speak = || stop.reason().is_some() && stop.last_words().reason().is_none();
        if let Err(reason) = wait(&self.send(document.job, signal), |waited| waited < enough(FOR_END) || may_speak()) {
            // Nobody has to act: whoever waits for the ping in vain gives the alarm.
            log::warn!(target: NOTES, "The ping that the run ended did not arrive: {reason}");
        }
    }

    /// Sends a ping from a thread of its own, which nobody has to wait for.
    fn send(&self, job: &'static str, signal: Signal) -> Answer {
        let (tell, answer) = channel();
        let (url, refused) = (self.url.clone(), tell.clone());
        let sending = move || {
            // Nobody may be waiting any more.
            if tell.send(url.send(job, signal, REQUEST)).is_err() {
                log::debug!("The answer to a ping came too late");
            }
        };
        let spawned = std::thread::Builder::new().name("ping".into()).spawn(sending);
        if let Err(error) = spawned
            && refused.send(Err(format!("no thread could be started: {error}"))).is_err()
        {
            log::debug!("no thread could be started");
        }
        answer
    }
}

/// Waits for an answer for as long as `is_patient` after so much time.
fn wait(answer: &Answer, is_patient: impl Fn(Duration) -> bool) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        match answer.recv_timeout(LOOK) {
            Ok(answer) => return answer,
            Err(RecvTimeoutError::Timeout) if is_patient(begun.elapsed()) => {}
            Err(RecvTimeoutError::Timeout) => return Err("no answer in time".to_owned()),
            Err(RecvTimeoutError::Disconnected) => return Err("its thread ended without a word".to_owned()),
        }
    }
}
