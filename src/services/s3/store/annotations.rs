//! Annotations in SQLite: a row each, by the version's place and their name.

use super::{Store, extents, json, kept, parsed};
use crate::base::Millis;
use crate::services::s3::error::Result;
use crate::services::s3::model::{Annotation, Version};
use crate::storage::rusqlite::{self, Row, params};

const SELECT: &str = "SELECT name, modified, size, etag, checksum, extents FROM s3_annotations
     WHERE bucket=?1 AND key=?2 AND ord=?3 AND ";

fn annotation(row: &Row<'_>) -> rusqlite::Result<Annotation> {
    let size = row.get::<_, i64>(2)? as u64;
    Ok(Annotation {
        name: row.get(0)?,
        modified: Millis(row.get(1)?),
        size,
        etag: row.get(3)?,
        checksum: parsed(row, 4)?,
        extents: extents(row, 5, size)?,
    })
}

pub(super) fn find(store: &Store<'_>, of: &Version, name: &str) -> Result<Option<Annotation>> {
    let sql = format!("{SELECT}name=?4");
    store.one(&sql, params![of.bucket, of.key, of.order, name], annotation)
}

pub(super) fn page(
    store: &Store<'_>,
    of: &Version,
    prefix: &str,
    after: &str,
    limit: usize,
) -> Result<Vec<Annotation>> {
    let sql = format!("{SELECT}name>?4 AND substr(name, 1, length(?5))=?5 ORDER BY name LIMIT ?6");
    let parameters = params![of.bucket, of.key, of.order, after, prefix, limit as i64];
    store.all(&sql, parameters, annotation)
}

pub(super) fn put(store: &Store<'_>, of: &Version, annotation: &Annotation) -> Result<()> {
    store
        .run(
            "INSERT INTO s3_annotations VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                of.bucket,
                of.key,
                of.order,
                annotation.name,
                annotation.modified.0,
                annotation.size as i64,
                annotation.etag,
                json(&annotation.checksum),
                kept(&annotation.extents, annotation.size)
            ],
        )
        .map(drop)
}

pub(super) fn delete(store: &Store<'_>, of: &Version, annotation: &Annotation) -> Result<()> {
    store.run(
        "DELETE FROM s3_annotations WHERE bucket=?1 AND key=?2 AND ord=?3 AND name=?4",
        params![of.bucket, of.key, of.order, annotation.name],
    )?;
    store.release(&annotation.extents)
}

/// All of a version that goes.
pub(super) fn delete_all(store: &Store<'_>, of: &Version) -> Result<()> {
    if of.attributes.annotations == 0 {
        return Ok(());
    }
    page(store, of, "", "", usize::MAX >> 1)?
        .iter()
        .try_for_each(|annotation| delete(store, of, annotation))
}
