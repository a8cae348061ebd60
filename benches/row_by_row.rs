//! The first reference: what platforms do today. One transaction per event or room with a statement per table, then one
//! request per object, one after the other.

use postgres::{Client, Statement};

use crate::store::{Store, connect};
use crate::work::{OF_ROOMS, Work};

pub(crate) fn run(work: &Work, database: &str, store: &str) {
    let (mut database, store) = (connect(database), Store::new(store));
    let due = (work.due)(&mut database);
    // Prepared once, as a platform's database layer does.
    let of_events = prepare(&mut database, work.of_events);
    let of_rooms = prepare(&mut database, &OF_ROOMS);
    let rooms = prepare(&mut database, &[("rooms", "id")]);
    let find_assets =
        database.prepare("SELECT asset_id::text FROM room_assets WHERE room_id = $1::text::uuid").unwrap();
    let assets = database.prepare("DELETE FROM assets WHERE id = ANY($1::text[]::uuid[])").unwrap();
    for (event, room) in due {
        let mut transaction = database.transaction().unwrap();
        let found = transaction.query(&find_assets, &[&room]).unwrap();
        let ids: Vec<String> = found.iter().map(|row| row.get(0)).collect();
        for statement in &of_events {
            transaction.execute(statement, &[&event]).unwrap();
        }
        for statement in &of_rooms {
            transaction.execute(statement, &[&room]).unwrap();
        }
        transaction.execute(&assets, &[&ids]).unwrap();
        transaction.execute(&rooms[0], &[&room]).unwrap();
        transaction.commit().unwrap();
        for asset in ids {
            store.delete(format!("assets/{asset}"));
        }
    }
}

fn prepare(database: &mut Client, tables: &[(&str, &str)]) -> Vec<Statement> {
    let sql = |(table, column): &(&str, &str)| format!("DELETE FROM {table} WHERE {column} = $1::text::uuid");
    tables.iter().map(|table| database.prepare(&sql(table)).unwrap()).collect()
}
