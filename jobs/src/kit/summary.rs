//! What a cleanup came to, in words.

use super::context::Context;
use super::report::NOTES;

/// The last lines of the log: what was found and what was done. Of a run that ended early it is told how far it got,
/// but nothing about what it never came to look at. `item` is what an item is called, singular and plural; `none_due`
/// is said if none is due.
pub(super) fn log(context: &Context, item: (&str, &str), none_due: Option<&str>, ended_well: bool) {
    let report = context.report();
    let (one, many) = item;
    let items = |n: u64| format!("{n} {}", if n == 1 { one } else { many });
    let objects = |n: u64| format!("{n} stored {}", if n == 1 { "object" } else { "objects" });
    match &report.plan {
        _ if ended_well && report.counts.matched == 0 => match none_due {
            Some(words) => log::info!("{words}"),
            None => log::info!("Looked at {}, none is due", items(report.counts.examined)),
        },
        Some(plan) if ended_well || !plan.ids.is_empty() => {
            let found = items(plan.ids.len() as u64);
            match plan.objects {
                0 => log::info!("Would delete {found}"),
                n => log::info!("Would delete {found} with {} ({})", objects(n), bytes_in_words(plan.bytes)),
            }
            for (table, rows) in &plan.rows {
                log::info!("  from {table}: {rows}");
            }
        }
        None if ended_well || report.counts.deleted > 0 => {
            log::info!("Deleted {} of {} due", items(report.counts.deleted), report.counts.matched);
        }
        _ => {}
    }
    if report.counts.skipped > 0 {
        log::info!("Left {} alone that had changed meanwhile", items(report.counts.skipped));
    }
    if report.objects_deleted > 0 {
        let size = bytes_in_words(report.bytes_freed);
        log::info!("Deleted {} ({size})", objects(report.objects_deleted));
    }
    if report.shared_folders_deleted > 0 {
        log::info!("Shared folders removed: {}", report.shared_folders_deleted);
    }
    if report.backlog > 0 {
        log::warn!(
            target: NOTES,
            "Left for a later run: {} stored objects or shared folders whose rows are gone",
            report.backlog
        );
    }
}

/// A size as people read it, in binary units.
pub(crate) fn bytes_in_words(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let (mut size, mut unit) = (bytes as f64 / 1024.0, 0);
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}
