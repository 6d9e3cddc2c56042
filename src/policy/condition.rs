//! Conditions of a statement: operators, sets of values, absent keys.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>,
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html>

use super::{Keys, Mistake, Pattern};
use serde_json::Value;
use std::cmp::Ordering;
use std::net::IpAddr;

/// What an operator compares, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text { not: bool, any_case: bool },
    Number(Order),
    Date(Order),
    Bool,
    Binary,
    Address { not: bool },
    Arn { not: bool },
    Null,
}

/// How numbers and dates must lie to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Equal,
    Other,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    fn holds(self, given: Ordering) -> bool {
        match self {
            Order::Equal => given.is_eq(),
            Order::Other => given.is_ne(),
            Order::Less => given.is_lt(),
            Order::LessOrEqual => given.is_le(),
            Order::Greater => given.is_gt(),
            Order::GreaterOrEqual => given.is_ge(),
        }
    }

    fn read(name: &str) -> Option<Order> {
        Some(match name {
            "Equals" => Order::Equal,
            "NotEquals" => Order::Other,
            "LessThan" => Order::Less,
            "LessThanEquals" => Order::LessOrEqual,
            "GreaterThan" => Order::Greater,
            "GreaterThanEquals" => Order::GreaterOrEqual,
            _ => return None,
        })
    }
}

/// How a key of several values is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    /// `ForAnyValue`, and keys of one value.
    Any,
    /// `ForAllValues`.
    All,
}

/// One key's condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The operator as written.
    pub operator: String,
    /// The key.
    pub key: String,
    /// What it is compared with.
    pub values: Vec<Pattern>,
    pub(super) kind: Kind,
    set: Set,
    pub(super) if_exists: bool,
    pub(super) of_all: bool,
    of_any: bool,
}

/// Reads a statement's `Condition`.
pub(super) fn read(value: &Value, variables: bool) -> Result<Vec<Condition>, Mistake> {
    let operators = value.as_object().ok_or(Mistake::Syntax)?;
    let mut conditions = Vec::new();
    for (operator, keys) in operators {
        for (key, values) in keys.as_object().ok_or(Mistake::Syntax)? {
            conditions.push(condition(operator, key, values, variables)?);
        }
    }
    Ok(conditions)
}

fn condition(
    operator: &str,
    key: &str,
    values: &Value,
    variables: bool,
) -> Result<Condition, Mistake> {
    let (set, name) = match operator.split_once(':') {
        Some(("ForAllValues", name)) => (Some(Set::All), name),
        Some(("ForAnyValue", name)) => (Some(Set::Any), name),
        _ => (None, operator),
    };
    let if_exists = name.ends_with("IfExists");
    let bare = name.strip_suffix("IfExists").unwrap_or(name);
    let unknown = || Mistake::Operator(operator.to_owned());
    let kind = kind(bare).filter(|k| !(if_exists && *k == Kind::Null)).ok_or_else(unknown)?;
    let wildcards =
        matches!(bare, "StringLike" | "StringNotLike") || matches!(kind, Kind::Arn { .. });
    let list = match values {
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    let mut read = Vec::with_capacity(list.len());
    for value in list {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(yes) => yes.to_string(),
            _ => return Err(Mistake::Syntax),
        };
        let pattern = Pattern::new(&text, variables, wildcards);
        if !pattern.has_variables() && !is_comparable(kind, &text) {
            return Err(Mistake::Value(operator.to_owned(), text));
        }
        read.push(pattern);
    }
    Ok(Condition {
        operator: operator.to_owned(),
        key: key.to_owned(),
        values: read,
        kind,
        set: set.unwrap_or(Set::Any),
        if_exists,
        of_all: set == Some(Set::All),
        of_any: set == Some(Set::Any),
    })
}

fn kind(name: &str) -> Option<Kind> {
    let text = |not, any_case| Some(Kind::Text { not, any_case });
    match name {
        "StringEquals" | "StringLike" => text(false, false),
        "StringNotEquals" | "StringNotLike" => text(true, false),
        "StringEqualsIgnoreCase" => text(false, true),
        "StringNotEqualsIgnoreCase" => text(true, true),
        "Bool" => Some(Kind::Bool),
        "BinaryEquals" => Some(Kind::Binary),
        "IpAddress" => Some(Kind::Address { not: false }),
        "NotIpAddress" => Some(Kind::Address { not: true }),
        "ArnEquals" | "ArnLike" => Some(Kind::Arn { not: false }),
        "ArnNotEquals" | "ArnNotLike" => Some(Kind::Arn { not: true }),
        "Null" => Some(Kind::Null),
        _ => match (name.strip_prefix("Numeric"), name.strip_prefix("Date")) {
            (Some(order), _) => Order::read(order).map(Kind::Number),
            (_, Some(order)) => Order::read(order).map(Kind::Date),
            _ => None,
        },
    }
}

fn is_comparable(kind: Kind, text: &str) -> bool {
    match kind {
        Kind::Text { .. } | Kind::Binary | Kind::Arn { .. } => true,
        Kind::Number(_) => number(text).is_some(),
        Kind::Date(_) => date(text).is_some(),
        Kind::Bool | Kind::Null => boolean(text).is_some(),
        Kind::Address { .. } => Address::read(text).is_some(),
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|n: &f64| n.is_finite())
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// Seconds since the epoch, of a date in any form that policies know: `2026-11-21`,
/// `2026-11-21T10:15Z`, `2026-11-21T10:15:30Z`, or the seconds themselves.
fn date(text: &str) -> Option<f64> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Some(seconds as f64);
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(at.as_millisecond() as f64 / 1000.0);
    }
    let civil: jiff::civil::DateTime = text.trim_end_matches('Z').parse().ok()?;
    let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_millisecond() as f64 / 1000.0)
}

/// A network, or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Address {
    address: IpAddr,
    bits: u32,
}

impl Address {
    pub(super) fn read(text: &str) -> Option<Address> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address.parse().ok()?, Some(bits.parse().ok()?)),
            None => (text.parse().ok()?, None),
        };
        let most = if matches!(address, IpAddr::V4(_)) { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Address { address, bits })
    }

    pub(super) fn is_v4(&self) -> bool {
        self.address.is_ipv4()
    }

    pub(super) fn bits(&self) -> u32 {
        self.bits
    }

    fn holds(&self, other: IpAddr) -> bool {
        match (self.address, other.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - self.bits).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = u128::MAX.checked_shl(128 - self.bits).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            _ => false,
        }
    }
}

impl Condition {
    /// Whether it holds for a request with these keys.
    pub fn holds(&self, keys: &Keys) -> bool {
        let given = keys.get(&self.key);
        if self.kind == Kind::Null {
            let absent = given.is_none_or(<[String]>::is_empty);
            return self.values.iter().filter_map(|v| boolean(v.text())).any(|null| null == absent);
        }
        let Some(given) = given.filter(|values| !values.is_empty()) else {
            return match self.set {
                _ if self.if_exists || self.of_all => true,
                _ if self.of_any => false,
                _ => self.is_negated(),
            };
        };
        match self.set {
            Set::All => given.iter().all(|value| self.fits(value, keys)),
            Set::Any => given.iter().any(|value| self.fits(value, keys)),
        }
    }

    fn is_negated(&self) -> bool {
        matches!(
            self.kind,
            Kind::Text { not: true, .. }
                | Kind::Address { not: true }
                | Kind::Arn { not: true }
                | Kind::Number(Order::Other)
                | Kind::Date(Order::Other)
        )
    }

    /// Whether one value of the key satisfies the operator: it must be like one of the written values,
    /// or, of a negated operator, like none.
    fn fits(&self, given: &str, keys: &Keys) -> bool {
        let like = |pattern: &Pattern| self.like(pattern, given, keys);
        if self.is_negated() { !self.values.iter().any(like) } else { self.values.iter().any(like) }
    }

    fn like(&self, pattern: &Pattern, given: &str, keys: &Keys) -> bool {
        let compared = |read: fn(&str) -> Option<f64>, order: Order| {
            let wanted = pattern.value(keys).and_then(|text| read(&text));
            // A negated operator is asked in the positive.
            let order = if order == Order::Other { Order::Equal } else { order };
            let pair = read(given).zip(wanted);
            pair.and_then(|(given, wanted)| given.partial_cmp(&wanted))
                .is_some_and(|o| order.holds(o))
        };
        match self.kind {
            Kind::Text { any_case: true, .. } => pattern.fits_any_case(given, keys),
            Kind::Text { .. } | Kind::Binary => pattern.fits(given, keys),
            Kind::Arn { .. } => pattern.fits_arn(given, keys),
            Kind::Number(order) => compared(number, order),
            Kind::Date(order) => compared(date, order),
            Kind::Bool => {
                let wanted = pattern.value(keys).and_then(|text| boolean(&text));
                wanted.is_some() && wanted == boolean(given)
            }
            Kind::Address { .. } => {
                let network = pattern.value(keys).and_then(|text| Address::read(&text));
                let given = given.parse::<IpAddr>().ok();
                network.zip(given).is_some_and(|(network, given)| network.holds(given))
            }
            Kind::Null => false,
        }
    }
}
