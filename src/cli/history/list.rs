//! Past runs, a line each, on 80 columns.

use serde_json::Value;

use crate::run::{PastRun, on_one_line};

/// What is told when there is nothing to list, and else the runs below the names of the columns.
pub(super) fn text(runs: &[PastRun], only_failed: bool) -> String {
    match runs {
        [] if only_failed => "No failed runs\n".to_owned(),
        [] => "No runs yet\n".to_owned(),
        runs => {
            let names = ["STARTED (UTC)", "JOB", "STATE", "DONE", "FAILED", "RUN"].map(str::to_owned);
            std::iter::once(names).chain(runs.iter().map(cells)).map(|cells| line(&cells)).collect()
        }
    }
}

/// The widest state is `interrupted`, the widest job at present `keycloak-account-sync`.
fn line([started, job, state, done, failed, run]: &[String; 6]) -> String {
    format!("{started:<16} {job:<21} {state:<11} {done:>7} {failed:>6} {run}\n")
}

fn cells(run: &PastRun) -> [String; 6] {
    let started = run.document.get("started_at").and_then(Value::as_str).unwrap_or_default();
    let count = |name: &str| run.document.pointer(&format!("/counts/{name}")).and_then(Value::as_u64);
    let (done, failed) = match run.document.get("exit_code").and_then(Value::as_u64) {
        // Of a run that has not ended it is not known.
        None => ("-".to_owned(), "-".to_owned()),
        Some(_) => {
            let done = count("deleted").unwrap_or(0).saturating_add(count("updated").unwrap_or(0));
            (done.to_string(), count("failed").unwrap_or(0).to_string())
        }
    };
    // Whoever may write to the database can enter anything.
    let [started, job, state] = [&minute(started), &run.job, &run.state].map(|text| on_one_line(text));
    [started, job, state, done, failed, beginning(&run.run_id.to_string())]
}

/// `2026-11-29 16:51`, of an instant in RFC 3339.
fn minute(instant: &str) -> String {
    instant.chars().take(16).map(|c| if c == 'T' { ' ' } else { c }).collect()
}

/// Enough of an identifier: these digits are the millisecond in which the run started.
fn beginning(run: &str) -> String {
    run.chars().take(13).collect()
}
