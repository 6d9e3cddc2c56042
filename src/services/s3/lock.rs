//! Object lock: retention, legal hold, and what they protect a version from.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html>. Invariant: a version that
//! is protected is not deleted, by whomever; what cannot be read protects.

use super::error::{Error, Result};
use super::model::{Attributes, Settings};
use super::xml::{Element, Xml};
use crate::base::Millis;
use serde::{Deserialize, Serialize};

/// Days of a default retention at the most (100 years).
const DAYS_MAX: u32 = 36_500;
/// Seconds of a day.
const DAY_SECONDS: i64 = 86_400;

/// How strictly a version is retained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// Who may bypass it can shorten it.
    Governance,
    /// Nobody can shorten it.
    Compliance,
}

impl Mode {
    /// Reads AWS's name.
    pub fn read(text: &str) -> Option<Mode> {
        match text {
            "GOVERNANCE" => Some(Mode::Governance),
            "COMPLIANCE" => Some(Mode::Compliance),
            _ => None,
        }
    }

    /// AWS's name.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Governance => "GOVERNANCE",
            Mode::Compliance => "COMPLIANCE",
        }
    }
}

/// Until when a version is retained, and how strictly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// How strictly.
    pub mode: Mode,
    /// Until when.
    #[serde(with = "kept")]
    pub until: Millis,
}

/// Instants as they are kept: milliseconds since the epoch.
pub(crate) mod kept {
    use crate::base::Millis;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(at: &Millis, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_i64(at.0)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Millis, D::Error> {
        i64::deserialize(from).map(Millis)
    }
}

impl Retention {
    /// As GetObjectRetention answers it.
    pub fn document(&self) -> String {
        let mut xml = Xml::document("Retention");
        xml.leaf("Mode", self.mode.name());
        xml.leaf("RetainUntilDate", &self.until.iso8601());
        xml.finish()
    }
}

/// The answer to who would delete or loosen what is protected.
pub fn protected() -> Error {
    Error::new(403, "AccessDenied", "Access Denied because object protected by object lock.")
}

/// The answer where the bucket has no object lock.
pub fn not_on_bucket() -> Error {
    Error::invalid_request("Bucket is missing Object Lock Configuration")
}

/// The answer where the version has no such lock.
pub fn not_on_object() -> Error {
    Error::new(
        404,
        "NoSuchObjectLockConfiguration",
        "The specified object does not have a ObjectLock configuration",
    )
}

/// An instant as documents and headers write it (ISO 8601).
pub fn instant(text: &str) -> Option<Millis> {
    text.trim().parse::<jiff::Timestamp>().ok().map(|at| Millis(at.as_millisecond()))
}

/// Whether a version that carries `attributes` must not be deleted.
pub fn protects(attributes: &Attributes, now: Millis, bypass: bool) -> bool {
    attributes.legal_hold == Some(true)
        || attributes.retention.is_some_and(|retention| {
            retention.until > now && !(bypass && retention.mode == Mode::Governance)
        })
}

/// Refuses a change of retention that would loosen one in force.
pub fn check_change(
    old: Option<Retention>,
    new: Option<Retention>,
    now: Millis,
    bypass: bool,
) -> Result<()> {
    let Some(old) = old.filter(|old| old.until > now) else { return Ok(()) };
    let stricter = new.is_some_and(|new| {
        new.until >= old.until && (new.mode == old.mode || new.mode == Mode::Compliance)
    });
    let bypassed = bypass && old.mode == Mode::Governance;
    if stricter || bypassed { Ok(()) } else { Err(protected()) }
}

/// The retention of a PutObjectRetention document; `None` takes it off.
pub fn retention_of(document: &Element, now: Millis) -> Result<Option<Retention>> {
    let (mode, until) = (document.value("Mode"), document.value("RetainUntilDate"));
    let (mode, text) = match (mode, until) {
        (None, None) => return Ok(None),
        (Some(mode), Some(until)) => (mode, until),
        _ => return Err(Error::malformed_xml()),
    };
    let mode = Mode::read(mode).ok_or_else(Error::malformed_xml)?;
    let until = instant(text).ok_or_else(Error::malformed_xml)?;
    check_future(until, text, "RetainUntilDate", now)?;
    Ok(Some(Retention { mode, until }))
}

fn check_future(until: Millis, text: &str, name: &'static str, now: Millis) -> Result<()> {
    if until > now {
        return Ok(());
    }
    Err(Error::invalid_argument("The retain until date must be in the future!", name, text))
}

const MODE: &str = "x-amz-object-lock-mode";
const UNTIL: &str = "x-amz-object-lock-retain-until-date";
const HOLD: &str = "x-amz-object-lock-legal-hold";

/// The lock that the headers of a write ask for: retention and legal hold.
pub fn of_headers<'a>(
    header: impl Fn(&str) -> Option<&'a str>,
    now: Millis,
) -> Result<(Option<Retention>, Option<bool>)> {
    let hold = match header(HOLD) {
        None => None,
        Some("ON") => Some(true),
        Some("OFF") => Some(false),
        Some(other) => {
            let message = "Legal Hold must be either of 'ON' or 'OFF'";
            return Err(Error::invalid_argument(message, HOLD, other));
        }
    };
    let missing = |name: &'static str| {
        let message =
            "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied";
        Error::new(400, "InvalidArgument", message).with("ArgumentName", name)
    };
    let (mode, text) = match (header(MODE), header(UNTIL)) {
        (None, None) => return Ok((None, hold)),
        (None, Some(_)) => return Err(missing(MODE)),
        (Some(mode), until) => (mode, until),
    };
    let Some(mode) = Mode::read(mode) else {
        return Err(Error::invalid_argument("Unknown wormMode directive.", MODE, mode));
    };
    let text = text.ok_or_else(|| missing(UNTIL))?;
    let until = instant(text).ok_or_else(|| {
        let message = "The retain until date must be provided in ISO 8601 format";
        Error::invalid_argument(message, UNTIL, text)
    })?;
    check_future(until, text, UNTIL, now)?;
    Ok((Some(Retention { mode, until }), hold))
}

/// Checks a PutObjectLockConfiguration document.
pub fn check_configuration(document: &Element) -> Result<()> {
    if document.value("ObjectLockEnabled") != Some("Enabled") {
        return Err(Error::malformed_xml());
    }
    match document.child("Rule") {
        None => Ok(()),
        Some(rule) => default_rule(rule).map(drop),
    }
}

/// Mode and days of a `Rule`.
fn default_rule(rule: &Element) -> Result<(Mode, u32)> {
    let retention = rule.child("DefaultRetention").ok_or_else(Error::malformed_xml)?;
    let mode = retention.value("Mode").and_then(Mode::read).ok_or_else(Error::malformed_xml)?;
    let (text, in_days) = match (retention.value("Days"), retention.value("Years")) {
        (Some(days), None) => (days, 1),
        (None, Some(years)) => (years, 365),
        _ => return Err(Error::malformed_xml()),
    };
    let count: i64 = text.trim().parse().map_err(|_| Error::malformed_xml())?;
    if count <= 0 {
        let message = "Default retention period must be a positive integer value.";
        return Err(Error::new(400, "InvalidArgument", message));
    }
    let days = u32::try_from(count.saturating_mul(in_days)).ok().filter(|days| *days <= DAYS_MAX);
    let too_large = || Error::new(400, "InvalidArgument", "Default retention period is too large.");
    Ok((mode, days.ok_or_else(too_large)?))
}

/// The retention of a version that says nothing of it and is written now.
pub fn default_of(settings: &Settings, now: Millis) -> Option<Retention> {
    let document = settings.documents.get("object-lock").filter(|_| settings.object_lock)?;
    let document = Element::parse(document.as_bytes(), "ObjectLockConfiguration").ok()?;
    let (mode, days) = default_rule(document.child("Rule")?).ok()?;
    Some(Retention { mode, until: now.plus_seconds(i64::from(days) * DAY_SECONDS) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_000_000);

    fn retention(mode: Mode, seconds: i64) -> Option<Retention> {
        Some(Retention { mode, until: NOW.plus_seconds(seconds) })
    }

    #[test]
    fn retention_protects_until_it_ends_and_a_hold_until_it_is_taken_off() {
        let of =
            |retention, legal_hold| Attributes { retention, legal_hold, ..Attributes::default() };
        let governed = of(retention(Mode::Governance, 10), None);
        assert!(protects(&governed, NOW, false) && !protects(&governed, NOW, true));
        assert!(!protects(&governed, NOW.plus_seconds(10), false));
        let complied = of(retention(Mode::Compliance, 10), Some(false));
        assert!(protects(&complied, NOW, true));
        assert!(protects(&of(None, Some(true)), NOW, true));
    }

    #[test]
    fn retention_in_force_is_only_tightened() {
        let (governed, complied) =
            (retention(Mode::Governance, 10), retention(Mode::Compliance, 10));
        let change = |old, new, bypass| check_change(old, new, NOW, bypass).is_ok();
        assert!(change(governed, retention(Mode::Governance, 11), false));
        assert!(change(governed, retention(Mode::Compliance, 10), false));
        assert!(!change(governed, retention(Mode::Governance, 9), false));
        assert!(!change(governed, None, false) && change(governed, None, true));
        assert!(!change(complied, retention(Mode::Compliance, 9), true));
        assert!(!change(complied, retention(Mode::Governance, 20), true));
        assert!(change(complied, retention(Mode::Compliance, 20), false));
        assert!(change(retention(Mode::Compliance, -1), None, false));
    }

    #[test]
    fn headers_and_documents_are_checked() {
        let of = |headers: &[(&str, &'static str)]| {
            of_headers(|name| headers.iter().find(|(n, _)| *n == name).map(|(_, v)| *v), NOW)
        };
        let date = "2030-01-01T00:00:00Z";
        let (found, hold) = of(&[(MODE, "GOVERNANCE"), (UNTIL, date), (HOLD, "ON")]).unwrap();
        assert_eq!((found.unwrap().mode, hold), (Mode::Governance, Some(true)));
        let message = |headers: &[(&str, &'static str)]| of(headers).unwrap_err().message;
        assert!(message(&[(MODE, "GOVERNANCE")]).contains("must both be supplied"));
        assert!(message(&[(UNTIL, date)]).contains("must both be supplied"));
        assert_eq!(message(&[(MODE, "BAD"), (UNTIL, date)]), "Unknown wormMode directive.");
        assert!(
            message(&[(MODE, "GOVERNANCE"), (UNTIL, "1970-01-01T00:00:01Z")]).contains("future")
        );
        assert!(message(&[(MODE, "GOVERNANCE"), (UNTIL, "soon")]).contains("ISO 8601"));
        assert!(message(&[(HOLD, "MAYBE")]).contains("'ON' or 'OFF'"));

        let read = |text: &str| {
            check_configuration(
                &Element::parse(text.as_bytes(), "ObjectLockConfiguration").unwrap(),
            )
        };
        let rule = |inner: &str| {
            read(&format!(
                "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule>{inner}</Rule></ObjectLockConfiguration>"
            ))
        };
        let retain = |inner: &str| rule(&format!("<DefaultRetention>{inner}</DefaultRetention>"));
        assert!(retain("<Mode>GOVERNANCE</Mode><Days>1</Days>").is_ok());
        assert!(retain("<Mode>COMPLIANCE</Mode><Years>100</Years>").is_ok());
        for wrong in [
            "",
            "<Mode>GOVERNANCE</Mode>",
            "<Mode>X</Mode><Days>1</Days>",
            "<Mode>GOVERNANCE</Mode><Days>1</Days><Years>1</Years>",
        ] {
            assert_eq!(retain(wrong).unwrap_err().code, "MalformedXML", "{wrong}");
        }
        assert_eq!(
            retain("<Mode>GOVERNANCE</Mode><Days>0</Days>").unwrap_err().code,
            "InvalidArgument"
        );
        assert!(rule("").is_err() && read("<ObjectLockConfiguration/>").is_err());
    }
}
