//! What values look like, whatever their column is called.

use crate::data::mask::{Kind, iban_right, luhn_right};

/// Words on average from which a text is prose.
const PROSE_WORDS_MIN: usize = 5;

fn is_email(value: &str) -> bool {
    let Some((local, domain)) = value.rsplit_once('@') else { return false };
    let plain = |t: &str| !t.is_empty() && !t.contains(char::is_whitespace);
    plain(local) && plain(domain) && domain.contains('.') && !domain.ends_with('.')
}

fn digits(value: &str) -> String {
    value.chars().filter(char::is_ascii_digit).collect()
}

fn is_card(value: &str) -> bool {
    let shaped = value.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '-'));
    let digits = digits(value);
    shaped && (13..=19).contains(&digits.len()) && luhn_right(digits.as_bytes())
}

fn is_iban(value: &str) -> bool {
    let flat: String = value.chars().filter(|c| !c.is_whitespace()).collect();
    flat.len() >= 15 && iban_right(&flat)
}

fn is_phone(value: &str) -> bool {
    let shaped = value
        .chars()
        .all(|c| c.is_ascii_digit() || matches!(c, ' ' | '-' | '+' | '(' | ')' | '/' | '.'));
    let marked =
        value.starts_with(['+', '(']) || value.starts_with("00") || value.contains(['-', ' ', '/']);
    let dated = value.len() == 10 && value.as_bytes().get(4) == Some(&b'-');
    shaped
        && marked
        && !dated
        && value.matches('.').count() < 3
        && (7..=15).contains(&digits(value).len())
}

fn is_ip(value: &str) -> bool {
    value.parse::<std::net::IpAddr>().is_ok()
}

fn is_uuid(value: &str) -> bool {
    let parts: Vec<usize> = value.split('-').map(str::len).collect();
    parts == [8, 4, 4, 4, 12] && value.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
}

fn is_url(value: &str) -> bool {
    value.split_once("://").is_some_and(|(scheme, rest)| {
        !rest.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric())
    })
}

/// Long, without spaces, of letters and digits mixed: keys, tokens, hashes.
fn is_token(value: &str) -> bool {
    let shaped = value.len() >= 20 && !value.contains(char::is_whitespace);
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let letters = value.bytes().filter(u8::is_ascii_alphabetic).count();
    shaped && digits >= 3 && letters >= 3
}

type Look = (fn(&str) -> bool, Kind, &'static str);

const LOOKS: &[Look] = &[
    (is_email, Kind::Email, "e-mail addresses"),
    (is_iban, Kind::Iban, "IBANs"),
    (is_uuid, Kind::Hex, "UUIDs"),
    (is_card, Kind::Card, "card numbers"),
    (is_ip, Kind::Ip, "IP addresses"),
    (is_url, Kind::Url, "URLs"),
    (is_phone, Kind::Phone, "phone numbers"),
    (is_token, Kind::Token, "keys or tokens"),
];

/// What most values are, with the evidence.
pub(crate) fn by_values(values: &[String], share: f64) -> Option<(Kind, String)> {
    let filled: Vec<&String> = values.iter().filter(|v| !v.trim().is_empty()).collect();
    for (looks, kind, called) in LOOKS {
        let count = filled.iter().filter(|v| looks(v.trim())).count();
        // Masks that refuse what does not fit are chosen only where all fits.
        let strict = matches!(kind, Kind::Ip) && count < filled.len();
        #[allow(clippy::cast_precision_loss, reason = "a share")]
        if count > 0 && !strict && count as f64 >= share * filled.len() as f64 {
            return Some((
                *kind,
                format!("{count} of {} sampled values are {called}", filled.len()),
            ));
        }
    }
    None
}

/// What one value is, if it is anything by its looks: for keys of documents.
pub(crate) fn by_value(value: &str) -> Option<Kind> {
    LOOKS.iter().find(|(looks, kind, _)| *kind != Kind::Token && looks(value)).map(|l| l.1)
}

/// Whether values are sentences.
pub(crate) fn is_prose(values: &[String]) -> bool {
    let words: usize = values.iter().map(|v| v.split_whitespace().count()).sum();
    !values.is_empty() && words >= PROSE_WORDS_MIN * values.len()
}

/// Whether a made-up value of a kind would not be absurd: codes of a letter or two are no names.
pub(crate) fn shortest_fits(kind: Kind, values: &[String]) -> bool {
    let made_up =
        matches!(kind, Kind::Name | Kind::Company | Kind::Address | Kind::Street | Kind::City);
    let longest = values.iter().map(|v| v.chars().count()).max().unwrap_or(usize::MAX);
    !made_up || longest > 3
}

/// The elements of sampled arrays.
pub(crate) fn elements(arrays: &[String]) -> Vec<String> {
    let split = |a: &String| {
        let inner = a.trim_start_matches('{').trim_end_matches('}').to_owned();
        inner.split(',').map(|e| e.trim_matches('"').to_owned()).collect::<Vec<_>>()
    };
    arrays.iter().flat_map(split).filter(|e| !e.is_empty() && e != "NULL").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_told_apart() {
        let of = |value: &str| by_values(&[value.to_owned()], 0.5).map(|(kind, _)| kind);
        assert_eq!(of("a.b@c.org"), Some(Kind::Email));
        assert_eq!(of("4111 1111 1111 1111"), Some(Kind::Card));
        assert_eq!(of("DE89370400440532013000"), Some(Kind::Iban));
        assert_eq!(of("+49 (170) 12345-67"), Some(Kind::Phone));
        assert_eq!(of("10.1.2.3"), Some(Kind::Ip));
        assert_eq!(of("2024-02-01"), None);
        assert_eq!(of("sk_live_51H8x9KJh3k4jh5"), Some(Kind::Token));
        assert_eq!(of("open"), None);
        assert!(is_prose(&["Patient reports pain since Monday evening.".to_owned()]));
    }
}
