//! event-cleanup on N ended single events, each with its own room, two assets with stored objects and three guest
//! invites of the room; and on a million events without assets.

mod million;

use postgres::Client;

use crate::contest::{Contest, Done, Program};
use crate::options::Options;
use crate::platform::{Cluster, Fill};
use crate::s3_process::Objects;
use crate::work::{OF_EVENTS, Work, reference};

/// upkeep's arguments.
const CLEAN_UP: [&str; 5] = ["jobs", "execute", "event-cleanup", "--output", "json"];

/// What the reference programs do.
pub(crate) const WORK: Work = Work { due, of_events: &OF_EVENTS };

/// The ids of all ended single events and of their rooms, as text.
fn due(database: &mut Client) -> Vec<(String, String)> {
    let rows = database.query(
        "SELECT e.id::text, e.room::text FROM events e JOIN event_dates d ON d.event_id = e.id \
         WHERE d.ends_at <= now() - interval '30 days' \
           AND NOT EXISTS (SELECT 1 FROM event_recurrences r WHERE r.event_id = e.id)",
        &[],
    );
    rows.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
}

pub(crate) fn measure(cluster: &Cluster, words: &[&str]) {
    let options = Options::parse(words, &["--events", "--indexes", "--million", "--repeat", "--only"]);
    let indexes = options.is_set("--indexes");
    for events in options.numbers("--events", &[5_000, 20_000]) {
        contest(cluster, events, indexes, &options);
    }
    if options.is_set("--million") {
        million::print(cluster, indexes);
    }
}

fn contest(cluster: &Cluster, events: u32, indexes: bool, options: &Options<'_>) {
    let template = cluster.filled(events, Fill::AssetsAndInvites, indexes);
    let assets = cluster.assets(&template);
    let schema = if indexes { "with indexes on all foreign keys" } else { "the platform's own indexes" };
    let reference = |program| reference("event-cleanup", program);
    Contest {
        title: format!("event-cleanup: {events} events, {} objects, {schema}", assets.len()),
        cluster,
        template: &template,
        objects: &assets,
        stored_as: Objects::Files,
        programs: &[
            Program { name: "(a) row by row", command: &reference("row-by-row") },
            Program { name: "(b) upkeep", command: &|place| place.upkeep(&CLEAN_UP) },
            Program { name: "(c) floor: rows, then objects", command: &reference("floor") },
            Program { name: "(c') floor: objects meanwhile", command: &reference("floor-overlapped") },
        ],
        floor: 2,
        options,
        check: &|done: &Done<'_>| {
            assert_nothing_left(done.cluster, done.database);
            assert_eq!(done.objects, 0);
            if let Some(report) = done.report() {
                assert_eq!(report["counts"]["deleted"], events);
                assert_eq!(report["objects_deleted"], assets.len());
            }
        },
    }
    .print();
    cluster.drop(&template);
}

/// # Panics
/// If anything is left that belonged to an event.
fn assert_nothing_left(cluster: &Cluster, database: &str) {
    for table in ["events", "event_dates", "rooms", "invites", "room_assets", "assets", "upkeep_pending_deletions"] {
        assert_eq!(cluster.number(database, &format!("SELECT count(*) FROM {table}")), 0, "{table}");
    }
}
