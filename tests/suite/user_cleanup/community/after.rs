//! The model: what a run has to leave behind, worked out one row at a time.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Community, Event};

impl Community {
    /// What has to be left when everything works: the model, one row at a time.
    pub(in super::super) fn after(&self, cutoff: DateTime<Utc>) -> Self {
        self.without(&self.due(cutoff))
    }

    /// What has to be left when these users go, and with them all that they created.
    pub(in super::super) fn without(&self, gone: &BTreeSet<Uuid>) -> Self {
        self.after_events_went(gone, gone)
    }

    /// The same when events and rooms of users go who then stay themselves.
    pub(in super::super) fn after_events_went(&self, bereft: &BTreeSet<Uuid>, gone: &BTreeSet<Uuid>) -> Self {
        let mut left = self.clone();
        left.events.retain(|event| !bereft.contains(&event.by));
        let held = |events: &[Event], room: Uuid| events.iter().any(|event| event.room == room);
        left.rooms.retain(|room| {
            let emptied = held(&self.events, room.id) && !held(&left.events, room.id);
            let unused = bereft.contains(&room.by) && !held(&self.events, room.id);
            !emptied && !unused
        });
        let rooms: BTreeSet<_> = left.rooms.iter().map(|room| room.id).collect();
        let events: BTreeMap<_, _> = left.events.iter().map(|event| (event.id, event.by)).collect();
        for room in &mut left.rooms {
            if gone.contains(&room.by) {
                let there = left.events.iter().filter(|event| event.room == room.id);
                room.by = there.min_by_key(|event| (-event.age, event.id)).unwrap().by;
            }
        }
        let owners: BTreeMap<_, _> = left.rooms.iter().map(|room| (room.id, room.by)).collect();
        let pass = |user: &mut Uuid, owner: Uuid| {
            if gone.contains(user) {
                *user = owner;
            }
        };
        for event in &mut left.events {
            pass(&mut event.updated_by, event.by);
        }
        for deeds in [&mut left.guest_invites, &mut left.resources] {
            deeds.retain(|deed| rooms.contains(&deed.place));
            for deed in deeds {
                pass(&mut deed.by, owners[&deed.place]);
                pass(&mut deed.other, owners[&deed.place]);
            }
        }
        left.invitations.retain(|deed| !gone.contains(&deed.other));
        for deeds in [&mut left.invitations, &mut left.email_invites, &mut left.exceptions] {
            deeds.retain(|deed| events.contains_key(&deed.place));
            for deed in deeds {
                pass(&mut deed.by, events[&deed.place]);
            }
        }
        left.favorites.retain(|(user, event)| !gone.contains(user) && events.contains_key(event));
        left.members.retain(|(user, _)| !gone.contains(user));
        left.users.retain(|user| !gone.contains(&user.id));
        let (subjects, resources) = (self.lost_subjects(&left), self.lost_resources(&left));
        left.rules.retain(|rule| {
            let about_them = rule.kind == "p" && resources.contains(&rule.resource);
            let theirs = ["g", "p"].contains(&rule.kind) && subjects.contains(&rule.subject);
            !(about_them || theirs)
        });
        left
    }

    fn lost_subjects(&self, left: &Self) -> BTreeSet<String> {
        let users: BTreeSet<_> = left.users.iter().map(|user| user.id).collect();
        let invites: BTreeSet<_> = left.guest_invites.iter().map(|deed| deed.id).collect();
        let users = self.users.iter().filter(|user| !users.contains(&user.id)).map(|user| format!("user::{}", user.id));
        let invites = self.guest_invites.iter().filter(|deed| !invites.contains(&deed.id));
        users.chain(invites.map(|deed| format!("invite::{}", deed.id))).collect()
    }

    fn lost_resources(&self, left: &Self) -> BTreeSet<String> {
        let mut lost = BTreeSet::new();
        for event in self.events.iter().filter(|event| !left.events.iter().any(|left| left.id == event.id)) {
            let suffixes = ["", "/instances", "/instances/*", "/invites", "/invites/*", "/invite", "/reschedule"];
            lost.extend(suffixes.map(|suffix| format!("/events/{}{suffix}", event.id)));
            lost.insert(format!("/events/{}/shared_folder", event.id));
            lost.insert(format!("/users/me/event_favorites/{}", event.id));
        }
        for room in self.rooms.iter().filter(|room| !left.rooms.iter().any(|left| left.id == room.id)) {
            let suffixes =
                ["", "/invites", "/invites/*", "/streaming_targets", "/streaming_targets/*", "/start", "/tariff"];
            lost.extend(suffixes.map(|suffix| format!("/rooms/{}{suffix}", room.id)));
            lost.extend(["/event", "/assets", "/assets/*"].map(|suffix| format!("/rooms/{}{suffix}", room.id)));
        }
        lost
    }
}
