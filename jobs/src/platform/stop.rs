//! The one way a run is told to end early: its deadline, or a signal.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::problem::{Kind, Problem};

/// Why a run has to end early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The run's own time limit, which is given, has passed.
    TimedOut(Duration),
    /// SIGINT, usually Ctrl-C.
    Interrupted,
    /// SIGTERM, usually the service manager.
    Terminated,
    /// Another run took this one for dead and began in its place.
    LeaseLost,
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StopReason::TimedOut(limit) => {
                write!(f, "timed out after {}", readable(*limit))
            }
            StopReason::Interrupted => f.write_str("stopped by SIGINT"),
            StopReason::Terminated => f.write_str("stopped by SIGTERM"),
            StopReason::LeaseLost => f.write_str("stopped, since another run of the job took its place"),
        }
    }
}

impl From<StopReason> for Problem {
    fn from(reason: StopReason) -> Self {
        let hint = match reason {
            StopReason::TimedOut(_) => {
                "what is done is safe; run the job again to go on, perhaps with a longer --timeout"
            }
            StopReason::Interrupted | StopReason::Terminated => "what is done is safe; run the job again to go on",
            StopReason::LeaseLost => "what is done is safe; the other run goes on",
        };
        Problem::new(Kind::Stopped(reason), reason).hint(hint)
    }
}

/// Whole seconds where it is whole seconds, milliseconds otherwise.
fn readable(limit: Duration) -> String {
    if limit.subsec_nanos() == 0 { format!("{}s", limit.as_secs()) } else { format!("{}ms", limit.as_millis()) }
}

/// How long a run that was told to end has for what it still wants to say to the database, all in all.
const LAST_WORDS: Duration = Duration::from_millis(800);

/// Shared by everything that may take long: whoever waits also waits for this.
#[derive(Debug, Clone)]
pub struct Stop {
    deadline: Option<(Instant, Duration)>,
    signal: Arc<watch::Sender<Option<StopReason>>>,
    last_words: Arc<OnceLock<Stop>>,
}

impl Stop {
    /// Ends by signal only.
    pub fn without_deadline() -> Self {
        Self { deadline: None, signal: Arc::new(watch::Sender::new(None)), last_words: Arc::default() }
    }

    /// Ends `limit` from now, or by signal.
    pub fn after(limit: Duration) -> Self {
        // A limit beyond the clock's range is no limit.
        let deadline = Instant::now().checked_add(limit).map(|end| (end, limit));
        Self { deadline, ..Self::without_deadline() }
    }

    /// Asks everything that watches this to end; the first reason stays.
    pub fn trigger(&self, reason: StopReason) {
        self.signal.send_if_modified(|current| {
            let first = current.is_none();
            current.get_or_insert(reason);
            first
        });
    }

    /// The reason to end, if there is one by now.
    pub fn reason(&self) -> Option<StopReason> {
        let signal = *self.signal.borrow();
        signal.or_else(|| {
            let (end, limit) = self.deadline?;
            (Instant::now() >= end).then_some(StopReason::TimedOut(limit))
        })
    }

    /// For the last few statements of a run that has been told to end: another, short time limit, which begins when
    /// somebody first asks for it and is the same for all who do.
    pub fn last_words(&self) -> Stop {
        self.last_words.get_or_init(|| Stop::after(LAST_WORDS)).clone()
    }

    /// Goes on, or ends with a [`Problem`] of kind [`Kind::Stopped`].
    ///
    /// # Errors
    /// When the deadline has passed or a signal has arrived.
    pub fn check(&self) -> Result<(), Problem> {
        match self.reason() {
            None => Ok(()),
            Some(reason) => Err(reason.into()),
        }
    }

    /// Waits for `pause`, or until there is a reason to end.
    pub fn sleep(&self, pause: Duration) {
        let end = Instant::now() + pause;
        // Signals are few and pauses short: looking twenty times a second keeps this free of a runtime.
        while self.reason().is_none() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
    }

    /// Resolves once there is a reason to end; needs a tokio runtime with time enabled.
    pub async fn triggered(&self) -> StopReason {
        let mut signal = self.signal.subscribe();
        let by_signal = async {
            match signal.wait_for(Option::is_some).await.map(|reason| *reason) {
                Ok(Some(reason)) => reason,
                // The sender lives as long as `self`.
                Ok(None) | Err(_) => std::future::pending().await,
            }
        };
        let by_deadline = async {
            match self.deadline {
                Some((end, limit)) => {
                    tokio::time::sleep_until(end.into()).await;
                    StopReason::TimedOut(limit)
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            reason = by_signal => reason,
            reason = by_deadline => reason,
        }
    }
}
