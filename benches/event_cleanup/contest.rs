//! The three programs on identical copies of one platform.

use std::process::Command;
use std::time::Duration;

use crate::CHILD;
use crate::options::Options;
use crate::platform::{Cluster, Fill, POLL, Statements};
use crate::process::{self, Usage};
use crate::s3_process::S3Process;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Program {
    RowByRow,
    Upkeep,
    Floor,
    FloorOverlapped,
}

const PROGRAMS: [(Program, &str); 4] = [
    (Program::RowByRow, "(a) row by row"),
    (Program::Upkeep, "(b) upkeep"),
    (Program::Floor, "(c) floor: rows, then objects"),
    (Program::FloorOverlapped, "(c') floor: objects meanwhile"),
];

/// One program's run.
#[derive(Clone)]
struct Run {
    program: Usage,
    postgres_cpu: Duration,
    s3_cpu: Duration,
    statements: Statements,
    requests: u64,
}

/// Measures with `events` events and prints the table.
pub(crate) fn print(cluster: &Cluster, events: u32, options: &Options) {
    let mut store = S3Process::start();
    let template = cluster.filled(events, Fill::AssetsAndInvites, options.indexes);
    let assets = cluster.assets(&template);
    let mut runs: [Vec<Run>; PROGRAMS.len()] = Default::default();
    // In turn, so that whatever else the machine is at does not hit one of them alone.
    for _ in 0..options.repeat {
        for ((program, _), runs) in PROGRAMS.into_iter().zip(&mut runs) {
            runs.push(run(program, cluster, &template, &mut store, &assets, events));
        }
    }
    cluster.drop(&template);

    let schema = if options.indexes { "with indexes on all foreign keys" } else { "the platform's own indexes" };
    println!("\n### {events} events, {} objects, {schema}, median of {}\n", assets.len(), options.repeat);
    println!(
        "| program | time s | all runs s | (a) ÷ this | this ÷ (c) | peak MiB | statements | transactions | S3 requests \
         | CPU s: program | PostgreSQL | S3 |\n|---|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    );
    let medians = runs.each_mut().map(|runs| {
        runs.sort_by_key(|run| run.program.wall);
        runs[runs.len() / 2].clone()
    });
    let wall = |program: Program| medians[program as usize].program.wall.as_secs_f64();
    for (((program, name), run), runs) in PROGRAMS.into_iter().zip(&medians).zip(&runs) {
        let Run { program: Usage { cpu, peak_kib, .. }, postgres_cpu, s3_cpu, statements, requests } = run;
        let all: Vec<_> = runs.iter().map(|run| format!("{:.2}", run.program.wall.as_secs_f64())).collect();
        println!(
            "| {name} | {:.2} | {} | {:.2} | {:.2} | {:.1} | {} | {} | {requests} | {:.2} | {:.2} | {:.2} |",
            wall(program),
            all.join(", "),
            wall(Program::RowByRow) / wall(program),
            wall(program) / wall(Program::Floor),
            *peak_kib as f64 / 1024.0,
            statements.sent,
            statements.commits,
            cpu.as_secs_f64(),
            postgres_cpu.as_secs_f64(),
            s3_cpu.as_secs_f64(),
        );
    }
    for ((_, name), run) in PROGRAMS.into_iter().zip(&medians) {
        println!("\nLongest in PostgreSQL, {name}:\n");
        for line in &run.statements.slowest {
            println!("- {line}");
        }
    }
}

fn run(
    program: Program,
    cluster: &Cluster,
    template: &str,
    store: &mut S3Process,
    assets: &[String],
    events: u32,
) -> Run {
    let database = cluster.copy(template);
    store.store(assets);
    let directory = tempfile::tempdir().unwrap();
    let reference = |name: &str| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([CHILD, name, &cluster.url(&database), &store.uri]);
        command
    };
    let mut command = match program {
        Program::RowByRow => reference("row-by-row"),
        Program::Upkeep => cluster.upkeep(
            &database,
            &store.uri,
            directory.path(),
            &["jobs", "execute", "event-cleanup", "--output", "json"],
        ),
        Program::Floor => reference("floor"),
        Program::FloorOverlapped => reference("floor-overlapped"),
    };
    let (postgres_cpu, s3_cpu) = (cluster.cpu_time(&database), process::cpu_time(store.process()));
    let (usage, output) = process::run(&mut command, POLL);
    let run = Run {
        program: usage,
        postgres_cpu: cluster.cpu_time(&database) - postgres_cpu,
        s3_cpu: process::cpu_time(store.process()) - s3_cpu,
        statements: cluster.statements(&database),
        requests: store.requests(),
    };
    cluster.assert_nothing_left(&database);
    assert_eq!(store.objects(), 0);
    if program == Program::Upkeep {
        let report: serde_json::Value = serde_json::from_str(&output).unwrap();
        assert_eq!(report["counts"]["deleted"], events);
        assert_eq!(report["objects_deleted"], assets.len());
    }
    cluster.drop(&database);
    run
}
