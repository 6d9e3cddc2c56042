//! Conditional requests: reads (RFC 9110), sources of copies, and writes.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html>

use super::error::{Error, Result};
use super::model::Version;
use crate::base::Millis;

/// Conditions on the object that is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadConditions {
    /// `If-Match`.
    pub matches: Option<String>,
    /// `If-None-Match`.
    pub none_match: Option<String>,
    /// `If-Modified-Since`.
    pub modified_since: Option<Millis>,
    /// `If-Unmodified-Since`.
    pub unmodified_since: Option<Millis>,
    /// Whether the object is the source of a copy, where every failure is `412`.
    pub of_copy: bool,
}

impl ReadConditions {
    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.matches.is_none()
            && self.none_match.is_none()
            && self.modified_since.is_none()
            && self.unmodified_since.is_none()
    }

    /// Holds them against the object. Times are compared in whole seconds, as headers tell them, and
    /// a date in the future is no condition.
    pub fn check(&self, object: &Version, now: Millis) -> Result<()> {
        let modified = object.modified.seconds();
        match (&self.matches, self.unmodified_since) {
            (Some(tags), _) if !any_tag(tags, &object.etag) => {
                return Err(self.failed("If-Match", "x-amz-copy-source-If-Match"));
            }
            (None, Some(date)) if modified > date.seconds() => {
                let copy = "x-amz-copy-source-If-Unmodified-Since";
                return Err(self.failed("If-Unmodified-Since", copy));
            }
            _ => {}
        }
        match (&self.none_match, self.modified_since) {
            (Some(tags), _) if any_tag(tags, &object.etag) => {
                Err(self.unchanged("x-amz-copy-source-If-None-Match", object))
            }
            (None, Some(date)) if date <= now && modified <= date.seconds() => {
                Err(self.unchanged("x-amz-copy-source-If-Modified-Since", object))
            }
            _ => Ok(()),
        }
    }

    fn failed(&self, of_read: &'static str, of_copy: &'static str) -> Error {
        Error::precondition_failed(if self.of_copy { of_copy } else { of_read })
    }

    fn unchanged(&self, of_copy: &'static str, object: &Version) -> Error {
        if self.of_copy {
            return Error::precondition_failed(of_copy);
        }
        Error::not_modified()
            .header("etag", format!("\"{}\"", object.etag))
            .header("last-modified", object.modified.http_date())
    }
}

/// Whether a list of entity tags (`"a", W/"b"`, `*`, or one without quotes) holds `etag`.
fn any_tag(list: &str, etag: &str) -> bool {
    list.split(',').map(str::trim).any(|tag| {
        let tag = tag.strip_prefix("W/").unwrap_or(tag);
        tag == "*" || tag.trim_matches('"') == etag
    })
}

/// Conditions on what a write would replace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteConditions {
    /// `If-None-Match: *`: there must be no object.
    pub absent: bool,
    /// `If-Match`: the object must have this entity tag.
    pub matches: Option<String>,
}

impl WriteConditions {
    /// From the two headers; S3 takes neither both, nor `If-Match: *`, nor a tag in `If-None-Match`.
    pub fn read(if_match: Option<&str>, if_none_match: Option<&str>) -> Result<Self> {
        let refused = |name: &'static str| {
            let text = format!("We don't accept the provided value of {name} header for this API");
            Error::header_not_implemented(name, text)
        };
        match (if_match, if_none_match) {
            (Some(_), Some(_)) => Err(Error::header_not_implemented(
                "If-Match,If-None-Match",
                "Multiple conditional request headers present in the request".into(),
            )),
            (Some("*"), None) => Err(refused("If-Match")),
            (None, Some(tag)) if tag != "*" => Err(refused("If-None-Match")),
            (Some(tag), None) => Ok(WriteConditions { absent: false, matches: Some(tag.into()) }),
            (None, none_match) => {
                Ok(WriteConditions { absent: none_match.is_some(), matches: None })
            }
        }
    }

    /// Holds them against what is there now.
    pub fn check(&self, key: &str, newest: Option<&Version>) -> Result<()> {
        let object = newest.filter(|v| !v.marker);
        if self.absent && object.is_some() {
            return Err(Error::precondition_failed("If-None-Match"));
        }
        let Some(tag) = &self.matches else { return Ok(()) };
        match object {
            None => Err(Error::no_such_key(key)),
            Some(object) if !any_tag(tag, &object.etag) => {
                Err(Error::precondition_failed("If-Match"))
            }
            Some(_) => Ok(()),
        }
    }
}
