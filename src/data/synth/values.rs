//! One value of a column, made up: by its type, by the kind that its rule names, by its name, and by what the
//! table's `CHECK`s name. What a value must fulfil is seen elsewhere; here it only has to fit its type.

use super::moments::{date, instant, time_of_day};
use super::pattern::matching;
use super::plan::ColumnPlan;
use super::texts::{Person, text};
use crate::data::dice::Dice;
use crate::data::mask::{Kind, Locale, Spec};
use std::fmt::Write;

/// How often what a `CHECK` names is taken.
const HINT_SHARE: f64 = 0.8;
/// Elements of an array at the most.
const ELEMENTS_MAX: u64 = 4;
/// Clusters of made-up vectors.
const CLUSTERS: u64 = 12;

/// Where a value is made.
pub(super) struct Place<'a> {
    pub(super) row: u64,
    /// How often this row was refused.
    pub(super) attempt: u32,
    pub(super) person: &'a Person,
    pub(super) locale: Locale,
    /// How many columns of time stand before this one.
    pub(super) moments: u32,
}

/// A value in Postgres' own writing; `None`: nothing fits the type.
pub(super) fn value(column: &ColumnPlan, place: &Place<'_>, dice: &mut Dice) -> Option<String> {
    if column.spec.kind == Kind::Constant {
        return column.spec.value.clone();
    }
    if column.kind.array {
        return array(column, place, dice);
    }
    scalar(column, place, dice)
}

fn scalar(column: &ColumnPlan, place: &Place<'_>, dice: &mut Dice) -> Option<String> {
    let hinted = dice.happens(HINT_SHARE);
    let kind = &column.kind;
    Some(match (kind.name.as_str(), kind.category) {
        (_, 'E') => label(&column.shape.labels, dice)?,
        ("bool", _) => if dice.happens(0.8) { "t" } else { "f" }.to_owned(),
        ("int2" | "int4" | "int8" | "oid", _) => integer(column, place, hinted, dice).to_string(),
        ("numeric" | "float4" | "float8" | "money", _) => decimal(column, place, hinted, dice),
        ("date", _) => date(column, place, dice),
        ("timestamp" | "timestamptz", _) => instant(column, place, dice),
        ("time" | "timetz", _) => time_of_day(dice),
        ("interval", _) => format!("{} days {}", dice.amount(0, 60), time_of_day(dice)),
        ("uuid", _) => uuid(dice),
        ("json" | "jsonb", _) => document(&column.spec, place, dice),
        ("bytea", _) => format!("\\x{:016x}{:016x}", dice.next(), dice.next()),
        ("inet" | "cidr", _) => address(column, place, dice),
        ("macaddr", _) => mac(&[2, 0], 4, dice),
        ("macaddr8", _) => mac(&[2, 0], 6, dice),
        ("bit" | "varbit", _) => bits(&column.shape.base, dice),
        ("vector" | "halfvec", _) => vector(column, dice),
        ("point", _) => format!("({},{})", degrees(dice, 180), degrees(dice, 90)),
        ("tsvector", _) => "'made' 'up' 'words'".to_owned(),
        ("xml", _) => format!("<note>{}</note>", dice.below(10_000)),
        ("hstore", _) => format!("\"size\"=>\"{}\"", dice.below(50)),
        ("int4range" | "int8range" | "numrange", _) => {
            let least = dice.amount(0, 10_000);
            format!("[{least},{})", least + 1 + dice.amount(0, 100))
        }
        ("daterange" | "tsrange" | "tstzrange", _) => {
            let (least, most) = super::moments::span(place, dice);
            format!("[{least},{most})")
        }
        ("char", _) => char::from(b'a' + dice.index(26) as u8).to_string(),
        (_, 'S') | ("citext" | "name", _) => written(column, place, hinted, dice),
        _ => return None,
    })
}

/// The first labels are more usual than the last.
fn label(labels: &[String], dice: &mut Dice) -> Option<String> {
    let last = i64::try_from(labels.len()).ok()?.checked_sub(1)?;
    labels.get(usize::try_from(dice.amount(0, last)).ok()?).cloned()
}

fn says(column: &ColumnPlan, words: &[&str]) -> bool {
    column.words.iter().any(|w| words.contains(&w.as_str()))
}

/// What numbers by this name usually are.
fn usual(column: &ColumnPlan) -> (i64, i64) {
    let known: &[(&[&str], (i64, i64))] = &[
        (&["age", "alter"], (18, 90)),
        (&["year", "jahr"], (1990, 2025)),
        (&["month", "monat"], (1, 12)),
        (&["day", "tag"], (1, 28)),
        (&["hour"], (0, 23)),
        (&["quantity", "qty", "menge"], (1, 12)),
        (&["percent", "percentage", "share"], (0, 100)),
        (&["rating", "stars", "score"], (1, 5)),
        (&["price", "amount", "total", "cost", "fee", "balance", "salary", "betrag"], (1, 5_000)),
    ];
    let found = known.iter().find(|(words, _)| says(column, words));
    found.map_or((0, 1_000), |(_, span)| *span)
}

#[allow(clippy::cast_possible_truncation, reason = "bounds of a draw")]
fn bounds(column: &ColumnPlan, hinted: bool) -> (i64, i64) {
    let hints = column.shape.hints.span().filter(|_| hinted);
    let (least, most) = match hints {
        // One number alone is an end or a value: what lies around it is tried.
        Some((one, other)) if one >= other => (one as i64, (one as i64).saturating_add(1_000)),
        Some((least, most)) => (least as i64, most as i64),
        None => usual(column),
    };
    let (low, high) = column.spec.bounds;
    let ruled = column.spec.kind == Kind::Number;
    let low = low.filter(|l| ruled && *l > -1e12).map_or(least, |l| least.max(l as i64));
    let high = high.filter(|h| ruled && *h < 1e12).map_or(most, |h| most.min(h as i64));
    (low, high.max(low))
}

fn integer(column: &ColumnPlan, place: &Place<'_>, hinted: bool, dice: &mut Dice) -> i64 {
    let serial = i64::try_from(place.row).unwrap_or(i64::MAX - 1) + 1;
    let (least, most) = bounds(column, hinted);
    if column.unique {
        let begin = if column.shape.hints.numbers.is_empty() { 1 } else { least };
        return begin.saturating_add(serial - 1);
    }
    let widened = most.saturating_add(i64::from(place.attempt / 4));
    let made = match says(column, &["year", "month", "day", "hour", "age", "rating", "stars"]) {
        true => dice.between(least, most),
        false => dice.amount(least, widened),
    };
    match column.kind.name.as_str() {
        "int2" => made.clamp(i64::from(i16::MIN), i64::from(i16::MAX)),
        "int4" => made.clamp(i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => made,
    }
}

fn decimal(column: &ColumnPlan, place: &Place<'_>, hinted: bool, dice: &mut Dice) -> String {
    if says(column, &["lat", "latitude"]) {
        return degrees(dice, 90);
    }
    if says(column, &["lon", "lng", "long", "longitude"]) {
        return degrees(dice, 180);
    }
    let (before, scale) = column.kind.digits.unwrap_or((9, 2));
    let scale = scale.min(6);
    let unit = 10i64.pow(scale);
    // As many digits as the type holds.
    let most = 10i64.checked_pow(before).map_or(1_000_000_000, |n| n.min(1_000_000_000)) - 1;
    let (low, high) = bounds(column, hinted);
    let (low, high) = (low.clamp(-most, most), high.clamp(-most, most));
    let made = match column.unique {
        true => low * unit + i64::try_from(place.row).unwrap_or(0),
        false => dice.amount(low * unit, high * unit),
    };
    let (sign, made) = (if made < 0 { "-" } else { "" }, made.unsigned_abs());
    let unit = unit.unsigned_abs();
    match scale {
        0 => format!("{sign}{made}"),
        scale => format!("{sign}{}.{:0width$}", made / unit, made % unit, width = scale as usize),
    }
}

fn degrees(dice: &mut Dice, most: i64) -> String {
    let micro = dice.between(-most * 900_000, most * 900_000);
    let (sign, size) = (if micro < 0 { "-" } else { "" }, micro.unsigned_abs());
    format!("{sign}{}.{:06}", size / 1_000_000, size % 1_000_000)
}

/// A UUID of version 4.
pub(super) fn uuid(dice: &mut Dice) -> String {
    let (a, b) = (dice.next(), dice.next());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        a >> 32,
        (a >> 16) & 0xffff,
        a & 0xfff,
        0x8000 | (b >> 50),
        b & 0xffff_ffff_ffff
    )
}

/// An address of a private network, with which nobody is reached.
fn address(column: &ColumnPlan, place: &Place<'_>, dice: &mut Dice) -> String {
    let n = if column.unique { place.row + 1 } else { dice.below(1 << 24) };
    format!("10.{}.{}.{}", (n >> 16) & 255, (n >> 8) & 255, n & 255)
}

fn mac(begin: &[u8], more: usize, dice: &mut Dice) -> String {
    let drawn = (0..more).map(|_| dice.below(256) as u8);
    let all: Vec<String> =
        begin.iter().copied().chain(drawn).map(|byte| format!("{byte:02x}")).collect();
    all.join(":")
}

fn bits(written: &str, dice: &mut Dice) -> String {
    let length = number_in(written).unwrap_or(1);
    (0..length).map(|_| if dice.happens(0.5) { '1' } else { '0' }).collect()
}

/// The number in brackets: `vector(384)`.
fn number_in(written: &str) -> Option<usize> {
    written.split_once('(')?.1.split_once(')')?.0.parse().ok()
}

/// A point near one of some centres, as texts on few subjects have.
fn vector(column: &ColumnPlan, dice: &mut Dice) -> String {
    let length = number_in(&column.shape.base).unwrap_or(3);
    let mut centre = Dice::at(column.base, dice.below(CLUSTERS), u32::MAX);
    let mut written = String::from("[");
    for i in 0..length {
        let at = centre.unit() * 2.0 - 1.0 + (dice.unit() - 0.5) * 0.2;
        let _ = write!(written, "{}{at:.5}", if i > 0 { "," } else { "" });
    }
    written.push(']');
    written
}

/// A text: of what a `CHECK` lists, by its expression, or as its kind says; never longer than it may be.
fn written(column: &ColumnPlan, place: &Place<'_>, hinted: bool, dice: &mut Dice) -> String {
    let hints = &column.shape.hints;
    let named = hints.texts.len() + hints.patterns.len();
    let made = match hinted && named > 0 {
        true => {
            let drawn = dice.index(named);
            match hints.texts.get(drawn) {
                Some(text) => Some(text.clone()),
                None => matching(&hints.patterns[drawn - hints.texts.len()], dice),
            }
        }
        false => None,
    };
    let free = made.is_none();
    let mut made = made.unwrap_or_else(|| text(column, place, dice));
    // `length(code) = 5` names a number.
    if let Some(wanted) = hints.numbers.first().filter(|n| hinted && free && **n <= 200.0) {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 200")]
        let wanted = wanted.max(0.0) as usize;
        while made.chars().count() < wanted {
            made.push(char::from(b'a' + dice.index(26) as u8));
        }
        made = made.chars().take(wanted).collect();
    }
    match column.kind.max {
        Some(max) if made.chars().count() > max => made.chars().take(max).collect(),
        _ => made,
    }
}

fn array(column: &ColumnPlan, place: &Place<'_>, dice: &mut Dice) -> Option<String> {
    let mut element = column.clone();
    element.kind.array = false;
    element.unique = false;
    element.spec = column.spec.of.as_deref().cloned().unwrap_or_else(|| Spec::of(Kind::Text));
    let mut list = String::from("{");
    for n in 0..dice.below(ELEMENTS_MAX + 1) {
        let value = scalar(&element, place, dice)?;
        let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
        let _ = write!(list, "{}\"{escaped}\"", if n > 0 { "," } else { "" });
    }
    list.push('}');
    Some(list)
}

/// A document of the paths that the rule names.
fn document(spec: &Spec, place: &Place<'_>, dice: &mut Dice) -> String {
    let mut root = serde_json::Value::Object(serde_json::Map::new());
    for (path, spec) in &spec.paths {
        let leaf = super::texts::leaf(spec, place, dice);
        let steps = path.trim_start_matches('$').replace("[*]", ".[*]");
        let steps: Vec<&str> = steps.split('.').filter(|s| !s.is_empty()).collect();
        put(&mut root, &steps, leaf);
    }
    root.to_string()
}

fn put(into: &mut serde_json::Value, steps: &[&str], leaf: serde_json::Value) {
    use serde_json::Value;
    let Some((step, rest)) = steps.split_first() else {
        *into = leaf;
        return;
    };
    if *step == "[*]" {
        if !into.is_array() {
            *into = Value::Array(vec![Value::Null]);
        }
        return put(&mut into[0], rest, leaf);
    }
    let key = match step.trim_matches('"') {
        "*" => "any",
        masked if masked.starts_with('{') => "key",
        key => key,
    };
    if !into.is_object() {
        *into = Value::Object(serde_json::Map::new());
    }
    put(&mut into[key], rest, leaf);
}
