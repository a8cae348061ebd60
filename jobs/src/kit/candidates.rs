//! Choosing items of which the database itself can tell whether they are due.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use diesel::sql_types::BigInt;
use diesel::{QueryResult, QueryableByName, RunQueryDsl};
use uuid::Uuid;

use super::cleanup::Step;
use crate::each;
use crate::platform::database::{Connection, Id, Ids, Instant, Number, SqlIds, SqlInstant, SqlUuid, Uid};

/// Items by a condition on their rows. All parts are SQL in which the table of the items is called `t`; it has their
/// key in `id` and the order of their creation in `id_serial`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidates {
    /// The table of the items, and joined to it the tables whose rows have to be locked along with theirs.
    pub(crate) tables: &'static str,
    /// Holds for rows that are due; `$1` stands for `moment`.
    pub(crate) due: &'static str,
    /// The point in time that the condition compares with.
    pub(crate) moment: DateTime<Utc>,
}

/// An item that is due, and its place in the order of creation.
#[derive(Debug, Clone, Copy, QueryableByName)]
pub(crate) struct Candidate {
    #[diesel(sql_type = SqlUuid)]
    id: Uid,
    #[diesel(sql_type = BigInt)]
    id_serial: i64,
}

impl Candidate {
    /// The key of the item.
    pub(crate) fn id(&self) -> Uuid {
        self.id.0
    }
}

/// What became of items when they were to be locked.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// Those that are still due; nobody can change them now.
    pub(crate) due: Vec<Uuid>,
    /// Those that are due but locked by somebody else.
    pub(crate) locked: Vec<Uuid>,
}

impl Candidates {
    /// So many are read at a time. The order of creation has no index everywhere, in which case each page costs a look
    /// at the whole table: better a few large ones, of items that take next to no memory.
    pub(crate) const WINDOW: usize = 20_000;

    /// The due items that follow `after` in the order of creation, at most `limit` of them.
    pub(crate) fn page(
        &self,
        connection: &mut Connection,
        after: Option<&Candidate>,
        limit: usize,
    ) -> QueryResult<Vec<Candidate>> {
        // SQLite numbers parameters by their first appearance, which therefore has to be in this order.
        let sql = format!(
            "SELECT t.id, t.id_serial FROM {} WHERE ({}) AND (t.id_serial, t.id) > ($2, $3) \
             ORDER BY t.id_serial, t.id LIMIT $4",
            self.tables, self.due
        );
        each!(connection, c => {
            diesel::sql_query(&sql)
                .bind::<SqlInstant, _>(Instant(self.moment))
                .bind::<BigInt, _>(after.map_or(i64::MIN, |last| last.id_serial))
                .bind::<SqlUuid, _>(Uid(after.map_or(Uuid::nil(), Candidate::id)))
                .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
                .load(c)
        })
    }

    /// How many items are due.
    pub(crate) fn number(&self, connection: &mut Connection) -> QueryResult<u64> {
        let sql = format!("SELECT count(*) AS number FROM {} WHERE {}", self.tables, self.due);
        let found: Number =
            each!(connection, c => diesel::sql_query(&sql).bind::<SqlInstant, _>(Instant(self.moment)).get_result(c))?;
        Ok(found.number.unsigned_abs())
    }

    /// Those of `items` that are due. When they are to be removed, their rows are locked first and the condition is
    /// looked at afterwards, by a statement of its own: whatever was committed until the lock was there counts, also in
    /// tables other than their own.
    pub(crate) fn hold(&self, connection: &mut Connection, items: &[&Candidate], step: Step) -> QueryResult<Held> {
        self.hold_ids(connection, Ids(items.iter().map(|item| item.id()).collect()), step)
    }

    /// The same for items that are known by nothing but their keys.
    pub(crate) fn hold_ids(&self, connection: &mut Connection, items: Ids, step: Step) -> QueryResult<Held> {
        if step == Step::Count {
            return Ok(Held { due: self.due(connection, &items)?, locked: Vec::new() });
        }
        let at_hand = self.lock(connection, &items)?;
        let due = self.due(connection, &Ids(at_hand.iter().copied().collect()))?;
        let others = items.0.into_iter().filter(|item| !at_hand.contains(item)).collect();
        Ok(Held { due, locked: self.due(connection, &Ids(others))? })
    }

    fn lock(&self, connection: &mut Connection, items: &Ids) -> QueryResult<BTreeSet<Uuid>> {
        let sql = format!(
            "SELECT t.id FROM {} WHERE t.id {} ORDER BY t.id {}",
            self.tables,
            connection.is_among_ids(1),
            connection.locking("FOR UPDATE SKIP LOCKED"),
        );
        let rows: Vec<Id> = each!(connection, c => diesel::sql_query(&sql).bind::<SqlIds, _>(items).load(c))?;
        Ok(rows.into_iter().map(|row| row.id.0).collect())
    }

    /// Those of `items` that are due at this moment, locked or not.
    pub(crate) fn due(&self, connection: &mut Connection, items: &Ids) -> QueryResult<Vec<Uuid>> {
        if items.0.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT t.id FROM {} WHERE ({}) AND t.id {} ORDER BY t.id",
            self.tables,
            self.due,
            connection.is_among_ids(2)
        );
        let rows: Vec<Id> = each!(connection, c => {
            diesel::sql_query(&sql).bind::<SqlInstant, _>(Instant(self.moment)).bind::<SqlIds, _>(items).load(c)
        })?;
        Ok(rows.into_iter().map(|row| row.id.0).collect())
    }
}
