//! The bar that shows progress on a terminal, below the log.
//!
//! There is one terminal, so there is one bar, wherever in the process a line is logged.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use upkeep_jobs::kit::Progress;

/// Drawn again so often, as the time that is left goes by while a batch is at work.
const TICK: Duration = Duration::from_millis(250);

static SHOWN: Mutex<Option<Stage>> = Mutex::new(None);

/// The bar of one stage of a run.
struct Stage {
    progress: Progress,
    bar: ProgressBar,
}

fn shown() -> MutexGuard<'static, Option<Stage>> {
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes to the terminal as if there were no bar.
pub(super) fn put_aside<T>(write: impl FnOnce() -> T) -> T {
    // Held while it is written, so that no bar comes up meanwhile.
    match &*shown() {
        Some(stage) => stage.bar.suspend(write),
        None => write(),
    }
}

/// The right to draw the bar; it vanishes with this.
pub(super) struct Bar;

impl Bar {
    pub(super) fn show(&self, progress: &Progress) {
        let mut shown = shown();
        let stage = shown.take().filter(|stage| stage.is_of(progress)).unwrap_or_else(|| Stage::begin(progress));
        stage.bar.set_position(progress.done);
        if let Some(deleted) = progress.deleted.filter(|deleted| *deleted > 0) {
            stage.bar.set_prefix(format!("  {deleted} deleted"));
        }
        *shown = Some(stage);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        shown().take();
    }
}

impl Stage {
    fn begin(progress: &Progress) -> Self {
        let bar = ProgressBar::with_draw_target(progress.total, ProgressDrawTarget::stderr())
            .with_style(style(progress))
            .with_message(format!("{} {}", progress.items, progress.deed))
            .with_position(progress.done);
        // The rate is that from now on: how long it took to come so far is not known.
        bar.reset_eta();
        bar.enable_steady_tick(TICK);
        Self { progress: *progress, bar }
    }

    fn is_of(&self, progress: &Progress) -> bool {
        let key = |progress: &Progress| (progress.items, progress.deed, progress.total);
        key(&self.progress) == key(progress)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// How it looks, in less than 80 columns: what is done to what, how much of it, how fast, and how long it will take.
fn style(progress: &Progress) -> ProgressStyle {
    let template = match progress.total {
        Some(_) => "{msg} [{wide_bar}] {human_pos} of {human_len}  {rate}  {eta} left{prefix}",
        None => "{spinner} {human_pos} {msg}  {rate}{prefix}",
    };
    // There are tests that these templates are right.
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        // Where it is written to grows as needed, so it does not fail.
        write!(out, "{:.0}/s", state.per_sec()).unwrap_or_default();
    };
    style.with_key("rate", rate).progress_chars("=> ").tick_chars("|/-\\ ")
}
