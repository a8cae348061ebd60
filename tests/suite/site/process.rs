//! Commands beyond a plain run: without a site, with input, under way, without a root user's powers.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Run, Site, finish};

/// An 80-column terminal's width, as far as help is concerned.
const COLUMNS: (&str, &str) = ("COLUMNS", "80");

/// A command on a machine where upkeep is not configured at all.
pub(crate) fn bare(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_upkeep"));
    command.args(arguments).current_dir("/").env_clear().env("HOME", "/nonexistent").envs([COLUMNS]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs such a command to its end.
pub(crate) fn run_bare(arguments: &[&str]) -> Run {
    finish(bare(arguments).spawn().unwrap())
}

/// Runs a command to its end with this on its standard input.
pub(crate) fn run_with_input(mut command: Command, input: &[u8]) -> Run {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A command that does not read on closes the pipe.
    if let Err(error) = stdin.write_all(input) {
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    }
    drop(stdin);
    finish(child)
}

/// Runs a shell's command line in which `upkeep` is the program under test.
pub(crate) fn shell(script: &str) -> Run {
    let directory = TempDir::new().unwrap();
    finish(in_shell(directory.path(), script).spawn().unwrap())
}

fn in_shell(directory: &Path, script: &str) -> Command {
    let programs = Path::new(env!("CARGO_BIN_EXE_upkeep")).parent().unwrap();
    let path = format!("{}:/usr/bin:/bin", programs.display());
    let mut command = Command::new("bash");
    command.args(["-c", script]).current_dir(directory).env_clear().envs([("PATH", path.as_str()), COLUMNS]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Site {
    /// Runs a shell's command line in which `upkeep` is the program under test, configured for this site.
    pub(crate) fn shell(&self, script: &str) -> Run {
        let mut command = in_shell(self.path(), script);
        command.env("UPKEEP_CONFIG", self.configuration());
        finish(command.spawn().unwrap())
    }
}

/// The same command for a user whom file permissions bind; root gives up the power to ignore them.
pub(crate) fn bound_by_permissions(command: Command) -> Command {
    use std::os::unix::fs::MetadataExt;
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        return command;
    }
    let mut bound = Command::new("setpriv");
    bound.arg("--bounding-set=-dac_override,-dac_read_search").arg(command.get_program()).args(command.get_args());
    bound.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    bound.current_dir(command.get_current_dir().unwrap());
    bound.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    bound
}

/// A command under way.
pub(crate) struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    read: String,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout, read: String::new() }
    }

    /// Waits until it has said this on standard output.
    #[track_caller]
    pub(crate) fn until_it_says(&mut self, text: &str) {
        while !self.read.contains(text) {
            let length = self.stdout.read_line(&mut self.read).unwrap();
            assert!(length > 0, "it ended without saying {text:?}: {}", self.read);
        }
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        super::signal(self.child.id(), name);
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Run {
        self.stdout.read_to_string(&mut self.read).unwrap();
        let run = finish(self.child);
        let run = Run { stdout: self.read, ..run };
        run.assert_no_secrets();
        run
    }

    /// Sends a signal and waits for the end, which must come within the two seconds that are promised.
    #[track_caller]
    pub(crate) fn ends_soon_after(self, signal: &str) -> Run {
        let begun = Instant::now();
        self.signal(signal);
        let run = self.finish();
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}: {run:#?}", begun.elapsed());
        run
    }
}
