//! Programs that do the same work, on identical copies of one platform.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::options::Options;
use crate::platform::{Cluster, POLL, Statements};
use crate::process::{self, Usage};
use crate::s3_process::{Objects, S3Process};

/// What is measured.
pub(crate) struct Contest<'a> {
    /// Heading of the table.
    pub(crate) title: String,
    pub(crate) cluster: &'a Cluster,
    /// The database that every run gets a copy of.
    pub(crate) template: &'a str,
    /// The assets whose objects are stored before every run, and what those are.
    pub(crate) objects: &'a [String],
    pub(crate) stored_as: Objects,
    /// The first is what the others are compared with.
    pub(crate) programs: &'a [Program<'a>],
    /// Which of them is the floor, with which all are compared as well.
    pub(crate) floor: usize,
    /// `--repeat`: how often each program runs, of which the table shows medians. `--only`: the letters of the programs
    /// that run, all by default.
    pub(crate) options: &'a Options<'a>,
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
    requests: usize,
}

/// The one in the middle of runs in the order of their time, if there are any.
fn median(runs: &[Run]) -> Option<&Run> {
    runs.get(runs.len() / 2)
}

impl Contest<'_> {
    /// Measures, and prints the table.
    pub(crate) fn print(&self) {
        let mut store = S3Process::start(self.stored_as);
        let mut runs = vec![Vec::new(); self.programs.len()];
        // In turn, so that whatever else the machine is at does not hit one of them alone.
        for _ in 0..self.options.number("--repeat", 3) {
            for (program, runs) in self.programs.iter().zip(&mut runs) {
                if self.is_wanted(program) {
                    runs.push(self.run(program, &mut store));
                }
            }
        }
        for runs in &mut runs {
            runs.sort_by_key(|run: &Run| run.program.wall);
        }
        self.print_table(&runs);
        for (Program { name, .. }, runs) in self.programs.iter().zip(&runs) {
            let Some(run) = median(runs) else { continue };
            println!("\nLongest in PostgreSQL, {name}:\n");
            for line in &run.statements.slowest {
                println!("- {line}");
            }
        }
    }

    fn is_wanted(&self, program: &Program<'_>) -> bool {
        let letter = program.name.trim_start_matches('(').split(')').next().unwrap();
        self.options.text("--only").is_none_or(|letters| letters.split(',').any(|wanted| wanted == letter))
    }

    fn print_table(&self, runs: &[Vec<Run>]) {
        println!("\n### {}, median of {}\n", self.title, self.options.number("--repeat", 3));
        println!(
            "| program | time s | all runs s | first ÷ this | this ÷ floor | peak MiB | statements | transactions | \
             S3 requests | CPU s: program | PostgreSQL | S3 |\n|---|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
        );
        let wall = |runs: &[Run]| median(runs).map(|run| run.program.wall.as_secs_f64());
        let ratio = |of: Option<f64>, to: Option<f64>| {
            of.zip(to).map_or_else(|| "–".to_owned(), |(of, to)| format!("{:.2}", of / to))
        };
        for (Program { name, .. }, runs_of_it) in self.programs.iter().zip(runs) {
            let Some(run) = median(runs_of_it) else { continue };
            let Run { program: Usage { wall: time, cpu, peak_kib }, postgres_cpu, s3_cpu, statements, requests } = run;
            let all: Vec<_> = runs_of_it.iter().map(|run| format!("{:.2}", run.program.wall.as_secs_f64())).collect();
            println!(
                "| {name} | {:.2} | {} | {} | {} | {:.1} | {} | {} | {requests} | {:.2} | {:.2} | {:.2} |",
                time.as_secs_f64(),
                all.join(", "),
                ratio(wall(&runs[0]), wall(runs_of_it)),
                ratio(wall(runs_of_it), wall(&runs[self.floor])),
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
