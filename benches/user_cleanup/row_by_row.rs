//! The reference: one transaction per event with a statement per table, then one per user with a statement for each
//! column in which the user may have left traces.

use postgres::{Client, Statement};

use super::{OF_ROOMS, OF_USERS};
use crate::store::connect;
use crate::work::OF_EVENTS;

/// Table, column that refers to the event or the room, column that refers to the user, and who takes over.
const TRACES: [(&str, &str, &str, &str); 7] = [
    ("events", "id", "updated_by", "events"),
    ("event_exceptions", "event_id", "created_by", "events"),
    ("event_invites", "event_id", "created_by", "events"),
    ("event_email_invites", "event_id", "created_by", "events"),
    ("invites", "room", "created_by", "rooms"),
    ("invites", "room", "updated_by", "rooms"),
    ("module_resources", "room_id", "created_by", "rooms"),
];

pub(crate) fn run(database: &str) {
    let mut database = connect(database);
    // Prepared once, as a platform's database layer does.
    let [of_events, of_rooms, of_users] =
        [&OF_EVENTS[..], &OF_ROOMS, &OF_USERS].map(|tables| prepare(&mut database, tables));
    let traces: Vec<_> = TRACES
        .iter()
        .map(|(table, place, user, owners)| {
            let sql = format!(
                "UPDATE {table} SET {user} = o.created_by FROM {owners} o \
                 WHERE o.id = {table}.{place} AND {table}.{user} = $1::text::uuid"
            );
            database.prepare(&sql).unwrap()
        })
        .collect();
    let due = "SELECT id::text FROM users WHERE disabled_since <= now() - interval '30 days'";
    let events = database.prepare("SELECT id::text, room::text FROM events WHERE created_by = $1::text::uuid").unwrap();
    for user in database.query(due, &[]).unwrap() {
        let user: String = user.get(0);
        for row in database.query(&events, &[&user]).unwrap() {
            let [event, room]: [String; 2] = [row.get(0), row.get(1)];
            let mut transaction = database.transaction().unwrap();
            for (statements, id) in [(&of_events, &event), (&of_rooms, &room)] {
                for statement in statements {
                    transaction.execute(statement, &[id]).unwrap();
                }
            }
            transaction.commit().unwrap();
        }
        let mut transaction = database.transaction().unwrap();
        for statement in traces.iter().chain(&of_users) {
            transaction.execute(statement, &[&user]).unwrap();
        }
        transaction.commit().unwrap();
    }
}

fn prepare(database: &mut Client, tables: &[(&str, &str)]) -> Vec<Statement> {
    let sql = |(table, column): &(&str, &str)| format!("DELETE FROM {table} WHERE {column} = $1::text::uuid");
    tables.iter().map(|table| database.prepare(&sql(table)).unwrap()).collect()
}
