//! Secrets in files of their own: those that a key or variable names, and the credentials of systemd.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use upkeep_jobs::platform::{Kind, Problem};

use super::environment::{Environment, one_line, shown};
use super::keys::{self, Key};
use super::sources::{Origin, Setting, invalid};

/// Reads the secret of `key` from the file that `named_in` names.
pub(super) fn secret_file(key: Key, path: PathBuf, named_in: String) -> Result<Setting, Problem> {
    let text = read_secret(&path).map_err(|error| {
        let message = format!("cannot read {key} from {} ({named_in})", shown(&path));
        unreadable(message, error)
    })?;
    Setting::from_text(key, &text, Origin::SecretFile { path, named_in })
}

/// What a credential holds that stands in for a file that is not there. A unit has to say something (`SetCredential=`
/// beside `LoadCredential=`), or systemd refuses to start it.
const ELSEWHERE: &str = "-";

/// The directory in which systemd puts the credentials of the unit.
pub(super) struct Credentials(Option<PathBuf>);

impl Credentials {
    /// Finds the directory and refuses a credential that is for none of the keys but looks as if it were: passed over,
    /// it could mean another database.
    pub(super) fn find(environment: &Environment) -> Result<Self, Problem> {
        let variable = environment.variable("CREDENTIALS_DIRECTORY").filter(|path| !path.is_empty());
        let Some(directory) = variable.map(Path::new) else { return Ok(Self(None)) };
        let directory = environment
            .absolute(Path::new(""), directory)
            .map_err(|fault| invalid("the environment variable CREDENTIALS_DIRECTORY", fault))?;
        let failed = |error| {
            let message = format!("cannot list the systemd credentials in {}", shown(&directory));
            Problem::new(Kind::Configuration, message)
                .because(error)
                .hint("if CREDENTIALS_DIRECTORY was left over from another service or a login, unset it")
        };
        let entries = match directory.read_dir() {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self(None)),
            Err(error) => return Err(failed(error)),
        };
        let known: Vec<_> = keys::ALL.iter().filter(|key| key.is_secret()).map(Key::to_string).collect();
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            let Some(name) = name.to_str() else { continue };
            let ours = name.split_once('.').is_some_and(|(section, _)| keys::sections().contains(&section));
            if ours && !known.iter().any(|known| known == name) {
                return Err(invalid(format!("the systemd credential {}", one_line(name)), "is not known")
                    .hint(keys::suggestion(name, &known)));
            }
        }
        Ok(Self(Some(directory)))
    }

    /// The credential for `key`, if there is one.
    pub(super) fn read(&self, key: Key) -> Result<Option<Setting>, Problem> {
        let Some(directory) = self.0.as_ref().filter(|_| key.is_secret()) else { return Ok(None) };
        match read_secret(&directory.join(key.to_string())) {
            Ok(text) if text == ELSEWHERE => Ok(None),
            Ok(text) => Setting::from_text(key, &text, Origin::Credential).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unreadable(format!("cannot read the systemd credential {key}"), error)),
        }
    }
}

/// More than any configuration or secret has; less than `/dev/zero`.
const LARGEST_FILE: u64 = 1024 * 1024;

/// The contents of a small file.
pub(super) fn read_small(path: &Path) -> io::Result<Vec<u8>> {
    let mut contents = Vec::new();
    std::fs::File::open(path)?.take(LARGEST_FILE + 1).read_to_end(&mut contents)?;
    if contents.len() as u64 > LARGEST_FILE {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 1 MiB"));
    }
    Ok(contents)
}

/// A secret's file without its last line break, which editors add.
fn read_secret(path: &Path) -> io::Result<String> {
    // Not the error of `from_utf8`, whose `Debug` holds the bytes.
    let text = String::from_utf8(read_small(path)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))?;
    let line = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    Ok(line.to_owned())
}

/// A file that could not be read, with what to do about it.
pub(super) fn unreadable(message: String, error: io::Error) -> Problem {
    let hint = match error.kind() {
        io::ErrorKind::PermissionDenied => "let the user that runs upkeep read it",
        io::ErrorKind::IsADirectory => "name a file, not a directory",
        io::ErrorKind::InvalidData => "save it as UTF-8",
        _ => "create the file, or correct the path",
    };
    Problem::new(Kind::Configuration, message).because(error).hint(hint)
}
