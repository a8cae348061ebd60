//! What it takes to start upkeep at all.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::process;

const TIMES: usize = 50;

pub(crate) fn print() {
    let program = env!("CARGO_BIN_EXE_upkeep");
    let size = std::fs::metadata(program).unwrap().len() as f64 / f64::from(1 << 20);
    println!("\n### Start-up, {TIMES} times; the binary has {size:.1} MiB\n");
    println!("| command | median ms | fastest ms | peak MiB |\n|---|--:|--:|--:|");
    for arguments in [&["jobs", "execute", "self-check"][..], &["--help"]] {
        let command = || {
            let mut command = Command::new(program);
            command.args(arguments).env_clear();
            command
        };
        let mut times: Vec<_> = (0..TIMES).map(|_| time(&mut command())).collect();
        times.sort();
        let peak_kib = (0..TIMES).map(|_| process::run(&mut command(), Duration::ZERO).0.peak_kib).max().unwrap();
        println!(
            "| `upkeep {}` | {:.1} | {:.1} | {:.1} |",
            arguments.join(" "),
            times[TIMES / 2].as_secs_f64() * 1000.0,
            times[0].as_secs_f64() * 1000.0,
            peak_kib as f64 / 1024.0
        );
    }
}

/// Without looking at it meanwhile, which would take time.
fn time(command: &mut Command) -> Duration {
    let started = Instant::now();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap();
    let time = started.elapsed();
    assert!(status.success(), "{command:?}");
    time
}
