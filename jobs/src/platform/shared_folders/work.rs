//! Many folders at once, on a few threads that the caller can walk away from.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};

use super::SharedFolder;
use super::nextcloud::{Nextcloud, Removal};
use super::requests::Failure;
use crate::platform::crew::Crew;
use crate::platform::{Problem, Stop};

/// Requests in flight at the provider; a PHP installation often has a few dozen workers for everybody.
pub(super) const THREADS: usize = 8;

/// This many folders in a row failing for the provider's own reasons speak for all that follow in this run.
const GIVE_UP_AFTER: usize = 8;

type Outcome = (usize, Result<(), String>);

/// One call to remove folders. It owns all it needs, because its threads may outlive the call.
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
        let mut outcomes = vec![Err("the removal ended without an answer".to_owned()); self.folders.len()];
        let (threads, stop) = (THREADS.min(outcomes.len()), self.stop.clone());
        match Crew::start("shared-folders", threads, &stop, move || self.turn()) {
            Ok(crew) => {
                while let Some((index, outcome)) = crew.next()? {
                    outcomes[index] = outcome;
                }
            }
            Err(problem) => outcomes.fill(Err(problem.to_string())),
        }
        Ok(outcomes)
    }

    /// Removes the next folder; `None` if there is none, or the run is told to stop.
    fn turn(&self) -> Option<Outcome> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        let folder = self.folders.get(index)?;
        match self.nextcloud.plan(folder).map_err(Failure::own).and_then(|plan| self.remove(&plan)) {
            Ok(()) => Some((index, Ok(()))),
            Err(Failure::Stopped) => None,
            Err(Failure::Own(reason) | Failure::Provider(reason)) => Some((index, Err(reason))),
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
