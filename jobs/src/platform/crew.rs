//! Threads that work at something together, and that whoever waits for them can walk away from: a request to another
//! server cannot be taken back, and a run that is told to stop does not wait for a server that hangs.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::{Kind, Problem, Stop};

/// How often whoever waits for an outcome looks at the stop.
const STOP_CHECK: Duration = Duration::from_millis(50);

/// Threads at work. Dropped, it leaves them to end by themselves after the turn they are at.
pub(super) struct Crew<R> {
    outcomes: Receiver<R>,
    stop: Stop,
}

impl<R: Send + 'static> Crew<R> {
    /// Starts up to `size` threads that take turns until there is none left (`None`), or nobody wants to know.
    ///
    /// # Errors
    /// When not a single thread can be started.
    pub(super) fn start<T>(name: &str, size: usize, stop: &Stop, turn: T) -> Result<Self, Problem>
    where
        T: Fn() -> Option<R> + Send + Sync + 'static,
    {
        // Bounded, so that outcomes do not pile up when they are taken more slowly than they are made.
        let (sender, outcomes) = mpsc::sync_channel(size);
        let turn = Arc::new(turn);
        for number in 0..size {
            let (turn, sender, stop) = (Arc::clone(&turn), sender.clone(), stop.clone());
            let work = move || {
                while stop.reason().is_none()
                    && let Some(outcome) = turn()
                    && sender.send(outcome).is_ok()
                {}
            };
            match thread::Builder::new().name(name.to_owned()).spawn(work) {
                Ok(_) => {}
                Err(error) if number == 0 => {
                    return Err(Problem::new(Kind::Failed, format!("no thread could be started: {error}")));
                }
                // Those that did start do all the work.
                Err(error) => {
                    log::debug!("only {number} threads could be started: {error}");
                    break;
                }
            }
        }
        Ok(Self { outcomes, stop: stop.clone() })
    }

    /// Waits for the next outcome, in whatever order; `None` when there will be no more.
    ///
    /// # Errors
    /// When the run is told to stop.
    pub(super) fn next(&self) -> Result<Option<R>, Problem> {
        loop {
            self.stop.check()?;
            match self.outcomes.recv_timeout(STOP_CHECK) {
                Ok(outcome) => return Ok(Some(outcome)),
                Err(RecvTimeoutError::Timeout) => {}
                // The threads leave early when they see the stop first.
                Err(RecvTimeoutError::Disconnected) => {
                    self.stop.check()?;
                    return Ok(None);
                }
            }
        }
    }
}
