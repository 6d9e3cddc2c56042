//! When a service runs that is not there all the time: `x-devenv: { schedule: "*/15 * * * *" }`.
//!
//! The times are crontab's five fields, of UTC or of the time zone named after them. Which clock they are
//! read on is for who runs it.

use super::node::{Findings, Spot};
use cronexpr::{Crontab, FallbackTimezoneOption, MakeTimestamp, ParseOptions};
use serde::Serialize;

/// A service's times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Schedule {
    /// As written.
    pub times: String,
    /// Whether a run begins while the one before it is not through.
    pub overlap: bool,
}

impl Schedule {
    /// The first time after an instant, both in milliseconds since the epoch; none if there is none any more.
    pub fn next_after(&self, millis: i64) -> Option<i64> {
        let at = MakeTimestamp::from_millisecond(millis).ok()?;
        let next = parsed(&self.times).ok()?.find_next(at).ok()?;
        Some(next.timestamp().as_millisecond())
    }
}

impl Schedule {
    /// The five fields, and the time zone that they are of.
    pub fn zoned(&self) -> (String, &str) {
        let words: Vec<&str> = self.times.split_ascii_whitespace().collect();
        let (fields, zone) = words.split_at_checked(5).unwrap_or((&words[..], &[]));
        (fields.join(" "), zone.first().copied().unwrap_or("Etc/UTC"))
    }
}

fn parsed(times: &str) -> Result<Crontab, String> {
    let mut options = ParseOptions::default();
    options.fallback_timezone_option = FallbackTimezoneOption::UTC;
    cronexpr::parse_crontab_with(times, options).map_err(|error| error.to_string())
}

/// The schedule that is written so.
pub(super) fn schedule(
    times: String,
    at: Spot,
    overlap: bool,
    findings: &mut Findings,
) -> Option<Schedule> {
    if let Err(why) = parsed(&times) {
        let why =
            why.lines().last().unwrap_or_default().trim().trim_start_matches(['^', ' ']).to_owned();
        findings.mistake(
            at,
            format!("`{times}` is no schedule (MINUTE HOUR DAY MONTH WEEKDAY [ZONE]): {why}"),
        );
        return None;
    }
    Some(Schedule { times, overlap })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(times: &str, after: &str) -> String {
        let schedule = Schedule { times: times.to_owned(), overlap: false };
        let after: jiff::Timestamp = after.parse().unwrap();
        let next = schedule.next_after(after.as_millisecond()).unwrap();
        jiff::Timestamp::from_millisecond(next).unwrap().to_string()
    }

    #[test]
    fn the_next_time_is_after_the_instant_and_of_its_zone() {
        assert_eq!(next("*/15 * * * *", "2027-03-28T00:14:59.999Z"), "2027-03-28T00:15:00Z");
        assert_eq!(next("*/15 * * * *", "2027-03-28T00:15:00Z"), "2027-03-28T00:30:00Z");
        assert_eq!(next("0 9 * * MON-FRI", "2027-01-01T09:00:00Z"), "2027-01-04T09:00:00Z");
        assert_eq!(next("0 4 29 2 *", "2027-01-01T00:00:00Z"), "2028-02-29T04:00:00Z");
        assert_eq!(
            next("30 6 * * * Europe/Berlin", "2027-07-01T00:00:00Z"),
            "2027-07-01T04:30:00Z"
        );
        let zoned = |times: &str| {
            let schedule = Schedule { times: times.to_owned(), overlap: false };
            let (fields, zone) = schedule.zoned();
            format!("{fields}|{zone}")
        };
        assert_eq!(zoned("30 6 * * *  Europe/Berlin"), "30 6 * * *|Europe/Berlin");
        assert_eq!(zoned("30 6 * * *"), "30 6 * * *|Etc/UTC");
    }
}
