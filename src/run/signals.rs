//! SIGINT and SIGTERM: the first ends the run at the next opportunity, the second at once.

use std::time::Duration;

use anyhow::Context as _;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use upkeep_jobs::platform::{Stop, StopReason};

/// When the next opportunity does not come, as when nobody reads the log any more and the pipe is full: what a run leaves
/// behind that ends in the midst of anything, the next one finishes.
const LAST_RESORT: Duration = Duration::from_millis(1_900);

/// From now on signals end what watches `stop`.
pub(super) fn watch(stop: &Stop) -> anyhow::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM]).context("cannot handle signals")?;
    let stop = stop.clone();
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            let mut first = true;
            for signal in signals.forever() {
                let reason = if signal == SIGINT { StopReason::Interrupted } else { StopReason::Terminated };
                if !first {
                    std::process::exit(128 + signal);
                }
                first = false;
                stop.trigger(reason);
                let end = move || {
                    std::thread::sleep(LAST_RESORT);
                    std::process::exit(128 + signal);
                };
                if let Err(error) = std::thread::Builder::new().name("last resort".into()).spawn(end) {
                    log::debug!("only a second signal will end a run that hangs: {error}");
                }
            }
        })
        .context("cannot start the thread that waits for signals")?;
    Ok(())
}
