//! What a change did to the tables, as the journal keeps it: one piece after the other in postcard's
//! compact form, behind the number of that form.
//!
//! Only what comes with small objects is noted: a body, a version that is there, one that is gone. A change
//! that does anything else, or frees a file, is committed at once instead.

use super::{GONE, PUT_BODY, PUT_VERSION, Store};
use crate::services::s3::model::BlobId;
use crate::storage::rusqlite::{Connection, params};
use crate::storage::{ReplayError, Transaction};
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;

/// The form of the records. Any change of the type below changes their bytes, and needs a new number.
const FORM: u8 = 1;
/// Bytes of a record that is still worth the detour: what is larger would be written twice.
const RECORD_MAX: usize = 8 * 1024;

/// Bytes of a row, about.
const ROW_BYTES: usize = 512;

/// One thing that was done.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Done<'a> {
    /// A body was kept under this number.
    Body(BlobId, #[serde(serialize_with = "bytes")] &'a [u8]),
    /// A version was made.
    Version(Box<Row<'a>>),
    /// A version of a bucket's key went, and these bodies lost a reference.
    Gone(i64, &'a str, i64, Cow<'a, [BlobId]>),
}

/// A version as it lies in its row.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Row<'a> {
    pub(super) bucket: i64,
    pub(super) key: &'a str,
    pub(super) order: i64,
    pub(super) id: &'a str,
    pub(super) marker: bool,
    pub(super) modified: i64,
    pub(super) size: i64,
    pub(super) etag: &'a str,
    pub(super) extents: Cow<'a, str>,
    pub(super) attributes: Cow<'a, str>,
}

/// Bytes at once: serde takes a slice for a list of numbers.
fn bytes<S: Serializer>(bytes: &&[u8], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_bytes(bytes)
}

/// What a change did so far, as long as all of it can be noted.
#[derive(Debug)]
pub(in crate::services::s3) struct Doings(Option<Vec<u8>>);

impl Doings {
    /// Nothing was done yet.
    pub(super) fn begin() -> Doings {
        Doings(Some(vec![FORM]))
    }

    /// Nobody asks.
    pub(super) fn never() -> Doings {
        Doings(None)
    }

    pub(super) fn note(&mut self, done: &Done<'_>) {
        if let Some(mut bytes) = self.0.take() {
            if let Done::Body(_, body) = done {
                // The version's row comes behind it.
                bytes.reserve(body.len() + ROW_BYTES);
            }
            let more = postcard::to_extend(done, bytes).ok();
            self.0 = more.filter(|bytes| bytes.len() <= RECORD_MAX);
        }
    }

    /// Something was done that is not noted.
    pub(super) fn give_up(&mut self) {
        self.0 = None;
    }

    /// The record, if it has all that was done.
    pub(in crate::services::s3) fn record(&self) -> Option<&[u8]> {
        self.0.as_deref()
    }

    /// Whether nothing was done.
    pub(in crate::services::s3) fn is_empty(&self) -> bool {
        self.0.as_deref() == Some(&[FORM])
    }
}

fn read(record: &[u8]) -> Result<Vec<Done<'_>>, ReplayError> {
    let unreadable = |why: String| ReplayError::Unreadable(why);
    let Some((&FORM, mut rest)) = record.split_first() else {
        return Err(unreadable(format!("it is not of form {FORM}, which this devenv writes")));
    };
    let mut all = Vec::new();
    while !rest.is_empty() {
        let (done, behind) =
            postcard::take_from_bytes(rest).map_err(|e| unreadable(e.to_string()))?;
        all.push(done);
        rest = behind;
    }
    Ok(all)
}

/// Does once more what a record says.
pub fn redo(record: &[u8], to: &Transaction<'_>) -> Result<(), ReplayError> {
    let store = Store::over(to);
    for done in read(record)? {
        match done {
            Done::Body(id, bytes) => {
                to.prepare_cached(PUT_BODY)?.execute(params![id, bytes])?;
            }
            Done::Version(row) => put(to, &row)?,
            Done::Gone(bucket, key, order, bodies) => {
                to.prepare_cached(GONE)?.execute(params![bucket, key, order])?;
                // What the disk refused is told below.
                let _ = bodies.iter().try_for_each(|body| store.release_body(*body));
            }
        }
    }
    Ok(store.finish().map(drop)?)
}

/// Makes the row of a version.
pub(super) fn put(to: &Connection, row: &Row<'_>) -> crate::storage::rusqlite::Result<()> {
    let Row { bucket, key, order, id, marker, modified, size, etag, extents, attributes } = row;
    let values = params![bucket, key, order, id, marker, modified, size, etag, extents, attributes];
    to.prepare_cached(PUT_VERSION)?.execute(values).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Done<'static>> {
        let row = Row {
            bucket: 1,
            key: "\u{1f4e6}/\"k\"",
            order: i64::MIN,
            id: "",
            marker: true,
            modified: -1,
            size: i64::MAX,
            etag: "e",
            extents: "7".into(),
            attributes: "{}".into(),
        };
        vec![
            Done::Gone(1, "k", -4, vec![1, i64::MAX].into()),
            Done::Body(9, &[0, 255, 1]),
            Done::Version(Box::new(row)),
        ]
    }

    #[test]
    fn what_is_noted_is_read_back_as_it_was() {
        let mut noted = Doings::begin();
        assert!(noted.is_empty());
        all().iter().for_each(|done| noted.note(done));
        assert!(!noted.is_empty());
        assert_eq!(read(noted.record().unwrap()).unwrap(), all());
    }

    #[test]
    fn what_is_long_or_not_noted_has_no_record() {
        let mut noted = Doings::begin();
        noted.note(&Done::Body(1, &vec![0; RECORD_MAX]));
        assert!(noted.record().is_none() && !noted.is_empty());
        let mut noted = Doings::begin();
        noted.give_up();
        noted.note(&Done::Body(1, b"x"));
        assert!(noted.record().is_none() && !noted.is_empty());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes: Vec<u8>) {
            bytes.insert(0, FORM);
            let _ = read(&bytes);
        }
    }

    #[test]
    fn a_record_of_something_else_is_refused() {
        assert!(read(&[FORM + 1]).is_err() && read(&[FORM, 99]).is_err() && read(&[]).is_err());
    }
}
