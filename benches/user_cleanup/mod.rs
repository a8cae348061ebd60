//! user-cleanup on N disabled users, each with five events in rooms of their own, on a platform where a tenth as many
//! users are enabled and have N events, in which the disabled ones have left their traces.

mod row_by_row;

use crate::contest::{Contest, Done, Place, Program};
use crate::options::Options;
use crate::platform::Cluster;
use crate::s3_process::Objects;

/// upkeep's arguments.
const CLEAN_UP: [&str; 5] = ["jobs", "execute", "user-cleanup", "--output", "json"];

/// The columns that refer to users, events and rooms and which the platform has no index for: PostgreSQL searches the
/// whole table for each row that is deleted.
const INDEXES: &str = "\
    CREATE INDEX ON rooms (created_by);
    CREATE INDEX ON events (created_by);
    CREATE INDEX ON events (updated_by);
    CREATE INDEX ON event_exceptions (created_by);
    CREATE INDEX ON event_invites (invitee);
    CREATE INDEX ON event_invites (created_by);
    CREATE INDEX ON event_email_invites (created_by);
    CREATE INDEX ON event_favorites (event_id);
    CREATE INDEX ON invites (created_by);
    CREATE INDEX ON invites (updated_by);
    CREATE INDEX ON invites (room);
    CREATE INDEX ON module_resources (created_by);
    CREATE INDEX ON module_resources (room_id);
    CREATE INDEX ON room_streaming_targets (room_id);";

/// Every table that refers to rooms, with the column that does; then the same for users.
const OF_ROOMS: [(&str, &str); 6] = [
    ("module_resources", "room_id"),
    ("sip_configs", "room"),
    ("room_streaming_targets", "room_id"),
    ("invites", "room"),
    ("room_assets", "room_id"),
    ("rooms", "id"),
];
const OF_USERS: [(&str, &str); 4] =
    [("event_invites", "invitee"), ("event_favorites", "user_id"), ("user_groups", "user_id"), ("users", "id")];

/// The reference program.
pub(crate) fn child(words: &[&str]) {
    match words {
        ["row-by-row", database, _] => row_by_row::run(database),
        _ => panic!("no such program: {words:?}"),
    }
}

pub(crate) fn measure(cluster: &Cluster, words: &[&str]) {
    let options = Options::parse(words, &["--users", "--indexes", "--repeat", "--only"]);
    let (users, indexes) = (options.number("--users", 2_000), options.is_set("--indexes"));
    let template = cluster.filled_by(&[&rows(users), if indexes { INDEXES } else { "" }]);
    let schema = if indexes { "with indexes on all foreign keys" } else { "the platform's own indexes" };
    Contest {
        title: format!("user-cleanup: {users} users who own {} events, {schema}", users * 5),
        cluster,
        template: &template,
        objects: &[],
        stored_as: Objects::Files,
        programs: &[
            Program {
                name: "(a) row by row",
                command: &|place: &Place<'_>| place.reference("user-cleanup", "row-by-row"),
            },
            Program { name: "(b) upkeep", command: &|place| place.upkeep(&CLEAN_UP) },
        ],
        floor: 1,
        options: &options,
        check: &|done: &Done<'_>| {
            let number = |sql: &str| done.cluster.number(done.database, sql);
            assert_eq!(number("SELECT count(*) FROM users WHERE disabled_since IS NOT NULL"), 0);
            for table in ["users", "events", "rooms", "invites", "event_invites", "event_email_invites"] {
                let expected = if table == "users" { users.div_ceil(10) } else { users };
                assert_eq!(number(&format!("SELECT count(*) FROM {table}")), i64::from(expected), "{table}");
            }
            if let Some(report) = done.report() {
                assert_eq!(report["counts"]["deleted"], users);
                assert_eq!(report["rows"]["events"], users * 5);
            }
        },
    }
    .print();
    cluster.drop(&template);
}

/// Users `d` are disabled and numbered `n`, users `e` enabled.
fn rows(users: u32) -> String {
    format!(
        "-- No checks of foreign keys, which would take longer than everything else.
         SET session_replication_role = replica;
         INSERT INTO tenants (oidc_tenant_id) VALUES ('main');
         INSERT INTO tariffs (name, quotas, disabled_modules) VALUES ('default', '{{}}', '{{}}');
         INSERT INTO groups (name, tenant_id) SELECT 'all', id FROM tenants;
         CREATE TEMPORARY TABLE d AS SELECT n, gen_random_uuid() AS id FROM generate_series(0, {users} - 1) AS n;
         CREATE TEMPORARY TABLE e AS
             SELECT n, gen_random_uuid() AS id FROM generate_series(0, ({users} + 9) / 10 - 1) AS n;
         INSERT INTO users (id, oidc_sub, email, title, firstname, lastname, display_name, tenant_id, tariff_id,
                 disabled_since)
             SELECT u.id, u.id, 'a@example.org', '', 'a', 'b', 'a b', t.id, f.id, u.disabled_since
             FROM (SELECT id, now() - interval '40 days' AS disabled_since FROM d UNION ALL SELECT id, NULL FROM e) u,
                 tenants t, tariffs f;
         INSERT INTO user_groups SELECT u.id, g.id FROM users u, groups g;
         -- Their own events, mixed as they come into being, to each of which the next one is invited.
         CREATE TEMPORARY TABLE own AS
             SELECT d.n, d.id AS by, gen_random_uuid() AS room, gen_random_uuid() AS event
             FROM generate_series(1, 5) AS k, d ORDER BY k, d.n;
         INSERT INTO rooms (id, created_by, tenant_id) SELECT room, by, t.id FROM own, tenants t;
         INSERT INTO events (id, title, description, room, created_by, updated_by, tenant_id)
             SELECT event, 'a title', 'a description of a few words', room, by, by, t.id FROM own, tenants t;
         INSERT INTO event_dates
             SELECT event, now() - interval '61 days', 'Europe/Berlin', now() - interval '60 days', 'Europe/Berlin',
                 false, 0 FROM own;
         INSERT INTO invites (created_by, updated_by, room, active) SELECT by, by, room, true FROM own;
         INSERT INTO event_invites (event_id, invitee, created_by)
             SELECT event, d.id, by FROM own JOIN d ON d.n = (own.n + 1) % {users};
         INSERT INTO event_favorites SELECT by, event FROM own;
         -- Other people's events, which one of them changed, and to which they invited others.
         CREATE TEMPORARY TABLE other AS
             SELECT d.id AS guest, e.id AS by, gen_random_uuid() AS room, gen_random_uuid() AS event
             FROM d JOIN e ON e.n = d.n / 10 ORDER BY d.n;
         INSERT INTO rooms (id, created_by, tenant_id) SELECT room, by, t.id FROM other, tenants t;
         INSERT INTO events (id, title, description, room, created_by, updated_by, tenant_id)
             SELECT event, 'a title', 'a description of a few words', room, by, guest, t.id FROM other, tenants t;
         INSERT INTO invites (created_by, updated_by, room, active) SELECT guest, guest, room, true FROM other;
         INSERT INTO module_resources (tenant_id, room_id, created_by, namespace, data)
             SELECT t.id, room, guest, 'notes', '{{}}' FROM other, tenants t;
         INSERT INTO event_invites (event_id, invitee, created_by) SELECT event, guest, by FROM other;
         INSERT INTO event_invites (event_id, invitee, created_by) SELECT event, by, guest FROM other;
         INSERT INTO event_email_invites (event_id, email, created_by) SELECT event, 'a@example.org', guest FROM other;
         RESET session_replication_role;"
    )
}
