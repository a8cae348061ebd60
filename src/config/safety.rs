//! `[safety]`: the guards.

use std::time::Duration;

use upkeep_jobs::platform::Problem;

use super::keys::{SAFETY_DELETION, SAFETY_MAX_AFFECTED_FLOOR, SAFETY_MAX_AFFECTED_PERCENT, SAFETY_ROOM_MINIMUM_AGE};
use super::sources::Settings;

/// How careful runs are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Safety {
    /// Whether jobs that delete may run at all.
    pub(crate) deletion: bool,
    /// How much of a table a change with an outside cause may touch, 0 to 100.
    pub(crate) max_affected_percent: u8,
    /// Changes of fewer rows than this are never refused.
    pub(crate) max_affected_floor: u64,
    /// Rooms that are not older than this are left alone by room-cleanup; at most a hundred years.
    pub(crate) room_minimum_age: Duration,
}

pub(super) fn safety(settings: &Settings) -> Result<Safety, Problem> {
    let max_affected_percent = match u8::try_from(settings.number(SAFETY_MAX_AFFECTED_PERCENT)?) {
        Ok(percent) if percent <= 100 => percent,
        _ => return Err(settings.invalid(SAFETY_MAX_AFFECTED_PERCENT, "must be a percentage between 0 and 100")),
    };
    Ok(Safety {
        deletion: settings.switch(SAFETY_DELETION)?,
        max_affected_percent,
        max_affected_floor: settings.number(SAFETY_MAX_AFFECTED_FLOOR)?,
        room_minimum_age: settings.span(SAFETY_ROOM_MINIMUM_AGE)?,
    })
}
