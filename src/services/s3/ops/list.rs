//! The page of ListObjects and ListObjectsV2. Its cost depends on the page: older versions and keys
//! below a common prefix are leapt over by a seek, never read through.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>

use crate::services::s3::error::Result;
use crate::services::s3::index::{Look, Place};
use crate::services::s3::limits::PAGE_MAX;
use crate::services::s3::model::Version;
use crate::services::s3::names::after_prefix;

/// Rows fetched at once beyond what the page still lacks.
const SPARE_ROWS: usize = 16;
/// Rows fetched at once at the most.
const ROWS_MAX: usize = 256;
/// Rows fetched behind a common prefix: most of what comes next may be leapt over again.
const ROWS_BEHIND_PREFIX: usize = 4;

/// What to list.
#[derive(Debug, Clone, Default)]
pub struct ListObjects {
    /// Only keys that begin so.
    pub prefix: String,
    /// Groups keys by what stands before it.
    pub delimiter: String,
    /// Only what follows this key, or this common prefix with all below it.
    pub after: After,
    /// Entries at the most.
    pub max: usize,
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum After {
    /// At the beginning.
    #[default]
    Nothing,
    /// Behind a key.
    Key(String),
    /// Behind everything that begins so.
    Prefix(String),
}

/// An entry of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry<T> {
    /// A thing listed.
    Item(T),
    /// A common prefix.
    Prefix(String),
}

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// Its entries, in order.
    pub entries: Vec<Entry<T>>,
    /// Whether more follow.
    pub truncated: bool,
}

impl<T> Page<T> {
    /// The things listed, without common prefixes.
    pub fn items(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Item(item) => Some(item),
            Entry::Prefix(_) => None,
        })
    }
}

/// The common prefix that `key` falls under, if it does.
pub(crate) fn common_prefix<'a>(key: &'a str, prefix: &str, delimiter: &str) -> Option<&'a str> {
    if delimiter.is_empty() {
        return None;
    }
    let rest = key.strip_prefix(prefix)?;
    rest.find(delimiter).map(|at| &key[..prefix.len() + at + delimiter.len()])
}

/// The smallest key behind `key`.
pub(crate) fn behind(key: &str) -> String {
    format!("{key}\0")
}

/// A place in an order of rows that a listing shows one by one.
pub(super) trait Order: Sized {
    /// What is listed.
    type Row;
    /// Its key.
    fn key(row: &Self::Row) -> &str;
    /// Whether a row was leapt over by this place.
    fn leaps(&self, row: &Self::Row) -> bool;
    /// Before every row of `key`.
    fn before_key(key: &str) -> Self;
    /// Right behind a row.
    fn behind(row: &Self::Row) -> Self;
}

/// The page of what `rows` hands out from a place on, so many at a time.
pub(super) fn walk<O: Order, T>(
    (prefix, delimiter, max): (&str, &str, usize),
    mut from: O,
    rows: impl Fn(&O, usize) -> Result<Vec<O::Row>>,
    mut item: impl FnMut(O::Row) -> T,
) -> Result<Page<T>> {
    let mut page = Page { entries: Vec::new(), truncated: false };
    let mut ahead = if delimiter.is_empty() { PAGE_MAX } else { ROWS_BEHIND_PREFIX };
    loop {
        let wanted = (max + 1 - page.entries.len()).min(ahead).max(1);
        let found = rows(&from, wanted)?;
        let last_rows = found.len() < wanted;
        ahead = (ahead * 2).min(PAGE_MAX);
        for row in found {
            if from.leaps(&row) {
                continue;
            }
            if !O::key(&row).starts_with(prefix) {
                return Ok(page);
            }
            if page.entries.len() == max {
                page.truncated = max > 0;
                return Ok(page);
            }
            if let Some(common) = common_prefix(O::key(&row), prefix, delimiter) {
                page.entries.push(Entry::Prefix(common.to_owned()));
                let Some(next) = after_prefix(common) else { return Ok(page) };
                from = O::before_key(&next);
                ahead = ROWS_BEHIND_PREFIX;
                continue;
            }
            from = O::behind(&row);
            page.entries.push(Entry::Item(item(row)));
        }
        if last_rows {
            return Ok(page);
        }
    }
}

impl ListObjects {
    /// The page of `bucket`.
    pub fn apply(&self, index: &impl Look, bucket: i64) -> Result<Page<Version>> {
        let mut page = Page { entries: Vec::new(), truncated: false };
        let Some(mut from) = self.start().filter(|_| self.max > 0) else { return Ok(page) };
        let mut ahead = if self.delimiter.is_empty() { ROWS_MAX } else { ROWS_BEHIND_PREFIX };
        loop {
            let wanted = (self.max + 1 - page.entries.len() + SPARE_ROWS).min(ahead);
            let rows = index.versions(bucket, &Place::at(from.as_str()), wanted)?;
            let last_rows = rows.len() < wanted;
            ahead = (ahead * 2).min(ROWS_MAX);
            for row in rows {
                if row.key < from {
                    continue;
                }
                if !row.key.starts_with(&self.prefix) {
                    return Ok(page);
                }
                // A delete marker on top hides the key, older versions are never seen.
                let next = behind(&row.key);
                if row.marker {
                    from = next;
                    continue;
                }
                if page.entries.len() == self.max {
                    page.truncated = true;
                    return Ok(page);
                }
                match common_prefix(&row.key, &self.prefix, &self.delimiter) {
                    Some(common) => {
                        let after = after_prefix(common);
                        page.entries.push(Entry::Prefix(common.to_owned()));
                        let Some(after) = after else { return Ok(page) };
                        from = after;
                        ahead = ROWS_BEHIND_PREFIX;
                    }
                    None => {
                        page.entries.push(Entry::Item(row));
                        from = next;
                    }
                }
            }
            if last_rows {
                return Ok(page);
            }
        }
    }

    /// The first key that may be listed; `None` if nothing can follow.
    fn start(&self) -> Option<String> {
        let from = match &self.after {
            After::Nothing => String::new(),
            After::Key(key) => behind(key),
            After::Prefix(prefix) => after_prefix(prefix)?,
        };
        Some(from.max(self.prefix.clone()))
    }
}
