//! Deleting many objects with few requests, and finding out about every single one.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use aws_sdk_s3::config::Config;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use tokio::task::JoinSet;

use super::confirmation::Confirmation;
use super::connection::Connection;
use super::content_md5::content_md5;
use super::error::{Cause, StoreError};
use crate::platform::{Kind, Problem};

/// The most keys S3 takes in one DeleteObjects:
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html>.
const KEYS_PER_REQUEST: usize = 1_000;

/// Requests under way at the same time.
const CONCURRENT: usize = 8;

/// After so many requests in a row that failed for good, without one success in between, the store is given up.
const FAILURES_IN_A_ROW: u32 = 16;

/// How often keys are asked for again that the store answered with a passing trouble of its own.
const ROUNDS: u32 = 3;

/// What became of one key.
pub(super) type Outcome = (String, Result<(), StoreError>);

/// Deletes `keys` and answers once for each different one.
///
/// # Errors
/// When the run was stopped, or when the store answered for no key at all.
pub(super) fn delete(connection: &Arc<Connection>, keys: &[String]) -> Result<Vec<Outcome>, Problem> {
    connection.wait(async {
        let mut work = Work::new(connection, keys);
        let mut running = JoinSet::new();
        loop {
            while running.len() < CONCURRENT
                && let Some(request) = work.next()
            {
                running.spawn(request.send(Arc::clone(connection)));
            }
            match running.join_next().await {
                None => return work.finish(),
                Some(Ok((request, answer))) => work.settle(request, answer),
                Some(Err(panic)) => return Err(Problem::new(Kind::Failed, "deleting objects failed").because(panic)),
            }
        }
    })
}

/// Keys that are deleted by one request.
struct Request {
    keys: Vec<String>,
    /// Whether this is a DeleteObject, which takes one key, instead of a DeleteObjects.
    alone: bool,
    /// Whether the keys are what is left of a request that failed in spite of all attempts.
    suspect: bool,
    /// How often the store has already put these keys off.
    round: u32,
    content_md5: bool,
}

impl Request {
    fn together(keys: Vec<String>) -> Self {
        Self { keys, alone: false, suspect: false, round: 0, content_md5: false }
    }

    async fn send(self, connection: Arc<Connection>) -> (Self, Result<Vec<Outcome>, StoreError>) {
        tokio::time::sleep(connection.retries.initial_backoff * self.round).await;
        let answer =
            if self.alone { self.delete_object(&connection).await } else { self.delete_objects(&connection).await };
        (self, answer)
    }

    /// Suspects have had all attempts already; a second one still tells bad luck from a bad key.
    fn patience(&self, connection: &Connection) -> aws_sdk_s3::config::Builder {
        let attempts = connection.retries.attempts;
        let attempts = if self.suspect { attempts.min(2) } else { attempts };
        let retries = RetryConfig::standard().with_max_attempts(attempts);
        Config::builder().retry_config(retries.with_initial_backoff(connection.retries.initial_backoff))
    }

    async fn delete_object(&self, connection: &Connection) -> Result<Vec<Outcome>, StoreError> {
        let mut outcomes = Vec::new();
        for key in &self.keys {
            let request = connection.client.delete_object().bucket(&connection.bucket).key(key);
            let confirmation = Confirmation::default();
            let request = request.customize().config_override(self.patience(connection));
            match request.interceptor(confirmation.clone()).send().await.map_err(StoreError::from) {
                Ok(_) if !confirmation.is_given() => return Err(StoreError::answered(Some(200), None, None)),
                Err(error) if !error.is_missing_key() => return Err(error),
                Ok(_) | Err(_) => outcomes.push((key.clone(), Ok(()))),
            }
        }
        Ok(outcomes)
    }

    async fn delete_objects(&self, connection: &Connection) -> Result<Vec<Outcome>, StoreError> {
        let objects: Result<Vec<_>, _> =
            self.keys.iter().map(|key| ObjectIdentifier::builder().key(key).build()).collect();
        let delete = objects.and_then(|objects| Delete::builder().set_objects(Some(objects)).quiet(true).build());
        let delete = delete.map_err(|error| StoreError::other(error.to_string()))?;
        let request = connection.client.delete_objects().bucket(&connection.bucket).delete(delete).customize();
        let mut request = request.config_override(self.patience(connection));
        if self.content_md5 {
            request = request.mutate_request(|request| {
                if let Some(digest) = request.body().bytes().map(content_md5) {
                    request.headers_mut().insert("content-md5", digest);
                }
            });
        }
        let answer = request.send().await.map_err(StoreError::from)?;

        // A quiet answer names only the keys that are still there; some stores name the others all the same. What is
        // no such answer, an empty one above all, is an error by now.
        let mut left: BTreeSet<&str> = self.keys.iter().map(String::as_str).collect();
        let mut outcomes = Vec::new();
        for error in answer.errors() {
            let refusal = StoreError::answered(None, error.code(), error.message());
            match error.key() {
                Some(key) if left.remove(key) => {
                    let outcome = if refusal.is_missing_key() { Ok(()) } else { Err(refusal) };
                    outcomes.push((key.to_owned(), outcome));
                }
                // The same key once more.
                Some(key) if self.keys.iter().any(|asked| asked == key) => {}
                // Whichever key it is about, it may be any of those that look deleted.
                Some(_) | None => {
                    return Err(StoreError::other(format!("the store refused a key it does not name: {refusal}")));
                }
            }
        }
        outcomes.extend(left.into_iter().map(|key| (key.to_owned(), Ok(()))));
        Ok(outcomes)
    }
}

/// What is still to be asked, and what is known by now.
struct Work<'a> {
    connection: &'a Connection,
    queue: VecDeque<Request>,
    outcomes: Vec<Outcome>,
    /// Whether the store has answered for any key, good or bad.
    answered: bool,
    failures_in_a_row: u32,
    /// Why nothing more is asked of the store.
    given_up: Option<StoreError>,
}

impl<'a> Work<'a> {
    fn new(connection: &'a Connection, keys: &[String]) -> Self {
        let mut outcomes = Vec::new();
        // Without a key, what is left is the address of the bucket.
        let (empty, keys): (BTreeSet<&String>, BTreeSet<&String>) = keys.iter().partition(|key| key.is_empty());
        outcomes
            .extend(empty.into_iter().map(|key| (key.clone(), Err(StoreError::other("an empty key names no object")))));
        let keys: Vec<String> = keys.into_iter().cloned().collect();
        let queue = keys.chunks(KEYS_PER_REQUEST).map(|chunk| Request::together(chunk.to_vec())).collect();
        Self { connection, queue, outcomes, answered: false, failures_in_a_row: 0, given_up: None }
    }

    /// The next request to send, in the form the store is known to want.
    fn next(&mut self) -> Option<Request> {
        if let Some(error) = &self.given_up {
            let given_up = self.queue.drain(..).flat_map(|request| request.keys);
            self.outcomes.extend(given_up.map(|key| (key, Err(error.clone()))));
        }
        let mut request = self.queue.pop_front()?;
        if !request.alone && self.connection.deletes_one_by_one.load(Ordering::Relaxed) {
            let keys = request.keys.split_off(1);
            request.alone = true;
            if !keys.is_empty() {
                self.queue.push_front(Request { keys, alone: false, ..request });
            }
        }
        request.content_md5 = self.connection.wants_content_md5.load(Ordering::Relaxed);
        Some(request)
    }

    fn settle(&mut self, request: Request, answer: Result<Vec<Outcome>, StoreError>) {
        match answer {
            Ok(outcomes) => {
                self.answered = true;
                self.failures_in_a_row = 0;
                let passing = |outcome: &Outcome| matches!(&outcome.1, Err(e) if e.cause() == Cause::Unreachable);
                let (again, settled): (Vec<_>, Vec<_>) =
                    outcomes.into_iter().partition(|outcome| request.round + 1 < ROUNDS && passing(outcome));
                self.outcomes.extend(settled);
                if !again.is_empty() {
                    let keys = again.into_iter().map(|(key, _)| key).collect();
                    self.queue.push_back(Request { keys, round: request.round + 1, ..request });
                }
            }
            Err(error) if error.wants_content_md5() && !request.alone && !request.content_md5 => {
                self.connection.wants_content_md5.store(true, Ordering::Relaxed);
                self.queue.push_front(request);
            }
            Err(error) if error.is_unsupported() && !request.alone => {
                if !self.connection.deletes_one_by_one.swap(true, Ordering::Relaxed) {
                    log::debug!("{} lacks DeleteObjects: {error}; deleting one by one", self.connection.location);
                }
                self.queue.push_front(request);
            }
            Err(error) => self.narrow_down(request, error),
        }
    }

    /// One key that the store cannot cope with must not hold up all that were sent along with it.
    fn narrow_down(&mut self, mut request: Request, error: StoreError) {
        self.failures_in_a_row += 1;
        // A refusal of one key alone may be about that key.
        let concerns_all =
            error.cause().concerns_every_request() && !(request.alone && error.cause() == Cause::Forbidden);
        if concerns_all || self.failures_in_a_row >= FAILURES_IN_A_ROW {
            self.given_up.get_or_insert_with(|| error.clone());
        }
        if request.alone || self.given_up.is_some() {
            self.outcomes.extend(request.keys.into_iter().map(|key| (key, Err(error.clone()))));
            return;
        }
        request.suspect = true;
        if request.keys.len() == 1 {
            // The simpler request has no body in which a key could be spelled wrongly.
            request.alone = true;
        } else {
            let keys = request.keys.split_off(request.keys.len() / 2);
            self.queue.push_front(Request { keys, ..request });
        }
        self.queue.push_front(request);
    }

    fn finish(self) -> Result<Vec<Outcome>, Problem> {
        let mut errors = self.outcomes.iter().filter_map(|(_, outcome)| outcome.as_ref().err());
        match errors.find(|error| error.cause() != Cause::Other) {
            Some(error) if !self.answered => {
                Err(error.problem(&format!("delete objects from {}", self.connection.location)))
            }
            _ => Ok(self.outcomes),
        }
    }
}
