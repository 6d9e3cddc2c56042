//! Lifecycle rules: what they say of a version, and when.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html>. Days count from
//! an object's creation (or from when it was replaced) and end at the next midnight in UTC.

use crate::base::Millis;
use crate::services::s3::model::{Bucket, Version};
use crate::services::s3::names::url_encoded;
use crate::services::s3::xml::Element;
use serde::{Deserialize, Serialize};

const DAY_MILLIS: i64 = 86_400_000;
/// Objects below this are not moved to another class unless a rule says how large they are (128 KiB).
const TRANSITION_BYTES_MIN: u64 = 128 * 1024;
/// Classes from warm to cold: objects only ever move down.
const CLASSES: &[&str] = &[
    "STANDARD",
    "STANDARD_IA",
    "INTELLIGENT_TIERING",
    "ONEZONE_IA",
    "GLACIER_IR",
    "GLACIER",
    "DEEP_ARCHIVE",
];
/// Where a bucket keeps `x-amz-transition-default-minimum-object-size`.
pub const MINIMUM_SIZE: &str = "lifecycle:minimum-object-size";
/// Its value unless a request says otherwise.
pub const ALL_CLASSES: &str = "all_storage_classes_128K";
/// Its other value: no minimum for the archive classes.
pub const BY_CLASS: &str = "varies_by_storage_class";

/// When an action falls due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// So many days after an instant.
    Days(i64),
    /// From a midnight on.
    Date(Millis),
}

impl When {
    /// The instant, for something that exists since `since`.
    pub fn after(self, since: Millis) -> Millis {
        match self {
            When::Days(days) => midnight(since.0.saturating_add(days.saturating_mul(DAY_MILLIS))),
            When::Date(date) if since < date => date,
            When::Date(_) => midnight(since.0),
        }
    }

    /// Reads `Days` or `Date` of an action.
    pub fn read(action: &Element) -> Option<When> {
        if let Some(days) = action.value("Days") {
            return days.parse().ok().map(When::Days);
        }
        action.value("Date").and_then(date).map(When::Date)
    }
}

/// The next midnight, or this instant if it is one.
fn midnight(ms: i64) -> Millis {
    Millis(ms.saturating_add(DAY_MILLIS - 1).div_euclid(DAY_MILLIS).saturating_mul(DAY_MILLIS))
}

/// Reads a date of a document.
pub fn date(text: &str) -> Option<Millis> {
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Some(Millis(instant.as_millisecond()));
    }
    let day: jiff::civil::Date = text.parse().ok()?;
    let start = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Millis(start.timestamp().as_millisecond()))
}

/// Whether an instant is a midnight in UTC.
pub fn is_midnight(instant: Millis) -> bool {
    instant.0.rem_euclid(DAY_MILLIS) == 0
}

/// Which objects a rule is for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    prefix: String,
    tags: Vec<(String, String)>,
    larger_than: Option<u64>,
    smaller_than: Option<u64>,
}

impl Filter {
    /// Reads a rule's `Filter`, or its `Prefix` of old.
    pub fn read(rule: &Element) -> Filter {
        let mut filter = Filter::default();
        if let Some(prefix) = rule.value("Prefix") {
            filter.prefix = prefix.to_owned();
        }
        if let Some(given) = rule.child("Filter") {
            filter.take(given);
            given.all("And").for_each(|and| filter.take(and));
        }
        filter
    }

    fn take(&mut self, given: &Element) {
        if let Some(prefix) = given.value("Prefix") {
            self.prefix = prefix.to_owned();
        }
        let value = |tag: &Element, name: &str| tag.value(name).unwrap_or_default().to_owned();
        self.tags.extend(given.all("Tag").map(|tag| (value(tag, "Key"), value(tag, "Value"))));
        let bytes = |name: &str| given.value(name).and_then(|n| n.parse().ok());
        self.larger_than = bytes("ObjectSizeGreaterThan").or(self.larger_than);
        self.smaller_than = bytes("ObjectSizeLessThan").or(self.smaller_than);
    }

    /// Whether it lets a version through. Delete markers have neither tags nor a size.
    pub fn fits(&self, version: &Version) -> bool {
        let sized = self.larger_than.is_some() || self.smaller_than.is_some();
        version.key.starts_with(&self.prefix)
            && self.tags.iter().all(|(key, value)| version.attributes.tags.get(key) == Some(value))
            && !(sized && version.marker)
            && self.larger_than.is_none_or(|n| version.size > n)
            && self.smaller_than.is_none_or(|n| version.size < n)
    }

    /// Whether it says something of tags.
    pub fn has_tags(&self) -> bool {
        !self.tags.is_empty()
    }
}

/// What is to be done with a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// The current version expires: it is covered by a delete marker, or deleted where there are no
    /// versions.
    Expire,
    /// It is deleted for good.
    Delete,
    /// Its storage class changes.
    Transition(String),
}

/// A version as a sweep meets it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The version.
    pub version: &'a Version,
    /// Since when it is not the current one; `None` while it is.
    pub replaced: Option<Millis>,
    /// Versions of the key between the current one and this.
    pub newer_noncurrent: u32,
    /// Whether the key has no other version.
    pub alone: bool,
}

#[derive(Debug, Clone)]
struct Rule {
    id: String,
    filter: Filter,
    expires: Option<When>,
    removes_markers: bool,
    noncurrent_expires: Option<(i64, u32)>,
    transitions: Vec<(When, String)>,
    noncurrent_transitions: Vec<(i64, u32, String)>,
    aborts_after: Option<i64>,
}

/// A bucket's rules that are enabled.
#[derive(Debug, Clone)]
pub struct Rules {
    rules: Vec<Rule>,
    small_go_to_archive: bool,
}

fn rule(given: &Element) -> Rule {
    let number = |e: &Element, name: &str| e.value(name).and_then(|n| n.parse::<i64>().ok());
    let keeps = |e: &Element| number(e, "NewerNoncurrentVersions").unwrap_or(0).max(0) as u32;
    let class = |e: &Element| e.value("StorageClass").unwrap_or_default().to_owned();
    let noncurrent = given.child("NoncurrentVersionExpiration");
    Rule {
        id: given.value("ID").unwrap_or_default().to_owned(),
        filter: Filter::read(given),
        expires: given.all("Expiration").find_map(When::read),
        removes_markers: given
            .all("Expiration")
            .any(|e| e.value("ExpiredObjectDeleteMarker") == Some("true")),
        noncurrent_expires: noncurrent.and_then(|e| Some((number(e, "NoncurrentDays")?, keeps(e)))),
        transitions: given
            .all("Transition")
            .filter_map(|t| Some((When::read(t)?, class(t))))
            .collect(),
        noncurrent_transitions: given
            .all("NoncurrentVersionTransition")
            .filter_map(|t| Some((number(t, "NoncurrentDays")?, keeps(t), class(t))))
            .collect(),
        aborts_after: given
            .child("AbortIncompleteMultipartUpload")
            .and_then(|a| number(a, "DaysAfterInitiation")),
    }
}

fn rank(class: &str) -> usize {
    CLASSES.iter().position(|known| *known == class).unwrap_or(0)
}

impl Rules {
    /// The rules of a bucket, if any are enabled.
    pub fn of(bucket: &Bucket) -> Option<Rules> {
        let documents = &bucket.settings.documents;
        let document = documents.get("lifecycle")?;
        let document = Element::parse(document.as_bytes(), "LifecycleConfiguration").ok()?;
        let enabled = document.all("Rule").filter(|r| r.value("Status") == Some("Enabled"));
        let rules: Vec<Rule> = enabled.map(rule).collect();
        let minimum = documents.get(MINIMUM_SIZE).map(String::as_str);
        let small_go_to_archive = minimum == Some(BY_CLASS);
        (!rules.is_empty()).then_some(Rules { rules, small_go_to_archive })
    }

    /// When the current version of an object expires, and by which rule.
    pub fn expiration(&self, version: &Version) -> Option<(Millis, &str)> {
        let fitting = self.rules.iter().filter(|rule| rule.filter.fits(version));
        let dated = fitting.filter_map(|r| Some((r.expires?.after(version.modified), &*r.id)));
        dated.min_by_key(|(at, _)| *at)
    }

    /// When an upload in parts is given up, and by which rule.
    pub fn abortion(&self, key: &str, initiated: Millis) -> Option<(Millis, &str)> {
        let fitting = self.rules.iter().filter(|rule| key.starts_with(&rule.filter.prefix));
        let dated = fitting
            .filter_map(|r| Some((When::Days(r.aborts_after?).after(initiated), r.id.as_str())));
        dated.min_by_key(|(at, _)| *at)
    }

    /// The earliest instant at which something written or replaced now could be due: no object's own
    /// is earlier.
    pub fn soonest(&self, now: Millis) -> Option<Millis> {
        let of = |rule: &Rule| {
            let days = |n: i64| When::Days(n).after(now);
            let mut instants: Vec<Millis> = rule.expires.iter().map(|w| w.after(now)).collect();
            instants.extend(rule.transitions.iter().map(|(when, _)| when.after(now)));
            instants.extend(rule.removes_markers.then(|| days(0)));
            instants.extend(rule.noncurrent_expires.map(|(n, _)| days(n)));
            instants.extend(rule.noncurrent_transitions.iter().map(|(n, ..)| days(*n)));
            instants.extend(rule.aborts_after.map(days));
            instants.into_iter().min()
        };
        self.rules.iter().filter_map(of).min()
    }

    /// What is to be done next with a version, and when. Of several things due by `now` the most
    /// final counts: deletion before a change of class.
    pub fn next(&self, seen: Seen<'_>, now: Millis) -> Option<(Millis, Action)> {
        let fitting = self.rules.iter().filter(|rule| rule.filter.fits(seen.version));
        let mut actions: Vec<(Millis, Action)> = Vec::new();
        for rule in fitting {
            match seen.replaced {
                None if seen.version.marker => self.of_marker(rule, seen, &mut actions),
                None => self.of_current(rule, seen.version, &mut actions),
                Some(since) => self.of_noncurrent(rule, seen, since, &mut actions),
            }
        }
        let weight = |action: &Action| match action {
            Action::Delete => (0, 0),
            Action::Expire => (1, 0),
            Action::Transition(class) => (2, usize::MAX - rank(class)),
        };
        let due = actions.iter().filter(|(at, _)| *at <= now);
        let first_due = due.min_by_key(|(_, action)| weight(action)).cloned();
        first_due.or_else(|| actions.into_iter().min_by_key(|(at, _)| *at))
    }

    fn of_marker(&self, rule: &Rule, seen: Seen<'_>, actions: &mut Vec<(Millis, Action)>) {
        if !seen.alone {
            return;
        }
        let since = seen.version.modified;
        if rule.removes_markers {
            actions.push((When::Days(0).after(since), Action::Delete));
        }
        if let Some(when) = rule.expires {
            actions.push((when.after(since), Action::Delete));
        }
    }

    fn of_current(&self, rule: &Rule, version: &Version, actions: &mut Vec<(Millis, Action)>) {
        if let Some(when) = rule.expires {
            actions.push((when.after(version.modified), Action::Expire));
        }
        for (when, class) in &rule.transitions {
            if self.may_move(rule, version, class) {
                actions.push((when.after(version.modified), Action::Transition(class.clone())));
            }
        }
    }

    fn of_noncurrent(
        &self,
        rule: &Rule,
        seen: Seen<'_>,
        since: Millis,
        actions: &mut Vec<(Millis, Action)>,
    ) {
        if let Some((days, keeps)) = rule.noncurrent_expires
            && seen.newer_noncurrent >= keeps
        {
            actions.push((When::Days(days).after(since), Action::Delete));
        }
        for (days, keeps, class) in &rule.noncurrent_transitions {
            if seen.newer_noncurrent >= *keeps && self.may_move(rule, seen.version, class) {
                let at = When::Days(*days).after(since);
                actions.push((at, Action::Transition(class.clone())));
            }
        }
    }

    fn may_move(&self, rule: &Rule, version: &Version, class: &str) -> bool {
        let sized = rule.filter.larger_than.is_some() || rule.filter.smaller_than.is_some();
        let archive = ["GLACIER", "DEEP_ARCHIVE"].contains(&class);
        let large = version.size >= TRANSITION_BYTES_MIN;
        !version.marker
            && rank(class) > rank(version.storage_class())
            && (large || sized || (archive && self.small_go_to_archive))
    }
}

/// When a bucket is swept next, and how far a sweep under way is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sweep {
    /// The instant of the sweep.
    pub due: i64,
    /// The earliest instant after it at which something can be due, as far as is known.
    pub next: i64,
    /// Where it is; `None` before it begins.
    pub at: Option<Cursor>,
}

/// A place in a bucket: first its versions, then its uploads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cursor {
    /// At a version.
    Version {
        /// The key.
        key: String,
        /// From this order on.
        order: i64,
        /// When the version before it was written, if it is of the same key.
        replaced: Option<i64>,
        /// Versions of the key passed that are not current.
        noncurrent: u32,
    },
    /// Behind an upload.
    Upload {
        /// The key.
        key: String,
        /// When it began.
        initiated: i64,
        /// Its id.
        id: String,
    },
}

impl Cursor {
    /// Before everything.
    pub fn first() -> Cursor {
        Cursor::Version { key: String::new(), order: i64::MIN, replaced: None, noncurrent: 0 }
    }

    /// Behind the versions, before the uploads.
    pub fn first_upload() -> Cursor {
        Cursor::Upload { key: String::new(), initiated: i64::MIN, id: String::new() }
    }
}

/// `x-amz-expiration` of the current version of an object.
pub fn expiration(bucket: &Bucket, version: &Version) -> Option<String> {
    let rules = Rules::of(bucket)?;
    let (at, rule) = rules.expiration(version).filter(|_| !version.marker)?;
    let rule = url_encoded(rule);
    Some(format!("expiry-date=\"{}\", rule-id=\"{rule}\"", at.http_date()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_end_at_the_next_midnight() {
        let day = |text: &str| date(text).unwrap();
        let after = |days, since: &str| When::Days(days).after(day(since));
        // AWS's own example.
        assert_eq!(after(3, "2014-01-15T10:30:00Z"), day("2014-01-19"));
        assert_eq!(after(0, "2014-01-15T10:30:00Z"), day("2014-01-16"));
        assert_eq!(after(1, "2014-01-15T00:00:00Z"), day("2014-01-16"));
        let from = When::Date(day("2014-01-20"));
        assert_eq!(from.after(day("2014-01-15T10:30:00Z")), day("2014-01-20"));
        assert_eq!(from.after(day("2014-02-01T10:30:00Z")), day("2014-02-02"));
    }

    #[test]
    fn dates_are_read_in_the_forms_that_clients_send() {
        let midnight = Some(Millis(1_767_225_600_000));
        for text in [
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:00.000Z",
            "2026-01-01T01:00:00+01:00",
            "2026-01-01",
        ] {
            assert_eq!(date(text), midnight, "{text}");
        }
        assert_eq!(date("tomorrow"), None);
        assert!(is_midnight(Millis(1_767_225_600_000)) && !is_midnight(Millis(1)));
    }
}
