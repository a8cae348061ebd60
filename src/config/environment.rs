//! What the configuration takes from outside its files: variables and the working directory, read in one place, and
//! the places that follow from them.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use upkeep_jobs::platform::{Kind, Problem, is_steering};

/// The variables and directories a configuration depends on. It holds secrets and therefore has no `Debug`.
pub(crate) struct Environment {
    variables: BTreeMap<OsString, OsString>,
    /// An error if the process's own has been removed under it; that matters only to relative paths.
    working_directory: io::Result<PathBuf>,
    /// `/etc`, except in tests.
    system: PathBuf,
}

/// A configuration file that is to be read.
pub(super) struct ConfigurationFile {
    /// Absolute.
    pub(super) path: PathBuf,
    /// What named it, to follow the path in a message; empty if it was found by looking.
    pub(super) named_by: &'static str,
}

impl Environment {
    /// The environment of this process.
    pub(crate) fn of_process() -> Self {
        Self {
            variables: std::env::vars_os().collect(),
            working_directory: std::env::current_dir(),
            system: "/etc".into(),
        }
    }

    /// An environment of exactly these variables, with a stand-in for `/etc`.
    #[cfg(test)]
    pub(super) fn of<K: Into<OsString>, V: Into<OsString>>(
        variables: impl IntoIterator<Item = (K, V)>,
        working_directory: &Path,
        system: &Path,
    ) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { variables, working_directory: Ok(working_directory.to_owned()), system: system.to_owned() }
    }

    /// The same in a process whose working directory has been removed.
    #[cfg(test)]
    pub(super) fn without_working_directory(self) -> Self {
        Self { working_directory: Err(io::ErrorKind::NotFound.into()), ..self }
    }

    /// All names that are text; no name of ours is anything else.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().filter_map(|name| name.to_str())
    }

    /// The variable `name`, if it is set at all.
    pub(super) fn variable(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// The variable `name` if it holds an absolute path; the XDG specification has others ignored.
    fn absolute_path(&self, name: &str) -> Option<PathBuf> {
        self.variable(name).map(PathBuf::from).filter(|path| path.is_absolute())
    }

    /// `path`, which is relative to `base`, which is relative to the working directory.
    ///
    /// # Errors
    /// What is wrong with the path, to follow the name of what it belongs to.
    pub(super) fn absolute(&self, base: &Path, path: &Path) -> Result<PathBuf, &'static str> {
        if path.as_os_str().as_encoded_bytes().starts_with(b"~") {
            return Err("starts with ~, which only shells expand; write the whole path (or ./~ if you mean it)");
        }
        let path = base.join(path);
        if path.is_absolute() {
            return Ok(path);
        }
        let directory = self.working_directory.as_ref();
        let directory =
            directory.map_err(|_| "is relative to a working directory that does not exist; use an absolute path")?;
        Ok(directory.join(path))
    }

    /// The configuration file: `explicit`, else `UPKEEP_CONFIG`, else the first that exists of `./upkeep.toml`,
    /// `$XDG_CONFIG_HOME/upkeep/upkeep.toml` (`~/.config` without that variable) and `/etc/upkeep/upkeep.toml`.
    ///
    /// # Errors
    /// If it cannot be found out whether one of the three exists: passing over it could mean another database.
    pub(super) fn configuration_file(&self, explicit: Option<&Path>) -> Result<Option<ConfigurationFile>, Problem> {
        let from_variable = self.variable("UPKEEP_CONFIG").map(|path| (Path::new(path), " (named by UPKEEP_CONFIG)"));
        if let Some((path, named_by)) = explicit.map(|path| (path, " (named by --config)")).or(from_variable) {
            if path.as_os_str().is_empty() {
                let message = format!("the configuration file has an empty name{named_by}");
                return Err(Problem::new(Kind::Configuration, message).hint("give the path of a file, or nothing"));
            }
            let absolute = self.absolute(Path::new(""), path).map_err(|fault| {
                let message = format!("the configuration file {}{named_by} {fault}", shown(path));
                Problem::new(Kind::Configuration, message)
            })?;
            return Ok(Some(ConfigurationFile { path: absolute, named_by }));
        }
        let user = self.absolute_path("XDG_CONFIG_HOME").or_else(|| Some(self.absolute_path("HOME")?.join(".config")));
        let places = [
            // A directory that was removed has no files.
            self.working_directory.iter().next().map(|directory| directory.join("upkeep.toml")),
            user.map(|directory| directory.join("upkeep/upkeep.toml")),
            Some(self.system.join("upkeep/upkeep.toml")),
        ];
        for path in places.into_iter().flatten() {
            // Not following links: a link to nowhere is a file that cannot be read, not a file that is not there.
            match path.symlink_metadata() {
                Ok(_) => return Ok(Some(ConfigurationFile { path, named_by: "" })),
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
                Err(error) => {
                    let message = format!("cannot find out whether there is a configuration file {}", shown(&path));
                    return Err(Problem::new(Kind::Configuration, message)
                        .because(error)
                        .hint("let upkeep's user look there, start upkeep elsewhere, or name the file with --config"));
                }
            }
        }
        Ok(None)
    }

    /// Where embedded data lives: the first entry of `$STATE_DIRECTORY` (systemd), else `$XDG_STATE_HOME/upkeep`,
    /// else `~/.local/state/upkeep`.
    ///
    /// # Errors
    /// If none of these variables is usable; ask only when a default is needed.
    pub(super) fn state_directory(&self) -> Result<PathBuf, Problem> {
        let entries = self.variable("STATE_DIRECTORY").into_iter().flat_map(std::env::split_paths);
        let home = || self.absolute_path("HOME").map(|home| home.join(".local/state/upkeep"));
        let mut from_systemd = entries.filter(|path| path.is_absolute());
        (from_systemd.next())
            .or_else(|| self.absolute_path("XDG_STATE_HOME").map(|state| state.join("upkeep")))
            .or_else(home)
            .ok_or_else(|| {
                let message = "cannot tell where to keep the embedded database and objects: none of STATE_DIRECTORY, \
                               XDG_STATE_HOME and HOME is set to an absolute path";
                Problem::new(Kind::Configuration, message)
                    .hint("set database.url and [storage] in the configuration, or one of these variables")
            })
    }
}

/// A path for messages and comments: on one line, whatever it contains.
pub(super) fn shown(path: &Path) -> String {
    one_line(&path.to_string_lossy())
}

/// `text` without anything that would leave its line or steer a terminal.
pub(super) fn one_line(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut line, c| {
        if is_steering(c) {
            line.extend(c.escape_default())
        } else {
            line.push(c)
        }
        line
    })
}
