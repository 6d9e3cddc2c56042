//! Instants as signatures write them.

use crate::base::Millis;

/// Reads `20261121T101530Z`.
pub(super) fn basic(text: &str) -> Option<Millis> {
    let civil = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Millis(zoned.timestamp().as_millisecond()))
}

/// Reads what the `Date` header says, in either form.
pub(super) fn date_header(text: &str) -> Option<Millis> {
    basic(text).or_else(|| {
        let zoned = jiff::fmt::rfc2822::parse(text).ok()?;
        Some(Millis(zoned.timestamp().as_millisecond()))
    })
}

/// `20261121T101530Z`.
pub(super) fn write_basic(at: Millis) -> String {
    let (y, mo, d, h, mi, s, _) = at.civil();
    format!("{y:04}{mo:02}{d:02}T{h:02}{mi:02}{s:02}Z")
}

/// `2026-11-21T10:15:30Z`.
pub(super) fn write_extended(at: Millis) -> String {
    let (y, mo, d, h, mi, s, _) = at.civil();
    format!("{y:04}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_an_instant_are_read() {
        let at = basic("20130524T000000Z").unwrap();
        assert_eq!(write_basic(at), "20130524T000000Z");
        assert_eq!(date_header("Fri, 24 May 2013 00:00:00 GMT"), Some(at));
        assert_eq!(write_extended(at), "2013-05-24T00:00:00Z");
        assert_eq!(basic("2013-05-24T00:00:00Z"), None);
    }
}
