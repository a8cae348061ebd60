//! Configurations loaded from real files in a directory of their own, with an environment made up for the purpose.

mod database;
mod environment;
mod example;
mod file;
mod identity;
mod inherit;
mod inherit_faults;
mod inherit_identity;
mod monitoring;
mod safety;
mod shared_folder;
mod show;
mod sources;
mod storage;

use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use upkeep_jobs::platform::{Kind, Problem};

use super::{Config, Environment};

/// A machine's worth of directories: `here` to start in, `home`, `etc`.
pub(super) struct Machine {
    root: TempDir,
}

impl Machine {
    pub(super) fn new() -> Self {
        let machine = Self { root: TempDir::new().unwrap() };
        for directory in ["here", "home", "etc"] {
            fs::create_dir(machine.path(directory)).unwrap();
        }
        machine
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Writes a file and the directories above it.
    pub(super) fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, contents).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Exactly these variables and no others.
    pub(super) fn environment<K: Into<OsString>, V: Into<OsString>>(
        &self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Environment {
        Environment::of(variables, &self.path("here"), &self.path("etc"))
    }

    /// Loads `here/upkeep.toml` with these contents under these variables and a home directory.
    pub(super) fn load(&self, contents: impl AsRef<[u8]>, variables: &[(&str, &str)]) -> Result<Config, Problem> {
        self.write("here/upkeep.toml", contents);
        let home = ("HOME", self.path("home").to_str().unwrap().to_owned());
        let variables = variables.iter().map(|(name, value)| (*name, (*value).to_owned()));
        Config::load(None, &self.environment(variables.chain([home])))
    }

    /// What an operator reads about a configuration that is refused.
    pub(super) fn refusal(&self, contents: impl AsRef<[u8]>, variables: &[(&str, &str)]) -> String {
        self.told(self.load(contents, variables).expect_err("it is accepted"))
    }

    /// Message, causes and hint on a line each, the machine's directory as `~~`.
    pub(super) fn told(&self, problem: Problem) -> String {
        assert_eq!(problem.kind(), Kind::Configuration);
        assert_eq!(problem.kind().exit_code(), 78);
        let mut text = problem.to_string();
        let mut cause = problem.source();
        while let Some(error) = cause {
            text += &format!("\ncause: {error}");
            cause = error.source();
        }
        text += &problem.advice().map_or(String::new(), |hint| format!("\nhint: {hint}"));
        text.replace(self.root.path().to_str().unwrap(), "~~")
    }
}

/// The configuration of a machine that has no more than this file.
pub(super) fn load(contents: &str) -> Config {
    Machine::new().load(contents, &[]).unwrap()
}

/// What is said about this file, or these variables over an empty file.
pub(super) fn refusal(contents: &str) -> String {
    Machine::new().refusal(contents, &[])
}

pub(super) fn refusal_of_variable(name: &str, value: &str) -> String {
    Machine::new().refusal("", &[(name, value)])
}

/// A file of this name in the package.
pub(super) fn package_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}
