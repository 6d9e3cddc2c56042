//! Texts, made up: of one person in a row, by the kind that a column's rule names, or by the column's name.

use super::plan::ColumnPlan;
use super::values::Place;
use crate::data::dice::Dice;
use crate::data::mask::{Kind, Locale, Spec, Words, iban_right, luhn_right};
use serde_json::Value;

/// Who a row is about.
pub(super) struct Person {
    pub(super) first: String,
    pub(super) last: String,
    /// The seed of the table's rows.
    pub(super) seed: u64,
}

impl Person {
    /// The person of a row.
    pub(super) fn of(locale: Locale, seed: u64, row: u64) -> Person {
        let mut words = Words::of(locale, Dice::at(seed, row, u32::MAX).next());
        Person { first: words.first_name().to_owned(), last: words.last_name(), seed }
    }
}

const COUNTRIES: &[&str] = &["DE", "AT", "CH", "FR", "ES", "GB", "US", "NL", "IT", "PL"];
const CURRENCIES: &[&str] = &["EUR", "USD", "GBP", "CHF", "PLN"];
const LANGUAGES: &[&str] = &["en", "de", "fr", "es", "it"];
const COLOURS: &[&str] = &["red", "green", "blue", "black", "white", "grey", "yellow"];
const STATUSES: &[&str] = &["active", "pending", "done", "cancelled"];
const CATEGORIES: &[&str] = &["standard", "plus", "basic", "other"];
const ZONES: &[&str] = &["Europe/Berlin", "Europe/London", "America/New_York", "UTC"];

/// Columns whose values are few and known.
const LISTS: &[(&[&str], &[&str])] = &[
    (&["country", "land"], COUNTRIES),
    (&["currency", "waehrung"], CURRENCIES),
    (&["language", "locale", "lang"], LANGUAGES),
    (&["colour", "color"], COLOURS),
    (&["status", "state"], STATUSES),
    (&["type", "kind", "category", "group", "tier", "level", "plan"], CATEGORIES),
    (&["timezone"], ZONES),
];

/// A text for a column.
pub(super) fn text(column: &ColumnPlan, place: &Place<'_>, dice: &mut Dice) -> String {
    let max = column.kind.max.or(column.spec.max).unwrap_or(usize::MAX);
    let mut made = match column.spec.kind {
        Kind::Keep | Kind::Text | Kind::Null => by_name(column, place, dice),
        kind => of_kind(kind, place, dice, max),
    };
    // What has to be different takes its row's number in, where it does not break the shape.
    if column.unique || column.key || place.attempt > 8 {
        made = apart(column.spec.kind, made, place, max);
    }
    made
}

fn by_name(column: &ColumnPlan, place: &Place<'_>, dice: &mut Dice) -> String {
    let last = column.words.last().map(String::as_str).unwrap_or_default();
    let list = LISTS.iter().find(|(words, _)| words.contains(&last)).map(|(_, list)| *list);
    if let Some(list) = list {
        let most = i64::try_from(list.len()).unwrap_or(1) - 1;
        return list[usize::try_from(dice.amount(0, most)).unwrap_or(0)].to_owned();
    }
    let mut words = Words::of(place.locale, dice.next());
    let says = |names: &[&str]| column.words.iter().any(|w| names.contains(&w.as_str()));
    if says(&["code", "sku", "number", "reference", "ref", "plz", "zip", "postcode"]) {
        return format!("{:05}", dice.below(100_000));
    }
    if says(&["username", "login", "handle", "nickname"]) {
        return format!("{}{}", plain(&place.person.first), dice.below(1_000));
    }
    if says(&["slug"]) {
        return format!("{}-{}", plain(&words.last_name()), dice.below(1_000));
    }
    let mut made = words.last_name();
    if dice.happens(0.5) {
        made.push(' ');
        made.push_str(&words.last_name().to_lowercase());
    }
    made
}

/// Small letters and digits only.
fn plain(text: &str) -> String {
    let folded = text.chars().filter_map(|c| match c.to_lowercase().next()? {
        'ä' | 'á' | 'à' => Some('a'),
        'ö' | 'ó' => Some('o'),
        'ü' | 'ú' => Some('u'),
        'é' | 'è' | 'ë' => Some('e'),
        'í' | 'ï' => Some('i'),
        'ñ' => Some('n'),
        c if c.is_ascii_alphanumeric() => Some(c),
        _ => None,
    });
    folded.collect()
}

fn of_kind(kind: Kind, place: &Place<'_>, dice: &mut Dice, max: usize) -> String {
    let mut words = Words::of(place.locale, dice.next());
    let person = place.person;
    match kind {
        Kind::Email => {
            let firm = plain(&words.last_name());
            format!("{}.{}@{firm}.test", plain(&person.first), plain(&person.last))
        }
        Kind::FirstName => person.first.clone(),
        Kind::LastName => person.last.clone(),
        Kind::Name => format!("{} {}", person.first, person.last),
        Kind::Company => words.company(),
        Kind::Street => words.street(),
        Kind::City => words.city(),
        Kind::Address => words.address(),
        Kind::Phone => phone(place.locale, dice),
        Kind::Card => card(dice),
        Kind::Iban => iban(dice),
        Kind::Uuid => super::values::uuid(dice),
        Kind::Id => dice.below(1_000_000).to_string(),
        Kind::Url => format!("https://{}.test/{}", plain(&words.last_name()), dice.below(10_000)),
        Kind::Ip => format!("10.{}.{}.{}", dice.below(256), dice.below(256), dice.below(256)),
        Kind::Token | Kind::Hex | Kind::Bytes => {
            format!("{:016x}{:016x}", dice.next(), dice.next())
        }
        Kind::Prose => {
            let mut prose = String::new();
            let length = usize::try_from(dice.amount(20, 240)).unwrap_or(20).min(max);
            words.prose(length, &mut prose);
            prose
        }
        _ => words.last_name(),
    }
}

/// Numbers that are kept free for stories, or lead nowhere.
fn phone(locale: Locale, dice: &mut Dice) -> String {
    match locale {
        Locale::En => format!("+1 202 555 01{:02}", dice.below(100)),
        Locale::De => format!("+49 30 23125 {:03}", dice.below(1_000)),
        Locale::Fr => format!("+33 1 99 00 {:02} {:02}", dice.below(100), dice.below(100)),
        Locale::Es => format!("+34 900 {:03} {:03}", dice.below(1_000), dice.below(1_000)),
    }
}

/// With a right check digit, of an issuer that does not exist.
fn card(dice: &mut Dice) -> String {
    let body = format!("999999{:09}", dice.below(1_000_000_000));
    let all = (0..10).map(|check| format!("{body}{check}"));
    all.clone().find(|number| luhn_right(number.as_bytes())).unwrap_or(body)
}

/// With right check digits, of a bank that does not exist.
fn iban(dice: &mut Dice) -> String {
    let body = format!("00000000{:010}", dice.below(10_000_000_000));
    let mut all = (2..=98).map(|check| format!("DE{check:02}{body}"));
    all.find(|number| iban_right(number)).unwrap_or_default()
}

/// The text with the row's number in it.
fn apart(kind: Kind, made: String, place: &Place<'_>, max: usize) -> String {
    let number = (place.row + 1).to_string();
    let cut = |text: &str, tail: usize| -> String {
        text.chars().take(max.saturating_sub(tail)).collect()
    };
    match kind {
        Kind::Uuid | Kind::Token | Kind::Hex | Kind::Card | Kind::Iban => made,
        Kind::Phone => {
            let digits = format!("{:0>7}", place.row + 1);
            let head: String = made.chars().take(7).collect();
            format!("{head}{digits}")
        }
        Kind::Email => {
            let (local, domain) = made.split_once('@').unwrap_or((&made, "x.test"));
            let tail = number.len() + 1 + domain.len();
            match tail < max {
                true => format!("{}{number}@{domain}", cut(local, tail)),
                false => format!("{number}@x.test"),
            }
        }
        _ => {
            let shape = made.bytes().all(|b| b.is_ascii_digit());
            match shape {
                true => format!("{:0>width$}", number, width = made.len().min(max)),
                false => {
                    format!("{} {number}", cut(&made, number.len() + 1)).trim_start().to_owned()
                }
            }
        }
    }
}

/// A leaf of a document.
pub(super) fn leaf(spec: &Spec, place: &Place<'_>, dice: &mut Dice) -> Value {
    match spec.kind {
        Kind::Number => Value::from(dice.amount(0, 1_000)),
        Kind::Id => Value::from(dice.amount(1, 100_000)),
        Kind::Constant => spec.value.clone().map_or(Value::Null, Value::String),
        Kind::Null => Value::Null,
        Kind::Keep => Value::Bool(dice.happens(0.7)),
        kind => Value::String(of_kind(kind, place, dice, 120)),
    }
}
