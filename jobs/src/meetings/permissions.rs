//! The permissions of the old generation: rows of `casbin_rule`, which no foreign key ties to what they protect.
//!
//! A rule of type `p` lets the subject `v0` do something with the resource `v1`; one of type `g` puts the subject `v0`
//! into a group. What is compared is whole texts: an identifier that begins alike, or another suffix, is another
//! resource. A `*` is an asterisk.

use diesel::{QueryResult, RunQueryDsl};
use uuid::Uuid;

use super::schema::Schema;
use crate::each;
use crate::kit::Step;
use crate::platform::database::{Connection, Ids, Number, Requirement, SqlTexts, Texts};

/// The table.
pub(crate) const TABLE: &str = "casbin_rule";

/// What the removal of permissions works on.
pub(crate) const REQUIRES: [Requirement; 1] = [Requirement::IfThere(TABLE, &["ptype", "v0", "v1"])];

/// What permissions are for, or whose they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    /// On events.
    Events,
    /// On rooms.
    Rooms,
    /// Of users.
    Users,
    /// Of guest invites.
    Invites,
}

impl Of {
    /// The resources, or subjects, that stand for `id`.
    fn names(self, id: Uuid) -> Vec<String> {
        let all = |stem: String, suffixes: &[&str]| suffixes.iter().map(|suffix| format!("{stem}{suffix}")).collect();
        match self {
            Of::Events => {
                let mut names: Vec<_> = all(format!("/events/{id}"), &EVENT);
                names.push(format!("/users/me/event_favorites/{id}"));
                names
            }
            Of::Rooms => all(format!("/rooms/{id}"), &ROOM),
            Of::Users => vec![format!("user::{id}")],
            Of::Invites => vec![format!("invite::{id}")],
        }
    }
}

/// SQL for a list of the names of what the column `id` identifies.
pub(crate) fn names_in_sql(of: Of, id: &str) -> String {
    let (nobody, id) = (Uuid::nil(), format!("' || {id} || '"));
    let names = of.names(nobody).into_iter().map(|name| format!("'{}'", name.replace(&nobody.to_string(), &id)));
    names.collect::<Vec<_>>().join(", ")
}

const EVENT: [&str; 8] =
    ["", "/instances", "/instances/*", "/invites", "/invites/*", "/invite", "/reschedule", "/shared_folder"];
const ROOM: [&str; 10] = [
    "",
    "/invites",
    "/invites/*",
    "/streaming_targets",
    "/streaming_targets/*",
    "/start",
    "/tariff",
    "/event",
    "/assets",
    "/assets/*",
];

/// Removes or counts the permissions of all of `whose` together, so that a rule which belongs to two of them, such as a
/// guest invite's on its room, counts once. There are none where the generation keeps none.
pub(crate) fn remove(
    connection: &mut Connection,
    schema: &Schema,
    whose: &[(Of, &Ids)],
    step: Step,
) -> QueryResult<u64> {
    let (mut subjects, mut resources) = (Vec::new(), Vec::new());
    if schema.has(TABLE) {
        for (of, ids) in whose {
            let names = ids.0.iter().flat_map(|id| of.names(*id));
            match of {
                Of::Events | Of::Rooms => resources.extend(names),
                Of::Users | Of::Invites => subjects.extend(names),
            }
        }
    }
    if subjects.is_empty() && resources.is_empty() {
        return Ok(0);
    }
    // Either condition has its index: (ptype, v1), and the unique one that begins with (ptype, v0).
    let on = format!("ptype = 'p' AND v1 {}", connection.is_among_texts(1));
    let of = |number| format!("ptype IN ('g', 'p') AND v0 {}", connection.is_among_texts(number));
    match step {
        Step::Count => {
            let sql = format!("SELECT count(*) AS number FROM {TABLE} WHERE ({on}) OR ({})", of(2));
            let (resources, subjects) = (Texts(resources), Texts(subjects));
            let found: Number = each!(connection, c => {
                diesel::sql_query(sql).bind::<SqlTexts, _>(&resources).bind::<SqlTexts, _>(&subjects).get_result(c)
            })?;
            Ok(found.number.unsigned_abs())
        }
        // One after the other: of many names PostgreSQL compares every row with them, with both lists if it is one
        // statement, which takes twice as long. By the conditions themselves and not by ids: they are then checked
        // again on a rule that is just being changed.
        Step::Remove => {
            let mut gone = 0;
            for (condition, names) in [(on, resources), (of(1), subjects)] {
                if !names.is_empty() {
                    let (sql, names) = (format!("DELETE FROM {TABLE} WHERE {condition}"), Texts(names));
                    gone += each!(&mut *connection, c => diesel::sql_query(sql).bind::<SqlTexts, _>(names).execute(c))?;
                }
            }
            Ok(gone as u64)
        }
    }
}
