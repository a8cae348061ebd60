//! The jobs that maintain a video-conference platform: its events, rooms, invitations and accounts.

#[cfg_attr(not(test), expect(dead_code, reason = "event-cleanup is its only caller and is not written yet"))]
mod recurrence;
