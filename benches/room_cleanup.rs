//! room-cleanup on N rooms without an event, each with two assets with stored objects and three guest invites, among
//! rooms of the same kind with an event.

use postgres::Client;

use crate::contest::{Contest, Done, Program};
use crate::options::Options;
use crate::platform::{Cluster, Fill};
use crate::s3_process::Objects;
use crate::work::{Work, reference};

/// What the reference programs do.
pub(crate) const WORK: Work = Work { due, of_events: &[] };

/// The ids of all rooms without an event, as text; instead of an event's nothing.
fn due(database: &mut Client) -> Vec<(String, String)> {
    let rows = database
        .query("SELECT id::text FROM rooms r WHERE NOT EXISTS (SELECT 1 FROM events e WHERE e.room = r.id)", &[]);
    rows.unwrap().iter().map(|row| (String::new(), row.get(0))).collect()
}

pub(crate) fn measure(cluster: &Cluster, words: &[&str]) {
    let options = Options::parse(words, &["--rooms", "--held", "--indexes", "--repeat", "--only"]);
    // Of the held ones, which stay, there is one every so many.
    let (rooms, held) = (options.number("--rooms", 50_000), options.number("--held", 5_000));
    let indexes = options.is_set("--indexes");
    let template = cluster.filled(rooms + held, Fill::AssetsAndInvites, indexes);
    cluster.execute(
        &template,
        // Every so many rooms one is held, as on a platform where events come and go.
        &format!(
            "SET session_replication_role = replica; \
             DELETE FROM events WHERE id_serial * {held} / {all} = (id_serial - 1) * {held} / {all}; \
             DELETE FROM event_dates WHERE event_id NOT IN (SELECT id FROM events)",
            all = u64::from(rooms) + u64::from(held)
        ),
    );
    cluster.execute(&template, "VACUUM ANALYZE");
    assert_eq!(cluster.number(&template, "SELECT count(*) FROM events"), i64::from(held));
    let kept = |table: &str, each: u32| (format!("SELECT count(*) FROM {table}"), i64::from(held * each));
    let left = [kept("events", 1), kept("rooms", 1), kept("invites", 3), kept("room_assets", 2), kept("assets", 2)];
    let assets = cluster.assets(&template);
    let schema = if indexes { "with indexes on all foreign keys" } else { "the platform's own indexes" };
    let reference = |program| reference("room-cleanup", program);
    Contest {
        title: format!(
            "room-cleanup: {rooms} rooms without an event, {held} with one, {} objects, {schema}",
            assets.len()
        ),
        cluster,
        template: &template,
        objects: &assets,
        stored_as: Objects::Files,
        programs: &[
            Program { name: "(a) row by row", command: &reference("row-by-row") },
            Program {
                name: "(b) upkeep",
                command: &|place| place.upkeep(&["jobs", "execute", "room-cleanup", "--output", "json"]),
            },
            Program { name: "(c) floor: rows, then objects", command: &reference("floor") },
            Program { name: "(c') floor: objects meanwhile", command: &reference("floor-overlapped") },
        ],
        floor: 2,
        options: &options,
        check: &|done: &Done<'_>| {
            for (sql, number) in &left {
                assert_eq!(done.cluster.number(done.database, sql), *number, "{sql}");
            }
            assert_eq!(done.cluster.number(done.database, "SELECT count(*) FROM upkeep_pending_deletions"), 0);
            assert_eq!(done.objects, 2 * held as usize);
            if let Some(report) = done.report() {
                assert_eq!(report["counts"]["deleted"], rooms);
                assert_eq!(report["objects_deleted"], 2 * rooms);
            }
        },
    }
    .print();
    cluster.drop(&template);
}
