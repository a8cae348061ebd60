//! What systemd is told about a run (sd_notify(3)): that it has not hung, how far it is, and that it ends. Nothing of
//! this can make a run fail, or wait.

use std::env;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use upkeep_jobs::kit::Progress;
use upkeep_jobs::platform::Stop;

use super::document::Document;

/// Where systemd says that it listens.
const VARIABLE: &str = "NOTIFY_SOCKET";
/// Each time it is asked for so much more, so often.
const EXTENSION: Duration = Duration::from_secs(60);
const EXTENDED_EVERY: Duration = Duration::from_secs(20);
/// How soon it is told of a signal or a deadline.
const TICK: Duration = Duration::from_millis(200);
/// How often it is told of progress at most.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);

/// The service manager that started this process, or nobody.
pub(super) struct ServiceManager {
    socket: Option<UnixDatagram>,
    last_status: Mutex<Option<Instant>>,
}

/// As long as this is there, more time is asked for.
pub(super) struct Attention {
    /// Dropped to end the thread that asks.
    _keep: Option<Sender<()>>,
}

impl ServiceManager {
    /// Looks for it in the environment.
    pub(super) fn find() -> Self {
        let socket = connect().unwrap_or_else(|error| {
            log::debug!("the service manager at ${VARIABLE} cannot be reached: {error}");
            None
        });
        Self { socket, last_status: Mutex::default() }
    }

    /// As if there were none.
    #[cfg(test)]
    pub(super) fn nobody() -> Self {
        Self { socket: None, last_status: Mutex::default() }
    }

    /// Whether there is one.
    pub(super) fn is_there(&self) -> bool {
        self.socket.is_some()
    }

    /// Says that a run begins, and from then on that it may take longer, as long as it has no reason to end: a run that
    /// goes on beyond its time limit has hung, and is systemd's to end.
    pub(super) fn attend(self: &Arc<Self>, stop: &Stop) -> Attention {
        if !self.is_there() {
            return Attention { _keep: None };
        }
        self.tell("READY=1\nSTATUS=Starting");
        self.ask_for_time();
        let (keep, ended) = channel();
        let (manager, stop) = (Arc::clone(self), stop.clone());
        let attendance = move || {
            let mut asked = Instant::now();
            while ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                if let Some(reason) = stop.reason() {
                    manager.tell(&format!("STOPPING=1\nSTATUS=Ending: {reason}"));
                    return;
                }
                if asked.elapsed() >= EXTENDED_EVERY {
                    manager.ask_for_time();
                    asked = Instant::now();
                }
            }
        };
        let started = std::thread::Builder::new().name("service manager".into()).spawn(attendance);
        if let Err(error) = started {
            log::debug!("the service manager is not asked for more time: {error}");
        }
        Attention { _keep: Some(keep) }
    }

    /// Says how far the run is.
    pub(super) fn show(&self, progress: &Progress) {
        let mut last = self.last_status.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_there() && last.is_none_or(|last| last.elapsed() >= STATUS_INTERVAL) {
            *last = Some(Instant::now());
            self.tell(&format!("STATUS={progress}"));
        }
    }

    /// Says how the run ended.
    pub(super) fn end(&self, document: &Document) {
        let counts = &document.report.counts;
        let outcome = serde_json::json!(document.outcome);
        self.tell(&format!(
            "STOPPING=1\nSTATUS=Ended, {}: {} deleted, {} updated, {} failed",
            outcome.as_str().unwrap_or_default(),
            counts.deleted,
            counts.updated,
            counts.failed
        ));
    }

    fn ask_for_time(&self) {
        self.tell(&format!("EXTEND_TIMEOUT_USEC={}", EXTENSION.as_micros()));
    }

    fn tell(&self, message: &str) {
        let sent = self.socket.as_ref().map(|socket| socket.send(message.as_bytes()));
        if let Some(Err(error)) = sent {
            log::debug!("the service manager was not told {message:?}: {error}");
        }
    }
}

/// A socket that is never waited for.
fn connect() -> io::Result<Option<UnixDatagram>> {
    let Some(place) = env::var_os(VARIABLE).filter(|place| !place.is_empty()) else { return Ok(None) };
    let address = match place.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        [b'/', ..] => SocketAddr::from_pathname(&place)?,
        _ => return Err(io::Error::new(io::ErrorKind::InvalidInput, "neither a path nor an abstract name")),
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect_addr(&address)?;
    Ok(Some(socket))
}
