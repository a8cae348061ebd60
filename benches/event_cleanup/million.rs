//! upkeep alone, on more events than anybody should keep in memory.

use super::{CLEAN_UP, assert_nothing_left};
use crate::platform::{Cluster, Fill, POLL};
use crate::process;
use crate::s3_process::{Objects, S3Process};

const EVENTS: u32 = 1_000_000;

pub(crate) fn print(cluster: &Cluster, indexes: bool) {
    let store = S3Process::start(Objects::Files);
    let database = cluster.filled(EVENTS, Fill::Nothing, indexes);
    cluster.forget_statements();
    let directory = tempfile::tempdir().unwrap();
    let mut command = cluster.upkeep(&database, &store.uri, directory.path(), &CLEAN_UP);
    let postgres_cpu = cluster.cpu_time(&database);
    let (usage, _) = process::run(&mut command, POLL);
    let postgres_cpu = cluster.cpu_time(&database) - postgres_cpu;
    let statements = cluster.statements(&database);
    assert_nothing_left(cluster, &database);
    println!("\n### upkeep, {EVENTS} events without assets\n");
    println!("| time s | peak MiB | statements | transactions | CPU s: program | PostgreSQL |");
    println!("|--:|--:|--:|--:|--:|--:|");
    println!(
        "| {:.1} | {:.1} | {} | {} | {:.2} | {:.1} |\n",
        usage.wall.as_secs_f64(),
        usage.peak_kib as f64 / 1024.0,
        statements.sent,
        statements.commits,
        usage.cpu.as_secs_f64(),
        postgres_cpu.as_secs_f64()
    );
    for line in &statements.slowest {
        println!("- {line}");
    }
    cluster.drop(&database);
}
