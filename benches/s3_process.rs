//! The S3 server in a process of its own, so that its memory and processor time are not those of a program measured.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use upkeep_test_servers::s3::S3Server;

use crate::CHILD;

/// The bucket's name.
pub(crate) const BUCKET: &str = "controller";

/// Every operation that one of the programs might use.
const OPERATIONS: [&str; 5] = ["DeleteObject", "DeleteObjects", "HeadObject", "HeadBucket", "ListObjectsV2"];

/// The server's own main function: tells where it is, then answers each line with the number of requests since the
/// last one, until its standard input is closed.
pub(crate) fn serve() {
    let server = S3Server::start().with_bucket(BUCKET);
    println!("{}\n{}", server.uri(), server.root().join(BUCKET).display());
    for line in std::io::stdin().lines() {
        line.unwrap();
        println!("{}", OPERATIONS.iter().map(|operation| server.count(operation)).sum::<u64>());
        server.forget_counts();
    }
}

/// A running server.
pub(crate) struct S3Process {
    process: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    pub(crate) uri: String,
    assets: PathBuf,
}

impl S3Process {
    pub(crate) fn start() -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut process = command.args([CHILD, "s3"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (questions, answers) = (process.stdin.take(), BufReader::new(process.stdout.take().unwrap()));
        let mut server = Self { process, questions, answers, uri: String::new(), assets: PathBuf::new() };
        server.uri = server.line();
        server.assets = PathBuf::from(server.line()).join("assets");
        fs::create_dir(&server.assets).unwrap();
        server
    }

    pub(crate) fn process(&self) -> u32 {
        self.process.id()
    }

    /// The number of requests since it was asked last.
    pub(crate) fn requests(&mut self) -> u64 {
        self.questions.as_mut().unwrap().write_all(b"\n").unwrap();
        self.line().parse().unwrap()
    }

    /// Stores an object of three bytes for each asset.
    pub(crate) fn store(&self, assets: &[String]) {
        for asset in assets {
            fs::write(self.assets.join(asset), "xyz").unwrap();
        }
    }

    /// How many objects there are.
    pub(crate) fn objects(&self) -> usize {
        fs::read_dir(&self.assets).unwrap().count()
    }

    /// Removes all objects.
    pub(crate) fn empty(&self) {
        fs::remove_dir_all(&self.assets).unwrap();
        fs::create_dir(&self.assets).unwrap();
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
