//! Programs that do the same work, on identical copies of one platform.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::platform::{Cluster, POLL, Statements};
use crate::process::{self, Usage};
use crate::s3_process::S3Process;

/// What is measured.
pub(crate) struct Contest<'a> {
    /// Heading of the table.
    pub(crate) title: String,
    pub(crate) cluster: &'a Cluster,
    /// The database that every run gets a copy of.
    pub(crate) template: &'a str,
    /// The assets whose objects are stored before every run.
    pub(crate) objects: &'a [String],
    /// The first is what the others are compared with.
    pub(crate) programs: &'a [Program<'a>],
    /// Which of them is the floor, with which all are compared as well.
    pub(crate) floor: usize,
    /// How often each program runs; the table shows medians.
    pub(crate) repeat: usize,
    /// Panics unless a program did its work.
    pub(crate) check: &'a dyn Fn(&Done<'_>),
}

/// A program to measure.
pub(crate) struct Program<'a> {
    pub(crate) name: &'a str,
    pub(crate) command: &'a dyn Fn(&Place<'_>) -> Command,
}

/// Where a program runs.
pub(crate) struct Place<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) database: &'a str,
    pub(crate) store: &'a str,
    /// An empty directory.
    pub(crate) directory: &'a Path,
}

/// What a program left behind.
pub(crate) struct Done<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) database: &'a str,
    /// How many objects are left.
    pub(crate) objects: usize,
    /// What the program wrote to standard output: upkeep its report, the others nothing.
    pub(crate) output: &'a str,
}

impl Done<'_> {
    /// upkeep's report; `None` of the other programs.
    pub(crate) fn report(&self) -> Option<serde_json::Value> {
        (!self.output.is_empty()).then(|| serde_json::from_str(self.output).unwrap())
    }
}

impl Place<'_> {
    /// upkeep with these arguments, configured for this place.
    pub(crate) fn upkeep(&self, arguments: &[&str]) -> Command {
        self.cluster.upkeep(self.database, self.store, self.directory, arguments)
    }

    /// One of the benchmark's own programs, which gets the database's URL and the store's.
    pub(crate) fn reference(&self, job: &str, program: &str) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([crate::CHILD, job, program, &self.cluster.url(self.database), self.store]);
        command
    }
}

/// One program's run.
#[derive(Clone)]
struct Run {
    program: Usage,
    postgres_cpu: Duration,
    s3_cpu: Duration,
    statements: Statements,
    requests: u64,
}

impl Contest<'_> {
    /// Measures, and prints the table.
    pub(crate) fn print(&self) {
        let mut store = S3Process::start();
        let mut runs = vec![Vec::new(); self.programs.len()];
        // In turn, so that whatever else the machine is at does not hit one of them alone.
        for _ in 0..self.repeat {
            for (program, runs) in self.programs.iter().zip(&mut runs) {
                runs.push(self.run(program, &mut store));
            }
        }
        let medians: Vec<Run> = runs
            .iter_mut()
            .map(|runs| {
                runs.sort_by_key(|run| run.program.wall);
                runs[runs.len() / 2].clone()
            })
            .collect();
        self.print_table(&runs, &medians);
        for (Program { name, .. }, run) in self.programs.iter().zip(&medians) {
            println!("\nLongest in PostgreSQL, {name}:\n");
            for line in &run.statements.slowest {
                println!("- {line}");
            }
        }
    }

    fn print_table(&self, runs: &[Vec<Run>], medians: &[Run]) {
        println!("\n### {}, median of {}\n", self.title, self.repeat);
        println!(
            "| program | time s | all runs s | first ÷ this | this ÷ floor | peak MiB | statements | transactions | \
             S3 requests | CPU s: program | PostgreSQL | S3 |\n|---|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
        );
        let wall = |index: usize| medians[index].program.wall.as_secs_f64();
        for (index, (Program { name, .. }, run)) in self.programs.iter().zip(medians).enumerate() {
            let Run { program: Usage { cpu, peak_kib, .. }, postgres_cpu, s3_cpu, statements, requests } = run;
            let all: Vec<_> = runs[index].iter().map(|run| format!("{:.2}", run.program.wall.as_secs_f64())).collect();
            println!(
                "| {name} | {:.2} | {} | {:.2} | {:.2} | {:.1} | {} | {} | {requests} | {:.2} | {:.2} | {:.2} |",
                wall(index),
                all.join(", "),
                wall(0) / wall(index),
                wall(index) / wall(self.floor),
                *peak_kib as f64 / 1024.0,
                statements.sent,
                statements.commits,
                cpu.as_secs_f64(),
                postgres_cpu.as_secs_f64(),
                s3_cpu.as_secs_f64(),
            );
        }
    }

    fn run(&self, program: &Program<'_>, store: &mut S3Process) -> Run {
        let Self { cluster, template, objects, .. } = self;
        let database = cluster.copy(template);
        store.store(objects);
        let directory = tempfile::tempdir().unwrap();
        let place = Place { cluster, database: &database, store: &store.uri, directory: directory.path() };
        let mut command = (program.command)(&place);
        let (postgres_cpu, s3_cpu) = (cluster.cpu_time(&database), process::cpu_time(store.process()));
        store.requests();
        let (usage, output) = process::run(&mut command, POLL);
        let run = Run {
            program: usage,
            postgres_cpu: cluster.cpu_time(&database) - postgres_cpu,
            s3_cpu: process::cpu_time(store.process()) - s3_cpu,
            statements: cluster.statements(&database),
            requests: store.requests(),
        };
        (self.check)(&Done { cluster, database: &database, objects: store.objects(), output: &output });
        store.empty();
        cluster.drop(&database);
        run
    }
}
