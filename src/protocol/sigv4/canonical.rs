//! The canonical form of a request, which is what is signed.

use http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What stays as it is: RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same in a path, whose slashes stay.
const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// How a service writes paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PathRule {
    /// S3's: encoded once, dots and double slashes are part of keys.
    Once,
    /// Everybody else's: normalised, and encoded a second time.
    Twice,
}

/// The canonical request over `headers`, with `payload` as its last line.
pub(super) fn request(parts: &Parts, rule: PathRule, headers: &[String], payload: &str) -> String {
    let mut text = String::with_capacity(512);
    for line in [parts.method.as_str(), &path(parts.uri.path(), rule), &query(parts)] {
        text.push_str(line);
        text.push('\n');
    }
    for name in headers {
        text.push_str(name);
        text.push(':');
        text.push_str(&header(parts, name));
        text.push('\n');
    }
    text.push('\n');
    text.push_str(&headers.join(";"));
    text.push('\n');
    text.push_str(payload);
    text
}

fn path(raw: &str, rule: PathRule) -> String {
    match rule {
        PathRule::Once => {
            let plain: Vec<u8> = percent_decode_str(raw).collect();
            percent_encoding::percent_encode(&plain, RESERVED_IN_PATH).to_string()
        }
        PathRule::Twice => utf8_percent_encode(&normal(raw), RESERVED_IN_PATH).to_string(),
    }
}

/// Without `.`, `..` and empty segments (RFC 3986, 5.2.4).
fn normal(raw: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in raw.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(kept.pop()),
            other => kept.push(other),
        }
    }
    let end = if raw.ends_with('/') && !kept.is_empty() { "/" } else { "" };
    format!("/{}{end}", kept.join("/"))
}

fn query(parts: &Parts) -> String {
    let encode = |text: &str| {
        let plain: Vec<u8> = percent_decode_str(text).collect();
        percent_encoding::percent_encode(&plain, RESERVED).to_string()
    };
    let raw = parts.uri.query().unwrap_or_default();
    let mut pairs: Vec<(String, String)> = raw
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(name, _)| *name != "X-Amz-Signature")
        .map(|(name, value)| (encode(name), encode(value)))
        .collect();
    pairs.sort_unstable();
    let pairs: Vec<String> =
        pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// A header's values, each with single spaces, joined by commas.
fn header(parts: &Parts, name: &str) -> String {
    let one = |value: &http::HeaderValue| {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
    };
    let values: Vec<String> = parts.headers.get_all(name).iter().map(one).collect();
    // HTTP/2 carries the host in the URI.
    match parts.uri.authority() {
        Some(authority) if name == "host" && values.is_empty() => authority.as_str().to_owned(),
        _ => values.join(","),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3_keeps_its_keys_and_the_others_normalise() {
        assert_eq!(path("/b/a%20b//./c%2Bd$", PathRule::Once), "/b/a%20b//./c%2Bd%24");
        assert_eq!(path("/a%20b//./x/../c/", PathRule::Twice), "/a%2520b/c/");
        assert_eq!(path("/", PathRule::Twice), "/");
        assert_eq!(path("//", PathRule::Twice), "/");
    }
}
