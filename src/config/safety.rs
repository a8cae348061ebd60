//! `[safety]`: the guards.

use upkeep_jobs::kit::{Allowance, Guard};
use upkeep_jobs::platform::Problem;

use super::keys::{SAFETY_DELETION, SAFETY_MAX_AFFECTED_FLOOR, SAFETY_MAX_AFFECTED_PERCENT, SAFETY_ROOM_MINIMUM_AGE};
use super::sources::Settings;

/// How careful runs are that nobody has allowed anything.
pub(super) fn safety(settings: &Settings) -> Result<Guard, Problem> {
    let max_affected_percent = match u8::try_from(settings.number(SAFETY_MAX_AFFECTED_PERCENT)?) {
        Ok(percent) if percent <= 100 => percent,
        _ => return Err(settings.invalid(SAFETY_MAX_AFFECTED_PERCENT, "must be a percentage between 0 and 100")),
    };
    Ok(Guard {
        deletion: settings.switch(SAFETY_DELETION)?,
        max_affected_percent,
        max_affected_floor: settings.number(SAFETY_MAX_AFFECTED_FLOOR)?,
        room_minimum_age: settings.span(SAFETY_ROOM_MINIMUM_AGE)?,
        allowance: Allowance::default(),
    })
}
