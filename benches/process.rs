//! Running a program to its end and reading from `/proc` what it took.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What a process took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) wall: Duration,
    /// User and system time.
    pub(crate) cpu: Duration,
    /// The most memory it had resident, in KiB.
    pub(crate) peak_kib: u64,
}

/// Runs `command`, which must succeed, and returns what it took and what it wrote to standard output.
///
/// The peak is the kernel's own high-water mark, read every `interval`: what is added after the last reading is missed,
/// nothing else.
pub(crate) fn run(command: &mut Command, interval: Duration) -> (Usage, String) {
    let started = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut peak_kib = 0;
    while !ended(&child) {
        peak_kib = peak_kib.max(high_water_mark(child.id()).unwrap_or(0));
        std::thread::sleep(interval);
    }
    let wall = started.elapsed();
    // Ended but not yet waited for: the entry is still there.
    let cpu = cpu_time(child.id());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    (Usage { wall, cpu, peak_kib }, String::from_utf8(output.stdout).unwrap())
}

fn ended(child: &Child) -> bool {
    stat(child.id()).unwrap()[0] == "Z"
}

fn high_water_mark(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB").unwrap().parse().unwrap())
}

/// The user and system time of a process by now.
pub(crate) fn cpu_time(process: u32) -> Duration {
    ticks(&stat(process).unwrap()[11..13])
}

/// The user and system time of a process and of all its children by now, ended ones included.
pub(crate) fn cpu_time_of_family(parent: u32) -> Duration {
    let mut sum = ticks(&stat(parent).unwrap()[11..15]);
    for entry in fs::read_dir("/proc").unwrap() {
        let Ok(process) = entry.unwrap().file_name().to_string_lossy().parse::<u32>() else { continue };
        // It may end meanwhile.
        let Some(fields) = stat(process) else { continue };
        if fields[1] == parent.to_string() {
            sum += ticks(&fields[11..13]);
        }
    }
    sum
}

/// The fields of `/proc/PID/stat` after the program's name, so from the third on: state, parent, …; see proc(5).
fn stat(process: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(") ").unwrap();
    Some(fields.split(' ').map(str::to_owned).collect())
}

/// The kernel tells processes' times in hundredths of a second on every common architecture.
fn ticks(fields: &[String]) -> Duration {
    fields.iter().map(|field| Duration::from_millis(10) * field.parse::<u32>().unwrap()).sum()
}
