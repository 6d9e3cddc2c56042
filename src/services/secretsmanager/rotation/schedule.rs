//! When a secret is rotated next: rules and the windows that follow from them, in UTC.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html>: with days
//! or a rate in days the window opens at midnight, so many days after the rotation before; with a rate in
//! hours, so many hours after it; with cron when the expression says so. It closes after its duration, and
//! without one at the end of the day, or after an hour where rotations are hours apart.

use super::cron::{Cron, Day, HOURS_APART_MIN};
use crate::base::Millis;
use serde::{Deserialize, Serialize};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Days between two rotations at the most.
const DAYS_MAX: i64 = 1000;
/// Days that are looked through for a cron expression's next day: AWS has none rarer than yearly, and
/// a leap day comes after eight years at the latest.
const DAYS_AHEAD_MAX: i64 = 8 * 366;

/// Rotation rules as they were given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Rules {
    /// Days between two rotations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub automatically_after_days: Option<i64>,
    /// How long the window is open (`3h`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<String>,
    /// `rate(…)` or `cron(…)`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule_expression: Option<String>,
}

/// A time in which a secret is rotated: devenv does so when it opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// When it opens, in milliseconds since the epoch.
    pub open: i64,
    /// When it closes.
    pub close: i64,
}

/// Rules that were understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    every: Every,
    /// Hours that a window is open, where that was said.
    hours: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Every {
    Days(i64),
    Hours(i64),
    Cron(Cron),
}

impl Window {
    /// The last second of the window, which AWS shows as `NextRotationDate`.
    pub fn last_second(self) -> Millis {
        Millis(self.close - 1000)
    }
}

impl Schedule {
    /// The schedule of `rules`; `None` where there is none. In words, what is wrong with them.
    pub fn read(rules: &Rules) -> Result<Option<Schedule>, String> {
        let every = match (rules.automatically_after_days, rules.schedule_expression.as_deref()) {
            (Some(_), Some(_)) => {
                return Err("You can't specify both AutomaticallyAfterDays and ScheduleExpression in RotationRules.".into());
            }
            (Some(days), None) if !(1..=DAYS_MAX).contains(&days) => {
                return Err(format!(
                    "The AutomaticallyAfterDays value must be between 1 and {DAYS_MAX}."
                ));
            }
            (Some(days), None) => Every::Days(days),
            (None, Some(text)) => Every::read(text).ok_or_else(|| {
                format!("The ScheduleExpression {text} isn't valid: rotation schedules are rate(4 hours) or longer, or cron(0 Hours Day-of-month Month Day-of-week *).")
            })?,
            (None, None) if rules.duration.is_some() => {
                return Err("The Duration of a rotation window needs a schedule.".into());
            }
            (None, None) => return Ok(None),
        };
        let hours = rules.duration.as_deref().map(|text| {
            let hours = text.strip_suffix('h').and_then(|digits| digits.parse::<i64>().ok());
            hours.filter(|hours| *hours > 0).ok_or_else(|| {
                format!("The Duration {text} isn't valid: write a number of hours, as in 3h.")
            })
        });
        let schedule = Schedule { every, hours: hours.transpose()? };
        if schedule.overlaps() {
            return Err(
                "The rotation window must not extend into the next rotation window or the next UTC day."
                    .into(),
            );
        }
        if schedule.after(Millis(0), None).is_none() {
            return Err("The ScheduleExpression never comes true.".into());
        }
        Ok(Some(schedule))
    }

    /// Whether a value that somebody puts counts as a rotation.
    pub fn counts_from_last(&self) -> bool {
        matches!(self.every, Every::Days(_) | Every::Hours(_))
    }

    /// The next window after `now`, for a secret that was rotated (or got its schedule) at `now`.
    pub fn after(&self, now: Millis, last: Option<Millis>) -> Option<Window> {
        let midnight = now.0 - now.0.rem_euclid(DAY_MS);
        let open = match &self.every {
            Every::Days(days) => midnight + days * DAY_MS,
            // The first one starts at midnight.
            Every::Hours(_) if last.is_none() => midnight + DAY_MS,
            Every::Hours(hours) => now.0 - now.0.rem_euclid(HOUR_MS) + hours * HOUR_MS,
            Every::Cron(cron) => next_of(cron, now.0, midnight)?,
        };
        let end_of_day = open - open.rem_euclid(DAY_MS) + DAY_MS;
        let close = match (self.hours, &self.every) {
            (Some(hours), _) => open + hours * HOUR_MS,
            (None, Every::Hours(_)) => open + HOUR_MS,
            (None, Every::Cron(cron)) if cron.hours.len() > 1 => open + HOUR_MS,
            (None, _) => end_of_day,
        };
        Some(Window { open, close })
    }

    fn overlaps(&self) -> bool {
        let hours = self.hours.unwrap_or(1);
        match &self.every {
            Every::Days(_) => hours > 24,
            Every::Hours(apart) => hours > *apart,
            Every::Cron(cron) => {
                let last = cron.hours.last().copied().unwrap_or_default();
                i64::from(last) + hours > 24 || hours > i64::from(cron.hours_apart())
            }
        }
    }
}

impl Every {
    fn read(text: &str) -> Option<Every> {
        if let Some(inner) = inside(text, "cron(") {
            return Cron::read(inner).map(Every::Cron);
        }
        let (number, unit) = inside(text, "rate(")?.trim().split_once(' ')?;
        let number: i64 = number.parse().ok()?;
        match unit.trim() {
            "day" | "days" if (1..=DAYS_MAX).contains(&number) => Some(Every::Days(number)),
            "hour" | "hours" if (i64::from(HOURS_APART_MIN)..=DAYS_MAX * 24).contains(&number) => {
                Some(Every::Hours(number))
            }
            _ => None,
        }
    }
}

fn inside<'a>(text: &'a str, opening: &str) -> Option<&'a str> {
    text.trim().strip_prefix(opening)?.strip_suffix(')')
}

/// The first opening of `cron` after `now`.
fn next_of(cron: &Cron, now: i64, midnight: i64) -> Option<i64> {
    let days = (0..DAYS_AHEAD_MAX).map(|n| midnight + n * DAY_MS);
    let mut openings = days
        .filter(|day| cron.fits(day_of(*day)))
        .flat_map(|day| cron.hours.iter().map(move |hour| day + i64::from(*hour) * HOUR_MS));
    openings.find(|open| *open > now)
}

fn day_of(midnight: i64) -> Day {
    let (year, month, day, ..) = Millis(midnight).civil();
    // 1970-01-01 was a Thursday, the fifth day of a week that begins on Sunday.
    let weekday = (midnight.div_euclid(DAY_MS) + 4).rem_euclid(7) as u32 + 1;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month_days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    Day { month, day, weekday, month_days }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21T10:15:30.123Z, a Saturday.
    const NOW: Millis = Millis(1_795_256_130_123);

    fn rules(days: Option<i64>, schedule: Option<&str>, duration: Option<&str>) -> Rules {
        Rules {
            automatically_after_days: days,
            duration: duration.map(str::to_owned),
            schedule_expression: schedule.map(str::to_owned),
        }
    }

    /// Opening and last second of the next window of an expression.
    fn next(schedule: &str, duration: Option<&str>, last: Option<Millis>) -> String {
        let read = Schedule::read(&rules(None, Some(schedule), duration)).unwrap().unwrap();
        let window = read.after(NOW, last).unwrap();
        let text = |at: Millis| at.iso8601()[..19].to_owned();
        format!("{} {}", text(Millis(window.open)), text(window.last_second()))
    }

    #[test]
    fn windows_open_when_the_rules_say_so() {
        assert_eq!(NOW.iso8601(), "2026-11-21T10:15:30.123Z");
        for (schedule, duration, window) in [
            ("rate(1 day)", None, "2026-11-22T00:00:00 2026-11-22T23:59:59"),
            ("rate(10 days)", Some("3h"), "2026-12-01T00:00:00 2026-12-01T02:59:59"),
            ("rate(4 hours)", None, "2026-11-22T00:00:00 2026-11-22T00:59:59"),
            ("cron(0 8 1 * ? *)", None, "2026-12-01T08:00:00 2026-12-01T23:59:59"),
            ("cron(0 16 1,15 * ? *)", Some("2h"), "2026-12-01T16:00:00 2026-12-01T17:59:59"),
            ("cron(0 4/12 * * ? *)", None, "2026-11-21T16:00:00 2026-11-21T16:59:59"),
            ("cron(0 10 * * ? *)", None, "2026-11-22T10:00:00 2026-11-22T23:59:59"),
            ("cron(0 0 L * ? *)", None, "2026-11-30T00:00:00 2026-11-30T23:59:59"),
            ("cron(0 0 ? * SUN#1 *)", None, "2026-12-06T00:00:00 2026-12-06T23:59:59"),
            ("cron(0 0 ? * FRIL *)", None, "2026-11-27T00:00:00 2026-11-27T23:59:59"),
            ("cron(0 6 ? * MON-FRI *)", None, "2026-11-23T06:00:00 2026-11-23T23:59:59"),
            ("cron(0 2 ? JAN,JUL 2 *)", None, "2027-01-04T02:00:00 2027-01-04T23:59:59"),
            ("cron(0 0 29 2 ? *)", None, "2028-02-29T00:00:00 2028-02-29T23:59:59"),
        ] {
            assert_eq!(next(schedule, duration, None), window, "{schedule}");
        }
        let later = next("rate(12 hours)", None, Some(NOW));
        assert_eq!(later, "2026-11-21T22:00:00 2026-11-21T22:59:59");
    }

    #[test]
    fn what_aws_would_not_take_is_refused() {
        for schedule in [
            "rate(3 hours)",
            "rate(0 days)",
            "rate(1001 days)",
            "rate(10 minutes)",
            "cron(5 8 1 * ? *)",
            "cron(0 8 1 * ? 2027)",
            "cron(0 8 1 * 1 *)",
            "cron(0 * * * ? *)",
            "cron(0 0,22 * * ? *)",
            "cron(0 8 32 * ? *)",
            "cron(0 8 ? * MON#6 *)",
            "cron(0 8 30 2 ? *)",
            "cron(0 8 1 * ?)",
            "daily",
        ] {
            let read = Schedule::read(&rules(None, Some(schedule), None));
            assert!(read.is_err(), "{schedule}: {read:?}");
        }
        for (schedule, duration) in [
            ("rate(4 hours)", "5h"),
            ("cron(0 20 * * ? *)", "5h"),
            ("cron(0 4/8 * * ? *)", "9h"),
            ("rate(1 day)", "25h"),
            ("rate(1 day)", "0h"),
            ("rate(1 day)", "h"),
        ] {
            let read = Schedule::read(&rules(None, Some(schedule), Some(duration)));
            assert!(read.is_err(), "{schedule} {duration}");
        }
        assert!(Schedule::read(&rules(Some(3), Some("rate(1 day)"), None)).is_err());
        assert!(Schedule::read(&rules(Some(0), None, None)).is_err());
        assert!(Schedule::read(&rules(None, None, Some("3h"))).is_err());
        assert_eq!(Schedule::read(&rules(None, None, None)), Ok(None));
    }

    proptest::proptest! {
        #[test]
        fn no_expression_makes_it_panic(text in "(cron|rate)\\([0-9A-Z#?*/, L-]{0,24}\\)", at in 0..4_102_444_800_000i64) {
            if let Ok(Some(schedule)) = Schedule::read(&rules(None, Some(&text), None)) {
                let window = schedule.after(Millis(at), None).unwrap();
                proptest::prop_assert!(window.open > at && window.close > window.open);
            }
        }
    }
}
