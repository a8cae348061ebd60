//! user-cleanup: who goes, what goes along, what passes to whom, and who stays.

mod community;
mod crashes;
mod kept;
mod locks;
mod meanwhile;
mod random;
mod retention;
mod transcripts;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use self::community::Community;
use crate::site::{DATABASES, DatabaseKind, EVERYWHERE, Run, Site, StorageKind};

/// So many days before the present, to the microsecond.
fn ago(days: i64) -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6) - TimeDelta::days(days)
}

/// When everything was created that does not say otherwise.
fn born() -> DateTime<Utc> {
    "2021-03-04T05:06:07.000008Z".parse().unwrap()
}

/// Runs user-cleanup to its end, with a report as JSON.
fn clean_up(site: &Site, more: &[&str]) -> Run {
    site.job("user-cleanup", more)
}

/// Runs it for real after a dry run; both must say the same, and what is left must be as the model says.
#[track_caller]
fn clean_up_as_the_model_says(site: &Site, community: &Community) -> Value {
    let how = format!("{:?}", site.kind());
    let (before, due) = (site.rows(), community.due(ago(30)));
    let plan = clean_up(site, &["--dry-run"]).expect(0).report();
    assert!(site.rows() == before, "{how}: a dry run leaves no trace");
    let ids: std::collections::BTreeSet<Uuid> = serde_json::from_value(plan["plan"]["ids"].clone()).unwrap();
    assert_eq!(ids, due, "{how}");

    let report = clean_up(site, &[]).expect(0).report();
    let after = site.rows();
    assert_eq!(report["rows"], json!(Community::fewer(&before, &after)), "{how}");
    assert_eq!(plan["plan"]["rows"], report["rows"], "{how}");
    assert_eq!(plan["plan"]["objects"], report["objects_deleted"], "{how}");
    assert_eq!(plan["plan"]["bytes"], report["bytes_freed"], "{how}");
    for (count, expected) in [("matched", due.len()), ("deleted", due.len()), ("skipped", 0), ("failed", 0)] {
        assert_eq!(report["counts"][count], expected, "{how} {count}");
    }
    assert!(site.outbox().is_empty());
    community.after(ago(30)).assert_is_what_is_left(site, &how);
    report
}

/// Two users who are due, one who is not yet, one who is enabled and first of all; in both tenants.
struct People {
    enabled: Uuid,
    recent: Uuid,
    due: [Uuid; 2],
}

fn people(community: &mut Community) -> People {
    let enabled = community.user(None);
    let (recent, due) = (community.disabled(29), [community.disabled(31), community.disabled(400)]);
    for (number, user) in community.users.clone().iter().enumerate() {
        community.members.extend([(user.id, 0), (user.id, number % 2)].into_iter().take(1 + number % 2));
    }
    People { enabled, recent, due }
}

/// The rules that the old generation has for an event, its room and those who take part.
fn add_rules(community: &mut Community) {
    for event in community.events.clone() {
        let owner = format!("user::{}", event.by);
        for resource in ["", "/instances", "/instances/*", "/invites/*", "/reschedule", "/shared_folder", "/else", "x"]
        {
            community.rule("p", &owner, format!("/events/{}{resource}", event.id));
        }
        community.rule("p", "user::somebody", format!("/events/{}", event.id));
        community.rule("g", "user::somebody", format!("/events/{}", event.id));
        community.rule("p", &owner, format!("/users/me/event_favorites/{}", event.id));
        community.rule("p", &owner, format!("/users/me/event_favorites/{}/x", event.id));
    }
    for room in community.rooms.clone() {
        for resource in ["", "/start", "/assets/*", "/event", "/else", "/assets/1"] {
            community.rule("p", format!("user::{}", room.by), format!("/rooms/{}{resource}", room.id));
        }
        community.rule("p", "group::all", format!("/rooms/{}/tariff", room.id));
    }
    for invite in community.guest_invites.clone() {
        community.rule("p", format!("invite::{}", invite.id), format!("/rooms/{}/start", invite.place));
        community.rule("g", format!("invite::{}", invite.id), "role::guest");
    }
    for user in community.users.clone() {
        community.rule("g", format!("user::{}", user.id), "role::user");
        community.rule("p", format!("user::{}", user.id), "/users/me");
        community.rule("p", format!("user::{}x", user.id), "/users/me");
        community.rule("p", format!("User::{}", user.id), "/users/me");
        community.rule("x", format!("user::{}", user.id), "/users/me");
        community.rule("p", format!("group::{}", user.id), format!("user::{}", user.id));
    }
}

#[test]
fn users_go_with_what_is_theirs_and_the_rest_passes_on() {
    for (database, storage) in EVERYWHERE {
        let mut community = Community::default();
        let People { enabled, recent, due: [one, two] } = people(&mut community);
        // Of those who stay: everything, done by everybody.
        for owner in [enabled, recent] {
            let room = community.room(owner);
            let event = community.event_updated_by(room, owner, one);
            for user in [enabled, recent, one, two] {
                community.deeds(user, room, event);
            }
            community.guest_invite(room, two, enabled);
            community.guest_invite(room, enabled, one);
            let empty = community.room(owner);
            community.guest_invite(empty, one, two);
            community.resource(empty, two);
        }
        // Of those who go: an event in the own room, in the other's, in that of somebody who stays.
        for (owner, creator) in [(one, one), (one, two), (two, one), (enabled, two), (recent, one)] {
            let room = community.room(owner);
            let event = community.event_updated_by(room, creator, recent);
            for user in [enabled, recent, one, two] {
                community.deeds(user, room, event);
            }
        }
        // Rooms of theirs: one without an event, and ones with somebody else's.
        let empty = community.room(two);
        community.guest_invite(empty, enabled, recent);
        community.resource(empty, enabled);
        for (owner, creator) in [(one, enabled), (two, recent)] {
            let room = community.room(owner);
            let event = community.event_updated_by(room, creator, two);
            for user in [enabled, recent, one, two] {
                community.deeds(user, room, event);
            }
        }
        add_rules(&mut community);
        let site = Site::new(database, storage);
        community.fill(&site);
        let report = clean_up_as_the_model_says(&site, &community);
        assert_eq!(report["counts"]["examined"], 3, "all who are disabled");
        assert_eq!(report["rows"]["users"], 2);
        assert_eq!(report["rows"]["events"], 5);
        assert_eq!(report["rows"]["rooms"], 6);
        assert_eq!(report["rows"]["user_groups"], 3);
        assert_eq!(clean_up(&site, &[]).expect(0).report()["counts"]["matched"], 0, "a second run changes nothing");
    }
}

/// More users than one batch takes, each in the rooms and events of others who may go earlier, later or together.
#[test]
fn users_who_refer_to_each_other_go_in_one_pass() {
    const NUMBER: usize = 450;
    let mut community = Community::default();
    let host = community.user(None);
    let due: Vec<_> = (0..NUMBER).map(|_| community.disabled(31)).collect();
    for (n, owner) in due.iter().enumerate() {
        let [next, other, third] = [1, 7, 211].map(|step| due[(n + step) % NUMBER]);
        let room = community.room(*owner);
        if n % 3 == 0 {
            let event = community.event_updated_by(room, host, next);
            community.invitation(event, other, third);
            community.email_invite(event, third);
            community.exception(event, other);
        } else {
            let event = community.event_updated_by(room, next, other);
            community.invitation(event, other, third);
            community.favorites.push((third, event));
        }
        community.guest_invite(room, next, other);
        community.resource(room, third);
    }
    for database in DATABASES {
        let site = Site::new(database, StorageKind::Directory);
        community.fill(&site);
        clean_up_as_the_model_says(&site, &community);
    }
}

/// Old databases may have several events in a room.
#[test]
fn a_room_passes_to_the_creator_of_its_first_event_that_stays() {
    let mut community = Community::default();
    let People { enabled, recent, due: [one, two] } = people(&mut community);
    let room = community.room(one);
    for (creator, age) in [(recent, 10), (one, 40), (two, 50), (enabled, 30), (recent, 20)] {
        community.event(room, creator);
        community.events.last_mut().unwrap().age = age;
    }
    community.guest_invite(room, one, two);
    let shared = community.room(enabled);
    for creator in [one, two, two] {
        community.event(shared, creator);
    }
    assert_eq!(community.after(ago(30)).rooms.iter().map(|room| room.by).collect::<Vec<_>>(), [enabled]);
    for database in [DatabaseKind::Postgres, DatabaseKind::PostgresOld] {
        let site = Site::new(database, StorageKind::Directory);
        site.execute("ALTER TABLE events DROP CONSTRAINT events_room_key");
        community.fill(&site);
        clean_up_as_the_model_says(&site, &community);
    }
}

#[test]
fn nobody_to_delete_is_no_failure() {
    let mut community = Community::default();
    community.user(None);
    community.disabled(29);
    for (database, storage) in EVERYWHERE {
        let site = Site::new(database, storage);
        community.fill(&site);
        clean_up_as_the_model_says(&site, &community);
    }
}

/// Nobody is about to plan an event in the room of somebody who is gone, however young it is.
#[test]
fn young_rooms_go_with_their_owner() {
    let mut community = Community::default();
    let gone = community.disabled(31);
    community.room(gone);
    let mut site = Site::new(DatabaseKind::Postgres, StorageKind::Directory);
    site.set("safety", "room_minimum_age = \"365days\"");
    community.fill(&site);
    clean_up_as_the_model_says(&site, &community);
    assert_eq!(site.number("SELECT count(*) FROM rooms"), 0);
}

#[test]
fn deletion_can_be_switched_off() {
    let mut community = Community::default();
    let gone = community.disabled(31);
    community.room(gone);
    let mut site = Site::new(DatabaseKind::Postgres, StorageKind::Directory);
    community.fill(&site);
    site.set("safety", "deletion = false");
    let before = site.rows();
    let run = clean_up(&site, &[]).expect(4);
    assert!(run.stderr.contains("deletion = false"), "{run:?}");
    assert_eq!(site.rows(), before);
    assert_eq!(clean_up(&site, &["--dry-run"]).expect(0).report()["plan"]["rows"]["users"], 1);
}
