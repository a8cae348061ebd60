//! Removing users, and handing over what they did in other people's events and rooms.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use diesel::{QueryResult, RunQueryDsl};
use uuid::Uuid;

use crate::each;
use crate::kit::Step;
use crate::meetings::permissions::{self, Of};
use crate::meetings::rows;
use crate::meetings::schema::Schema;
use crate::platform::database::Requirement::Table;
use crate::platform::database::{Connection, Id, Ids, Instant, Number, Requirement, SqlIds, SqlInstant};

/// What goes with users, the columns by which it belongs to them first; last the users themselves.
pub(crate) const GO: [Requirement; 4] = [INVITATIONS, FAVORITES, MEMBERSHIPS, USERS];
const INVITATIONS: Requirement = Table("event_invites", &["invitee", "event_id", "created_by"]);
const FAVORITES: Requirement = Table("event_favorites", &["user_id", "event_id"]);
const MEMBERSHIPS: Requirement = Table("user_groups", &["user_id"]);
const USERS: Requirement = Table("users", &["id", "disabled_since"]);

/// What of them passes to others.
pub(crate) const PASS: [Requirement; 6] = [
    Table("rooms", &["created_by", "id"]),
    Table("events", &["updated_by", "id", "room", "created_by", "created_at"]),
    Table("event_exceptions", &["created_by", "event_id"]),
    Table("event_email_invites", &["created_by", "event_id"]),
    Table("invites", &["created_by", "updated_by", "room"]),
    Table("module_resources", &["created_by", "room_id"]),
];
/// Who did something in an event, which passes to its creator: table, column for the event, column for the user.
const DONE_IN_EVENTS: [(&str, &str, &str); 4] = [
    ("events", "id", "updated_by"),
    ("event_exceptions", "event_id", "created_by"),
    ("event_invites", "event_id", "created_by"),
    ("event_email_invites", "event_id", "created_by"),
];
/// The same for rooms, where it passes to the owner.
const DONE_IN_ROOMS: [(&str, &str, &str); 3] = [
    ("invites", "room", "created_by"),
    ("invites", "room", "updated_by"),
    ("module_resources", "room_id", "created_by"),
];
/// What has gone by then, or passes to others, or keeps its owner.
const OWNED: [(&str, &str); 2] = [("events", "created_by"), ("rooms", "created_by")];

/// Whether this column, which refers to users, is seen to here.
pub(super) fn is_known(table: &str, column: &str) -> bool {
    let goes = GO.iter().any(|one| matches!(one, Table(name, [key, ..]) if (*name, *key) == (table, column)));
    let done = DONE_IN_EVENTS.iter().chain(&DONE_IN_ROOMS).any(|(name, _, user)| (*name, *user) == (table, column));
    goes || done || OWNED.contains(&(table, column))
}

/// Those of `users`, whose rows are locked, who have an event, or a room that would pass to nobody.
pub(super) fn owners(connection: &mut Connection, users: &Ids) -> QueryResult<BTreeSet<Uuid>> {
    let sql = format!(
        "SELECT created_by AS id FROM events WHERE created_by {among} UNION \
         SELECT r.created_by AS id FROM rooms r WHERE r.created_by {among} \
             AND NOT EXISTS (SELECT 1 FROM events e WHERE e.room = r.id)",
        among = connection.is_among_ids(1)
    );
    let rows: Vec<Id> = each!(connection, c => diesel::sql_query(&sql).bind::<SqlIds, _>(users).load(c))?;
    Ok(rows.into_iter().map(|row| row.id.0).collect())
}

/// Removes `users`, whose rows are locked and who are no [`owners`], after what they did elsewhere has been handed
/// over.
pub(super) fn remove(
    connection: &mut Connection,
    schema: &Schema,
    users: &Ids,
) -> QueryResult<BTreeMap<&'static str, u64>> {
    if users.0.is_empty() {
        return Ok(BTreeMap::new());
    }
    hand_over(connection, users)?;
    let permissions = permissions::remove(connection, schema, &[(Of::Users, users)], Step::Remove)?;
    let mut gone = rows::remove(connection, schema, &GO, users, Step::Remove)?;
    gone.extend((permissions > 0).then_some((permissions::TABLE, permissions)));
    Ok(gone)
}

/// Hands over what `users` did elsewhere. In these rows nothing changes but the user.
///
/// The creator of an event is never among `users`. Rooms pass to such creators first, so that the owner of a room is
/// not among them either. An owner who goes with a later batch hands over again: what was handed over to it lies in a
/// room that then passes to somebody else.
fn hand_over(connection: &mut Connection, users: &Ids) -> QueryResult<()> {
    let among = connection.is_among_ids(1);
    // Of several events in a room, which old databases may have, the first is the one that the room was made for.
    let rooms = format!(
        "UPDATE rooms SET created_by = \
             (SELECT e.created_by FROM events e WHERE e.room = rooms.id ORDER BY e.created_at, e.id LIMIT 1) \
         WHERE created_by {among} AND EXISTS (SELECT 1 FROM events e WHERE e.room = rooms.id)"
    );
    let done_in = |owners: &str, places: &[(&str, &str, &str)]| -> Vec<String> {
        let statements = places.iter().map(|(table, place, user)| {
            format!(
                "UPDATE {table} SET {user} = o.created_by FROM {owners} o \
                 WHERE o.id = {table}.{place} AND {table}.{user} {among}"
            )
        });
        statements.collect()
    };
    for sql in [vec![rooms], done_in("events", &DONE_IN_EVENTS), done_in("rooms", &DONE_IN_ROOMS)].concat() {
        each!(&mut *connection, c => diesel::sql_query(&sql).bind::<SqlIds, _>(users).execute(c))?;
    }
    Ok(())
}

/// Counts what would go with `users` when the events and rooms of all users are gone who are due by `cutoff`.
pub(super) fn count(
    connection: &mut Connection,
    schema: &Schema,
    users: &Ids,
    cutoff: DateTime<Utc>,
) -> QueryResult<BTreeMap<&'static str, u64>> {
    let mut counted = rows::remove(connection, schema, &[MEMBERSHIPS, USERS], users, Step::Count)?;
    let among = connection.is_among_ids(1);
    let mut tables = Vec::new();
    for (table, user) in [("event_invites", "invitee"), ("event_favorites", "user_id")] {
        let sql = format!(
            "SELECT count(*) AS number FROM {table} t WHERE t.{user} {among} AND NOT EXISTS \
                 (SELECT 1 FROM events e JOIN users u ON u.id = e.created_by \
                  WHERE e.id = t.event_id AND u.disabled_since <= $2)"
        );
        tables.push((table, sql));
    }
    if schema.has(permissions::TABLE) {
        tables.push((permissions::TABLE, permissions_of(&among)));
    }
    for (table, sql) in tables {
        let found: Number = each!(&mut *connection, c => {
            diesel::sql_query(&sql).bind::<SqlIds, _>(users).bind::<SqlInstant, _>(Instant(cutoff)).get_result(c)
        })?;
        if found.number > 0 {
            counted.insert(table, found.number.unsigned_abs());
        }
    }
    Ok(counted)
}

/// SQL that counts the permissions of users, but not those on events and rooms that are gone by then.
fn permissions_of(among: &str) -> String {
    format!(
        "SELECT count(*) AS number FROM {table} c CROSS JOIN LATERAL (SELECT CAST(substring(c.v1 FROM \
             '[0-9a-f]{{8}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{12}}') AS UUID) AS id) AS resource \
         WHERE c.ptype IN ('g', 'p') \
           AND c.v0 IN (SELECT {users} FROM users u WHERE u.id {among}) \
           AND NOT (c.ptype = 'p' AND EXISTS \
               (SELECT 1 FROM events e JOIN users u ON u.id = e.created_by \
                WHERE e.id = resource.id AND c.v1 IN ({events}) AND u.disabled_since <= $2)) \
           AND NOT (c.ptype = 'p' AND EXISTS \
               (SELECT 1 FROM rooms r JOIN users o ON o.id = r.created_by \
                WHERE r.id = resource.id AND c.v1 IN ({rooms}) \
                  AND NOT EXISTS (SELECT 1 FROM events e JOIN users u ON u.id = e.created_by \
                                  WHERE e.room = r.id AND coalesce(u.disabled_since > $2, true)) \
                  AND (o.disabled_since <= $2 OR EXISTS (SELECT 1 FROM events e WHERE e.room = r.id))))",
        table = permissions::TABLE,
        users = permissions::names_in_sql(Of::Users, "u.id"),
        events = permissions::names_in_sql(Of::Events, "e.id"),
        rooms = permissions::names_in_sql(Of::Rooms, "r.id"),
    )
}
