//! Deleting objects in the background, while the next batch is at work in the database.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::time::Duration;

use anyhow::Context as _;

use super::context::Context;
use super::crash::crash_point;
use super::outbox::{self, Kind, StoredObject};
use crate::platform::database::{Database, DatabaseError};
use crate::platform::storage::{Deletion, WriteObjects};
use crate::platform::{self, Problem};

/// So many batches may wait for the store before the database work waits for it.
const WAITING_BATCHES: usize = 4;
/// The worker takes together what waits, up to so many objects: eight full requests at once.
const TOGETHER: usize = 8_000;
/// An outbox that is locked at the end is tried so often, with a pause after each time.
const NOTING_TRIES: u32 = 10;
const NOTING_PAUSE: Duration = Duration::from_millis(500);

struct Answer {
    /// How many batches were taken together.
    batches: usize,
    objects: Vec<StoredObject>,
    outcome: anyhow::Result<Vec<Deletion>>,
}

/// What the store said, not yet noted in the outbox.
#[derive(Default)]
struct Unnoted {
    gone: Vec<String>,
    failed: BTreeMap<String, String>,
}

/// The background worker and what is known of its work.
pub(super) struct ObjectDeletions<'a> {
    context: &'a Context,
    store: Arc<dyn WriteObjects>,
    work: SyncSender<Vec<StoredObject>>,
    answers: Receiver<Answer>,
    outstanding: usize,
    unnoted: Unnoted,
    /// Why the store as a whole does not work, or that the run was stopped; ends the run.
    broken: Option<anyhow::Error>,
}

/// Deletes `keys`. What is wrong with these keys alone, of which there may be few, must not look like a broken store:
/// it would end this run and, as the keys stay in the outbox, every run to come.
fn delete(store: &dyn WriteObjects, keys: &[String]) -> anyhow::Result<Vec<Deletion>> {
    store.delete_many(keys).or_else(|error| match store.check_deletable() {
        Ok(()) => {
            let reason = format!("{error:#}");
            Ok(keys.iter().map(|key| Deletion { key: key.clone(), outcome: Err(reason.clone()) }).collect())
        }
        Err(_) => Err(error),
    })
}

impl<'a> ObjectDeletions<'a> {
    pub(super) fn start(context: &'a Context, store: Arc<dyn WriteObjects>) -> anyhow::Result<Self> {
        let (work, waiting) = sync_channel::<Vec<StoredObject>>(WAITING_BATCHES);
        let (answer, answers) = channel();
        let worker_store = Arc::clone(&store);
        std::thread::Builder::new()
            .name("object deletions".into())
            .spawn(move || {
                while let Ok(mut objects) = waiting.recv() {
                    let mut batches = 1;
                    while objects.len() < TOGETHER
                        && let Ok(more) = waiting.try_recv()
                    {
                        objects.extend(more);
                        batches += 1;
                    }
                    let keys: Vec<_> = objects.iter().map(|object| object.key.clone()).collect();
                    let outcome = delete(worker_store.as_ref(), &keys);
                    // A closed channel means that the run is over; what is not answered stays in the outbox.
                    if answer.send(Answer { batches, objects, outcome }).is_err() {
                        return;
                    }
                }
            })
            .context("cannot start the thread that deletes objects")?;
        Ok(Self { context, store, work, answers, outstanding: 0, unnoted: Unnoted::default(), broken: None })
    }

    /// Where the objects are, as the outbox records it.
    pub(super) fn location(&self) -> &str {
        self.store.location()
    }

    /// Hands over a batch whose rows are gone and whose keys are in the outbox, and notes what has been answered by
    /// now. Waits when the store is far behind.
    pub(super) fn submit(&mut self, database: &mut Database, objects: Vec<StoredObject>) -> anyhow::Result<()> {
        if !objects.is_empty() {
            self.work.send(objects).map_err(|_| anyhow::anyhow!("the thread that deletes objects died"))?;
            self.outstanding += 1;
        }
        while let Ok(answer) = self.answers.try_recv() {
            self.take(answer);
        }
        self.note_unless_locked(database)?;
        self.broken.take().map_or(Ok(()), Err)
    }

    /// Waits for everything handed over, and notes it.
    pub(super) fn finish(&mut self, database: &mut Database) -> anyhow::Result<()> {
        while self.outstanding > 0 {
            let answer = self.answers.recv().context("the thread that deletes objects died")?;
            self.take(answer);
            self.note_unless_locked(database)?;
        }
        for _ in 0..NOTING_TRIES {
            if self.note_unless_locked(database)? {
                return self.broken.take().map_or(Ok(()), Err);
            }
            self.context.stop().sleep(NOTING_PAUSE);
        }
        let what = "the outbox is kept locked by another session, so that what is gone cannot be taken out of it";
        let locked = Problem::new(platform::Kind::Failed, what).hint("the next run does that; nothing is lost");
        Err(self.broken.take().unwrap_or_else(|| locked.into()))
    }

    /// Notes what is known, or if somebody has it locked leaves it to the next call, and tells which.
    fn note_unless_locked(&mut self, database: &mut Database) -> Result<bool, DatabaseError> {
        match self.note(database) {
            Err(DatabaseError::Rejected(reason)) => {
                log::debug!("the outbox is not up to date yet: {reason}");
                Ok(false)
            }
            noted => noted.map(|()| true),
        }
    }

    fn take(&mut self, answer: Answer) {
        self.outstanding -= answer.batches;
        let mut report = self.context.report();
        match answer.outcome {
            Ok(deletions) => {
                let bytes: BTreeMap<_, _> = answer.objects.iter().map(|o| (o.key.as_str(), o.bytes)).collect();
                for Deletion { key, outcome } in deletions {
                    match outcome {
                        Ok(()) => {
                            report.objects_deleted += 1;
                            let bytes = bytes.get(key.as_str()).map_or(0, |bytes| bytes.unsigned_abs());
                            report.bytes_freed = report.bytes_freed.saturating_add(bytes);
                            self.unnoted.gone.push(key);
                        }
                        Err(reason) => {
                            report.fail(&key, &reason);
                            self.unnoted.failed.insert(key, reason);
                        }
                    }
                }
            }
            // Stopped is not failed: the keys wait in the outbox, and the run says that it was stopped.
            Err(error) if is_stopped(&error) => {
                self.broken.get_or_insert(error);
            }
            Err(error) => {
                let reason = format!("{error:#}");
                for object in &answer.objects {
                    report.fail(&object.key, &reason);
                }
                self.unnoted.failed.extend(answer.objects.into_iter().map(|o| (o.key, reason.clone())));
                self.broken.get_or_insert(error);
            }
        }
    }

    /// Brings the outbox up to what the store said; what cannot be noted now is kept for the next call.
    fn note(&mut self, database: &mut Database) -> Result<(), DatabaseError> {
        let Unnoted { gone, failed } = &self.unnoted;
        if gone.is_empty() && failed.is_empty() {
            return Ok(());
        }
        crash_point("objects-deleted");
        let location = self.store.location();
        database.write(|connection| {
            outbox::confirm(connection, Kind::Object, location, gone)?;
            outbox::note_failures(connection, Kind::Object, location, failed)
        })?;
        crash_point("objects-confirmed");
        self.unnoted = Unnoted::default();
        Ok(())
    }
}

fn is_stopped(error: &anyhow::Error) -> bool {
    matches!(Problem::within(error).map(Problem::kind), Some(platform::Kind::Stopped(_)))
}
