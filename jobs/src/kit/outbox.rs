//! The outbox, table `upkeep_pending_deletions`: what still has to be deleted outside the database although its rows
//! are gone. An entry is made in the transaction that deletes the rows, and goes only when the other side has
//! confirmed; whatever happens in between, a later run finds it.

use std::collections::BTreeMap;

use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use diesel::{QueryResult, QueryableByName, RunQueryDsl};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::each;
use crate::platform::database::{Connection, Json, Number, SqlJson, SqlTexts, SqlUuid, Texts, Uid};
use crate::platform::shared_folders::SharedFolder;

/// An object in the store, and its size in bytes as its row had it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredObject {
    /// The full key.
    pub key: String,
    /// The size in bytes.
    pub bytes: i64,
}

/// A shared folder that could not be removed although its event goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingFolder {
    /// The event it belonged to.
    pub event: Uuid,
    /// What its provider needs to know.
    pub folder: SharedFolder,
    /// Why it could not be removed.
    pub reason: String,
}

/// What kind of thing an entry stands for, as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    SharedFolder,
}

impl Kind {
    fn text(self) -> &'static str {
        match self {
            Kind::Object => "object",
            Kind::SharedFolder => "shared_folder",
        }
    }
}

/// The run that an entry is made by.
#[derive(Debug, Clone, Copy)]
pub(super) struct By {
    pub(super) job: &'static str,
    pub(super) run: Uuid,
}

/// Entries are read and tried again this many at a time: as many as one DeleteObjects request takes.
pub(super) const PAGE: i32 = 1_000;

/// An entry that some earlier run left behind.
#[derive(Debug, QueryableByName)]
pub(super) struct Entry {
    #[diesel(sql_type = BigInt)]
    pub(super) id: i64,
    #[diesel(sql_type = Text)]
    pub(super) location: String,
    #[diesel(sql_type = Text)]
    pub(super) target: String,
    #[diesel(sql_type = BigInt)]
    pub(super) bytes: i64,
    /// JSON as text, so that one entry that cannot be read does not block the others.
    #[diesel(sql_type = Nullable<Text>)]
    pub(super) details: Option<String>,
}

/// Records objects; in the transaction that deletes their rows.
pub(super) fn record_objects(
    connection: &mut Connection,
    by: By,
    location: &str,
    objects: &[StoredObject],
) -> QueryResult<()> {
    let entries = objects.iter().map(|object| (object.key.clone(), json!(object.bytes))).collect();
    let bytes = "CAST(f.value AS BIGINT)";
    record(connection, by, Kind::Object, location, entries, &format!("{bytes}, NULL, NULL"))
}

/// Records folders; in the transaction that deletes their rows.
pub(super) fn record_folders(
    connection: &mut Connection,
    by: By,
    location: &str,
    folders: &[&PendingFolder],
) -> QueryResult<()> {
    let entries = folders
        .iter()
        .map(|pending| {
            let details = json!({ "folder": pending.folder, "reason": pending.reason });
            (pending.event.to_string(), Value::String(details.to_string()))
        })
        .collect();
    let (details, reason) = match connection {
        Connection::Postgres(_) => ("f.value::jsonb -> 'folder'", "f.value::jsonb ->> 'reason'"),
        Connection::Sqlite(_) => ("f.value -> 'folder'", "f.value ->> 'reason'"),
    };
    record(connection, by, Kind::SharedFolder, location, entries, &format!("0, {details}, {reason}"))
}

/// `entries` maps targets to values; `columns` makes bytes, details and last_error out of `f.value`.
fn record(
    connection: &mut Connection,
    by: By,
    kind: Kind,
    location: &str,
    entries: serde_json::Map<String, Value>,
    columns: &str,
) -> QueryResult<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO upkeep_pending_deletions \
             (kind, location, job, run_id, target, bytes, details, last_error, recorded_at) \
         SELECT $1, $2, $3, $4, f.key, {columns}, {now} FROM {each}($5) f WHERE true \
         ON CONFLICT (kind, target, location) DO NOTHING",
        now = connection.clock(),
        each = connection.each_of_object(),
    );
    each!(connection, c => {
        diesel::sql_query(&sql)
            .bind::<Text, _>(kind.text())
            .bind::<Text, _>(location)
            .bind::<Text, _>(by.job)
            .bind::<SqlUuid, _>(Uid(by.run))
            .bind::<SqlJson, _>(Json(Value::Object(entries)))
            .execute(c)
    })?;
    Ok(())
}

/// Takes out what the other side confirmed to be gone.
pub(super) fn confirm(connection: &mut Connection, kind: Kind, location: &str, gone: &[String]) -> QueryResult<()> {
    if gone.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "DELETE FROM upkeep_pending_deletions WHERE kind = $1 AND location = $2 AND target {}",
        connection.is_among_texts(3)
    );
    each!(connection, c => {
        diesel::sql_query(&sql)
            .bind::<Text, _>(kind.text())
            .bind::<Text, _>(location)
            .bind::<SqlTexts, _>(Texts(gone.to_vec()))
            .execute(c)
    })?;
    Ok(())
}

/// Notes why the other side did not confirm; the entries stay.
pub(super) fn note_failures(
    connection: &mut Connection,
    kind: Kind,
    location: &str,
    reasons: &BTreeMap<String, String>,
) -> QueryResult<()> {
    if reasons.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "UPDATE upkeep_pending_deletions AS p SET attempts = p.attempts + 1, last_error = f.value \
         FROM {}($1) f WHERE p.target = f.key AND p.kind = $2 AND p.location = $3",
        connection.each_of_object()
    );
    each!(connection, c => {
        diesel::sql_query(&sql)
            .bind::<SqlJson, _>(Json(json!(reasons)))
            .bind::<Text, _>(kind.text())
            .bind::<Text, _>(location)
            .execute(c)
    })?;
    Ok(())
}

/// A page of entries that no run under way is about to see to itself.
pub(super) fn left_behind(connection: &mut Connection, kind: Kind, after: i64) -> QueryResult<Vec<Entry>> {
    let sql = format!(
        "SELECT p.id, p.location, p.target, p.bytes, CAST(p.details AS TEXT) AS details \
         FROM upkeep_pending_deletions p \
         WHERE p.kind = $1 AND p.id > $2 AND NOT EXISTS \
             (SELECT 1 FROM upkeep_leases l WHERE l.run_id = p.run_id AND l.expires_at > {}) \
         ORDER BY p.id LIMIT $3",
        connection.clock()
    );
    each!(connection, c => {
        diesel::sql_query(&sql)
            .bind::<Text, _>(kind.text())
            .bind::<BigInt, _>(after)
            .bind::<Integer, _>(PAGE)
            .load(c)
    })
}

/// Entries of one kind and place.
#[derive(Debug, Clone, QueryableByName)]
pub struct Waiting {
    /// `object` or `shared_folder`.
    #[diesel(sql_type = Text)]
    pub kind: String,
    /// The store or provider that has them.
    #[diesel(sql_type = Text)]
    pub location: String,
    /// How many there are.
    #[diesel(sql_type = BigInt)]
    pub number: i64,
    /// The age of the oldest in seconds, by the database's clock.
    #[diesel(sql_type = BigInt)]
    pub seconds: i64,
    /// Why one of them could not be deleted; `None` if none was tried.
    #[diesel(sql_type = Nullable<Text>)]
    pub last_error: Option<String>,
}

/// What waits for a later run, entries of runs under way left out.
///
/// # Errors
/// When the outbox cannot be read.
pub fn waiting(connection: &mut Connection) -> QueryResult<Vec<Waiting>> {
    let age = match connection {
        Connection::Postgres(_) => "CAST(extract(epoch FROM now() - min(p.recorded_at)) AS BIGINT)",
        Connection::Sqlite(_) => "CAST(unixepoch() - min(p.recorded_at) / 1000000 AS BIGINT)",
    };
    let sql = format!(
        "SELECT p.kind, p.location, count(*) AS number, {age} AS seconds, max(p.last_error) AS last_error \
         FROM upkeep_pending_deletions p WHERE NOT EXISTS \
             (SELECT 1 FROM upkeep_leases l WHERE l.run_id = p.run_id AND l.expires_at > {}) \
         GROUP BY p.kind, p.location ORDER BY p.kind, p.location",
        connection.clock()
    );
    each!(connection, c => diesel::sql_query(&sql).load(c))
}

/// How many entries there are.
pub(super) fn backlog(connection: &mut Connection) -> QueryResult<u64> {
    let found: Number = each!(connection, c => {
        diesel::sql_query("SELECT count(*) AS number FROM upkeep_pending_deletions").get_result(c)
    })?;
    Ok(found.number.unsigned_abs())
}
