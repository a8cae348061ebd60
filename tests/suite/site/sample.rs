//! Rows of a platform, with objects, made to order.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::sql::{Dialect, text};
use super::{DatabaseKind, permissions};

/// When an event takes place.
#[derive(Debug, Clone)]
pub(crate) enum Occurs {
    /// Without dates.
    AtNoTime,
    /// Once, until this instant.
    OnceUntil(DateTime<Utc>),
    /// Again and again.
    Series {
        starts_at: DateTime<Utc>,
        zone: &'static str,
        duration_secs: i32,
        pattern: String,
        /// As stored, which is not to be believed.
        ends_at: DateTime<Utc>,
    },
}

/// A row of `event_exceptions`.
#[derive(Debug, Clone)]
pub(crate) struct Exception {
    pub(crate) original_start: DateTime<Utc>,
    /// `modified` or `cancelled`.
    pub(crate) kind: &'static str,
    pub(crate) starts_at: Option<DateTime<Utc>>,
    pub(crate) ends_at: Option<DateTime<Utc>>,
}

/// A row of `event_shared_folders`.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    pub(crate) path: String,
    pub(crate) provider_data: serde_json::Value,
}

/// An event with a room of its own and a row in every table that can belong to them.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) id: Uuid,
    pub(crate) room: Uuid,
    pub(crate) occurs: Occurs,
    pub(crate) exceptions: Vec<Exception>,
    /// The assets of the room and the sizes of their objects.
    pub(crate) assets: Vec<(Uuid, usize)>,
    pub(crate) folder: Option<Folder>,
    pub(crate) adhoc: bool,
}

impl Event {
    pub(crate) fn new(occurs: Occurs) -> Self {
        let (id, room) = (Uuid::new_v4(), Uuid::new_v4());
        Self { id, room, occurs, exceptions: Vec::new(), assets: Vec::new(), folder: None, adhoc: false }
    }

    /// A single event that ended so many days ago; negative is in the future.
    pub(crate) fn ended(days_ago: i64) -> Self {
        Self::new(Occurs::OnceUntil(Utc::now() - TimeDelta::days(days_ago)))
    }

    pub(crate) fn with_assets(mut self, number: usize) -> Self {
        self.assets = (1..=number).map(|size| (Uuid::new_v4(), size)).collect();
        self
    }

    pub(crate) fn with_folder(mut self, path: &str, provider_data: serde_json::Value) -> Self {
        self.folder = Some(Folder { path: path.to_owned(), provider_data });
        self
    }

    /// The keys of its objects.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.assets.iter().map(|(id, _)| format!("assets/{id}")).collect()
    }
}

/// What a platform is filled with: two users, of whom one is disabled and creates everything, and events.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sample {
    pub(crate) events: Vec<Event>,
}

const TENANT: Uuid = Uuid::from_u128(1);
const TARIFF: Uuid = Uuid::from_u128(2);
const CREATOR: Uuid = Uuid::from_u128(3);
const GUEST: Uuid = Uuid::from_u128(4);

impl Sample {
    pub(crate) fn of(events: impl IntoIterator<Item = Event>) -> Self {
        Self { events: events.into_iter().collect() }
    }

    /// Keys and sizes of all objects.
    pub(crate) fn objects(&self) -> BTreeMap<String, usize> {
        self.events.iter().flat_map(|event| &event.assets).map(|(id, size)| (format!("assets/{id}"), *size)).collect()
    }

    /// The SQL that inserts everything. Users are inserted once however often a site is filled.
    pub(crate) fn sql(&self, database: DatabaseKind) -> String {
        let dialect = Dialect::of(database);
        let mut sql = String::from("BEGIN;\n");
        let u = |id| dialect.uuid(id);
        let created = dialect.instant(Utc::now() - TimeDelta::days(400));
        let (tenant, tariff, creator, guest) = (u(TENANT), u(TARIFF), u(CREATOR), u(GUEST));
        let modules = if dialect == Dialect::Postgres { "'{}'" } else { "'[]'" };
        writeln!(
            sql,
            "INSERT INTO tenants (id, created_at, updated_at, oidc_tenant_id) \
             VALUES ({tenant}, {created}, {created}, 'main') ON CONFLICT DO NOTHING;\n\
             INSERT INTO tariffs (id, name, created_at, updated_at, quotas, disabled_modules) \
             VALUES ({tariff}, 'default', {created}, {created}, '{{}}', {modules}) ON CONFLICT DO NOTHING;"
        )
        .unwrap();
        for (user, name, disabled) in [(&creator, "creator", created.as_str()), (&guest, "guest", "NULL")] {
            writeln!(
                sql,
                "INSERT INTO users (id, oidc_sub, email, title, firstname, lastname, display_name, tenant_id, \
                     tariff_id, disabled_since, created_at, updated_at) \
                 VALUES ({user}, '{name}', '{name}@example.org', '', '{name}', 'o''hara', '{name}', {tenant}, \
                     {tariff}, {disabled}, {created}, {created}) ON CONFLICT DO NOTHING;"
            )
            .unwrap();
        }
        for event in &self.events {
            self.event(&mut sql, database, event, &created);
        }
        sql.push_str("COMMIT;\n");
        sql
    }

    fn event(&self, sql: &mut String, database: DatabaseKind, event: &Event, created: &str) {
        let dialect = Dialect::of(database);
        let invite = Uuid::new_v4();
        let u = |id| dialect.uuid(id);
        let fresh = || dialect.uuid(Uuid::new_v4());
        let yes = dialect.boolean(true);
        let (id, room, tenant, creator, guest) = (u(event.id), u(event.room), u(TENANT), u(CREATOR), u(GUEST));
        let sip = &event.room.simple().to_string()[..10];
        let adhoc = dialect.boolean(event.adhoc);
        writeln!(
            sql,
            "INSERT INTO rooms (id, created_by, created_at, tenant_id) VALUES ({room}, {creator}, {created}, {tenant});
             INSERT INTO events (id, id_serial, title, description, room, created_by, created_at, updated_by, updated_at,
                 is_adhoc, tenant_id)
             VALUES ({id}, {serial}, 'a title', '', {room}, {creator}, {created}, {creator}, {created}, {adhoc}, {tenant});
             INSERT INTO invites (id, created_by, created_at, updated_by, updated_at, room, active)
             VALUES ({f1}, {creator}, {created}, {creator}, {created}, {room}, {yes});
             INSERT INTO sip_configs (room, sip_id, password, enable_lobby) VALUES ({room}, '{sip}', '1', {yes});
             INSERT INTO room_streaming_targets (id, room_id, name, kind, streaming_endpoint, streaming_key, public_url)
             VALUES ({f2}, {room}, 'x', 'custom', 'x', 'x', 'x');
             INSERT INTO module_resources (id, tenant_id, room_id, created_by, created_at, updated_at, namespace, data)
             VALUES ({f3}, {tenant}, {room}, {creator}, {created}, {created}, 'x', '{{}}');
             INSERT INTO event_invites (id, event_id, invitee, created_by, created_at)
             VALUES ({f4}, {id}, {guest}, {creator}, {created});
             INSERT INTO event_email_invites (event_id, email, created_by, created_at)
             VALUES ({id}, 'somebody@example.org', {creator}, {created});
             INSERT INTO event_favorites (user_id, event_id) VALUES ({guest}, {id});
             INSERT INTO event_training_participation_report_parameter_sets VALUES ({id}, 1, 1, 1, 1);",
            serial = i64::from_ne_bytes(event.id.as_bytes()[..8].try_into().unwrap()) >> 8,
            f1 = u(invite),
            f2 = fresh(),
            f3 = fresh(),
            f4 = fresh(),
        )
        .unwrap();
        let dates = match &event.occurs {
            Occurs::AtNoTime => None,
            Occurs::OnceUntil(end) => Some((*end - TimeDelta::hours(1), "UTC", *end, 0, None)),
            Occurs::Series { starts_at, zone, duration_secs, pattern, ends_at } => {
                Some((*starts_at, *zone, *ends_at, *duration_secs, Some(pattern)))
            }
        };
        if let Some((starts_at, zone, ends_at, duration_secs, pattern)) = dates {
            let (starts_at, ends_at) = (dialect.instant(starts_at), dialect.instant(ends_at));
            let (zone, whole_day) = (text(zone), dialect.boolean(false));
            let pattern = pattern.map(|pattern| text(pattern));
            if database == DatabaseKind::PostgresOld {
                // Of single events the platform stores no duration.
                let duration = pattern.as_ref().map_or("NULL".to_owned(), |_| duration_secs.to_string());
                let pattern = pattern.as_deref().unwrap_or("NULL");
                writeln!(
                    sql,
                    "UPDATE events SET starts_at = {starts_at}, starts_at_tz = {zone}, ends_at = {ends_at}, \
                         ends_at_tz = {zone}, is_all_day = {whole_day}, duration_secs = {duration}, \
                         recurrence_pattern = {pattern} WHERE id = {id};"
                )
                .unwrap();
            } else {
                writeln!(
                    sql,
                    "INSERT INTO event_dates (event_id, starts_at, starts_at_tz, ends_at, ends_at_tz, is_all_day, \
                         duration_secs) VALUES ({id}, {starts_at}, {zone}, {ends_at}, {zone}, {whole_day}, \
                         {duration_secs});"
                )
                .unwrap();
                if let Some(pattern) = pattern {
                    writeln!(sql, "INSERT INTO event_recurrences VALUES ({id}, {pattern});").unwrap();
                }
            }
        }
        if database == DatabaseKind::PostgresOld {
            sql.push_str(&permissions::of(event, invite));
        }
        for exception in &event.exceptions {
            writeln!(
                sql,
                "INSERT INTO event_exceptions (id, event_id, exception_date, exception_date_tz, created_by, created_at, \
                     kind, starts_at, ends_at) VALUES ({}, {id}, {}, 'UTC', {creator}, {created}, '{}', {}, {});",
                fresh(),
                dialect.instant(exception.original_start),
                exception.kind,
                dialect.optional_instant(exception.starts_at),
                dialect.optional_instant(exception.ends_at),
            )
            .unwrap();
        }
        for (asset, size) in &event.assets {
            writeln!(
                sql,
                "INSERT INTO assets (id, created_at, updated_at, kind, filename, tenant_id, size) \
                 VALUES ({asset}, {created}, {created}, 'x', 'x', {tenant}, {size});\n\
                 INSERT INTO room_assets (room_id, asset_id) VALUES ({room}, {asset});",
                asset = u(*asset),
            )
            .unwrap();
        }
        if let Some(Folder { path, provider_data }) = &event.folder {
            let (path, data) = (text(path), text(&provider_data.to_string()));
            let share = |name: &str| text(provider_data[name].as_str().unwrap_or_default());
            let (columns, provider) = if database == DatabaseKind::PostgresOld {
                ("write_share_id, read_share_id", [share("write_share_id"), share("read_share_id")].join(", "))
            } else {
                ("provider_data", data)
            };
            writeln!(
                sql,
                "INSERT INTO event_shared_folders (event_id, created_at, updated_at, path, write_url, write_password, \
                     read_url, read_password, {columns}) \
                 VALUES ({id}, {created}, {created}, {path}, '', '', '', '', {provider});"
            )
            .unwrap();
        }
    }
}
