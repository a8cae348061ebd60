//! Choosing items of which the database itself can tell whether they are due.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use diesel::sql_types::BigInt;
use diesel::{QueryResult, RunQueryDsl};
use uuid::Uuid;

use super::cleanup::Step;
use crate::each;
use crate::platform::database::{Connection, Id, Ids, Instant, SqlIds, SqlInstant, SqlUuid, Uid};

/// Items by a condition on their rows. All parts are SQL in which the table of the items is called `t` and has its key
/// in `id`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidates {
    /// The table of the items, and joined to it the tables whose rows have to be locked along with theirs.
    pub(crate) tables: &'static str,
    /// Holds for rows that are due; `$1` stands for `moment`.
    pub(crate) due: &'static str,
    /// The point in time that the condition compares with.
    pub(crate) moment: DateTime<Utc>,
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
    /// The keys of the first due items after `after` in key order, at most `limit` of them.
    pub(crate) fn page(
        &self,
        connection: &mut Connection,
        after: Option<Uuid>,
        limit: usize,
    ) -> QueryResult<Vec<Uuid>> {
        self.page_by(connection, self.due, after, limit)
    }

    /// The same by a condition that means the same as `due` for items from the key `$2` on, and finds them faster.
    pub(crate) fn page_by(
        &self,
        connection: &mut Connection,
        due: &str,
        after: Option<Uuid>,
        limit: usize,
    ) -> QueryResult<Vec<Uuid>> {
        // SQLite numbers parameters by their first appearance, which therefore has to be in this order.
        let sql = format!(
            "SELECT t.id FROM {} WHERE ({due}) AND t.id {} $2 ORDER BY t.id LIMIT $3",
            self.tables,
            if after.is_some() { ">" } else { ">=" }
        );
        let page: Vec<Id> = each!(connection, c => {
            diesel::sql_query(&sql)
                .bind::<SqlInstant, _>(Instant(self.moment))
                .bind::<SqlUuid, _>(Uid(after.unwrap_or(Uuid::nil())))
                .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
                .load(c)
        })?;
        Ok(page.into_iter().map(|row| row.id.0).collect())
    }

    /// Those of `items` that are due. When they are to be removed, their rows are locked first and the condition is
    /// looked at afterwards, by a statement of its own: whatever was committed until the lock was there counts, also in
    /// tables other than their own.
    pub(crate) fn hold(&self, connection: &mut Connection, items: Ids, step: Step) -> QueryResult<Held> {
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
