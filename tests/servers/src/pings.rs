//! A double of a service that takes pings, as healthchecks.io does, with faults on demand.

use std::io;
use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

pub use crate::http::Request;
use crate::http::{self, Response, Threads};

/// The secret part of the address.
pub const KEY: &str = "3f9a-ping-key";

/// What comes of a ping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// This HTTP status.
    Status(u16),
    /// None at all, but the connection stays open.
    Silence,
    /// The beginning of one.
    Half,
    /// The connection is closed.
    HangUp,
}

/// A running double; it stops when dropped.
pub struct PingService {
    shared: Arc<Mutex<State>>,
    threads: Threads,
}

struct State {
    answer: Answer,
    requests: Vec<Request>,
}

impl PingService {
    /// Starts on a free port of the loopback interface, and accepts everything.
    ///
    /// # Errors
    /// When no port can be opened.
    pub fn start() -> io::Result<Self> {
        let shared = Arc::new(Mutex::new(State { answer: Answer::Status(200), requests: Vec::new() }));
        let serving = Arc::clone(&shared);
        let threads = Threads::start("pings", move |stream| serve(&serving, stream))?;
        Ok(Self { shared, threads })
    }

    /// The address to configure, with a check for each job.
    pub fn url(&self) -> String {
        format!("http://{}/{KEY}/{{job}}", self.threads.address())
    }

    /// What comes of pings from now on.
    pub fn set(&self, answer: Answer) {
        state(&self.shared).answer = answer;
    }

    /// Everything that was received since this was last asked.
    pub fn take_requests(&self) -> Vec<Request> {
        std::mem::take(&mut state(&self.shared).requests)
    }
}

fn state(shared: &Mutex<State>) -> MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(shared: &Mutex<State>, stream: &TcpStream) -> io::Result<()> {
    while let Some((mut request, length)) = http::peek(stream)? {
        http::consume(stream, &mut request, length)?;
        let answer = state(shared).answer;
        state(shared).requests.push(request);
        match answer {
            Answer::Status(status) => Response::new(status, "text/plain", "OK").send(stream, false)?,
            Answer::Silence => thread::sleep(Duration::from_secs(60)),
            Answer::Half => return Response::new(200, "text/plain", "OK").send_half(stream),
            Answer::HangUp => return Ok(()),
        }
    }
    Ok(())
}
