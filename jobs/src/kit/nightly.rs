//! When a job runs where nobody says otherwise.

/// A time of day, local time, at which a job is started every night.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Nightly {
    hour: u8,
    minute: u8,
    reason: &'static str,
}

impl Nightly {
    /// Every night at `hour`:`minute`; `reason` is one line that says why then.
    ///
    /// Between 1 and 3 o'clock clocks are changed, which would skip a run or repeat it.
    pub const fn at(hour: u8, minute: u8, reason: &'static str) -> Self {
        assert!(hour < 24 && minute < 60, "not a time of day");
        assert!(hour < 1 || hour >= 3, "clocks are changed then");
        Self { hour, minute, reason }
    }

    /// Why then.
    pub fn reason(&self) -> &'static str {
        self.reason
    }

    /// The time of day, as on a clock.
    pub fn time(&self) -> String {
        format!("{:02}:{:02}", self.hour, self.minute)
    }

    /// As a calendar event of systemd, for `OnCalendar=`: see systemd.time(7).
    pub fn on_calendar(&self) -> String {
        format!("*-*-* {}:00", self.time())
    }

    /// As the five fields of a crontab: see crontab(5).
    pub fn cron(&self) -> String {
        format!("{} {} * * *", self.minute, self.hour)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_expressions_name_the_same_time() {
        let early = Nightly::at(3, 5, "");
        assert_eq!((early.on_calendar().as_str(), early.cron().as_str()), ("*-*-* 03:05:00", "5 3 * * *"));
        let late = Nightly::at(23, 59, "");
        assert_eq!((late.on_calendar().as_str(), late.cron().as_str()), ("*-*-* 23:59:00", "59 23 * * *"));
    }
}
