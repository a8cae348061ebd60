//! A community as rows of a platform.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use chrono::TimeDelta;
use uuid::Uuid;

use super::super::born;
use super::{Community, Deed, Event, Room, Rule, User};
use crate::site::{DatabaseKind, Dialect, Site};

/// All tables that a community has rows in, parents first.
const TABLES: [&str; 17] = [
    "tenants",
    "tariffs",
    "users",
    "groups",
    "user_groups",
    "rooms",
    "sip_configs",
    "room_streaming_targets",
    "assets",
    "room_assets",
    "invites",
    "module_resources",
    "events",
    "event_exceptions",
    "event_invites",
    "event_email_invites",
    "event_favorites",
];
const OF_EVENTS: [&str; 2] = ["event_training_participation_report_parameter_sets", "event_shared_folders"];

const TENANTS: [Uuid; 2] = [Uuid::from_u128(1), Uuid::from_u128(2)];
const GROUPS: [Uuid; 2] = [Uuid::from_u128(3), Uuid::from_u128(4)];
const TARIFF: Uuid = Uuid::from_u128(5);

fn serial(id: Uuid) -> i64 {
    i64::from_ne_bytes(id.as_bytes()[..8].try_into().unwrap()) >> 8
}

/// Another identifier that follows from `id`.
fn twin(id: Uuid) -> Uuid {
    Uuid::from_u128(id.as_u128() ^ 1)
}

/// Rows of a site by table.
pub(in super::super) type Rows = BTreeMap<String, BTreeSet<String>>;

impl Community {
    /// How many rows fewer there are afterwards, by table.
    pub(in super::super) fn fewer(before: &Rows, after: &Rows) -> BTreeMap<String, u64> {
        let fewer = before.iter().map(|(table, rows)| (table.clone(), (rows.len() - after[table].len()) as u64));
        fewer.filter(|(_, number)| *number > 0).collect()
    }

    /// Inserts all rows and stores the objects.
    pub(in super::super) fn fill(&self, site: &Site) {
        self.insert(site);
        for (key, size) in self.objects() {
            site.store(&key, &vec![b'x'; size]);
        }
    }

    /// Asserts that a site has exactly these rows and objects. The rows are written anew for that.
    #[track_caller]
    pub(in super::super) fn assert_is_what_is_left(&self, site: &Site, how: &str) {
        assert_eq!(site.objects(), self.objects().into_keys().collect(), "{how}");
        let rows = site.rows();
        let delete = OF_EVENTS.iter().chain(TABLES.iter().rev()).map(|table| format!("DELETE FROM {table};"));
        let rules = if site.kind() == DatabaseKind::PostgresOld { "DELETE FROM casbin_rule;" } else { "" };
        site.execute(&(delete.collect::<String>() + rules));
        self.insert(site);
        for (table, expected) in site.rows() {
            let missing: Vec<_> = expected.difference(&rows[&table]).collect();
            let surplus: Vec<_> = rows[&table].difference(&expected).collect();
            assert!(missing.is_empty() && surplus.is_empty(), "{how}: {table} lacks {missing:#?}, has {surplus:#?}");
        }
    }

    fn insert(&self, site: &Site) {
        site.execute(&self.sql(site.kind()));
    }

    /// The SQL that inserts all rows; nothing in it depends on when that is done.
    pub(in super::super) fn sql(&self, database: DatabaseKind) -> String {
        let dialect = Dialect::of(database);
        let mut sql = String::from("BEGIN;\n");
        let u = |id| dialect.uuid(id);
        let born = born();
        let at = |instant| dialect.instant(instant);
        let (then, yes, tariff) = (at(born), dialect.boolean(true), u(TARIFF));
        let modules = if dialect == Dialect::Postgres { "'{}'" } else { "'[]'" };
        let mut add = |table: &str, columns: &str, values: std::fmt::Arguments<'_>| {
            writeln!(sql, "INSERT INTO {table} ({columns}) VALUES ({values});").unwrap();
        };
        for (tenant, group) in TENANTS.into_iter().zip(GROUPS) {
            let (id, group) = (u(tenant), u(group));
            add(
                "tenants",
                "id, created_at, updated_at, oidc_tenant_id",
                format_args!("{id}, {then}, {then}, '{tenant}'"),
            );
            add("groups", "id, id_serial, name, tenant_id", format_args!("{group}, {}, 'all', {id}", tenant.as_u128()));
        }
        add(
            "tariffs",
            "id, name, created_at, updated_at, quotas, disabled_modules",
            format_args!("{tariff}, 'default', {then}, {then}, '{{}}', {modules}"),
        );
        for User { id, disabled, tenant } in &self.users {
            add(
                "users",
                "id, id_serial, oidc_sub, email, title, firstname, lastname, display_name, tenant_id, tariff_id, \
                 disabled_since, created_at, updated_at",
                format_args!(
                    "{}, {}, '{id}', 'x@example.org', '', 'x', 'x', 'x', {}, {tariff}, {}, {then}, {then}",
                    u(*id),
                    serial(*id),
                    u(TENANTS[*tenant]),
                    dialect.optional_instant(*disabled),
                ),
            );
        }
        for (user, group) in &self.members {
            add("user_groups", "user_id, group_id", format_args!("{}, {}", u(*user), u(GROUPS[*group])));
        }
        let tenant = u(TENANTS[0]);
        for Room { id, by, assets } in &self.rooms {
            let (room, by, serial, short) = (u(*id), u(*by), serial(*id), &id.simple().to_string()[..10]);
            add(
                "rooms",
                "id, id_serial, created_by, created_at, tenant_id",
                format_args!("{room}, {serial}, {by}, {then}, {tenant}"),
            );
            add(
                "sip_configs",
                "id, room, sip_id, password, enable_lobby",
                format_args!("{serial}, {room}, '{short}', '1', {yes}"),
            );
            add(
                "room_streaming_targets",
                "id, room_id, name, kind, streaming_endpoint, streaming_key, public_url",
                format_args!("{}, {room}, 'x', 'custom', 'x', 'x', 'x'", u(twin(*id))),
            );
            for (asset, size) in assets {
                let asset = u(*asset);
                add(
                    "assets",
                    "id, created_at, updated_at, kind, filename, tenant_id, size",
                    format_args!("{asset}, {then}, {then}, 'x', 'x', {tenant}, {size}"),
                );
                add("room_assets", "room_id, asset_id", format_args!("{room}, {asset}"));
            }
        }
        for Deed { id, place, by, other } in &self.guest_invites {
            add(
                "invites",
                "id, id_serial, created_by, created_at, updated_by, updated_at, room, active",
                format_args!(
                    "{}, {}, {}, {then}, {}, {then}, {}, {yes}",
                    u(*id),
                    serial(*id),
                    u(*by),
                    u(*other),
                    u(*place)
                ),
            );
        }
        for Deed { id, place, by, .. } in &self.resources {
            add(
                "module_resources",
                "id, tenant_id, room_id, created_by, created_at, updated_at, namespace, data",
                format_args!("{}, {tenant}, {}, {}, {then}, {then}, 'x', '{{}}'", u(*id), u(*place), u(*by)),
            );
        }
        for Event { id, room, by, updated_by, age, folder } in &self.events {
            let (event, serial, created) = (u(*id), serial(*id), at(born - TimeDelta::minutes(i64::from(*age))));
            add(
                "events",
                "id, id_serial, title, description, room, created_by, created_at, updated_by, updated_at, tenant_id, \
                 revision",
                format_args!(
                    "{event}, {serial}, 'x', '', {}, {}, {created}, {}, {then}, {tenant}, 3",
                    u(*room),
                    u(*by),
                    u(*updated_by)
                ),
            );
            add(
                "event_training_participation_report_parameter_sets",
                "event_id, initial_checkpoint_delay_after, initial_checkpoint_delay_within, checkpoint_interval_after, \
                 checkpoint_interval_within",
                format_args!("{event}, 1, 1, 1, 1"),
            );
            if let Some((path, write, read)) = folder {
                let columns =
                    "event_id, created_at, updated_at, path, write_url, write_password, read_url, read_password";
                let values = format!("{event}, {then}, {then}, '{path}', '', '', '', ''");
                if database == DatabaseKind::PostgresOld {
                    let columns = format!("{columns}, write_share_id, read_share_id");
                    add("event_shared_folders", &columns, format_args!("{values}, '{write}', '{read}'"));
                } else {
                    let data = serde_json::json!({"type": "nextcloud", "write_share_id": write, "read_share_id": read});
                    let columns = format!("{columns}, provider_data");
                    add("event_shared_folders", &columns, format_args!("{values}, '{data}'"));
                }
            }
        }
        for Deed { id, place, by, .. } in &self.exceptions {
            let day = at(born + TimeDelta::seconds(serial(*id) % 1_000_000));
            add(
                "event_exceptions",
                "id, event_id, exception_date, exception_date_tz, created_by, created_at, kind",
                format_args!("{}, {}, {day}, 'UTC', {}, {then}, 'cancelled'", u(*id), u(*place), u(*by)),
            );
        }
        for Deed { id, place, by, other } in &self.invitations {
            add(
                "event_invites",
                "id, event_id, invitee, created_by, created_at",
                format_args!("{}, {}, {}, {}, {then}", u(*id), u(*place), u(*other), u(*by)),
            );
        }
        for Deed { id, place, by, .. } in &self.email_invites {
            add(
                "event_email_invites",
                "event_id, email, created_by, created_at",
                format_args!("{}, '{id}@example.org', {}, {then}", u(*place), u(*by)),
            );
        }
        for (user, event) in &self.favorites {
            add("event_favorites", "user_id, event_id", format_args!("{}, {}", u(*user), u(*event)));
        }
        if database == DatabaseKind::PostgresOld {
            for Rule { number, kind, subject, resource } in &self.rules {
                add(
                    "casbin_rule",
                    "id, ptype, v0, v1, v2, v3, v4, v5",
                    format_args!("{number}, '{kind}', '{subject}', '{resource}', '', '', '', ''"),
                );
            }
        }
        sql.push_str("COMMIT;\n");
        sql
    }
}
