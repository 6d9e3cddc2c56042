//! Rules for the names of buckets and keys.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>

use super::error::{Error, Result};
use super::limits::{BUCKET_NAME_MAX, BUCKET_NAME_MIN, KEY_BYTES_MAX};

/// Beginnings that AWS keeps for itself.
const RESERVED_PREFIXES: &[&str] = &["xn--", "sthree-", "amzn-s3-demo-"];
/// Endings that AWS keeps for itself.
const RESERVED_SUFFIXES: &[&str] = &["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];

/// Whether a new bucket may be called so.
pub fn is_bucket_name(name: &str) -> bool {
    let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = name.as_bytes();
    (BUCKET_NAME_MIN..=BUCKET_NAME_MAX).contains(&name.len())
        && bytes
            .iter()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'))
        && edge(bytes.first())
        && edge(bytes.last())
        && !name.contains("..")
        && !is_address(name)
        && !RESERVED_PREFIXES.iter().any(|p| name.starts_with(p))
        && !RESERVED_SUFFIXES.iter().any(|s| name.ends_with(s))
}

/// Whether the name is formed like an IP address.
fn is_address(name: &str) -> bool {
    let labels: Vec<&str> = name.split('.').collect();
    labels.len() == 4
        && labels.iter().all(|l| !l.is_empty() && l.bytes().all(|b| b.is_ascii_digit()))
}

/// Refuses a key that is too long.
pub fn check_key(key: &str) -> Result<()> {
    if key.len() > KEY_BYTES_MAX { Err(Error::key_too_long(key)) } else { Ok(()) }
}

/// Characters of a version id.
const VERSION_ID_CHARS: usize = 32;

/// A new version id. Its last four characters follow from the others, so that an id which S3 never
/// gave out can be told from one whose version is gone, as AWS tells them.
pub fn new_version_id(ids: &mut crate::base::Ids) -> String {
    let mut id = ids.alphanumeric(VERSION_ID_CHARS - 4);
    let check = id_check(&id);
    id.push_str(&check);
    id
}

/// Whether `id` may have come from [`new_version_id`].
pub fn is_version_id(id: &str) -> bool {
    id.len() == VERSION_ID_CHARS
        && id.is_ascii()
        && id_check(&id[..VERSION_ID_CHARS - 4]) == id[VERSION_ID_CHARS - 4..]
}

fn id_check(text: &str) -> String {
    let sum =
        text.bytes().fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
    base36(sum)
}

fn base36(mut n: u32) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut text = String::with_capacity(4);
    for _ in 0..4 {
        text.push(DIGITS[(n % 36) as usize] as char);
        n /= 36;
    }
    text
}

/// The smallest text that follows every text beginning with `prefix`; `None` if there is none.
pub fn after_prefix(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        // UTF-8 orders like code points; the surrogates in between are no characters.
        let next = match last as u32 + 1 {
            0xD800 => Some('\u{E000}'),
            n => char::from_u32(n),
        };
        if let Some(next) = next {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

/// Characters of a request's id in S3's form.
const SHORT_ID_CHARS: usize = 16;

/// The request's id in S3's form: 16 capitals and digits.
pub fn short_id(request_id: &str) -> String {
    let mut id = String::with_capacity(SHORT_ID_CHARS);
    for byte in request_id.bytes().filter(u8::is_ascii_alphanumeric).take(SHORT_ID_CHARS) {
        id.push(byte.to_ascii_uppercase().into());
    }
    id
}

/// The id of the host that answered, as S3 adds it to every answer.
pub fn host_id(request_id: &str) -> String {
    use base64::Engine;
    let engine = base64::engine::general_purpose::STANDARD;
    engine.encode(["devenv:", request_id].concat())
}

/// Percent-encoding of `encoding-type=url`: everything but unreserved characters and `/`.
pub fn url_encoded(text: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'*')
        .remove(b'/')
        .remove(b' ');
    utf8_percent_encode(text, KEPT).to_string().replace(' ', "+")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aws_rules_for_bucket_names() {
        for good in ["abc", "a.b-c", "my.bucket.2026", "0ab", &"a".repeat(63)] {
            assert!(is_bucket_name(good), "{good}");
        }
        for bad in [
            "ab",
            "Abc",
            "a_b",
            "-abc",
            "abc-",
            ".abc",
            "a..b",
            "192.168.5.4",
            "xn--abc",
            "sthree-x",
            "abc-s3alias",
            "abc--ol-s3",
            "",
            &"a".repeat(64),
            "ä-bucket",
        ] {
            assert!(!is_bucket_name(bad), "{bad}");
        }
    }

    #[test]
    fn version_ids_are_told_from_foreign_ones() {
        let mut ids = crate::base::Ids::seeded(3);
        let id = new_version_id(&mut ids);
        assert_eq!((id.len(), is_version_id(&id)), (32, true));
        assert!(!is_version_id("HPniJFCxqTsMuIH9KX8K8wEjNUgmABCD"));
        assert!(!is_version_id("short"));
    }

    #[test]
    fn a_prefix_is_left_behind_by_its_successor() {
        assert_eq!(after_prefix("a/").as_deref(), Some("a0"));
        assert_eq!(after_prefix("\u{10FFFF}"), None);
        assert_eq!(after_prefix("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(after_prefix("\u{D7FF}").as_deref(), Some("\u{E000}"));
        assert_eq!(after_prefix(""), None);
    }
}
