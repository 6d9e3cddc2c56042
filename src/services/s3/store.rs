//! The metadata in SQLite. An error of the disk is kept aside, so that it fails the commit while the
//! operations only see a refusal.

use super::error::{Error, Result};
use super::index::{Index, Look, Place, UploadPlace};
use super::known::{ByHeart, Changes, Noted};
use super::lifecycle::Sweep;
use super::model::{Annotation, Blob, BlobId, Bucket, Extent, Part, Pending, Upload, Version};
use crate::base::Millis;
use crate::services::{Call, outbox};
use crate::storage::Schema;
use crate::storage::rusqlite::{self, Connection, OptionalExtension, Row, params};
use record::{Done, Row as VersionRow};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::{Cell, RefCell};
use std::sync::Arc;

mod annotations;
mod forget;
mod record;

pub(super) use record::Doings;
pub use record::redo;

/// The tables. The newest version of a key is the first row at `(bucket, key)`.
pub const SCHEMA: Schema = Schema {
    name: "s3",
    scripts: &[
        "
        CREATE TABLE s3_buckets(
          id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, account TEXT NOT NULL,
          region TEXT NOT NULL, created INTEGER NOT NULL, settings TEXT NOT NULL);
        CREATE TABLE s3_versions(
          bucket INTEGER NOT NULL, key TEXT NOT NULL, ord INTEGER NOT NULL, id TEXT NOT NULL,
          marker INTEGER NOT NULL, modified INTEGER NOT NULL, size INTEGER NOT NULL,
          etag TEXT NOT NULL, extents TEXT NOT NULL, attributes TEXT NOT NULL,
          PRIMARY KEY(bucket, key, ord)) WITHOUT ROWID;
        CREATE INDEX s3_versions_by_id ON s3_versions(bucket, key, id) WHERE id <> '';
        CREATE TABLE s3_blobs(
          id INTEGER PRIMARY KEY, shares INTEGER NOT NULL DEFAULT 0, data BLOB, file TEXT);
        CREATE INDEX s3_blobs_by_file ON s3_blobs(file) WHERE file IS NOT NULL;
        CREATE TABLE s3_uploads(
          bucket INTEGER NOT NULL, key TEXT NOT NULL, initiated INTEGER NOT NULL, id TEXT NOT NULL,
          attributes TEXT NOT NULL, checksum TEXT NOT NULL,
          PRIMARY KEY(bucket, key, initiated, id)) WITHOUT ROWID;
        CREATE TABLE s3_parts(
          upload TEXT NOT NULL, number INTEGER NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,
          modified INTEGER NOT NULL, extents TEXT NOT NULL, checksums TEXT NOT NULL,
          PRIMARY KEY(upload, number)) WITHOUT ROWID;
    ", "
        CREATE TABLE s3_sweeps(
          bucket INTEGER PRIMARY KEY, due INTEGER NOT NULL, next INTEGER NOT NULL, at TEXT NOT NULL);
        CREATE INDEX s3_sweeps_by_due ON s3_sweeps(due);
        CREATE TABLE s3_replication(
          id INTEGER PRIMARY KEY AUTOINCREMENT, bucket INTEGER NOT NULL, key TEXT NOT NULL,
          version TEXT NOT NULL);
    ",
    // From here on `extents` may hold the number of a body that is taken whole instead of a list.
    "",
    "
        CREATE TABLE s3_annotations(
          bucket INTEGER NOT NULL, key TEXT NOT NULL, ord INTEGER NOT NULL, name TEXT NOT NULL,
          modified INTEGER NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,
          checksum TEXT NOT NULL, extents TEXT NOT NULL,
          PRIMARY KEY(bucket, key, ord, name)) WITHOUT ROWID;
    ",
    "ALTER TABLE s3_uploads ADD COLUMN disturbed INTEGER NOT NULL DEFAULT 0;",
    ],
};

/// Deletes every row.
pub(super) const WIPE: &str =
    "DELETE FROM s3_annotations; DELETE FROM s3_sweeps; DELETE FROM s3_replication; DELETE FROM s3_parts; DELETE FROM s3_uploads; DELETE FROM s3_versions;
    DELETE FROM s3_blobs; DELETE FROM s3_buckets;";

macro_rules! columns {
    () => {
        "bucket, key, ord, id, marker, modified, size, etag, extents, attributes"
    };
}

const PUT_BODY: &str = "INSERT INTO s3_blobs(id, data) VALUES (?1, ?2)";
const PUT_VERSION: &str =
    concat!("INSERT INTO s3_versions(", columns!(), ") VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)");
const GONE: &str = "DELETE FROM s3_versions WHERE bucket=?1 AND key=?2 AND ord=?3";

/// The metadata as one connection sees it.
pub(super) struct Store<'a> {
    connection: &'a Connection,
    known: Option<&'a ByHeart>,
    noted: Noted,
    changes: RefCell<Changes>,
    doings: RefCell<Doings>,
    failed: Cell<Option<rusqlite::Error>>,
    freed: RefCell<Vec<String>>,
    calls: Cell<bool>,
}

impl<'a> Store<'a> {
    /// Over a connection, or a transaction of one.
    pub(super) fn over(connection: &'a Connection) -> Self {
        Store {
            connection,
            known: None,
            noted: Noted::default(),
            changes: RefCell::default(),
            doings: RefCell::new(Doings::never()),
            failed: Cell::new(None),
            freed: RefCell::default(),
            calls: Cell::new(false),
        }
    }

    /// Whether there is new work for those who work beside the requests.
    pub(super) fn calls(&self) -> bool {
        self.calls.get()
    }

    /// The same, with what is known by heart. The connection has read nothing yet.
    pub(super) fn knowing(connection: &'a Connection, known: &'a ByHeart) -> Self {
        Store { known: Some(known), noted: known.buckets.note(), ..Store::over(connection) }
    }

    /// For a change, with a note of what it does.
    pub(super) fn changing(connection: &'a Connection, known: &'a ByHeart) -> Self {
        let doings = RefCell::new(Doings::begin());
        Store { doings, ..Store::knowing(connection, known) }
    }

    /// What was done.
    pub(super) fn noted(&self) -> Doings {
        self.doings.replace(Doings::never())
    }

    fn note(&self, done: &Done<'_>) {
        self.doings.borrow_mut().note(done);
    }

    /// What to hold on to until the commit is over.
    pub(super) fn changes(&self) -> Changes {
        self.changes.take()
    }

    fn buckets_change(&self) {
        if let Some(known) = self.known {
            self.changes.borrow_mut().buckets.get_or_insert_with(|| known.buckets.changing());
        }
    }

    fn object_changes(&self, version: &Version) {
        if let Some(known) = self.known {
            let change = known.object_changes(version.bucket, &version.key);
            self.changes.borrow_mut().objects.push(change);
        }
    }

    /// Names of the blob files that lost their last reference, or why the disk refused.
    pub(super) fn finish(self) -> rusqlite::Result<Vec<String>> {
        match self.failed.into_inner() {
            Some(error) => Err(error),
            None => Ok(self.freed.into_inner()),
        }
    }

    fn keep<T>(&self, result: rusqlite::Result<T>) -> Result<T> {
        result.map_err(|error| {
            let refusal = Error::internal("the state file refused");
            self.failed.set(Some(error));
            refusal
        })
    }

    fn one<T>(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
        read: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        let row = || self.connection.prepare_cached(sql)?.query_row(parameters, read).optional();
        self.keep(row())
    }

    fn all<T>(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
        read: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let rows = || -> rusqlite::Result<Vec<T>> {
            let mut statement = self.connection.prepare_cached(sql)?;
            let rows = statement.query_map(parameters, read)?;
            rows.collect()
        };
        self.keep(rows())
    }

    /// A change that is not noted.
    fn run(&self, sql: &str, parameters: impl rusqlite::Params) -> Result<usize> {
        self.doings.borrow_mut().give_up();
        self.run_noted(sql, parameters)
    }

    /// A change that its caller notes.
    fn run_noted(&self, sql: &str, parameters: impl rusqlite::Params) -> Result<usize> {
        let run = || self.connection.prepare_cached(sql)?.execute(parameters);
        self.keep(run())
    }

    /// Takes one reference from each extent's body.
    fn release(&self, extents: &[Extent]) -> Result<()> {
        self.doings.borrow_mut().give_up();
        extents.iter().try_for_each(|extent| self.release_body(extent.blob))
    }

    /// Takes one reference from a body, which its caller notes. A file that goes is not noted.
    fn release_body(&self, body: BlobId) -> Result<()> {
        // Few bodies are shared.
        let gone: Option<Option<String>> = self.one(
            "DELETE FROM s3_blobs WHERE id=?1 AND shares<=0 RETURNING file",
            [body],
            |row| row.get(0),
        )?;
        match gone {
            Some(None) => {}
            Some(Some(file)) => {
                self.doings.borrow_mut().give_up();
                self.freed.borrow_mut().push(file);
            }
            None => {
                self.run_noted("UPDATE s3_blobs SET shares=shares-1 WHERE id=?1", [body])?;
            }
        }
        Ok(())
    }
}

/// Extents as they are kept: the body's number where one body is taken whole.
fn kept(extents: &[Extent], size: u64) -> String {
    match extents {
        [Extent { blob, offset: 0, length }] if *length == size => blob.to_string(),
        extents => json(&extents),
    }
}

fn extents(row: &Row<'_>, column: usize, size: u64) -> rusqlite::Result<Vec<Extent>> {
    match row.get_ref(column)?.as_str()?.parse() {
        Ok(blob) => Ok(vec![Extent { blob, offset: 0, length: size }]),
        Err(_) => parsed(row, column),
    }
}

fn json<T: Serialize>(value: &T) -> String {
    // Maps with text keys and plain structs: serialising them cannot fail.
    serde_json::to_string(value).unwrap_or_default()
}

fn parsed<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(
            column,
            rusqlite::types::Type::Text,
            Box::new(error),
        )
    })
}

fn bucket(row: &Row<'_>) -> rusqlite::Result<Bucket> {
    Ok(Bucket {
        id: row.get(0)?,
        name: row.get(1)?,
        account: row.get(2)?,
        region: row.get(3)?,
        created: Millis(row.get(4)?),
        settings: parsed(row, 5)?,
    })
}

fn version(row: &Row<'_>) -> rusqlite::Result<Version> {
    let size = row.get::<_, i64>(6)? as u64;
    Ok(Version {
        bucket: row.get(0)?,
        key: row.get(1)?,
        order: row.get(2)?,
        id: row.get(3)?,
        marker: row.get(4)?,
        modified: Millis(row.get(5)?),
        size,
        etag: row.get(7)?,
        extents: extents(row, 8, size)?,
        attributes: parsed(row, 9)?,
    })
}

fn upload(row: &Row<'_>) -> rusqlite::Result<Upload> {
    Ok(Upload {
        bucket: row.get(0)?,
        key: row.get(1)?,
        initiated: Millis(row.get(2)?),
        id: row.get(3)?,
        attributes: parsed(row, 4)?,
        checksum: parsed(row, 5)?,
        disturbed: row.get(6)?,
    })
}

fn part(row: &Row<'_>) -> rusqlite::Result<Part> {
    let size = row.get::<_, i64>(2)? as u64;
    Ok(Part {
        upload: row.get(0)?,
        number: row.get(1)?,
        size,
        etag: row.get(3)?,
        modified: Millis(row.get(4)?),
        extents: extents(row, 5, size)?,
        checksums: parsed(row, 6)?,
    })
}

fn blob(row: &Row<'_>) -> rusqlite::Result<Blob> {
    blob_at(row, 0)
}

fn blob_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Blob> {
    let data: Option<Vec<u8>> = row.get(column)?;
    Ok(match data {
        Some(data) => Blob::Inline(data.into()),
        None => Blob::File(row.get(column + 1)?),
    })
}

fn sweep(row: &Row<'_>, column: usize) -> rusqlite::Result<Sweep> {
    Ok(Sweep { due: row.get(column)?, next: row.get(column + 1)?, at: parsed(row, column + 2)? })
}

/// A version with its body, where `extents` is the number of one.
pub(super) const NEWEST_WITH_BODY: &str =
    "SELECT bucket, key, ord, v.id, marker, modified, size, etag, extents, attributes, b.id, b.data, b.file
     FROM s3_versions v LEFT JOIN s3_blobs b ON b.id=CAST(v.extents AS INTEGER)
     WHERE bucket=?1 AND key=?2 ORDER BY ord LIMIT 1";

/// A version, and its body where one is taken whole.
pub(super) type WithBody = (Version, Option<Blob>);

fn with_body(row: &Row<'_>) -> rusqlite::Result<WithBody> {
    let version = version(row)?;
    let body = row.get::<_, Option<i64>>(10)?.map(|_| blob_at(row, 11)).transpose()?;
    Ok((version, body))
}

impl Store<'_> {
    /// The newest version of a key with its body, if one is taken whole: all in one statement.
    pub(super) fn newest_with_body(&self, bucket: i64, key: &str) -> Result<Option<WithBody>> {
        self.one(NEWEST_WITH_BODY, params![bucket, key], with_body)
    }
}

impl Look for Store<'_> {
    fn bucket(&self, name: &str) -> Result<Option<Bucket>> {
        if let Some(bucket) = self.known.and_then(|known| known.buckets.get(name)) {
            return Ok(Some(Bucket::clone(&bucket)));
        }
        let found = self.one(
            "SELECT id, name, account, region, created, settings FROM s3_buckets WHERE name=?1",
            [name],
            bucket,
        )?;
        if let (Some(known), Some(found)) = (self.known, &found) {
            known.buckets.learn(self.noted, name, &Arc::new(found.clone()), 1);
        }
        Ok(found)
    }

    fn buckets(&self, account: &str, after: &str, limit: usize) -> Result<Vec<Bucket>> {
        self.all(
            "SELECT id, name, account, region, created, settings FROM s3_buckets
             WHERE account=?1 AND name>?2 ORDER BY name LIMIT ?3",
            params![account, after, limit as i64],
            bucket,
        )
    }

    fn is_empty(&self, bucket: i64) -> Result<bool> {
        let found =
            self.one("SELECT 1 FROM s3_versions WHERE bucket=?1 LIMIT 1", [bucket], |_| Ok(()))?;
        Ok(found.is_none())
    }

    fn newest(&self, bucket: i64, key: &str) -> Result<Option<Version>> {
        self.one(
            concat!(
                "SELECT ",
                columns!(),
                " FROM s3_versions WHERE bucket=?1 AND key=?2 ORDER BY ord LIMIT 1"
            ),
            params![bucket, key],
            version,
        )
    }

    fn version(&self, bucket: i64, key: &str, id: &str) -> Result<Option<Version>> {
        const SELECT: &str =
            concat!("SELECT ", columns!(), " FROM s3_versions WHERE bucket=?1 AND key=?2 AND ");
        if id.is_empty() {
            return self.one(&format!("{SELECT}id=''"), params![bucket, key], version);
        }
        let by_id = format!("{SELECT}id<>'' AND id=?3");
        self.one(&by_id, params![bucket, key, id], version)
    }

    fn versions(&self, bucket: i64, from: &Place, limit: usize) -> Result<Vec<Version>> {
        self.all(
            concat!(
                "SELECT ",
                columns!(),
                " FROM s3_versions WHERE bucket=?1 AND (key, ord)>=(?2, ?3)
                 ORDER BY key, ord LIMIT ?4"
            ),
            params![bucket, from.key, from.order, limit as i64],
            version,
        )
    }

    fn blob(&self, id: BlobId) -> Result<Option<Blob>> {
        self.one("SELECT data, file FROM s3_blobs WHERE id=?1", [id], blob)
    }

    fn upload(&self, bucket: i64, key: &str, id: &str) -> Result<Option<Upload>> {
        self.one(
            "SELECT bucket, key, initiated, id, attributes, checksum, disturbed FROM s3_uploads
             WHERE bucket=?1 AND key=?2 AND id=?3",
            params![bucket, key, id],
            upload,
        )
    }

    fn uploads(&self, bucket: i64, after: &UploadPlace, limit: usize) -> Result<Vec<Upload>> {
        self.all(
            "SELECT bucket, key, initiated, id, attributes, checksum, disturbed FROM s3_uploads
             WHERE bucket=?1 AND (key, initiated, id)>(?2, ?3, ?4)
             ORDER BY key, initiated, id LIMIT ?5",
            params![bucket, after.key, after.initiated, after.id, limit as i64],
            upload,
        )
    }

    fn parts(&self, upload: &str, after: u32, limit: usize) -> Result<Vec<Part>> {
        self.all(
            "SELECT upload, number, size, etag, modified, extents, checksums FROM s3_parts
             WHERE upload=?1 AND number>?2 ORDER BY number LIMIT ?3",
            params![upload, after, limit as i64],
            part,
        )
    }

    fn annotation(&self, of: &Version, name: &str) -> Result<Option<Annotation>> {
        annotations::find(self, of, name)
    }

    fn annotations(
        &self,
        of: &Version,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Annotation>> {
        annotations::page(self, of, prefix, after, limit)
    }

    fn sweep(&self, bucket: i64) -> Result<Option<Sweep>> {
        self.one("SELECT due, next, at FROM s3_sweeps WHERE bucket=?1", [bucket], |row| {
            sweep(row, 0)
        })
    }

    fn next_sweep(&self) -> Result<Option<(String, Sweep)>> {
        self.one(
            "SELECT b.name, s.due, s.next, s.at FROM s3_sweeps s JOIN s3_buckets b ON b.id=s.bucket
             ORDER BY s.due LIMIT 1",
            [],
            |row| Ok((row.get(0)?, sweep(row, 1)?)),
        )
    }

    fn pending(&self, limit: usize) -> Result<Vec<Pending>> {
        self.all(
            "SELECT r.id, b.name, r.key, r.version FROM s3_replication r
             LEFT JOIN s3_buckets b ON b.id=r.bucket ORDER BY r.id LIMIT ?1",
            [limit as i64],
            |row| {
                let bucket: Option<String> = row.get(1)?;
                let (key, version) = (row.get(2)?, row.get(3)?);
                Ok(Pending { id: row.get(0)?, bucket: bucket.unwrap_or_default(), key, version })
            },
        )
    }
}

impl Index for Store<'_> {
    fn put_bucket(&mut self, bucket: &Bucket) -> Result<()> {
        self.buckets_change();
        self.run(
            "INSERT INTO s3_buckets(name, account, region, created, settings)
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT(name) DO UPDATE SET settings=?5",
            params![
                bucket.name,
                bucket.account,
                bucket.region,
                bucket.created.0,
                json(&bucket.settings)
            ],
        )
        .map(drop)
    }

    fn delete_bucket(&mut self, bucket: &Bucket) -> Result<()> {
        self.buckets_change();
        let behind = UploadPlace { key: String::new(), initiated: i64::MIN, id: String::new() };
        for upload in self.uploads(bucket.id, &behind, usize::MAX >> 1)? {
            self.delete_upload(&upload)?;
        }
        self.run("DELETE FROM s3_sweeps WHERE bucket=?1", [bucket.id])?;
        self.run("DELETE FROM s3_buckets WHERE id=?1", [bucket.id]).map(drop)
    }

    fn put_version(&mut self, version: &Version) -> Result<()> {
        self.object_changes(version);
        let row = VersionRow {
            bucket: version.bucket,
            key: &version.key,
            order: version.order,
            id: &version.id,
            marker: version.marker,
            modified: version.modified.0,
            size: version.size as i64,
            etag: &version.etag,
            extents: kept(&version.extents, version.size).into(),
            attributes: json(&version.attributes).into(),
        };
        self.keep(record::put(self.connection, &row))?;
        self.note(&Done::Version(Box::new(row)));
        Ok(())
    }

    fn update_version(&mut self, version: &Version) -> Result<()> {
        self.object_changes(version);
        self.run(
            "UPDATE s3_versions SET attributes=?4 WHERE bucket=?1 AND key=?2 AND ord=?3",
            params![version.bucket, version.key, version.order, json(&version.attributes)],
        )
        .map(drop)
    }

    fn delete_version(&mut self, version: &Version) -> Result<()> {
        self.object_changes(version);
        annotations::delete_all(self, version)?;
        let Version { bucket, key, order, extents, .. } = version;
        self.run_noted(GONE, params![bucket, key, order])?;
        let bodies: Vec<BlobId> = extents.iter().map(|extent| extent.blob).collect();
        bodies.iter().try_for_each(|body| self.release_body(*body))?;
        self.note(&Done::Gone(*bucket, key, *order, bodies.into()));
        Ok(())
    }

    fn add_blob(&mut self, blob: &Blob) -> Result<BlobId> {
        match blob {
            Blob::Inline(data) => {
                self.run_noted("INSERT INTO s3_blobs(data) VALUES (?1)", [data.as_ref()])?;
                let id = self.connection.last_insert_rowid();
                self.note(&Done::Body(id, data));
                return Ok(id);
            }
            Blob::File(name) => {
                self.run("INSERT INTO s3_blobs(file) VALUES (?1)", [name])?;
            }
        }
        Ok(self.connection.last_insert_rowid())
    }

    fn share(&mut self, extents: &[Extent]) -> Result<()> {
        for extent in extents {
            self.run("UPDATE s3_blobs SET shares=shares+1 WHERE id=?1", [extent.blob])?;
        }
        Ok(())
    }

    fn put_annotation(&mut self, of: &Version, annotation: &Annotation) -> Result<()> {
        annotations::put(self, of, annotation)
    }

    fn delete_annotation(&mut self, of: &Version, annotation: &Annotation) -> Result<()> {
        annotations::delete(self, of, annotation)
    }

    fn put_upload(&mut self, upload: &Upload) -> Result<()> {
        self.run(
            "INSERT INTO s3_uploads VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                upload.bucket,
                upload.key,
                upload.initiated.0,
                upload.id,
                json(&upload.attributes),
                json(&upload.checksum),
                upload.disturbed
            ],
        )
        .map(drop)
    }

    fn disturb(&mut self, bucket: i64, key: &str) -> Result<()> {
        let sql = "UPDATE s3_uploads SET disturbed=1 WHERE bucket=?1 AND key=?2";
        self.run(sql, params![bucket, key]).map(drop)
    }

    fn delete_upload(&mut self, upload: &Upload) -> Result<()> {
        for part in self.parts(&upload.id, 0, usize::MAX >> 1)? {
            self.release(&part.extents)?;
        }
        self.run("DELETE FROM s3_parts WHERE upload=?1", [&upload.id])?;
        self.run(
            "DELETE FROM s3_uploads WHERE bucket=?1 AND key=?2 AND initiated=?3 AND id=?4",
            params![upload.bucket, upload.key, upload.initiated.0, upload.id],
        )
        .map(drop)
    }

    fn put_part(&mut self, part: &Part) -> Result<()> {
        let before = self.parts(&part.upload, part.number.saturating_sub(1), 1)?;
        for old in before.iter().filter(|p| p.number == part.number) {
            self.release(&old.extents)?;
        }
        self.run(
            "INSERT OR REPLACE INTO s3_parts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                part.upload,
                part.number,
                part.size as i64,
                part.etag,
                part.modified.0,
                kept(&part.extents, part.size),
                json(&part.checksums)
            ],
        )
        .map(drop)
    }

    fn put_sweep(&mut self, bucket: i64, sweep: Option<&Sweep>) -> Result<()> {
        self.calls.set(true);
        let Some(sweep) = sweep else {
            return self.run("DELETE FROM s3_sweeps WHERE bucket=?1", [bucket]).map(drop);
        };
        self.run(
            "INSERT OR REPLACE INTO s3_sweeps VALUES (?1, ?2, ?3, ?4)",
            params![bucket, sweep.due, sweep.next, json(&sweep.at)],
        )
        .map(drop)
    }

    fn enqueue(&mut self, version: &Version) -> Result<()> {
        self.calls.set(true);
        self.run(
            "INSERT INTO s3_replication(bucket, key, version) VALUES (?1, ?2, ?3)",
            params![version.bucket, version.key, version.id],
        )
        .map(drop)
    }

    fn dequeue(&mut self, id: i64) -> Result<()> {
        self.run("DELETE FROM s3_replication WHERE id=?1", [id]).map(drop)
    }

    fn post(&mut self, call: &Call) -> Result<()> {
        self.calls.set(true);
        self.doings.borrow_mut().give_up();
        self.keep(outbox::post(self.connection, call))
    }
}
