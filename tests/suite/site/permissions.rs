//! The permissions that the platform keeps in its old generation.

use uuid::Uuid;

use super::{Event, Site};

/// The resources of an event and of a room, ID being theirs.
const RESOURCES: [(&str, bool); 19] = [
    ("/events/ID", true),
    ("/events/ID/instances", true),
    ("/events/ID/instances/*", true),
    ("/events/ID/invites", true),
    ("/events/ID/invites/*", true),
    ("/events/ID/invite", true),
    ("/events/ID/reschedule", true),
    ("/events/ID/shared_folder", true),
    ("/users/me/event_favorites/ID", true),
    ("/rooms/ID", false),
    ("/rooms/ID/invites", false),
    ("/rooms/ID/invites/*", false),
    ("/rooms/ID/streaming_targets", false),
    ("/rooms/ID/streaming_targets/*", false),
    ("/rooms/ID/start", false),
    ("/rooms/ID/tariff", false),
    ("/rooms/ID/event", false),
    ("/rooms/ID/assets", false),
    ("/rooms/ID/assets/*", false),
];
/// How many rules [`of`] makes.
pub(crate) const NUMBER_OF_PERMISSIONS: u64 = RESOURCES.len() as u64 + 4;

fn rule(ptype: &str, v0: &str, v1: &str) -> String {
    format!("('{ptype}', '{v0}', '{v1}', 'GET', '', '', '')")
}

fn insertion(rules: &[String]) -> String {
    format!(
        "INSERT INTO casbin_rule (ptype, v0, v1, v2, v3, v4, v5) VALUES {} ON CONFLICT DO NOTHING;\n",
        rules.join(", ")
    )
}

/// The rules that are about an event, its room and the guest invite to it; some are about several of them.
pub(super) fn of(event: &Event, invite: Uuid) -> String {
    let Event { id, room, .. } = event;
    let resources = RESOURCES.iter().map(|(resource, of_event)| {
        rule("p", "user::somebody", &resource.replace("ID", &if *of_event { id } else { room }.to_string()))
    });
    let guest = format!("invite::{invite}");
    let of_guest = [
        rule("p", &guest, &format!("/rooms/{room}/start")),
        rule("p", &guest, &format!("/events/{id}")),
        rule("p", &guest, "/somewhere/else"),
        rule("g", &guest, "role::guest"),
    ];
    insertion(&resources.chain(of_guest).collect::<Vec<_>>())
}

/// Inserts rules that look as if they were about `event` and are not.
pub(crate) fn look_alikes(site: &Site, event: &Event) {
    let Event { id, room, .. } = event;
    let (short, upper) = (&id.to_string()[..35], id.to_string().to_uppercase());
    let mut rules: Vec<_> = [
        format!("/events/{id}/"),
        format!("/events/{id}0"),
        format!("/events/{id}/instances/"),
        format!("/events/{id}/instances/1"),
        format!("/events/{id}/invites/{room}"),
        format!("/events/{id}/other"),
        format!("/events/{id} "),
        format!("/events/{short}"),
        format!("/events/{short}*"),
        format!("/events/{short}_"),
        format!("/events/{short}%"),
        format!("/events/{upper}"),
        format!("/Events/{id}"),
        format!("events/{id}"),
        "/events/*".to_owned(),
        "/events/".to_owned(),
        format!("/events/{room}"),
        format!("/rooms/{id}"),
        format!("/rooms/{room}/"),
        format!("/rooms/{room}/assets/{room}"),
        format!("/rooms/{room}/reschedule"),
        format!("/users/me/event_favorites/{room}"),
        format!("/users/me/event_favorites/{id}/*"),
        format!("/users/{id}"),
    ]
    .iter()
    .map(|resource| rule("p", "user::somebody", resource))
    .collect();
    // In a rule that is not a policy the same word is the name of a group.
    rules.push(rule("g", "user::somebody", &format!("/events/{id}")));
    rules.push(rule("g2", "user::somebody", &format!("/rooms/{room}")));
    rules.push(rule("P", "user::somebody", &format!("/events/{id}/invites")));
    // Neither is anybody's rule one on the event because they are called like it.
    rules.push(rule("p", &format!("/events/{id}"), "/x"));
    rules.push(rule("p", &format!("user::{id}"), "/x"));
    rules.push(rule("g", &format!("invite::{id}"), "/x"));
    rules.push(rule("g", &format!("invite::{room}"), "/x"));
    site.execute(&insertion(&rules));
}
