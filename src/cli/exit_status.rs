//! What exit codes mean, in one table for help and man pages. [`Kind::exit_code`](upkeep_jobs::platform::Kind) decides
//! which one a problem has.

/// Exit codes in ascending order, each with its meaning.
pub(super) type Codes = &'static [(u8, &'static str)];

/// All exit codes; only a command that has a table of its own gives them other meanings.
pub(super) const ALL: Codes = &[
    (0, "done; also when there was nothing to do"),
    (1, "failed"),
    (2, "wrong usage: flags, job type, parameters"),
    (3, "finished, but some items failed (listed); running again is safe"),
    (4, "refused by a guard; nothing was changed"),
    (69, "database, storage or provider not reachable after retries"),
    (75, "another run of this job is under way, or took this one's place"),
    (78, "configuration invalid, or migrations pending"),
    (124, "timed out"),
    (130, "stopped by SIGINT"),
    (143, "stopped by SIGTERM"),
];

/// Those of commands that execute no job.
pub(super) const WITHOUT_A_RUN: &[u8] = &[0, 1, 2, 69, 78];
/// Those of commands that need neither configuration nor database.
pub(super) const WITHOUT_A_PLATFORM: &[u8] = &[0, 1, 2];

/// The table as it stands at the end of a command's help, after `notes` if there are any.
pub(super) fn in_help(notes: &str, codes: Codes) -> String {
    let lines = codes.iter().map(|(code, meaning)| format!("\n  {code:3}  {meaning}"));
    let gap = if notes.is_empty() { "" } else { "\n\n" };
    format!("{notes}{gap}Exit status:{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use upkeep_jobs::platform::{Kind, StopReason};

    use super::*;

    #[test]
    fn every_code_that_a_run_can_end_with_has_a_meaning() {
        let kinds = [
            Kind::Failed,
            Kind::Usage,
            Kind::Refused,
            Kind::Unreachable,
            Kind::LeaseHeld,
            Kind::Configuration,
            Kind::Stopped(StopReason::TimedOut(Duration::ZERO)),
            Kind::Stopped(StopReason::Interrupted),
            Kind::Stopped(StopReason::Terminated),
            Kind::Stopped(StopReason::LeaseLost),
        ];
        let mut codes: Vec<_> = kinds.iter().map(|kind| kind.exit_code()).chain([0, Kind::SOME_FAILED]).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes, ALL.iter().map(|(code, _)| *code).collect::<Vec<_>>());
    }
}
