//! Rows that belong to something: counted for a dry run, or removed.

use std::collections::BTreeMap;

use diesel::{QueryResult, RunQueryDsl};

use super::schema::Schema;
use crate::each;
use crate::kit::Step;
use crate::platform::database::{Connection, Ids, Number, Requirement, SqlIds};

/// Counts or removes the rows of `tables` that belong to `ids`, in the given order and both by the same condition. The
/// first column of each table is the one by which its rows belong. Tables without such rows are left out of the answer.
pub(crate) fn remove(
    connection: &mut Connection,
    schema: &Schema,
    tables: &[Requirement],
    ids: &Ids,
    step: Step,
) -> QueryResult<BTreeMap<&'static str, u64>> {
    let mut rows = BTreeMap::new();
    for requirement in tables {
        let (Requirement::Table(table, [key, ..]) | Requirement::IfThere(table, [key, ..])) = *requirement else {
            continue;
        };
        if ids.0.is_empty() || !schema.has(table) {
            continue;
        }
        let belonging = format!("FROM {table} WHERE {key} {}", connection.is_among_ids(1));
        let number = match step {
            Step::Count => {
                let sql = format!("SELECT count(*) AS number {belonging}");
                let found: Number =
                    each!(&mut *connection, c => diesel::sql_query(sql).bind::<SqlIds, _>(ids).get_result(c))?;
                found.number.unsigned_abs()
            }
            Step::Remove => {
                let sql = format!("DELETE {belonging}");
                each!(&mut *connection, c => diesel::sql_query(sql).bind::<SqlIds, _>(ids).execute(c))? as u64
            }
        };
        if number > 0 {
            rows.insert(table, number);
        }
    }
    Ok(rows)
}
