//! Named places at which tests let the program die, to prove that the next run finishes the work.

/// Dies here, as by SIGKILL, if the environment's `UPKEEP_CRASH_AT` names this place. `name:3` means the third time.
/// Release builds contain none of it.
pub fn crash_point(name: &str) {
    #[cfg(debug_assertions)]
    {
        use std::sync::atomic::{AtomicU32, Ordering};
        static PASSED: AtomicU32 = AtomicU32::new(0);

        let Ok(wanted) = std::env::var("UPKEEP_CRASH_AT") else { return };
        let (place, time) = wanted.split_once(':').unwrap_or((&wanted, "1"));
        if place == name && time.parse() == Ok(PASSED.fetch_add(1, Ordering::Relaxed) + 1) {
            std::process::abort();
        }
    }
    #[cfg(not(debug_assertions))]
    {
        let _: &str = name;
    }
}
