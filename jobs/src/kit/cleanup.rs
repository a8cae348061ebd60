//! What a cleanup job supplies to the one loop that every cleanup goes through: what is due and how it is removed. The
//! loop is in [`super::pass`].

use std::collections::{BTreeMap, BTreeSet};

use diesel::QueryResult;
use uuid::Uuid;

use super::context::{Context, Stores};
use super::outbox::{PendingFolder, StoredObject};
use super::pace::SMALLEST;
use crate::platform::Problem;
use crate::platform::database::{Connection, Database};

/// Whether rows are only counted, for a dry run, or removed. The same statements' conditions serve both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Count them, lock nothing.
    Count,
    /// Lock them, check again that they are due, remove them.
    Remove,
}

/// Whether an item is to be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// It is.
    Now,
    /// It is not.
    NotYet,
    /// It cannot be told, for the given reason, and so stays.
    Unclear(String),
}

/// What became of a batch before its transaction.
#[derive(Debug, Default)]
pub struct Preparation {
    /// Those that cannot be removed now.
    pub not_ready: BTreeSet<Uuid>,
    /// Those among them whose turn comes when the others have been removed; never all.
    pub later: BTreeSet<Uuid>,
    /// Those among them that somebody else has locked.
    pub locked: BTreeSet<Uuid>,
    /// Those among them that stay although they are due, and why.
    pub failed: BTreeMap<Uuid, String>,
    /// How many of them are no longer due.
    pub skipped: u64,
    /// Items whose shared folder was removed, to be told of should they stay after all.
    pub without_folder: BTreeSet<Uuid>,
    /// Folders to remember when their events go.
    pub pending_folders: Vec<PendingFolder>,
    /// Ends the run once this batch is done.
    pub end: Option<Problem>,
}

/// What a transaction removed.
#[derive(Debug, Default)]
pub struct Removal {
    /// The items removed.
    pub ids: Vec<Uuid>,
    /// Items that are due but locked by somebody else.
    pub locked: Vec<Uuid>,
    /// Items that are due but have to stay, and why.
    pub failed: BTreeMap<Uuid, String>,
    /// Rows removed by table.
    pub rows: BTreeMap<&'static str, u64>,
    /// The objects that the removed rows owned.
    pub objects: Vec<StoredObject>,
    /// Shared folders of the items.
    pub shared_folders: u64,
}

/// What a cleanup job supplies to the loop.
pub trait Cleanup {
    /// What an item is called: singular and plural.
    const ITEM: (&'static str, &'static str);
    /// What is said when none is due, in place of how many were looked at.
    const NONE_DUE: Option<&'static str> = None;
    /// Rows looked at per statement, whether due or not: a bound on the time of the statement and on memory.
    const WINDOW: usize = 2_000;
    /// Whether the report counts these items. Else they are parts of what it counts, in a pass before the one that
    /// does.
    const COUNTS: bool = true;
    /// A batch is never made smaller than this, unless to find an item that cannot be removed.
    const SMALLEST_BATCH: usize = SMALLEST;
    /// Whether items may own stored objects. If so, nothing is deleted before the store was found to work.
    const OWNS_OBJECTS: bool = false;

    /// Whether what earlier runs left in the outbox is seen to first, as by every job that deletes on the platform. One
    /// that deletes nothing but upkeep's own records has no business with its store.
    const SEES_TO_LEFTOVERS: bool = true;

    /// What is read of an item to tell whether it is due.
    type Row: Clone;

    /// Reads the rows that follow `after`, or the first ones, at most `limit` of them, due or not; in the order of a
    /// unique key that never changes. One that has an index and follows the order in which rows were created serves
    /// best: what was created together lies together on disk.
    ///
    /// # Errors
    /// The database's.
    fn page(
        &mut self,
        connection: &mut Connection,
        after: Option<&Self::Row>,
        limit: usize,
    ) -> QueryResult<Vec<Self::Row>>;

    /// How many rows all pages together will hold, found out by one statement that costs no more than reading a page,
    /// or `None`. It only serves to show how far the pass is.
    ///
    /// # Errors
    /// The database's, which then says nothing about the pass.
    fn total(&mut self, connection: &mut Connection) -> QueryResult<Option<u64>> {
        let _: &mut Connection = connection;
        Ok(None)
    }

    /// The primary key of a row's item.
    fn key(row: &Self::Row) -> Uuid;

    /// Tells whether an item is due, as all are whose pages hold nothing else. It may take its time: no transaction is
    /// open.
    fn judge(&self, row: &Self::Row) -> Due {
        let _: &Self::Row = row;
        Due::Now
    }

    /// Does what has to be done outside any transaction before `due` can be removed, or as many of them as can be
    /// removed right after. It may happen again.
    ///
    /// # Errors
    /// Whatever ends the run.
    fn prepare(
        &mut self,
        context: &Context,
        database: &mut Database,
        stores: &Stores,
        due: &[Self::Row],
    ) -> anyhow::Result<Preparation> {
        let (_, _, _, _) = (context, database, stores, due);
        Ok(Preparation::default())
    }

    /// Removes those of `due` that still are, with everything that belongs to them, in the caller's transaction.
    ///
    /// # Errors
    /// The database's; the transaction is then rolled back.
    fn remove(&mut self, connection: &mut Connection, due: &[&Self::Row], step: Step) -> QueryResult<Removal>;

    /// Takes note of an item that stays although it is due. Parts that are not counted make what they belong to fail.
    fn stays(&mut self, context: &Context, row: &Self::Row, reason: String) {
        context.report().fail(Self::key(row), reason);
    }

    /// The keys of up to `number` objects that the platform should have, due or not. A store that has none of many is
    /// not the right one; without keys, which store it is is not checked before earlier runs' objects are deleted.
    ///
    /// # Errors
    /// The database's.
    fn sample_of_objects(&mut self, connection: &mut Connection, number: usize) -> QueryResult<Vec<String>> {
        let (_, _) = (connection, number);
        Ok(Vec::new())
    }

    /// Whether a shared folder that cannot be removed is a mere warning.
    fn folders_may_wait(&self) -> bool {
        true
    }
}
