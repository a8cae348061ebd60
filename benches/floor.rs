//! The second reference: as fast as plain means allow, and careless. No row is locked or looked at again, no key is
//! recorded, no answer of the store is read: whatever interrupts it leaves orphans.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};

use crate::store::{Store, connect};
use crate::work::{OF_ROOMS, Work};

/// Events or rooms per transaction, and keys per request.
const BATCH: usize = 1_000;
const THREADS: usize = 8;

/// When the objects are deleted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Objects {
    /// After the last row.
    AtTheEnd,
    /// As soon as their rows are gone, while the next batch is at work in the database.
    Meanwhile,
}

pub(crate) fn run(work: &Work, database: &str, store: &str, objects: Objects) {
    let (requests, waiting) = channel::<Vec<String>>();
    let waiting = Mutex::new(waiting);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| delete_objects(store, &waiting));
        }
        let mut database = connect(database);
        let mut keys = Vec::new();
        for batch in (work.due)(&mut database).chunks(BATCH) {
            keys.extend(delete_rows(work, &mut database, batch).into_iter().map(|asset| format!("assets/{asset}")));
            while objects == Objects::Meanwhile && keys.len() >= BATCH {
                requests.send(keys.drain(..BATCH).collect()).unwrap();
            }
        }
        for keys in keys.chunks(BATCH) {
            requests.send(keys.to_vec()).unwrap();
        }
        drop(requests);
    });
}

/// The ids of the assets that went.
fn delete_rows(work: &Work, database: &mut postgres::Client, batch: &[(String, String)]) -> Vec<String> {
    let events: Vec<&str> = batch.iter().map(|(event, _)| event.as_str()).collect();
    let rooms: Vec<&str> = batch.iter().map(|(_, room)| room.as_str()).collect();
    let mut transaction = database.transaction().unwrap();
    let sql = "SELECT asset_id::text FROM room_assets WHERE room_id = ANY($1::text[]::uuid[])";
    let assets: Vec<String> = transaction.query(sql, &[&rooms]).unwrap().iter().map(|row| row.get(0)).collect();
    // Not prepared once for all batches: PostgreSQL would soon plan for lists of ten and search the list row by row.
    let mut delete = |table: &str, column: &str, ids: &[&str]| {
        let sql = format!("DELETE FROM {table} WHERE {column} = ANY($1::text[]::uuid[])");
        transaction.execute(&sql, &[&ids]).unwrap();
    };
    for (table, column) in work.of_events {
        delete(table, column, &events);
    }
    for (table, column) in OF_ROOMS {
        delete(table, column, &rooms);
    }
    delete("assets", "id", &assets.iter().map(String::as_str).collect::<Vec<_>>());
    delete("rooms", "id", &rooms);
    transaction.commit().unwrap();
    assets
}

fn delete_objects(store: &str, waiting: &Mutex<Receiver<Vec<String>>>) {
    let store = Store::new(store);
    loop {
        let request = waiting.lock().unwrap().recv();
        match request {
            Ok(keys) => store.delete_together(&keys),
            Err(_) => return,
        }
    }
}
