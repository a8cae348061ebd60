//! SIGINT and SIGTERM: the first ends the run at the next opportunity, the second at once.

use anyhow::Context as _;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use upkeep_jobs::platform::{Stop, StopReason};

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
            }
        })
        .context("cannot start the thread that waits for signals")?;
    Ok(())
}
