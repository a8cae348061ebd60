//! The S3 server in a process of its own, so that its memory and processor time are not those of a program measured.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use upkeep_test_servers::s3::{Bucket, Index, S3Server};

use crate::CHILD;

/// The bucket's name.
pub(crate) const BUCKET: &str = "controller";

/// Every operation that one of the programs might use.
const OPERATIONS: [&str; 5] = ["DeleteObject", "DeleteObjects", "HeadObject", "HeadBucket", "ListObjectsV2"];

/// What the objects are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Objects {
    /// Files. Each page of a listing reads all their names.
    Files,
    /// Entries of an index: nothing can be deleted, and a page of a listing takes so many milliseconds.
    Entries { page_ms: u32 },
}

/// The server's own main function: tells where it is, then does what each line says and answers with a number, until
/// its standard input is closed.
pub(crate) fn serve(objects: Objects) {
    let (server, index) = match objects {
        Objects::Files => (S3Server::start(), Index::default()),
        Objects::Entries { page_ms } => {
            let index = Index::new(Duration::from_millis(page_ms.into()));
            (S3Server::of_index(index.clone()), index)
        }
    };
    let server = server.with_bucket(BUCKET);
    let bucket = (objects == Objects::Files).then(|| server.bucket(BUCKET));
    println!("{}", server.uri());
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let answer = match line.split_once(' ') {
            Some(("put", asset)) => put(&format!("assets/{asset}"), &index, bucket.as_ref()),
            None if line == "objects" => bucket.as_ref().map_or(index.objects().len(), |bucket| bucket.keys().len()),
            None if line == "requests" => {
                let requests = OPERATIONS.iter().map(|operation| server.count(operation)).sum::<u64>();
                server.forget_counts();
                requests as usize
            }
            None if line == "empty" => {
                index.objects().clear();
                bucket.iter().for_each(|bucket| bucket.reset(&[]));
                0
            }
            _ => panic!("{line}"),
        };
        println!("{answer}");
    }
}

/// Stores an object of three bytes.
fn put(key: &str, index: &Index, bucket: Option<&Bucket>) -> usize {
    match bucket {
        Some(bucket) => bucket.put(key, b"xyz"),
        None => drop(index.objects().insert(key.to_owned(), 3)),
    }
    1
}

/// A running server.
pub(crate) struct S3Process {
    process: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    pub(crate) uri: String,
}

impl S3Process {
    pub(crate) fn start(objects: Objects) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([CHILD, "s3"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        if let Objects::Entries { page_ms } = objects {
            command.arg(page_ms.to_string());
        }
        let mut process = command.spawn().unwrap();
        let (questions, answers) = (process.stdin.take(), BufReader::new(process.stdout.take().unwrap()));
        let mut server = Self { process, questions, answers, uri: String::new() };
        server.uri = server.line();
        server
    }

    pub(crate) fn process(&self) -> u32 {
        self.process.id()
    }

    /// The number of requests since it was asked last.
    pub(crate) fn requests(&mut self) -> usize {
        self.ask("requests")
    }

    /// Stores an object of three bytes for each asset.
    pub(crate) fn store(&mut self, assets: &[String]) {
        for asset in assets {
            self.ask(&format!("put {asset}"));
        }
    }

    /// How many objects there are.
    pub(crate) fn objects(&mut self) -> usize {
        self.ask("objects")
    }

    /// Removes all objects.
    pub(crate) fn empty(&mut self) {
        self.ask("empty");
    }

    fn ask(&mut self, question: &str) -> usize {
        writeln!(self.questions.as_mut().unwrap(), "{question}").unwrap();
        self.line().parse().unwrap()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for S3Process {
    fn drop(&mut self) {
        // The server ends, and cleans up, when nobody can ask it any more.
        drop(self.questions.take());
        self.process.wait().unwrap();
    }
}
