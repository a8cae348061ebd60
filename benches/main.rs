//! What the jobs take, each against reference programs that do the same work on identical copies of one platform.
//!
//! ```text
//! cargo bench --bench jobs -- startup
//! cargo bench --bench jobs -- event-cleanup [--events 5000,20000] [--indexes] [--million]
//! cargo bench --bench jobs -- user-cleanup [--users 2000] [--indexes]
//! cargo bench --bench jobs -- room-cleanup [--rooms 50000] [--held 5000] [--indexes]
//! cargo bench --bench jobs -- sync-storage-files [--assets 20000,100000] [--page-ms 22]
//! cargo bench --bench jobs -- keycloak-account-sync [--accounts 100000]
//! ```
//!
//! All of them but the first take `--repeat 3`, of which the table shows medians, and `--only b,c` for some of the
//! programs: row by row, 50,000 rooms take most of an hour.
//!
//! A throw-away PostgreSQL cluster and a real S3 server in a process of its own; every program is a process of its own,
//! too. Prints Markdown.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made ends the program")]

mod contest;
mod event_cleanup;
mod floor;
mod keycloak_account_sync;
mod options;
mod platform;
mod process;
mod room_cleanup;
mod row_by_row;
mod s3_process;
mod startup;
mod store;
mod sync_storage_files;
mod user_cleanup;
mod work;

use platform::Cluster;
use s3_process::Objects;

/// The first argument of the processes that the benchmarks start from their own program.
const CHILD: &str = "child";

fn main() {
    // Cargo adds the first when it is asked for a benchmark, and nothing when it tests all targets.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_asked_for = arguments.iter().any(|word| word == "--bench");
    let words: Vec<&str> = arguments.iter().map(String::as_str).filter(|word| *word != "--bench").collect();
    match words.as_slice() {
        [CHILD, "s3"] => s3_process::serve(Objects::Files),
        [CHILD, "s3", page_ms] => s3_process::serve(Objects::Entries { page_ms: page_ms.parse().unwrap() }),
        [CHILD, "event-cleanup", program @ ..] => work::child(&event_cleanup::WORK, program),
        [CHILD, "room-cleanup", program @ ..] => work::child(&room_cleanup::WORK, program),
        [CHILD, "user-cleanup", program @ ..] => user_cleanup::child(program),
        [CHILD, "sync-storage-files", program @ ..] => sync_storage_files::child(program),
        [CHILD, "keycloak-account-sync", program @ ..] => keycloak_account_sync::child(program),
        ["startup"] if is_asked_for => startup::print(),
        ["event-cleanup", options @ ..] if is_asked_for => event_cleanup::measure(&cluster(), options),
        ["room-cleanup", options @ ..] if is_asked_for => room_cleanup::measure(&cluster(), options),
        ["user-cleanup", options @ ..] if is_asked_for => user_cleanup::measure(&cluster(), options),
        ["sync-storage-files", options @ ..] if is_asked_for => sync_storage_files::measure(&cluster(), options),
        ["keycloak-account-sync", options @ ..] if is_asked_for => keycloak_account_sync::measure(&cluster(), options),
        _ => println!("this takes minutes: run it by `cargo bench --bench jobs -- <JOB>`; see {}", file!()),
    }
}

fn cluster() -> Cluster {
    let cluster = Cluster::start();
    println!("PostgreSQL {}, {} processors", cluster.version(), std::thread::available_parallelism().unwrap());
    cluster
}
