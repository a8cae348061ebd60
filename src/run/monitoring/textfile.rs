//! Files of metrics in the text format of Prometheus, as the textfile collector of node_exporter reads them.

use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A gauge, the one kind of metric there is here: the collector reads snapshots of the past.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gauge {
    pub(super) name: &'static str,
    /// The same wherever the gauge is written: the collector refuses a directory in which it differs.
    pub(super) help: &'static str,
}

/// The contents of a file.
#[derive(Debug, Default)]
pub(super) struct Text(String);

impl Text {
    /// Adds a gauge with all of its samples, each by its labels; one without samples is left out.
    pub(super) fn add(&mut self, gauge: Gauge, samples: impl IntoIterator<Item = (String, String)>) {
        let Gauge { name, help } = gauge;
        let samples: String =
            samples.into_iter().map(|(labels, value)| format!("{name}{{{labels}}} {value}\n")).collect();
        if !samples.is_empty() {
            self.0 += &format!("# HELP {name} {help}\n# TYPE {name} gauge\n{samples}");
        }
    }
}

/// An instant as seconds since 1970.
pub(super) fn seconds(instant: DateTime<Utc>) -> String {
    thousandths(instant.timestamp_millis())
}

/// Milliseconds as seconds.
pub(super) fn thousandths(milliseconds: i64) -> String {
    format!("{}.{:03}", milliseconds.div_euclid(1000), milliseconds.rem_euclid(1000))
}

/// Puts `text` in the place of `directory`/`name` for everybody to read. Whoever reads meanwhile gets the whole old
/// file or the whole new one; a name that does not end in `.prom` is not read at all.
///
/// # Errors
/// When that cannot be done; what was there before stays, and nothing else is left.
pub(super) fn replace(directory: &Path, name: &str, run: Uuid, Text(text): &Text) -> io::Result<()> {
    let draft = directory.join(format!(".{name}.{run}"));
    let written = write(&draft, text).and_then(|()| std::fs::rename(&draft, directory.join(name)));
    written.map_err(|error| match std::fs::remove_file(&draft) {
        Err(_) if draft.exists() => io::Error::new(error.kind(), format!("{error}; {} is left", draft.display())),
        Ok(()) | Err(_) => error,
    })
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())?;
    // Whatever the umask is: the collector runs as another user.
    file.set_permissions(Permissions::from_mode(0o644))?;
    file.sync_all()
}
