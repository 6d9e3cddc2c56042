//! Scripts over the operations with virtual time, each over the maps and over SQLite.

use super::checksum::Algorithm;
use super::conditions::{ReadConditions, WriteConditions};
use super::error::{Error, Result};
use super::index::{Index, Look, Place, UploadPlace, existing, slice};
use super::lifecycle::Sweep;
use super::limits::OBJECT_BYTES_MAX;
use super::memory::Memory;
use super::model::{
    Annotation, Attributes, Blob, BlobId, Bucket, Extent, Part, Pending, Upload, Version,
    Versioning,
};
use super::ops::buckets::{CreateBucket, DeleteBucket};
use super::ops::configuration::{Configure, Setting};
use super::ops::delete::{DeleteObject, Deleted};
use super::ops::list::{After, Entry, ListObjects};
use super::ops::list_versions::ListObjectVersions;
use super::ops::multipart::{CompleteUpload, CreateUpload, NamedPart, PartBody, UploadPart};
use super::ops::objects::{PutObject, Stored, find};
use super::store::{NEWEST_WITH_BODY, SCHEMA, Store};
use crate::base::{Caller, Context, Ids, Millis};
use crate::storage::Storage;
use crate::storage::rusqlite::{Connection, StatementStatus};
use std::cell::Cell;
use std::collections::BTreeSet;

mod over_time;

/// Somebody who calls, at an instant that the script moves.
struct Script {
    caller: Caller,
    ids: Ids,
    now: i64,
}

impl Script {
    fn new() -> Self {
        let caller = Caller::internal("000000000000", "us-east-1", "http://h");
        Script { caller, ids: Ids::seeded(1), now: 1_000_000 }
    }

    fn context(&mut self) -> Context<'_> {
        Context { now: Millis(self.now), ids: &mut self.ids, caller: &self.caller }
    }

    fn bucket(&mut self, index: &mut impl Index) -> Bucket {
        let create = CreateBucket { name: "bucket".into(), ..CreateBucket::default() };
        create.apply(index, &mut self.context()).unwrap()
    }

    fn versioning(&mut self, index: &mut impl Index, versioning: Versioning) {
        let setting = Setting::Versioning(versioning, None);
        let configure = Configure { bucket: "bucket".into(), setting };
        configure.apply(index, &mut self.context()).unwrap();
    }

    fn put_if(
        &mut self,
        index: &mut impl Index,
        key: &str,
        text: &str,
        conditions: WriteConditions,
    ) -> Result<Stored> {
        self.now += 1000;
        let put = PutObject {
            bucket: "bucket".into(),
            key: key.into(),
            body: Some(Blob::Inline(text.to_owned().into())),
            size: text.len() as u64,
            md5: format!("md5 of {text}"),
            attributes: Attributes::default(),
            encrypted_by_header: false,
            conditions,
            cause: Default::default(),
        };
        put.apply(index, &mut self.context())
    }

    fn put(&mut self, index: &mut impl Index, key: &str, text: &str) -> Version {
        self.put_if(index, key, text, WriteConditions::default()).unwrap().version
    }

    fn delete(&mut self, index: &mut impl Index, key: &str, version: Option<&str>) -> Deleted {
        let delete = DeleteObject {
            bucket: "bucket".into(),
            key: key.into(),
            version: version.map(str::to_owned),
            matches: None,
            bypass: None,
        };
        delete.apply(index, &mut self.context()).unwrap()
    }
}

fn read(index: &impl Look, key: &str, version: Option<&str>) -> Result<String> {
    let bucket = existing(index, "bucket")?;
    let found = find(index, &bucket, key, version, "GET")?;
    let mut text = String::new();
    for extent in &found.extents {
        let Some(Blob::Inline(data)) = index.blob(extent.blob)? else { panic!("no inline body") };
        let (start, end) = (extent.offset as usize, (extent.offset + extent.length) as usize);
        text.push_str(std::str::from_utf8(&data[start..end]).unwrap());
    }
    Ok(text)
}

fn code<T: std::fmt::Debug>(outcome: Result<T>) -> String {
    outcome.unwrap_err().code.into_owned()
}

fn sqlite() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    SCHEMA.scripts.iter().for_each(|script| connection.execute_batch(script).unwrap());
    connection
}

/// What a read of a small object runs is prepared once, although partial indices lie beside its way.
#[test]
fn sqlite_does_not_prepare_a_small_read_anew() {
    let dir = tempfile::tempdir().unwrap();
    let storage = Storage::open(&dir.path().join("state.db"), &[SCHEMA]).unwrap();
    let again = storage.read(|connection| {
        let mut statement = connection.prepare(NEWEST_WITH_BODY)?;
        for n in 0..3 {
            assert!(!statement.exists((n, n.to_string()))?);
        }
        Ok(statement.get_status(StatementStatus::RePrepare))
    });
    assert_eq!(again.unwrap(), 0);
}

/// The same script over both indices.
macro_rules! both {
    ($($name:ident: $script:ident;)*) => {$(
        mod $name {
            #[test]
            fn in_maps() {
                super::$script(&mut super::Memory::default());
            }

            #[test]
            fn in_sqlite() {
                let connection = super::sqlite();
                let mut store = super::Store::over(&connection);
                super::$script(&mut store);
                store.finish().unwrap();
            }
        }
    )*};
}

mod annotations;

both! {
    versions_come_and_go: versions;
    suspended_versioning_replaces_null: suspended;
    conditions_guard_writes_and_reads: conditions;
    parts_become_an_object: parts;
    an_object_has_five_tebibytes_at_the_most: limits;
    pages_join_to_the_whole: pages;
    versions_are_listed_newest_first: version_pages;
}

fn versions(index: &mut impl Index) {
    let mut script = Script::new();
    script.bucket(index);
    script.versioning(index, Versioning::Enabled);
    let first = script.put(index, "k", "one");
    let second = script.put(index, "k", "two");
    assert_eq!(read(index, "k", None).unwrap(), "two");
    assert_eq!(read(index, "k", Some(&first.id)).unwrap(), "one");
    let marker = script.delete(index, "k", None);
    assert!(marker.marker);
    let marker = marker.version.unwrap();
    assert_eq!(code(read(index, "k", None)), "NoSuchKey");
    assert_eq!(code(read(index, "k", Some(&marker))), "MethodNotAllowed");
    assert_eq!(read(index, "k", Some(&second.id)).unwrap(), "two");
    let delete = DeleteBucket { name: "bucket".into() };
    assert_eq!(code(delete.clone().apply(index, &mut script.context())), "BucketNotEmpty");
    // Without the marker the object is back.
    assert!(script.delete(index, "k", Some(&marker)).marker);
    assert_eq!(read(index, "k", None).unwrap(), "two");
    script.delete(index, "k", Some(&second.id));
    assert_eq!(read(index, "k", None).unwrap(), "one");
    assert_eq!(code(read(index, "k", Some(&second.id))), "NoSuchVersion");
    assert_eq!(code(read(index, "k", Some("foreign"))), "InvalidArgument");
    script.delete(index, "k", Some(&first.id));
    delete.apply(index, &mut script.context()).unwrap();
}

fn suspended(index: &mut impl Index) {
    let mut script = Script::new();
    script.bucket(index);
    script.put(index, "k", "before");
    assert_eq!(read(index, "k", Some("null")).unwrap(), "before");
    script.versioning(index, Versioning::Enabled);
    let kept = script.put(index, "k", "kept");
    script.versioning(index, Versioning::Suspended);
    script.put(index, "k", "after");
    assert_eq!(read(index, "k", Some("null")).unwrap(), "after");
    assert_eq!(read(index, "k", Some(&kept.id)).unwrap(), "kept");
    // A delete puts a marker in place of the null version; the other stays.
    let deleted = script.delete(index, "k", None);
    assert_eq!(deleted, Deleted { marker: true, version: Some("null".into()) });
    assert_eq!(code(read(index, "k", None)), "NoSuchKey");
    assert_eq!(read(index, "k", Some(&kept.id)).unwrap(), "kept");
    script.delete(index, "k", Some("null"));
    assert_eq!(read(index, "k", None).unwrap(), "kept");
}

fn conditions(index: &mut impl Index) {
    let mut script = Script::new();
    let bucket = script.bucket(index);
    let absent = WriteConditions::read(None, Some("*")).unwrap();
    let tagged = |tag: &str| WriteConditions::read(Some(tag), None).unwrap();
    assert_eq!(code(script.put_if(index, "k", "x", tagged("\"t\""))), "NoSuchKey");
    script.put_if(index, "k", "one", absent.clone()).unwrap();
    assert_eq!(code(script.put_if(index, "k", "two", absent.clone())), "PreconditionFailed");
    assert_eq!(code(script.put_if(index, "k", "two", tagged("\"t\""))), "PreconditionFailed");
    script.put_if(index, "k", "two", tagged("\"md5 of one\"")).unwrap();
    script.delete(index, "k", None);
    script.put_if(index, "k", "three", absent).unwrap();
    let found = index.newest(bucket.id, "k").unwrap().unwrap();
    let second = found.modified.plus_seconds(0);
    let later = second.plus_seconds(60);
    let check = |conditions: ReadConditions| {
        conditions.check(&found, later).map_err(|e| e.code.into_owned())
    };
    let since = |at| ReadConditions { modified_since: Some(at), ..ReadConditions::default() };
    assert_eq!(check(since(second)), Err("304".into()));
    assert_eq!(check(since(second.plus_seconds(-1))), Ok(()));
    assert_eq!(check(since(later.plus_seconds(1))), Ok(()), "the future is no condition");
    let unmodified =
        |at| ReadConditions { unmodified_since: Some(at), ..ReadConditions::default() };
    assert_eq!(check(unmodified(second)), Ok(()));
    assert_eq!(check(unmodified(second.plus_seconds(-1))), Err("PreconditionFailed".into()));
    // An entity tag that fits outweighs a date that does not.
    let both = ReadConditions {
        matches: Some("\"md5 of three\"".into()),
        ..unmodified(second.plus_seconds(-1))
    };
    assert_eq!(check(both), Ok(()));
}

fn upload_part(
    script: &mut Script,
    index: &mut impl Index,
    upload: &Upload,
    number: u32,
    body: PartBody,
    size: u64,
) -> Part {
    let md5 = format!("{number:032x}");
    let checksums = vec![super::checksum::Checksum {
        algorithm: Algorithm::Crc64nvme,
        value: Algorithm::Crc64nvme.of(b"x"),
        composite: false,
    }];
    let (bucket, key, upload) = ("bucket".into(), upload.key.clone(), upload.id.clone());
    let part = UploadPart { bucket, key, upload, number, size, md5, body, checksums };
    part.apply(index, &mut script.context()).unwrap().1
}

fn parts(index: &mut impl Index) {
    let mut script = Script::new();
    script.bucket(index);
    let source = script.put(index, "source", "0123456789");
    let create = CreateUpload {
        bucket: "bucket".into(),
        key: "k".into(),
        attributes: Attributes::default(),
        encrypted_by_header: false,
        checksum: None,
    };
    let upload = create.apply(index, &mut script.context()).unwrap();
    let body = |text: &str| PartBody::New(Some(Blob::Inline(text.to_owned().into())));
    upload_part(&mut script, index, &upload, 2, body("replaced"), 8);
    let second = upload_part(&mut script, index, &upload, 2, body("end"), 3);
    let shared = PartBody::Shared(slice(&source.extents, 2, 3));
    let first = upload_part(&mut script, index, &upload, 1, shared, 3);
    let named =
        |part: &Part| NamedPart { number: part.number, etag: part.etag.clone(), checksums: vec![] };
    let complete = |parts: Vec<NamedPart>| CompleteUpload {
        bucket: "bucket".into(),
        key: "k".into(),
        upload: upload.id.clone(),
        parts,
        ..CompleteUpload::default()
    };
    let mut refused = |parts| code(complete(parts).apply(index, &mut script.context()));
    assert_eq!(refused(vec![]), "InvalidRequest");
    assert_eq!(refused(vec![named(&second), named(&first)]), "InvalidPartOrder");
    assert_eq!(refused(vec![named(&first), named(&second)]), "EntityTooSmall");
    let wrong = NamedPart { etag: "no".into(), ..named(&first) };
    assert_eq!(refused(vec![wrong]), "InvalidPart");
    // The last part alone may be small; parts that are not named are forgotten.
    complete(vec![named(&first)]).apply(index, &mut script.context()).unwrap();
    assert_eq!(read(index, "k", None).unwrap(), "234");
    assert!(index.parts(&upload.id, 0, 10).unwrap().is_empty());
    // The bytes outlive the object that they were taken from.
    script.delete(index, "source", None);
    assert_eq!(read(index, "k", None).unwrap(), "234");
    assert_eq!(index.blob(second.extents[0].blob).unwrap(), None);
    script.delete(index, "k", None);
    assert_eq!(index.blob(source.extents[0].blob).unwrap(), None);
}

/// Sizes are only numbers here: no byte of those terabytes exists.
fn limits(index: &mut impl Index) {
    let mut script = Script::new();
    let bucket = script.bucket(index);
    let create = CreateUpload {
        bucket: "bucket".into(),
        key: "k".into(),
        attributes: Attributes::default(),
        encrypted_by_header: false,
        checksum: None,
    };
    let upload = create.apply(index, &mut script.context()).unwrap();
    let body = || PartBody::New(Some(Blob::File("sparse".into())));
    let whole = upload_part(&mut script, index, &upload, 1, body(), OBJECT_BYTES_MAX);
    let more = upload_part(&mut script, index, &upload, 2, body(), 1);
    let complete = |parts: &[&Part]| CompleteUpload {
        bucket: "bucket".into(),
        key: "k".into(),
        upload: upload.id.clone(),
        parts: parts
            .iter()
            .map(|p| NamedPart { number: p.number, etag: p.etag.clone(), checksums: vec![] })
            .collect(),
        ..CompleteUpload::default()
    };
    let refused = complete(&[&whole, &more]).apply(index, &mut script.context()).unwrap_err();
    assert_eq!(refused.code, "EntityTooLarge");
    assert_eq!(refused.members[1], ("MaxSizeAllowed".into(), OBJECT_BYTES_MAX.to_string()));
    complete(&[&whole]).apply(index, &mut script.context()).unwrap();
    let found = index.newest(bucket.id, "k").unwrap().unwrap();
    assert_eq!(found.size, OBJECT_BYTES_MAX);
    let last = slice(&found.extents, OBJECT_BYTES_MAX - 1, 1);
    assert_eq!((last[0].offset, last[0].length), (OBJECT_BYTES_MAX - 1, 1));
}

const KEYS: &[&str] = &[
    "a",
    "a/",
    "a/1",
    "a/2",
    "a/b/1",
    "a/b/2",
    "a0",
    "b//c",
    "b/c",
    "c",
    "d/\u{10FFFF}",
    "d/x",
    "ä/x",
    "😀",
];

/// Key and prefix of every entry, as the rules of S3 say without any seeking.
fn listed(prefix: &str, delimiter: &str) -> Vec<String> {
    let shown = KEYS.iter().filter(|key| key.starts_with(prefix)).map(|key| {
        let rest = &key[prefix.len()..];
        match rest.find(delimiter).filter(|_| !delimiter.is_empty()) {
            Some(at) => format!("{}*", &key[..prefix.len() + at + delimiter.len()]),
            None => (*key).to_owned(),
        }
    });
    shown.collect::<BTreeSet<_>>().into_iter().collect()
}

fn page_by_page(
    index: &impl Look,
    bucket: i64,
    prefix: &str,
    delimiter: &str,
    max: usize,
) -> Vec<String> {
    let (mut all, mut after) = (Vec::new(), After::Nothing);
    loop {
        let list = ListObjects { prefix: prefix.into(), delimiter: delimiter.into(), after, max };
        let page = list.apply(index, bucket).unwrap();
        assert!(page.entries.len() <= max);
        after = match page.entries.last() {
            Some(Entry::Item(version)) => After::Key(version.key.clone()),
            Some(Entry::Prefix(prefix)) => After::Prefix(prefix.clone()),
            None => After::Nothing,
        };
        all.extend(page.entries.iter().map(|entry| match entry {
            Entry::Item(version) => version.key.clone(),
            Entry::Prefix(prefix) => format!("{prefix}*"),
        }));
        if !page.truncated {
            return all;
        }
    }
}

fn pages(index: &mut impl Index) {
    let mut script = Script::new();
    let bucket = script.bucket(index);
    script.versioning(index, Versioning::Enabled);
    for key in KEYS {
        script.put(index, key, "old");
        script.put(index, key, "new");
        script.put(index, &format!("{key}-gone"), "gone");
        script.delete(index, &format!("{key}-gone"), None);
    }
    for prefix in ["", "a", "a/", "a/b/", "b/", "d/", "zz", "ä"] {
        for delimiter in ["", "/", "//", "b"] {
            let mut wanted = listed(prefix, delimiter);
            wanted.sort_by_key(|entry| entry.trim_end_matches('*').to_owned());
            for max in [1, 2, 3, 1000] {
                let met = page_by_page(index, bucket.id, prefix, delimiter, max);
                assert_eq!(met, wanted, "prefix {prefix:?} delimiter {delimiter:?} max {max}");
            }
        }
    }
    let none = ListObjects { max: 0, ..ListObjects::default() }.apply(index, bucket.id).unwrap();
    assert!(none.entries.is_empty() && !none.truncated);
}

fn version_pages(index: &mut impl Index) {
    let mut script = Script::new();
    let bucket = script.bucket(index);
    script.versioning(index, Versioning::Enabled);
    let mut wanted = Vec::new();
    for key in ["a", "b/1", "c"] {
        let versions: Vec<String> =
            (0..3).map(|n| script.put(index, key, &n.to_string()).id).collect();
        wanted.extend(versions.into_iter().rev().enumerate().map(|(n, id)| (key, id, n == 0)));
    }
    for max in [1, 2, 4, 1000] {
        let (mut met, mut list) = (Vec::new(), ListObjectVersions { max, ..Default::default() });
        loop {
            let page = list.apply(index, bucket.id).unwrap();
            for entry in &page.entries {
                let Entry::Item((version, newest)) = entry else { panic!("a prefix") };
                met.push((version.key.clone(), version.id.clone(), *newest));
                list.key_marker.clone_from(&version.key);
                list.version_marker.clone_from(&version.id);
            }
            if !page.truncated {
                break;
            }
        }
        let met: Vec<_> = met.iter().map(|(k, id, new)| (k.as_str(), id.clone(), *new)).collect();
        assert_eq!(met, wanted, "{max} a page");
    }
    let list = ListObjectVersions { delimiter: "/".into(), max: 1000, ..Default::default() };
    let page = list.apply(index, bucket.id).unwrap();
    assert_eq!(page.entries.len(), 7);
    let orphan = ListObjectVersions { version_marker: "x".into(), max: 1, ..Default::default() };
    assert_eq!(code(orphan.apply(index, bucket.id)), "InvalidArgument");
}

/// Counts the rows that a listing looks at.
struct Counting<'a> {
    inner: &'a Memory,
    rows: Cell<usize>,
}

impl Look for Counting<'_> {
    fn bucket(&self, name: &str) -> Result<Option<Bucket>> {
        self.inner.bucket(name)
    }
    fn buckets(&self, account: &str, after: &str, limit: usize) -> Result<Vec<Bucket>> {
        self.inner.buckets(account, after, limit)
    }
    fn is_empty(&self, bucket: i64) -> Result<bool> {
        self.inner.is_empty(bucket)
    }
    fn newest(&self, bucket: i64, key: &str) -> Result<Option<Version>> {
        self.inner.newest(bucket, key)
    }
    fn version(&self, bucket: i64, key: &str, id: &str) -> Result<Option<Version>> {
        self.inner.version(bucket, key, id)
    }
    fn versions(&self, bucket: i64, from: &Place, limit: usize) -> Result<Vec<Version>> {
        let rows = self.inner.versions(bucket, from, limit)?;
        self.rows.set(self.rows.get() + rows.len());
        Ok(rows)
    }
    fn blob(&self, id: BlobId) -> Result<Option<Blob>> {
        self.inner.blob(id)
    }
    fn annotation(&self, of: &Version, name: &str) -> Result<Option<Annotation>> {
        self.inner.annotation(of, name)
    }
    fn annotations(
        &self,
        of: &Version,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Annotation>> {
        self.inner.annotations(of, prefix, after, limit)
    }
    fn upload(&self, bucket: i64, key: &str, id: &str) -> Result<Option<Upload>> {
        self.inner.upload(bucket, key, id)
    }
    fn uploads(&self, bucket: i64, after: &UploadPlace, limit: usize) -> Result<Vec<Upload>> {
        self.inner.uploads(bucket, after, limit)
    }
    fn parts(&self, upload: &str, after: u32, limit: usize) -> Result<Vec<Part>> {
        self.inner.parts(upload, after, limit)
    }
    fn sweep(&self, bucket: i64) -> Result<Option<Sweep>> {
        self.inner.sweep(bucket)
    }
    fn next_sweep(&self) -> Result<Option<(String, Sweep)>> {
        self.inner.next_sweep()
    }
    fn pending(&self, limit: usize) -> Result<Vec<Pending>> {
        self.inner.pending(limit)
    }
}

#[test]
fn a_listing_leaps_over_common_prefixes_and_old_versions() {
    let (mut index, mut script) = (Memory::default(), Script::new());
    let bucket = script.bucket(&mut index);
    for folder in 0..10 {
        for n in 0..1000 {
            script.put(&mut index, &format!("{folder}/{n:04}"), "x");
        }
    }
    let counting = Counting { inner: &index, rows: Cell::new(0) };
    let list = ListObjects { delimiter: "/".into(), max: 1000, ..ListObjects::default() };
    assert_eq!(list.apply(&counting, bucket.id).unwrap().entries.len(), 10);
    assert!(counting.rows.get() < 3000, "{} rows for 10 prefixes", counting.rows.get());
    counting.rows.set(0);
    let list =
        ListObjects { after: After::Key("5/0500".into()), max: 10, ..ListObjects::default() };
    assert_eq!(list.apply(&counting, bucket.id).unwrap().entries.len(), 10);
    assert!(counting.rows.get() < 100, "{} rows for 10 keys", counting.rows.get());
}

#[test]
fn a_refusal_leaves_everything_as_it_was() {
    let (mut index, mut script) = (Memory::default(), Script::new());
    script.bucket(&mut index);
    script.put(&mut index, "k", "text");
    let before = index.clone();
    let absent = WriteConditions { absent: true, matches: None };
    script.put_if(&mut index, "k", "other", absent).unwrap_err();
    let delete = DeleteObject {
        bucket: "bucket".into(),
        key: "k".into(),
        version: None,
        matches: Some("no".into()),
        bypass: None,
    };
    delete.apply(&mut index, &mut script.context()).unwrap_err();
    DeleteBucket { name: "bucket".into() }.apply(&mut index, &mut script.context()).unwrap_err();
    let again = CreateBucket { name: "bucket".into(), ..CreateBucket::default() };
    script.caller.account = "111122223333".into();
    let taken: Error = again.apply(&mut index, &mut script.context()).unwrap_err();
    assert_eq!(taken.code, "BucketAlreadyExists");
    assert_eq!(index, before);
}

#[test]
fn bodies_that_nobody_holds_are_let_go() {
    let (mut index, mut script) = (Memory::default(), Script::new());
    script.bucket(&mut index);
    for text in ["one", "two", "three"] {
        script.put(&mut index, "k", text);
        assert_eq!(index.bodies(), 1);
    }
    script.delete(&mut index, "k", None);
    assert_eq!(index.bodies(), 0);
}

#[test]
fn slices_of_extents() {
    let extents =
        [Extent { blob: 1, offset: 5, length: 10 }, Extent { blob: 2, offset: 0, length: 10 }];
    assert_eq!(slice(&extents, 0, 20), extents);
    assert_eq!(slice(&extents, 12, 3), [Extent { blob: 2, offset: 2, length: 3 }]);
    let across =
        [Extent { blob: 1, offset: 13, length: 2 }, Extent { blob: 2, offset: 0, length: 1 }];
    assert_eq!(slice(&extents, 8, 3), across);
    assert!(slice(&extents, 20, 5).is_empty() && slice(&[], 0, 1).is_empty());
}
