//! Dates and instants, made up: births long ago, everything else in the three years before a fixed day, later
//! columns of a row after earlier ones. The day is fixed, because the same seed makes the same rows for ever.

use super::plan::ColumnPlan;
use super::values::Place;
use crate::data::dice::Dice;
use jiff::civil::Date;
use jiff::{Span, ToSpan};

/// The day behind the last one.
const END: Date = jiff::civil::date(2026, 1, 1);
/// Days that rows are spread over.
const DAYS: i64 = 3 * 365;
const DAY_SECONDS: i64 = 86_400;

fn days(count: i64) -> Span {
    count.days()
}

fn births(column: &ColumnPlan) -> bool {
    const WORDS: &[&str] =
        &["born", "birth", "birthday", "birthdate", "dob", "geburtsdatum", "geboren"];
    column.words.iter().any(|w| WORDS.contains(&w.as_str()))
}

/// Days that the table's `CHECK`s or partitions name.
fn named(column: &ColumnPlan) -> Option<(Date, Date)> {
    let texts = column.shape.hints.texts.iter();
    let dates: Vec<Date> = texts.filter_map(|t| t.get(..10)?.parse().ok()).collect();
    let (least, most) = (*dates.iter().min()?, *dates.iter().max()?);
    Some(match least == most {
        true => (least.saturating_sub(days(400)), least.saturating_add(days(400))),
        false => (least, most),
    })
}

fn day(column: &ColumnPlan, place: &Place<'_>, dice: &mut Dice) -> Date {
    if let Some((least, most)) = named(column) {
        let width = least.until(most).map_or(0, |span| i64::from(span.get_days()));
        let row = i64::try_from(place.row).unwrap_or(0);
        let step = match column.unique {
            true => row + i64::from(place.attempt),
            false => dice.between(0, (width - 1).max(0)),
        };
        return least.saturating_add(days(step.min(100_000)));
    }
    if births(column) {
        return END.saturating_sub(days(dice.between(18 * 365, 90 * 365)));
    }
    if column.unique {
        let row = i64::try_from(place.row).unwrap_or(0);
        return END.saturating_sub(days((row + 1).min(700_000)));
    }
    moment(place).0
}

/// A moment that lies after those of earlier columns of the row.
fn moment(place: &Place<'_>) -> (Date, i64) {
    let mut row = Dice::at(place.person.seed, place.row, u32::MAX - 1);
    // More of late than of old.
    let ago = row.amount(0, DAYS * DAY_SECONDS);
    let mut at = DAYS * DAY_SECONDS - ago;
    for _ in 0..place.moments {
        at += row.amount(1, 20 * DAY_SECONDS);
    }
    let at = at.min(DAYS * DAY_SECONDS - 1);
    let begin = END.saturating_sub(days(DAYS));
    (begin.saturating_add(days(at / DAY_SECONDS)), at % DAY_SECONDS)
}

fn clock(seconds: i64) -> String {
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// A date.
pub(super) fn date(column: &ColumnPlan, place: &Place<'_>, dice: &mut Dice) -> String {
    day(column, place, dice).to_string()
}

/// An instant, in UTC where the type knows zones.
pub(super) fn instant(column: &ColumnPlan, place: &Place<'_>, dice: &mut Dice) -> String {
    let zone = if column.kind.name == "timestamptz" { "+00" } else { "" };
    if named(column).is_some() || births(column) || column.unique {
        let day = day(column, place, dice);
        return format!("{day} {}{zone}", time_of_day(dice));
    }
    let (day, seconds) = moment(place);
    format!("{day} {}{zone}", clock(seconds))
}

/// A time between morning and evening.
pub(super) fn time_of_day(dice: &mut Dice) -> String {
    clock(dice.between(7 * 3600, 20 * 3600))
}

/// A day and a later one.
pub(super) fn span(place: &Place<'_>, dice: &mut Dice) -> (Date, Date) {
    let (begin, _) = moment(place);
    (begin, begin.saturating_add(days(1 + dice.amount(0, 30))))
}
