//! The end of a run that hangs where its time limit is not looked at, as when nobody reads its log any more and the pipe
//! is full. It would keep its lease, and no other run would ever begin.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use upkeep_jobs::platform::{Kind, StopReason};

/// More than a run needs that finds its time to be up. What one leaves behind that ends in the midst of anything, the next
/// one finishes.
const OVERTIME: Duration = Duration::from_secs(5);

/// Ends this process some time after `limit`, unless what is returned has been dropped by then.
pub(super) fn end_after(limit: Duration) -> Sender<()> {
    let (keep, ended) = channel();
    let end = move || {
        if ended.recv_timeout(limit.saturating_add(OVERTIME)) == Err(RecvTimeoutError::Timeout) {
            std::process::exit(Kind::Stopped(StopReason::TimedOut(limit)).exit_code().into());
        }
    };
    if let Err(error) = std::thread::Builder::new().name("overtime".into()).spawn(end) {
        log::debug!("only a signal will end a run that hangs: {error}");
    }
    keep
}
