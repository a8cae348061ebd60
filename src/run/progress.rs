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
    begun: Instant,
    bar: Option<Bar>,
    last_line: Cell<Instant>,
    /// What was shown last, and when what is counted in it began.
    stage: Cell<Option<(Progress, Instant)>>,
    last_shown: Cell<Instant>,
    service_manager: Arc<ServiceManager>,
}

impl Display {
    /// For a run that begins now.
    pub(super) fn new(has_bar: bool, service_manager: Arc<ServiceManager>) -> Self {
        let begun = Instant::now();
        Self {
            begun,
            bar: has_bar.then(Bar::new),
            last_line: Cell::new(begun),
            stage: Cell::new(None),
            last_shown: Cell::new(begun),
            service_manager,
        }
    }

    /// When the stage began that `progress` is about: when the one before was last heard of.
    fn beginning_of_stage(&self, progress: &Progress) -> Instant {
        let same = |(last, _): &(Progress, Instant)| (last.items, last.deed) == (progress.items, progress.deed);
        let begun = self.stage.get().filter(same).map_or(self.last_shown.get(), |(_, begun)| begun);
        self.stage.set(Some((*progress, begun)));
        self.last_shown.set(Instant::now());
        begun
    }
}

impl ShowProgress for Display {
    fn wants_totals(&self) -> bool {
        self.bar.is_some() || self.service_manager.is_there()
    }

    fn show(&self, progress: &Progress) {
        self.service_manager.show(progress);
        let begun = self.beginning_of_stage(progress);
        match &self.bar {
            Some(bar) if self.begun.elapsed() >= BAR_AFTER => bar.show(progress, begun),
            Some(_) => {}
            None if self.last_line.get().elapsed() >= LINE_INTERVAL => {
                self.last_line.set(Instant::now());
                log::info!("{progress} so far");
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

    struct Lines;

    impl log::Log for Lines {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            true
        }

        fn log(&self, record: &log::Record<'_>) {
            if record.target().ends_with("run::progress") {
                LINES.lock().unwrap().push(format!("{} {}", record.level(), record.args()));
            }
        }

        fn flush(&self) {}
    }

    #[test]
    fn off_a_terminal_there_is_a_line_a_minute() {
        log::set_boxed_logger(Box::new(Lines)).unwrap();
        log::set_max_level(log::LevelFilter::Info);
        let display = Display::new(false, Arc::new(ServiceManager::nobody()));
        assert!(!display.wants_totals(), "nothing is counted for one line a minute");
        let show = |done| display.show(&Progress::new("assets", "looked at", done));
        show(1);
        display.last_line.set(Instant::now() - LINE_INTERVAL);
        show(2);
        show(3);
        display.last_line.set(Instant::now() - LINE_INTERVAL + Duration::from_secs(5));
        show(4);
        assert_eq!(*LINES.lock().unwrap(), ["INFO 2 assets looked at so far"]);
    }

    #[test]
    fn a_stage_begins_when_the_last_one_was_last_heard_of() {
        let display = Display::new(false, Arc::new(ServiceManager::nobody()));
        let first = display.beginning_of_stage(&Progress::new("events", "looked at", 1));
        assert_eq!(first, display.begun);
        assert_eq!(display.beginning_of_stage(&Progress::new("events", "looked at", 2).with_deleted(1)), first);
        let heard = display.last_shown.get();
        assert_eq!(display.beginning_of_stage(&Progress::new("rooms", "looked at", 1)), heard);
    }
}
