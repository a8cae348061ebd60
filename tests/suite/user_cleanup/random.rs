//! Small communities of all kinds: a run has to leave what the model leaves, and a dry run has to tell so before.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::Config;

use super::clean_up_as_the_model_says;
use super::community::Community;
use crate::site::{DatabaseKind, Site, StorageKind};

/// A community as drawn: persons, rooms and events by number, to be taken modulo how many there are.
#[derive(Debug, Clone)]
struct Drawn {
    /// Whether enabled, disabled lately, or due.
    users: Vec<u8>,
    rooms: Vec<usize>,
    /// Room, creator, who changed it last, age.
    events: Vec<(usize, usize, usize, i32)>,
    /// Kind, place, by whom, who else.
    deeds: Vec<(u8, usize, usize, usize)>,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let number = || 0_usize..64;
    (
        prop::collection::vec(0_u8..5, 1..7),
        prop::collection::vec(number(), 0..7),
        prop::collection::vec((number(), number(), number(), 0_i32..4), 0..8),
        prop::collection::vec((0_u8..8, number(), number(), number()), 0..40),
    )
        .prop_map(|(users, rooms, events, deeds)| Drawn { users, rooms, events, deeds })
}

impl Drawn {
    fn community(&self, several_in_a_room: bool) -> Community {
        let mut community = Community::default();
        let users = self.users.iter().map(|kind| match kind {
            0 | 1 => community.user(None),
            2 => community.disabled(29),
            _ => community.disabled(31),
        });
        let users: Vec<_> = users.collect();
        let user = |number: usize| users[number % users.len()];
        let rooms: Vec<_> = self.rooms.iter().map(|owner| community.room(user(*owner))).collect();
        if rooms.is_empty() {
            return community;
        }
        let mut taken = BTreeSet::new();
        let mut events = Vec::new();
        for (room, creator, changed_by, age) in &self.events {
            let room = rooms[room % rooms.len()];
            if taken.insert(room) || several_in_a_room {
                events.push(community.event_updated_by(room, user(*creator), user(*changed_by)));
                community.events.last_mut().unwrap().age = *age;
            }
        }
        let mut once = BTreeSet::new();
        for (kind, place, by, other) in &self.deeds {
            let (room, by, other) = (rooms[place % rooms.len()], user(*by), user(*other));
            match kind {
                0 | 1 => drop(community.guest_invite(room, by, other)),
                2 => community.resource(room, by),
                3 if once.insert((*kind, by, room)) => community.members.push((by, place % 2)),
                _ => {}
            }
            let Some(event) = (!events.is_empty()).then(|| events[place % events.len()]) else { continue };
            match kind {
                4 if once.insert((*kind, other, event)) => community.invitation(event, by, other),
                5 => community.email_invite(event, by),
                6 => community.exception(event, by),
                7 if once.insert((*kind, by, event)) => community.favorites.push((by, event)),
                _ => {}
            }
        }
        community.members.sort();
        community.members.dedup();
        super::add_rules(&mut community);
        community
    }
}

fn cases(cases: u32) -> Config {
    Config { cases, failure_persistence: None, max_shrink_iters: 60, ..Config::default() }
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn what_is_left_is_right_on_sqlite(drawn in drawn()) {
        let community = drawn.community(false);
        let site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
        community.fill(&site);
        clean_up_as_the_model_says(&site, &community);
    }

    #[test]
    fn what_is_left_is_right_on_postgresql(drawn in drawn(), old in any::<bool>(), several_in_a_room in any::<bool>()) {
        let community = drawn.community(several_in_a_room);
        let database = if old { DatabaseKind::PostgresOld } else { DatabaseKind::Postgres };
        let site = Site::new(database, StorageKind::Directory);
        if several_in_a_room {
            site.execute("ALTER TABLE events DROP CONSTRAINT events_room_key");
        }
        community.fill(&site);
        clean_up_as_the_model_says(&site, &community);
    }
}
