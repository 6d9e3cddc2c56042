//! What a request to the inbox asks for, from its query.

use crate::base::{Millis, duration};
use crate::protocol::Form;
use crate::services::parse_instant;
use crate::services::ses::limits::{LISTING_MAX, WAIT_SECONDS_DEFAULT, WAIT_SECONDS_MAX};
use crate::services::ses::query::Filter;
use std::time::Duration;

/// The names that are understood.
const NAMES: [&str; 12] = [
    "to", "from", "subject", "tag", "text", "since", "until", "limit", "after", "timeout", "new",
    "id",
];

/// A request to the inbox.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) filter: Filter,
    /// Mails on the page at the most.
    pub(super) limit: usize,
    /// The number before which the page begins.
    pub(super) before: Option<i64>,
    /// How long to wait.
    pub(super) timeout: Duration,
    /// Only mails that come from now on.
    pub(super) only_new: bool,
}

impl Asked {
    /// Reads it; `now` is the instant from which ages count.
    pub(super) fn of(query: Form, now: Millis) -> Result<Asked, String> {
        let mut asked = Asked {
            filter: Filter::default(),
            limit: LISTING_MAX,
            before: None,
            timeout: Duration::from_secs(WAIT_SECONDS_DEFAULT),
            only_new: false,
        };
        let filter = &mut asked.filter;
        for (name, value) in query.into_pairs() {
            let whole = || format!("`{name}` is a whole number");
            match name.as_str() {
                "to" => filter.to = Some(value),
                "from" => filter.from = Some(value),
                "subject" => filter.subject = Some(value),
                "text" => filter.text = Some(value),
                "tag" => {
                    filter.tag = Some(match value.split_once('=') {
                        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                        None => (value, None),
                    });
                }
                "since" => filter.since = Some(instant(&value, now)?),
                "until" => filter.until = Some(instant(&value, now)?),
                "limit" => {
                    let limit: i64 = value.parse().map_err(|_| whole())?;
                    asked.limit = limit.clamp(1, LISTING_MAX as i64) as usize;
                }
                // Programs that go from page to page may send the first page's empty one.
                "after" if value.is_empty() => {}
                "after" => asked.before = Some(value.parse().map_err(|_| whole())?),
                "timeout" => {
                    let longest = Duration::from_secs(WAIT_SECONDS_MAX);
                    asked.timeout = duration::parse(&value)?.min(longest);
                }
                "new" => asked.only_new = matches!(value.as_str(), "" | "1" | "true"),
                // Which mail `DELETE` means.
                "id" => {}
                _ => return Err(format!("`{name}` is none of {}", NAMES.join(", "))),
            }
        }
        Ok(asked)
    }
}

/// An instant, or an age: `10m` is ten minutes ago.
fn instant(text: &str, now: Millis) -> Result<Millis, String> {
    match duration::parse(text) {
        Ok(age) if text.ends_with(|c: char| c.is_ascii_alphabetic()) => {
            Ok(Millis(now.0.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX))))
        }
        _ => parse_instant(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str) -> Result<Asked, String> {
        Asked::of(Form::parse(query.as_bytes()).unwrap(), Millis(1_000_000_000))
    }

    #[test]
    fn everything_is_read_and_what_is_unknown_is_named() {
        let asked = of(
            "to=a%40x&tag=k%3Dv&since=10m&until=1970-01-02T00:00:00Z&limit=900&after=7&timeout=2h&new=1",
        );
        let asked = asked.unwrap();
        assert_eq!(asked.filter.to.as_deref(), Some("a@x"));
        assert_eq!(asked.filter.tag, Some(("k".into(), Some("v".into()))));
        assert_eq!(asked.filter.since, Some(Millis(999_400_000)));
        assert_eq!(asked.filter.until, Some(Millis(86_400_000)));
        assert_eq!((asked.limit, asked.before, asked.only_new), (LISTING_MAX, Some(7), true));
        assert_eq!(asked.timeout, Duration::from_secs(WAIT_SECONDS_MAX));
        assert_eq!(of("limit=0&after=").unwrap().limit, 1);
        for (query, word) in
            [("limit=x", "limit"), ("after=x", "after"), ("since=x", ""), ("too=a", "too")]
        {
            assert!(of(query).unwrap_err().contains(word), "{query}");
        }
    }
}
