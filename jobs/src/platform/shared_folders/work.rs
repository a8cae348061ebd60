//! Many folders at once, on a few threads that the caller can walk away from.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::SharedFolder;
use super::nextcloud::{Nextcloud, Removal};
use super::requests::Failure;
use crate::platform::{Problem, Stop};

/// Requests in flight at the provider; a PHP installation often has a few dozen workers for everybody.
pub(super) const THREADS: usize = 8;

/// This many folders in a row failing for the provider's own reasons speak for all that follow in this run.
const GIVE_UP_AFTER: usize = 8;

/// How often a caller that waits for answers looks at its stop.
const STOP_CHECK: Duration = Duration::from_millis(50);

type Outcome = (usize, Result<(), String>);

/// One call to remove folders. It owns all it needs, because its threads may outlive the call: a request cannot be
/// taken back, and a run that is told to stop does not wait for a provider that hangs.
pub(super) struct Work {
    nextcloud: Arc<Nextcloud>,
    folders: Vec<SharedFolder>,
    next: AtomicUsize,
    stop: Stop,
}

/// What the folders so far have shown about the provider.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// How many folders it dealt with, one way or the other.
    working_answers: usize,
    /// The reasons of those that failed since for the provider's own reasons.
    failures: Vec<String>,
}

impl Work {
    pub(super) fn new(nextcloud: Arc<Nextcloud>, folders: &[SharedFolder], stop: &Stop) -> Self {
        Self { nextcloud, folders: folders.to_vec(), next: AtomicUsize::new(0), stop: stop.clone() }
    }

    /// Waits for all outcomes, in the folders' order, or for the stop.
    pub(super) fn run(self) -> Result<Vec<Result<(), String>>, Problem> {
        let stop = self.stop.clone();
        let mut outcomes = vec![Err("the removal ended without an answer".to_owned()); self.folders.len()];
        let mut missing = outcomes.len();
        let (sender, receiver) = mpsc::channel();
        let work = Arc::new(self);
        for _ in 0..THREADS.min(missing) {
            let (work, sender) = (Arc::clone(&work), sender.clone());
            let started = thread::Builder::new().name("shared-folders".into()).spawn(move || work.take_turns(&sender));
            if let Err(error) = started {
                // The threads that did start do all the work; without any, every outcome says why.
                outcomes.fill(Err(format!("no thread could be started: {error}")));
                break;
            }
        }
        drop(sender);
        while missing > 0 {
            stop.check()?;
            match receiver.recv_timeout(STOP_CHECK) {
                Ok((index, outcome)) => {
                    outcomes[index] = outcome;
                    missing -= 1;
                }
                Err(RecvTimeoutError::Timeout) => {}
                // The threads leave early when they see the stop first.
                Err(RecvTimeoutError::Disconnected) => {
                    stop.check()?;
                    break;
                }
            }
        }
        Ok(outcomes)
    }

    /// Removes folders, one after the other, until none is left or nobody wants to know.
    fn take_turns(&self, outcomes: &Sender<Outcome>) {
        while self.stop.reason().is_none() {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(folder) = self.folders.get(index) else { return };
            let outcome = match self.nextcloud.plan(folder).map_err(Failure::own).and_then(|plan| self.remove(&plan)) {
                Ok(()) => Ok(()),
                Err(Failure::Stopped) => return,
                Err(Failure::Own(reason) | Failure::Provider(reason)) => Err(reason),
            };
            if outcomes.send((index, outcome)).is_err() {
                return;
            }
        }
    }

    fn remove(&self, removal: &Removal) -> Result<(), Failure> {
        let working_answers = {
            let health = self.health();
            if let (true, Some(last)) = (health.failures.len() >= GIVE_UP_AFTER, health.failures.last()) {
                return Err(Failure::own(format!("not attempted, as {GIVE_UP_AFTER} others in a row failed: {last}")));
            }
            health.working_answers
        };
        let outcome = self.nextcloud.remove(removal, &self.stop);
        let mut health = self.health();
        match &outcome {
            // Failures take longer than successes and would seem to come in a row: what began before the provider was
            // last seen working does not speak for it.
            Err(Failure::Provider(reason)) if health.working_answers == working_answers => {
                health.failures.push(reason.clone());
            }
            Ok(()) | Err(Failure::Own(_)) => {
                health.working_answers += 1;
                health.failures.clear();
            }
            Err(Failure::Provider(_) | Failure::Stopped) => {}
        }
        outcome
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.nextcloud.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
