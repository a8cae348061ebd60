//! Where a platform database keeps what its schema generations keep in different places. Recognised feature by
//! feature, since databases in between exist.

use crate::platform::database::{Catalogue, Columns, Database, Requirement};

/// When an event takes place.
const DATES: [Columns; 2] =
    [("event_dates", &["starts_at", "starts_at_tz", "ends_at"]), ("events", &["starts_at", "starts_at_tz", "ends_at"])];
/// That it takes place again.
const RECURRENCE: [Columns; 3] = [
    ("event_recurrences", &["recurrence_pattern"]),
    ("event_dates", &["recurrence_pattern"]),
    ("events", &["recurrence_pattern"]),
];
/// How long each occurrence of a series is.
const DURATION: [Columns; 3] =
    [("event_dates", &["duration_secs"]), ("event_recurrences", &["duration_secs"]), ("events", &["duration_secs"])];
/// How the provider knows a shared folder.
const SHARES: [Columns; 2] = [PROVIDER_DATA, ("event_shared_folders", &["write_share_id", "read_share_id"])];
const PROVIDER_DATA: Columns = ("event_shared_folders", &["provider_data"]);

/// Tables that only some generations have.
const TABLES: [&str; 3] = ["event_dates", "event_recurrences", "casbin_rule"];

/// What every job requires that reads a [`Schema`].
pub(crate) const REQUIRES: [Requirement; 4] = [
    Requirement::OneOf(&DATES),
    Requirement::OneOf(&RECURRENCE),
    Requirement::OneOf(&DURATION),
    Requirement::OneOf(&SHARES),
];

/// A table with at most one row per event, and its column that says which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) table: &'static str,
    pub(crate) key: &'static str,
}

impl Place {
    fn of((table, _): Columns) -> Self {
        Self { table, key: if table == "events" { "id" } else { "event_id" } }
    }
}

/// The schema of one database, read once per run.
#[derive(Debug, Clone)]
pub(crate) struct Schema {
    /// Where `starts_at`, `starts_at_tz` and `ends_at` are.
    pub(crate) dates: Place,
    /// Where `recurrence_pattern` is.
    pub(crate) recurrence: Place,
    /// Where `duration_secs` is.
    pub(crate) duration: Place,
    /// Whether a shared folder's ids are in `provider_data`; else they are columns of their own.
    pub(crate) has_provider_data: bool,
    lacks: Vec<&'static str>,
}

impl Schema {
    /// Recognises the schema of `database`.
    ///
    /// # Errors
    /// A configuration problem that names what is missing or ambiguous.
    pub(crate) fn of(database: &mut Database) -> anyhow::Result<Self> {
        let tables = TABLES.into_iter().chain(["events", "event_shared_folders"]);
        let catalogue = Catalogue::of(database, tables)?;
        Ok(Self {
            dates: Place::of(catalogue.only(&DATES)?),
            recurrence: Place::of(catalogue.only(&RECURRENCE)?),
            duration: Place::of(catalogue.only(&DURATION)?),
            has_provider_data: catalogue.only(&SHARES)? == PROVIDER_DATA,
            lacks: TABLES.into_iter().filter(|table| !catalogue.has(table)).collect(),
        })
    }

    /// Whether this generation has `table`, which a job requires.
    pub(crate) fn has(&self, table: &str) -> bool {
        !self.lacks.contains(&table)
    }
}
