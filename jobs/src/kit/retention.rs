//! Retention periods: how long ago something must have happened.

use chrono::{DateTime, TimeDelta, Utc};

use crate::platform::{Kind, Problem};

/// The instant `days` times 24 hours before `now`. `parameter` is what the operator calls the number.
///
/// # Errors
/// A usage problem when the calendar does not reach so far back.
pub fn days_before(now: DateTime<Utc>, days: u64, parameter: &str) -> Result<DateTime<Utc>, Problem> {
    i64::try_from(days)
        .ok()
        .and_then(TimeDelta::try_days)
        .and_then(|retention| now.checked_sub_signed(retention))
        .ok_or_else(|| {
            let what = format!("parameter {parameter}: {days} days ago is before the calendar begins");
            Problem::new(Kind::Usage, what).hint("choose a number of days that lies in the past of this platform")
        })
}
