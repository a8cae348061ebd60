//! How far a pass is: how many rows there are, where that is cheap to know, and how many are seen to.

use super::cleanup::Cleanup;
use super::context::Context;
use super::progress::Progress;
use crate::platform::database::Database;

/// How far a pass is.
#[derive(Debug)]
pub(super) struct Extent {
    items: &'static str,
    looked_at: u64,
    total: Option<u64>,
}

impl Extent {
    /// At the beginning of a pass.
    pub(super) fn of<C: Cleanup>(context: &Context, database: &mut Database, cleanup: &mut C) -> Self {
        let total =
            if context.wants_totals() { database.read(|connection| cleanup.total(connection)) } else { Ok(None) };
        let total = total.unwrap_or_else(|error| {
            // Nothing but the display depends on it.
            log::debug!("how many {} there are could not be counted: {error}", C::ITEM.1);
            None
        });
        Self { items: C::ITEM.1, looked_at: 0, total }
    }

    /// So many more are seen to.
    pub(super) fn add(&mut self, looked_at: usize) {
        self.looked_at += looked_at as u64;
    }

    pub(super) fn progress(&self) -> Progress {
        Progress::new(self.items, "looked at", self.looked_at).out_of(self.total)
    }
}
