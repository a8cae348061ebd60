//! The rows of assets.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::sql_types::{BigInt, Bool};
use diesel::{QueryResult, QueryableByName, RunQueryDsl};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::each;
use crate::kit::Changed;
use crate::platform::database::{
    Connection, Id, Ids, Instant, Json, Number, Requirement, SqlIds, SqlInstant, SqlJson, SqlUuid, Uid,
};

/// The tables and columns that this domain works on.
pub(super) const REQUIRES: [Requirement; 2] =
    [Requirement::Table("assets", &["id", "size", "updated_at"]), Requirement::Table("room_assets", &["asset_id"])];

/// Rows written since the run began are left alone for so long.
const UNSETTLED: TimeDelta = TimeDelta::days(1);

/// A row of `assets`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub(super) struct Asset {
    /// Its identifier.
    #[diesel(sql_type = SqlUuid)]
    pub(super) id: Uid,
    /// The size of its object in bytes, as the platform has it.
    #[diesel(sql_type = BigInt)]
    pub(super) size: i64,
    /// Whether the platform has left it alone since the run began.
    #[diesel(sql_type = Bool)]
    pub(super) settled: bool,
}

/// A row that has to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The asset.
    pub(super) id: Uuid,
    /// Its size as it was read.
    pub(super) was: i64,
    /// What it has to be, in bytes.
    pub(super) size: i64,
}

/// What happens to rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// They get their new sizes.
    Resize,
    /// They are deleted, with their links to rooms.
    Delete,
}

#[derive(QueryableByName)]
struct Beginning {
    #[diesel(sql_type = BigInt)]
    number: i64,
    #[diesel(sql_type = SqlInstant)]
    instant: Instant,
}

/// How many assets there are, and the present by the database's clock.
pub(super) fn beginning(connection: &mut Connection) -> QueryResult<(u64, DateTime<Utc>)> {
    let sql = format!("SELECT count(*) AS number, {} AS instant FROM assets", connection.clock());
    let found: Beginning = each!(connection, c => diesel::sql_query(&sql).get_result(c))?;
    Ok((found.number.unsigned_abs(), found.instant.0))
}

/// The last identifiers of up to `number` ranges of `length` assets each, of which more come after the last.
pub(super) fn bounds(connection: &mut Connection, number: u64, length: u64) -> QueryResult<Vec<Uuid>> {
    let mut bounds = Vec::new();
    while (bounds.len() as u64) < number {
        let sql = format!(
            "SELECT id FROM assets WHERE id {} $1 ORDER BY id LIMIT 1 OFFSET $2",
            if bounds.is_empty() { ">=" } else { ">" },
        );
        let after = Uid(bounds.last().copied().unwrap_or(Uuid::nil()));
        let skipped = i64::try_from(length.saturating_sub(1)).unwrap_or(i64::MAX);
        let found: Vec<Id> = each!(&mut *connection, c => {
            diesel::sql_query(&sql).bind::<SqlUuid, _>(after).bind::<BigInt, _>(skipped).load(c)
        })?;
        match found.first() {
            Some(bound) => bounds.push(bound.id.0),
            None => break,
        }
    }
    Ok(bounds)
}

/// The rows after the identifier `after`, up to and including `until`, in order, at most `limit` of them. Rows written
/// at `began` or later count as not settled: a platform that is at work on an asset must not be interfered with. One
/// whose date lies far ahead was not written now, though.
pub(super) fn page(
    connection: &mut Connection,
    after: Option<Uuid>,
    until: Option<Uuid>,
    limit: usize,
    began: DateTime<Utc>,
) -> QueryResult<Vec<Asset>> {
    let sql = format!(
        "SELECT id, size, NOT (updated_at BETWEEN $1 AND $2) AS settled FROM assets \
         WHERE id {} $3 AND id <= $4 ORDER BY id LIMIT $5",
        if after.is_none() { ">=" } else { ">" },
    );
    each!(connection, c => {
        diesel::sql_query(&sql)
            .bind::<SqlInstant, _>(Instant(began))
            .bind::<SqlInstant, _>(Instant(began + UNSETTLED))
            .bind::<SqlUuid, _>(Uid(after.unwrap_or(Uuid::nil())))
            .bind::<SqlUuid, _>(Uid(until.unwrap_or(Uuid::max())))
            .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
            .load(c)
    })
}

/// Changes those of `rows` that still have the size that was read. The time of their last change by the platform,
/// `updated_at`, stays: to its users nothing about an asset is different from before.
pub(super) fn change(connection: &mut Connection, rows: &[Wrong], act: Act) -> QueryResult<Changed> {
    let held: BTreeSet<_> = as_they_were(connection, rows, Some(act))?.into_iter().collect();
    let mut changed = Changed { ids: held.iter().copied().collect(), ..Changed::default() };
    if held.len() < rows.len() && connection.is_postgres() {
        // Somebody else has these. What has another size by now, or is gone, is no longer to be changed.
        let there = as_they_were(connection, rows, None)?;
        changed.locked = there.into_iter().filter(|id| !held.contains(id)).collect();
    }
    if changed.ids.is_empty() {
        return Ok(changed);
    }
    match act {
        Act::Resize => {
            // Only these rows' sizes are given: a further condition on the identifiers would make SQLite search all of
            // them for each row.
            let sql = format!(
                "UPDATE assets SET size = f.size FROM {} f WHERE assets.id = f.id AND assets.size = f.was",
                given(connection)
            );
            let rows = sizes(rows.iter().filter(|row| held.contains(&row.id)));
            each!(connection, c => diesel::sql_query(&sql).bind::<SqlJson, _>(rows).execute(c))?;
        }
        Act::Delete => {
            let ids = Ids(changed.ids.clone());
            // The links first, explicitly: whether they go by themselves is not the same on all platforms.
            for (table, column) in [("room_assets", "asset_id"), ("assets", "id")] {
                let sql = format!("DELETE FROM {table} WHERE {column} {}", connection.is_among_ids(1));
                let gone = each!(&mut *connection, c => diesel::sql_query(&sql).bind::<SqlIds, _>(&ids).execute(c))?;
                changed.rows.insert(table, gone as u64);
            }
        }
    }
    Ok(changed)
}

/// How many links to rooms these assets have.
pub(super) fn links(connection: &mut Connection, assets: &Ids) -> QueryResult<u64> {
    let sql = format!("SELECT count(*) AS number FROM room_assets WHERE asset_id {}", connection.is_among_ids(1));
    let found: Number = each!(connection, c => diesel::sql_query(&sql).bind::<SqlIds, _>(assets).get_result(c))?;
    Ok(found.number.unsigned_abs())
}

/// Those of `rows` that still are as they were read; with an act, locked for it, without those that somebody else has.
fn as_they_were(connection: &mut Connection, rows: &[Wrong], locked_for: Option<Act>) -> QueryResult<Vec<Uuid>> {
    let locking = match locked_for {
        Some(Act::Resize) => connection.locking("FOR NO KEY UPDATE OF a SKIP LOCKED"),
        Some(Act::Delete) => connection.locking("FOR UPDATE OF a SKIP LOCKED"),
        None => "",
    };
    let given = given(connection);
    let sql = format!("SELECT a.id FROM assets a JOIN {given} f ON f.id = a.id WHERE a.size = f.was {locking}");
    let found: Vec<Id> = each!(connection, c => diesel::sql_query(&sql).bind::<SqlJson, _>(sizes(rows)).load(c))?;
    Ok(found.into_iter().map(|row| row.id.0).collect())
}

/// Each identifier with the size that was read and the one that it has to be.
fn sizes<'a>(rows: impl IntoIterator<Item = &'a Wrong>) -> Json {
    let sizes = rows.into_iter().map(|row| (row.id.simple().to_string(), json!([row.was, row.size])));
    Json(Value::Object(sizes.collect::<Map<_, _>>()))
}

/// The table that [`sizes`], bound as the first parameter, stand for.
fn given(connection: &Connection) -> &'static str {
    match connection {
        Connection::Postgres(_) => {
            "(SELECT key::uuid AS id, (value ->> 0)::bigint AS was, (value ->> 1)::bigint AS size FROM jsonb_each($1))"
        }
        Connection::Sqlite(_) => {
            "(SELECT unhex(key) AS id, value ->> 0 AS was, value ->> 1 AS size FROM json_each($1))"
        }
    }
}
