//! Bringing rows in line with what was found out.

use std::sync::Arc;

use diesel::QueryResult;
use uuid::Uuid;

use super::difference::Missing;
use super::listed::key;
use super::rows::{self, Act, Wrong};
use super::sync_storage_files::Handling;
use crate::kit::{Change, Changed, Context, Report};
use crate::platform::database::Connection;
use crate::platform::storage::ReadObjects;

/// Correcting sizes.
pub(super) struct Sizes;

impl Change for Sizes {
    const ROWS: &'static str = "assets";
    type Row = Wrong;

    fn key(row: &Wrong) -> Uuid {
        row.id
    }

    fn change(&mut self, connection: &mut Connection, rows: &[Wrong]) -> QueryResult<Changed> {
        rows::change(connection, rows, Act::Resize)
    }

    fn count(&mut self, report: &mut Report, changed: &Changed) {
        count_updated(report, changed, "corrected");
    }
}

/// Seeing to assets whose objects are missing.
pub(super) struct MissingFiles {
    store: Arc<dyn ReadObjects>,
    handling: Handling,
    /// Those whose objects turned up, with other sizes than their rows have.
    pub(super) found: Vec<Wrong>,
}

impl MissingFiles {
    pub(super) fn new(store: Arc<dyn ReadObjects>, handling: Handling) -> Self {
        Self { store, handling, found: Vec::new() }
    }
}

impl Change for MissingFiles {
    const ROWS: &'static str = "assets";
    type Row = Missing;

    fn key(row: &Missing) -> Uuid {
        row.id
    }

    /// Asks the store for each of them, however sure the listing was.
    fn prepare(&mut self, context: &Context, rows: &[Missing]) -> anyhow::Result<Vec<Missing>> {
        let keys: Vec<_> = rows.iter().map(|row| key(row.id)).collect();
        let mut missing = Vec::with_capacity(rows.len());
        for (row, size) in rows.iter().zip(self.store.sizes(&keys)?) {
            match size.map(|size| i64::try_from(size).unwrap_or(i64::MAX)) {
                None => missing.push(*row),
                Some(size) if size == row.was => {
                    let mut report = context.report();
                    report.counts.matched = report.counts.matched.saturating_sub(1);
                    *report.figures.entry("in_sync").or_default() += 1;
                }
                Some(size) => self.found.push(Wrong { id: row.id, was: row.was, size }),
            }
        }
        Ok(missing)
    }

    fn change(&mut self, connection: &mut Connection, rows: &[Missing]) -> QueryResult<Changed> {
        let act = match self.handling {
            Handling::SetFileSizeToZero => Act::Resize,
            Handling::DeleteAssetEntry => Act::Delete,
        };
        let rows: Vec<_> = rows.iter().map(|row| Wrong { id: row.id, was: row.was, size: 0 }).collect();
        rows::change(connection, &rows, act)
    }

    fn count(&mut self, report: &mut Report, changed: &Changed) {
        match self.handling {
            Handling::SetFileSizeToZero => count_updated(report, changed, "zeroed"),
            Handling::DeleteAssetEntry => {
                report.counts.deleted += changed.ids.len() as u64;
                for id in &changed.ids {
                    log::debug!("deleted asset {id}, whose object is missing");
                }
            }
        }
    }
}

fn count_updated(report: &mut Report, changed: &Changed, figure: &'static str) {
    let number = changed.ids.len() as u64;
    report.counts.updated += number;
    *report.figures.entry(figure).or_default() += number;
    for id in &changed.ids {
        log::debug!("{figure} the size of asset {id}");
    }
}
