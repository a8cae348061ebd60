//! What the reference programs do, in upkeep's order.

use postgres::Client;

use crate::contest::Place;
use crate::{floor, row_by_row};

/// Events with their rooms, or rooms alone.
pub(crate) struct Work {
    /// The ids of all due events and of their rooms, as text.
    pub(crate) due: fn(&mut Client) -> Vec<(String, String)>,
    /// Tables and the columns that refer to the event, children first.
    pub(crate) of_events: &'static [(&'static str, &'static str)],
}

/// Tables and the columns that refer to the event, children first.
pub(crate) const OF_EVENTS: [(&str, &str); 9] = [
    ("event_shared_folders", "event_id"),
    ("event_training_participation_report_parameter_sets", "event_id"),
    ("event_favorites", "event_id"),
    ("event_email_invites", "event_id"),
    ("event_invites", "event_id"),
    ("event_exceptions", "event_id"),
    ("event_recurrences", "event_id"),
    ("event_dates", "event_id"),
    ("events", "id"),
];
/// The same for the room.
pub(crate) const OF_ROOMS: [(&str, &str); 5] = [
    ("module_resources", "room_id"),
    ("sip_configs", "room"),
    ("room_streaming_targets", "room_id"),
    ("invites", "room"),
    ("room_assets", "room_id"),
];

/// One of the reference programs.
pub(crate) fn child(work: &Work, words: &[&str]) {
    match words {
        ["row-by-row", database, store] => row_by_row::run(work, database, store),
        ["floor", database, store] => floor::run(work, database, store, floor::Objects::AtTheEnd),
        ["floor-overlapped", database, store] => floor::run(work, database, store, floor::Objects::Meanwhile),
        _ => panic!("no such program: {words:?}"),
    }
}

/// The command that starts one of them for a job.
pub(crate) fn reference(job: &'static str, program: &'static str) -> impl Fn(&Place<'_>) -> std::process::Command {
    move |place| place.reference(job, program)
}
