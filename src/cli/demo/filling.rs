//! Puts the sample where it belongs: rows into the database, a statement per table, and objects into the store.

use std::io::{self, Read};
use std::panic::resume_unwind;

use anyhow::Context as _;
use diesel::connection::SimpleConnection;
use diesel::sql_types::Text;
use diesel::{QueryResult, RunQueryDsl};
use serde_json::json;
use upkeep_jobs::each;
use upkeep_jobs::platform::database::{Connection, Database, migrate};
use upkeep_jobs::platform::storage::WriteObjects;

use super::sample::{Asset, Sample};

/// Objects are written to disk one by one, which is mostly waiting.
const WRITERS: usize = 8;

const PEOPLE: [&str; 3] = [
    "INSERT INTO tenants (id, created_at, updated_at, oidc_tenant_id)
     SELECT unhex($1->>'tenant', '-'), 0, 0, 'sample'",
    "INSERT INTO tariffs (id, name, created_at, updated_at, quotas)
     SELECT unhex($1->>'tariff', '-'), 'sample', 0, 0, '{}'",
    "INSERT INTO users (id, id_serial, oidc_sub, email, title, firstname, lastname, display_name, tenant_id, tariff_id,
         created_at, updated_at)
     SELECT unhex(value, '-'), key + 1, format('sample-%d', key + 1), format('person%d@sample.example', key + 1), '',
         'Sample', format('Person %d', key + 1), format('Sample Person %d', key + 1), t.id, f.id, 0, 0
     FROM json_each($1, '$.users'), tenants t, tariffs f",
];

const MEETINGS: [&str; 7] = [
    "INSERT INTO rooms (id, id_serial, created_by, created_at, tenant_id)
     SELECT unhex(value->>'room', '-'), key + 1, unhex(value->>'created_by', '-'), value->>'created_at', t.id
     FROM json_each($1), tenants t",
    "INSERT INTO events (id, id_serial, title, description, room, created_by, created_at, updated_by, updated_at,
         is_adhoc, tenant_id)
     SELECT unhex(value->>'id', '-'), key + 1, format('Sample meeting %d', key + 1), 'It never took place.',
         unhex(value->>'room', '-'), unhex(value->>'created_by', '-'), value->>'created_at',
         unhex(value->>'created_by', '-'), value->>'created_at', value->>'is_adhoc', t.id
     FROM json_each($1), tenants t",
    "INSERT INTO event_dates (event_id, starts_at, starts_at_tz, ends_at, ends_at_tz, is_all_day, duration_secs)
     SELECT unhex(value->>'id', '-'), value->>'$.dates.starts_at', value->>'$.dates.zone', value->>'$.dates.ends_at',
         value->>'$.dates.zone', 0, value->>'$.dates.duration_secs'
     FROM json_each($1) WHERE value->>'dates' IS NOT NULL",
    "INSERT INTO event_recurrences (event_id, recurrence_pattern)
     SELECT unhex(value->>'id', '-'), value->>'$.dates.rule'
     FROM json_each($1) WHERE value->>'$.dates.rule' IS NOT NULL",
    "INSERT INTO event_exceptions (id, event_id, exception_date, exception_date_tz, created_by, created_at, kind,
         starts_at, starts_at_tz, ends_at, ends_at_tz)
     SELECT unhex(value->>'$.dates.exception.id', '-'), unhex(value->>'id', '-'),
         value->>'$.dates.exception.original_start', 'UTC', unhex(value->>'created_by', '-'), value->>'created_at',
         value->>'$.dates.exception.kind', value->>'$.dates.exception.starts_at', 'UTC',
         value->>'$.dates.exception.ends_at', 'UTC'
     FROM json_each($1) WHERE value->>'$.dates.exception' IS NOT NULL",
    "INSERT INTO assets (id, created_at, updated_at, kind, filename, tenant_id, size)
     SELECT unhex(a.value->>'id', '-'), e.value->>'created_at', e.value->>'created_at', 'recording', 'sample.bin', t.id,
         a.value->>'size'
     FROM json_each($1) e, json_each(e.value, '$.assets') a, tenants t",
    "INSERT INTO room_assets (room_id, asset_id)
     SELECT unhex(e.value->>'room', '-'), unhex(a.value->>'id', '-')
     FROM json_each($1) e, json_each(e.value, '$.assets') a",
];

/// What else belongs to events and rooms. An identifier is the event's with another first byte.
const BELONGINGS: &str = "
    INSERT INTO event_invites (id, event_id, invitee, created_by, created_at)
    SELECT unhex(format('%02X', k.n) || substr(hex(e.id), 3)), e.id, u.id, e.created_by, e.created_at
    FROM (SELECT 1 AS n UNION ALL VALUES (17), (101)) k, events e
    JOIN users u ON u.id_serial = (e.id_serial + k.n) % (SELECT count(*) FROM users) + 1;
    INSERT INTO event_email_invites (event_id, email, created_by, created_at)
    SELECT id, format('guest%d@sample.example', id_serial), created_by, created_at FROM events WHERE id_serial % 5 = 0;
    INSERT INTO event_favorites (user_id, event_id) SELECT created_by, id FROM events WHERE id_serial % 11 = 0;
    INSERT INTO event_training_participation_report_parameter_sets
    SELECT id, 600, 300, 1200, 300 FROM events WHERE id_serial % 40 = 0;
    INSERT INTO invites (id, created_by, created_at, updated_by, updated_at, room, active)
    SELECT unhex('A1' || substr(hex(id), 3)), created_by, created_at, created_by, created_at, room, 1
    FROM events WHERE id_serial % 3 = 0;
    INSERT INTO sip_configs (room, sip_id, password, enable_lobby)
    SELECT room, format('%010d', id_serial), '000000', 0 FROM events WHERE id_serial % 4 = 0;
    INSERT INTO room_streaming_targets (id, room_id, name, kind, streaming_endpoint, streaming_key, public_url)
    SELECT unhex('A2' || substr(hex(id), 3)), room, 'Sample stream', 'custom', 'rtmp://stream.sample.example/in', 'none',
        'https://stream.sample.example/' || id_serial
    FROM events WHERE id_serial % 13 = 0;
    INSERT INTO module_resources (id, tenant_id, room_id, created_by, created_at, updated_at, namespace, data)
    SELECT unhex('A3' || substr(hex(id), 3)), tenant_id, room, created_by, created_at, created_at, 'sample', '{}'
    FROM events WHERE id_serial % 6 = 0;";

/// Makes the database's tables as `upkeep database migrate` does, and fills them.
///
/// # Errors
/// The database's.
pub(super) fn fill_database(database: &mut Database, sample: &Sample) -> anyhow::Result<()> {
    migrate(database)?;
    let people = json!({ "tenant": sample.tenant, "tariff": sample.tariff, "users": sample.users }).to_string();
    let meetings = serde_json::to_string(&sample.events)?;
    database.write(|connection| {
        PEOPLE.iter().try_for_each(|sql| insert(connection, sql, &people))?;
        MEETINGS.iter().try_for_each(|sql| insert(connection, sql, &meetings))?;
        each!(connection, c => c.batch_execute(BELONGINGS))
    })?;
    Ok(())
}

fn insert(connection: &mut Connection, sql: &str, rows: &str) -> QueryResult<()> {
    each!(connection, c => diesel::sql_query(sql).bind::<Text, _>(rows).execute(c)).map(drop)
}

/// Stores an object for each asset.
///
/// # Errors
/// The store's.
pub(super) fn fill_store(store: &dyn WriteObjects, sample: &Sample) -> anyhow::Result<()> {
    let assets = sample.assets();
    std::thread::scope(|scope| {
        let shares = assets.chunks(assets.len().div_ceil(WRITERS).max(1));
        let writers: Vec<_> = shares.map(|share| scope.spawn(|| put_all(store, share))).collect();
        writers.into_iter().try_for_each(|writer| writer.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

fn put_all(store: &dyn WriteObjects, assets: &[&Asset]) -> anyhow::Result<()> {
    assets.iter().try_for_each(|asset| {
        let key = format!("assets/{}", asset.id);
        store
            .put(&key, &mut io::repeat(b'.').take(asset.size))
            .with_context(|| format!("cannot store the sample {key}"))
    })
}
