//! Users and what they have to do with each other: as rows of a platform, and as they have to be after a run.

mod after;
mod rows;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

#[derive(Debug, Clone)]
pub(super) struct User {
    pub(super) id: Uuid,
    pub(super) disabled: Option<DateTime<Utc>>,
    /// The first or the second.
    pub(super) tenant: usize,
}

/// With a SIP configuration and a streaming target.
#[derive(Debug, Clone)]
pub(super) struct Room {
    pub(super) id: Uuid,
    pub(super) by: Uuid,
    /// With the sizes of their objects.
    pub(super) assets: Vec<(Uuid, usize)>,
}

/// With training parameters.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) id: Uuid,
    pub(super) room: Uuid,
    pub(super) by: Uuid,
    pub(super) updated_by: Uuid,
    /// Its age in minutes.
    pub(super) age: i32,
    /// The path of its shared folder and the ids of the write and the read share.
    pub(super) folder: Option<(String, String, String)>,
}

/// What somebody did in a room or an event, or has of it.
#[derive(Debug, Clone)]
pub(super) struct Deed {
    pub(super) id: Uuid,
    /// The room, or the event.
    pub(super) place: Uuid,
    pub(super) by: Uuid,
    /// Who changed a guest invite last; who is invited.
    pub(super) other: Uuid,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    number: usize,
    pub(super) kind: &'static str,
    pub(super) subject: String,
    pub(super) resource: String,
}

/// All rows of a platform.
#[derive(Debug, Clone, Default)]
pub(super) struct Community {
    pub(super) users: Vec<User>,
    pub(super) rooms: Vec<Room>,
    pub(super) events: Vec<Event>,
    pub(super) guest_invites: Vec<Deed>,
    pub(super) resources: Vec<Deed>,
    pub(super) invitations: Vec<Deed>,
    pub(super) email_invites: Vec<Deed>,
    pub(super) exceptions: Vec<Deed>,
    /// Of events, by user.
    pub(super) favorites: Vec<(Uuid, Uuid)>,
    /// In the group of the first or the second tenant.
    pub(super) members: Vec<(Uuid, usize)>,
    /// Only in the old generation.
    pub(super) rules: Vec<Rule>,
}

impl Community {
    pub(super) fn user(&mut self, disabled: Option<DateTime<Utc>>) -> Uuid {
        let id = Uuid::new_v4();
        self.users.push(User { id, disabled, tenant: self.users.len() % 2 });
        id
    }

    /// A user who was disabled so many days ago.
    pub(super) fn disabled(&mut self, days_ago: i64) -> Uuid {
        self.user(Some(super::ago(days_ago)))
    }

    pub(super) fn room(&mut self, by: Uuid) -> Uuid {
        let id = Uuid::new_v4();
        self.rooms.push(Room { id, by, assets: vec![(Uuid::new_v4(), 7)] });
        id
    }

    pub(super) fn event(&mut self, room: Uuid, by: Uuid) -> Uuid {
        self.event_updated_by(room, by, by)
    }

    pub(super) fn event_updated_by(&mut self, room: Uuid, by: Uuid, updated_by: Uuid) -> Uuid {
        let id = Uuid::new_v4();
        self.events.push(Event { id, room, by, updated_by, age: 0, folder: None });
        id
    }

    pub(super) fn guest_invite(&mut self, place: Uuid, by: Uuid, other: Uuid) -> Uuid {
        let id = Uuid::new_v4();
        self.guest_invites.push(Deed { id, place, by, other });
        id
    }

    pub(super) fn resource(&mut self, place: Uuid, by: Uuid) {
        self.resources.push(Deed { id: Uuid::new_v4(), place, by, other: by });
    }

    pub(super) fn invitation(&mut self, place: Uuid, by: Uuid, other: Uuid) {
        self.invitations.push(Deed { id: Uuid::new_v4(), place, by, other });
    }

    pub(super) fn email_invite(&mut self, place: Uuid, by: Uuid) {
        self.email_invites.push(Deed { id: Uuid::new_v4(), place, by, other: by });
    }

    pub(super) fn exception(&mut self, place: Uuid, by: Uuid) {
        self.exceptions.push(Deed { id: Uuid::new_v4(), place, by, other: by });
    }

    /// One deed of every kind by `user` in a room and the event there. Everybody invites the next one.
    pub(super) fn deeds(&mut self, user: Uuid, room: Uuid, event: Uuid) {
        let at = self.users.iter().position(|other| other.id == user).unwrap();
        let next = self.users[(at + 1) % self.users.len()].id;
        self.guest_invite(room, user, user);
        self.resource(room, user);
        self.invitation(event, user, next);
        self.email_invite(event, user);
        self.exception(event, user);
        self.favorites.push((user, event));
    }

    pub(super) fn rule(&mut self, kind: &'static str, subject: impl Into<String>, resource: impl Into<String>) {
        self.rules.push(Rule { number: self.rules.len(), kind, subject: subject.into(), resource: resource.into() });
    }

    /// The users who were disabled at or before `cutoff`.
    pub(super) fn due(&self, cutoff: DateTime<Utc>) -> BTreeSet<Uuid> {
        let due = self.users.iter().filter(|user| user.disabled.is_some_and(|since| since <= cutoff));
        due.map(|user| user.id).collect()
    }

    /// Keys and sizes of all objects.
    pub(super) fn objects(&self) -> BTreeMap<String, usize> {
        let assets = self.rooms.iter().flat_map(|room| &room.assets);
        assets.map(|(id, size)| (format!("assets/{id}"), *size)).collect()
    }
}
