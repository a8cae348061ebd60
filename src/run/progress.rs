//! Showing how far a run is: by a bar on a terminal, else by a line in the log now and then; and to systemd.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use upkeep_jobs::kit::{Progress, ShowProgress};

use super::bar::Bar;
use super::service_manager::ServiceManager;

/// A run that is over by then needs no bar.
const BAR_AFTER: Duration = Duration::from_millis(500);
/// A line in the log at most this often.
const LINE_INTERVAL: Duration = Duration::from_secs(60);

/// Whatever shows the progress of one run.
pub(super) struct Display {
    way: Way,
    service_manager: Arc<ServiceManager>,
}

enum Way {
    Bar { begun: Instant, bar: Bar },
    Lines { last: Cell<Instant> },
}

impl Display {
    /// For a run that begins now.
    pub(super) fn new(has_bar: bool, service_manager: Arc<ServiceManager>) -> Self {
        let now = Instant::now();
        let way = if has_bar { Way::Bar { begun: now, bar: Bar } } else { Way::Lines { last: Cell::new(now) } };
        Self { way, service_manager }
    }
}

impl ShowProgress for Display {
    fn wants_totals(&self) -> bool {
        matches!(self.way, Way::Bar { .. }) || self.service_manager.is_there()
    }

    fn show(&self, progress: &Progress) {
        self.service_manager.show(progress);
        match &self.way {
            Way::Bar { begun, bar } if begun.elapsed() >= BAR_AFTER => bar.show(progress),
            Way::Lines { last } if last.get().elapsed() >= LINE_INTERVAL => {
                last.set(Instant::now());
                log::info!("{progress} so far");
            }
            Way::Bar { .. } | Way::Lines { .. } => {}
        }
    }
}
