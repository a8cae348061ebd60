//! The bar that shows progress on a terminal, in the line below the log.
//!
//! It is drawn here and by no library, as those fill the line up to its last column: the `^C` that a terminal shows for
//! Ctrl-C then stands in the next line, and that one is wiped in place of the bar.
//!
//! There is one terminal, so there is one bar, wherever in the process a line is logged.

use std::io::{self, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use humantime::format_duration;
use upkeep_jobs::kit::Progress;

/// Drawn again so often although nothing was said: the time that is left changes, and it shows that all is well.
const TICK: Duration = Duration::from_secs(1);
/// Left free at the end of the line.
const MARGIN: usize = 3;
/// The bar itself, without the words, takes between so many columns; where there is no room for it, it is left out.
const NARROWEST: usize = 5;
const WIDEST: usize = 30;
/// The width of a terminal that does not say how wide it is.
const USUAL_COLUMNS: u16 = 80;
/// Back to the first column, and wipe the line.
const WIPE: &str = "\r\x1b[2K";

static SHOWN: Mutex<Option<Stage>> = Mutex::new(None);

/// A stage of a run, as it is shown.
struct Stage {
    progress: Progress,
    begun: Instant,
}

fn shown() -> MutexGuard<'static, Option<Stage>> {
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes to the terminal as if there were no bar.
pub(super) fn put_aside<T>(write: impl FnOnce() -> T) -> T {
    // Held while it is written, so that no bar comes up meanwhile.
    let mut shown = shown();
    if shown.is_none() {
        return write();
    }
    put(&mut shown, WIPE);
    let written = write();
    draw(&mut shown);
    written
}

/// The right to draw the bar, which vanishes with it.
pub(super) struct Bar {
    /// Dropped to end the thread that draws again.
    _keep: Sender<()>,
}

impl Bar {
    pub(super) fn new() -> Self {
        let (keep, ended) = channel();
        let tick = move || {
            while ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                draw(&mut shown());
            }
        };
        if let Err(error) = std::thread::Builder::new().name("progress".into()).spawn(tick) {
            log::debug!("the progress bar is only drawn when something happens: {error}");
        }
        Self { _keep: keep }
    }

    /// Shows how far the stage is that began at `begun`.
    pub(super) fn show(&self, progress: &Progress, begun: Instant) {
        let mut shown = shown();
        *shown = Some(Stage { progress: *progress, begun });
        draw(&mut shown);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        let mut shown = shown();
        if shown.is_some() {
            put(&mut shown, WIPE);
        }
        *shown = None;
    }
}

fn draw(shown: &mut Option<Stage>) {
    if let Some(stage) = shown {
        let columns = terminal_size::terminal_size_of(io::stderr()).map_or(USUAL_COLUMNS, |(columns, _)| columns.0);
        let line = stage.line(usize::from(columns).saturating_sub(MARGIN));
        put(shown, &format!("{WIPE}{line}"));
    }
}

fn put(shown: &mut Option<Stage>, text: &str) {
    let mut terminal = io::stderr().lock();
    if terminal.write_all(text.as_bytes()).and_then(|()| terminal.flush()).is_err() {
        // It was closed, and there is nobody to tell.
        *shown = None;
    }
}

impl Stage {
    /// In up to `columns` columns: how much is done of what, how fast, and how long it will take.
    fn line(&self, columns: usize) -> String {
        let Progress { done, total, .. } = self.progress;
        let seconds = self.begun.elapsed().as_secs_f64().max(0.001);
        let rate = done as f64 / seconds;
        let mut words = format!("{}  {rate:.0}/s", self.progress);
        if let Some(total) = total.filter(|_| done > 0) {
            let left = Duration::from_secs((total.saturating_sub(done) as f64 / rate).round() as u64);
            words.push_str(&format!("  {} left", format_duration(left)));
        }
        let bar =
            total.filter(|total| *total > 0).and_then(|total| bar(done, total, columns.checked_sub(words.len() + 3)?));
        let line = bar.map_or(words.clone(), |bar| format!("[{bar}] {words}"));
        line.chars().take(columns).collect()
    }
}

/// `=====>    `
fn bar(done: u64, total: u64, columns: usize) -> Option<String> {
    let columns = columns.min(WIDEST);
    if columns < NARROWEST {
        return None;
    }
    let filled = (done as f64 / total as f64 * columns as f64) as usize;
    let filled = filled.min(columns);
    let head = if filled < columns { ">" } else { "" };
    Some(format!("{:<columns$}", "=".repeat(filled) + head))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(progress: Progress, seconds: u64, columns: usize) -> String {
        Stage { progress, begun: Instant::now() - Duration::from_secs(seconds) }.line(columns)
    }

    #[test]
    fn it_says_how_much_of_what_how_fast_and_how_long() {
        let events = Progress::new("events", "looked at", 1_000).out_of(4_000).with_deleted(800);
        assert_eq!(
            line(events, 10, 77),
            "[===>           ] 1000 of 4000 events looked at, 800 deleted  100/s  30s left"
        );
        assert_eq!(line(events, 10, 200).matches('=').count(), 7, "a quarter of 30");
        assert_eq!(line(Progress::new("accounts", "listed", 700), 7, 77), "700 accounts listed  100/s");
        let all = Progress::new("assets", "seen to", 40).out_of(40);
        assert!(line(all, 1, 77).starts_with(&format!("[{}] 40 of 40 assets", "=".repeat(30))), "{}", line(all, 1, 77));
    }

    #[test]
    fn it_never_fills_a_line_nor_divides_by_nothing() {
        for (done, total) in
            [(0, Some(0)), (0, Some(1)), (0, None), (1, None), (u64::MAX, Some(u64::MAX)), (1, Some(u64::MAX))]
        {
            for seconds in [0, 1, 100_000] {
                for columns in [0, 1, 2, 20, 40, 77, 78, 500] {
                    let progress = Progress::new("user accounts", "seen to", done).out_of(total);
                    assert!(line(progress, seconds, columns).chars().count() <= columns);
                }
            }
        }
    }
}
