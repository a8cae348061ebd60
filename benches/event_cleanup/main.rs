//! What event-cleanup costs, next to the same work done row by row, and done in bulk without any safety.
//!
//! ```text
//! cargo bench --bench event_cleanup -- [--events 5000,20000] [--repeat 3] [--indexes] [--million]
//! ```
//!
//! A throw-away PostgreSQL cluster (durable, as in production) and a real S3 server in a process of its own; three
//! programs, each a process of its own, on identical copies of N ended single events, each with its own room, two
//! assets with stored objects and three guest invites of the room. Prints Markdown.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made ends the program")]

mod contest;
mod floor;
mod million;
mod options;
mod platform;
mod process;
mod reference;
mod row_by_row;
mod s3_process;
mod startup;

use options::Options;
use platform::Cluster;

/// The first argument of the processes that the benchmark starts from its own program.
const CHILD: &str = "child";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [CHILD, "s3"] => s3_process::serve(),
        [CHILD, "row-by-row", database, store] => row_by_row::run(database, store),
        [CHILD, "floor", database, store] => floor::run(database, store, floor::Objects::AtTheEnd),
        [CHILD, "floor-overlapped", database, store] => floor::run(database, store, floor::Objects::Meanwhile),
        _ if words.contains(&"--bench") => measure(&Options::parse(&words)),
        _ => println!("this takes minutes: run it by `cargo bench --bench event_cleanup`"),
    }
}

fn measure(options: &Options) {
    startup::print();
    let cluster = Cluster::start();
    println!("\nPostgreSQL {}, {} processors", cluster.version(), std::thread::available_parallelism().unwrap());
    for &events in &options.events {
        contest::print(&cluster, events, options);
    }
    if options.million {
        million::print(&cluster, options);
    }
}
