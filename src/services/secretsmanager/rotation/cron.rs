//! Cron expressions of rotation schedules: six fields, minutes always `0` and the year always `*`, in UTC.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html>

use std::ops::RangeInclusive;

/// Hours between two rotations at the least.
pub(super) const HOURS_APART_MIN: u32 = 4;
const HOURS_A_DAY: u32 = 24;
const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// A parsed expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cron {
    /// Hours of a day at which windows open, ascending; never empty.
    pub(super) hours: Vec<u32>,
    months: Vec<u32>,
    days: Days,
}

/// Which days of a month.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Days {
    /// Days of the month.
    OfMonth(Vec<u32>),
    /// The last one.
    Last,
    /// Days of the week, Sunday being 1.
    OfWeek(Vec<u32>),
    /// The nth such day of the week.
    Nth(u32, u32),
    /// The last such day of the week.
    LastOfWeek(u32),
}

/// A day as expressions see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Day {
    /// 1 to 12.
    pub(super) month: u32,
    /// 1 to 31.
    pub(super) day: u32,
    /// Sunday is 1.
    pub(super) weekday: u32,
    /// Days that the month has.
    pub(super) month_days: u32,
}

impl Cron {
    /// Reads what stands between `cron(` and `)`.
    pub(super) fn read(text: &str) -> Option<Cron> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let &[minutes, hours, of_month, months, of_week, year] = fields.as_slice() else {
            return None;
        };
        if minutes != "0" || year != "*" {
            return None;
        }
        let days = match (of_month, of_week) {
            ("?", of_week) => Days::read_week(of_week)?,
            ("L", "?") => Days::Last,
            (of_month, "?") => Days::OfMonth(list(of_month, 1..=31, &[])?),
            // A star beside the other field says nothing of its own.
            ("*", of_week) if of_week != "*" => Days::read_week(of_week)?,
            _ => return None,
        };
        let cron =
            Cron { hours: list(hours, 0..=23, &[])?, months: list(months, 1..=12, &MONTHS)?, days };
        cron.keeps_apart().then_some(cron)
    }

    /// Whether a window opens on `day`.
    pub(super) fn fits(&self, day: Day) -> bool {
        self.months.contains(&day.month)
            && match &self.days {
                Days::OfMonth(days) => days.contains(&day.day),
                Days::Last => day.day == day.month_days,
                Days::OfWeek(days) => days.contains(&day.weekday),
                Days::Nth(weekday, nth) => *weekday == day.weekday && (day.day - 1) / 7 + 1 == *nth,
                Days::LastOfWeek(weekday) => {
                    *weekday == day.weekday && day.day + 7 > day.month_days
                }
            }
    }

    /// The hours between two windows of a day at the least; a day if it has one only.
    pub(super) fn hours_apart(&self) -> u32 {
        let gaps = self.hours.windows(2).map(|pair| pair[1] - pair[0]);
        gaps.min().unwrap_or(HOURS_A_DAY)
    }

    /// No two windows are nearer than AWS allows, over midnight too.
    fn keeps_apart(&self) -> bool {
        let (first, last) = (self.hours[0], self.hours[self.hours.len() - 1]);
        let over_midnight = HOURS_A_DAY - last + first;
        self.hours_apart() >= HOURS_APART_MIN && over_midnight >= HOURS_APART_MIN
    }
}

impl Days {
    fn read_week(text: &str) -> Option<Days> {
        if let Some((day, nth)) = text.split_once('#') {
            let nth = nth.parse().ok().filter(|nth| (1..=5).contains(nth))?;
            return Some(Days::Nth(one(day, &(1..=7), &WEEKDAYS)?, nth));
        }
        if text == "L" {
            return Some(Days::OfWeek(vec![7]));
        }
        if let Some(day) = text.strip_suffix('L') {
            return one(day, &(1..=7), &WEEKDAYS).map(Days::LastOfWeek);
        }
        list(text, 1..=7, &WEEKDAYS).map(Days::OfWeek)
    }
}

/// `1,3-5,8/2,*`: the values that are meant, ascending.
fn list(text: &str, range: RangeInclusive<u32>, names: &[&str]) -> Option<Vec<u32>> {
    let mut values = Vec::new();
    for part in text.split(',') {
        let (span, step) = match part.split_once('/') {
            Some((span, step)) => {
                (span, step.parse::<usize>().ok().filter(|s| (1..=31).contains(s))?)
            }
            None => (part, 1),
        };
        let (from, to) = match span.split_once('-') {
            _ if span == "*" => (*range.start(), *range.end()),
            Some((from, to)) => (one(from, &range, names)?, one(to, &range, names)?),
            None if step > 1 => (one(span, &range, names)?, *range.end()),
            None => {
                let value = one(span, &range, names)?;
                (value, value)
            }
        };
        if from > to {
            return None;
        }
        values.extend((from..=to).step_by(step));
    }
    values.sort_unstable();
    values.dedup();
    Some(values)
}

fn one(text: &str, range: &RangeInclusive<u32>, names: &[&str]) -> Option<u32> {
    let named = names.iter().position(|name| name.eq_ignore_ascii_case(text));
    let value = match named {
        Some(at) => u32::try_from(at).ok()? + 1,
        None if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok()?,
        None => return None,
    };
    range.contains(&value).then_some(value)
}
