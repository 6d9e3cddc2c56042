//! The metadata in maps, for tests of the operations without a disk.

use super::error::Result;
use super::index::{Index, Look, Place, UploadPlace};
use super::lifecycle::Sweep;
use super::model::{Annotation, Blob, BlobId, Bucket, Extent, Part, Pending, Upload, Version};
use crate::services::Call;
use std::collections::BTreeMap;

/// The metadata.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Memory {
    buckets: BTreeMap<String, Bucket>,
    versions: BTreeMap<(i64, String, i64), Version>,
    blobs: BTreeMap<BlobId, (u64, Blob)>,
    annotations: BTreeMap<(i64, String, i64, String), Annotation>,
    uploads: BTreeMap<(i64, UploadPlace), Upload>,
    parts: BTreeMap<(String, u32), Part>,
    sweeps: BTreeMap<i64, Sweep>,
    pending: BTreeMap<i64, Pending>,
    /// Calls that were posted.
    pub(super) posted: Vec<Call>,
    next: i64,
}

impl Memory {
    /// Bodies that are kept.
    pub(super) fn bodies(&self) -> usize {
        self.blobs.len()
    }

    fn release(&mut self, extents: &[Extent]) {
        for extent in extents {
            match self.blobs.get_mut(&extent.blob) {
                Some((shares, _)) if *shares > 0 => *shares -= 1,
                _ => drop(self.blobs.remove(&extent.blob)),
            }
        }
    }

    fn place(upload: &Upload) -> UploadPlace {
        let (key, id) = (upload.key.clone(), upload.id.clone());
        UploadPlace { key, initiated: upload.initiated.0, id }
    }
}

impl Look for Memory {
    fn bucket(&self, name: &str) -> Result<Option<Bucket>> {
        Ok(self.buckets.get(name).cloned())
    }

    fn buckets(&self, account: &str, after: &str, limit: usize) -> Result<Vec<Bucket>> {
        let own = self.buckets.values().filter(|b| b.account == account && b.name.as_str() > after);
        Ok(own.take(limit).cloned().collect())
    }

    fn is_empty(&self, bucket: i64) -> Result<bool> {
        Ok(!self.versions.keys().any(|(b, ..)| *b == bucket))
    }

    fn newest(&self, bucket: i64, key: &str) -> Result<Option<Version>> {
        let mut own = self.versions.range((bucket, key.to_owned(), i64::MIN)..);
        Ok(own.next().filter(|((b, k, _), _)| *b == bucket && k == key).map(|(_, v)| v.clone()))
    }

    fn version(&self, bucket: i64, key: &str, id: &str) -> Result<Option<Version>> {
        let own = self.versions.values().find(|v| v.bucket == bucket && v.key == key && v.id == id);
        Ok(own.cloned())
    }

    fn versions(&self, bucket: i64, from: &Place, limit: usize) -> Result<Vec<Version>> {
        let from = (bucket, from.key.clone(), from.order);
        let rest = self.versions.range(from..).take_while(|((b, ..), _)| *b == bucket);
        Ok(rest.take(limit).map(|(_, v)| v.clone()).collect())
    }

    fn blob(&self, id: BlobId) -> Result<Option<Blob>> {
        Ok(self.blobs.get(&id).map(|(_, blob)| blob.clone()))
    }

    fn upload(&self, bucket: i64, key: &str, id: &str) -> Result<Option<Upload>> {
        let own = self.uploads.values().find(|u| u.bucket == bucket && u.key == key && u.id == id);
        Ok(own.cloned())
    }

    fn uploads(&self, bucket: i64, after: &UploadPlace, limit: usize) -> Result<Vec<Upload>> {
        let behind = self.uploads.range((bucket, after.clone())..);
        let rest = behind.filter(|((b, place), _)| *b == bucket && place > after);
        Ok(rest.take(limit).map(|(_, u)| u.clone()).collect())
    }

    fn parts(&self, upload: &str, after: u32, limit: usize) -> Result<Vec<Part>> {
        let rest = self.parts.range((upload.to_owned(), after + 1)..);
        let own = rest.take_while(|((u, _), _)| u == upload);
        Ok(own.take(limit).map(|(_, p)| p.clone()).collect())
    }

    fn annotation(&self, of: &Version, name: &str) -> Result<Option<Annotation>> {
        let at = (of.bucket, of.key.clone(), of.order, name.to_owned());
        Ok(self.annotations.get(&at).cloned())
    }

    fn annotations(
        &self,
        of: &Version,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Annotation>> {
        let own = self.annotations.iter().filter(|((bucket, key, order, name), _)| {
            (*bucket, key, *order) == (of.bucket, &of.key, of.order)
                && name.starts_with(prefix)
                && name.as_str() > after
        });
        Ok(own.take(limit).map(|(_, annotation)| annotation.clone()).collect())
    }

    fn sweep(&self, bucket: i64) -> Result<Option<Sweep>> {
        Ok(self.sweeps.get(&bucket).cloned())
    }

    fn next_sweep(&self) -> Result<Option<(String, Sweep)>> {
        let Some((id, first)) = self.sweeps.iter().min_by_key(|(_, s)| s.due) else {
            return Ok(None);
        };
        let bucket = self.buckets.values().find(|b| b.id == *id);
        Ok(bucket.map(|b| (b.name.clone(), first.clone())))
    }

    fn pending(&self, limit: usize) -> Result<Vec<Pending>> {
        Ok(self.pending.values().take(limit).cloned().collect())
    }
}

impl Index for Memory {
    fn put_bucket(&mut self, bucket: &Bucket) -> Result<()> {
        let mut bucket = bucket.clone();
        if bucket.id == 0 {
            self.next += 1;
            bucket.id = self.next;
        }
        self.buckets.insert(bucket.name.clone(), bucket);
        Ok(())
    }

    fn delete_bucket(&mut self, bucket: &Bucket) -> Result<()> {
        let own: Vec<Upload> =
            self.uploads.values().filter(|u| u.bucket == bucket.id).cloned().collect();
        own.iter().try_for_each(|upload| self.delete_upload(upload))?;
        self.buckets.remove(&bucket.name);
        self.sweeps.remove(&bucket.id);
        Ok(())
    }

    fn put_version(&mut self, version: &Version) -> Result<()> {
        let at = (version.bucket, version.key.clone(), version.order);
        let before = self.versions.insert(at, version.clone());
        assert_eq!(before, None, "two versions in one place");
        Ok(())
    }

    fn update_version(&mut self, version: &Version) -> Result<()> {
        let at = (version.bucket, version.key.clone(), version.order);
        self.versions.insert(at, version.clone());
        Ok(())
    }

    fn delete_version(&mut self, version: &Version) -> Result<()> {
        for annotation in self.annotations(version, "", "", usize::MAX)? {
            self.delete_annotation(version, &annotation)?;
        }
        self.versions.remove(&(version.bucket, version.key.clone(), version.order));
        self.release(&version.extents);
        Ok(())
    }

    fn add_blob(&mut self, blob: &Blob) -> Result<BlobId> {
        self.next += 1;
        self.blobs.insert(self.next, (0, blob.clone()));
        Ok(self.next)
    }

    fn share(&mut self, extents: &[Extent]) -> Result<()> {
        for extent in extents {
            let (shares, _) = self.blobs.get_mut(&extent.blob).expect("a shared body exists");
            *shares += 1;
        }
        Ok(())
    }

    fn put_annotation(&mut self, of: &Version, annotation: &Annotation) -> Result<()> {
        let at = (of.bucket, of.key.clone(), of.order, annotation.name.clone());
        self.annotations.insert(at, annotation.clone());
        Ok(())
    }

    fn delete_annotation(&mut self, of: &Version, annotation: &Annotation) -> Result<()> {
        let at = (of.bucket, of.key.clone(), of.order, annotation.name.clone());
        self.annotations.remove(&at);
        self.release(&annotation.extents);
        Ok(())
    }

    fn put_upload(&mut self, upload: &Upload) -> Result<()> {
        self.uploads.insert((upload.bucket, Self::place(upload)), upload.clone());
        Ok(())
    }

    fn disturb(&mut self, bucket: i64, key: &str) -> Result<()> {
        let own = self.uploads.values_mut().filter(|u| u.bucket == bucket && u.key == key);
        own.for_each(|upload| upload.disturbed = true);
        Ok(())
    }

    fn delete_upload(&mut self, upload: &Upload) -> Result<()> {
        for part in self.parts(&upload.id, 0, usize::MAX)? {
            self.release(&part.extents);
            self.parts.remove(&(part.upload, part.number));
        }
        self.uploads.remove(&(upload.bucket, Self::place(upload)));
        Ok(())
    }

    fn put_part(&mut self, part: &Part) -> Result<()> {
        let before = self.parts.insert((part.upload.clone(), part.number), part.clone());
        if let Some(before) = before {
            self.release(&before.extents);
        }
        Ok(())
    }

    fn put_sweep(&mut self, bucket: i64, sweep: Option<&Sweep>) -> Result<()> {
        match sweep {
            Some(sweep) => drop(self.sweeps.insert(bucket, sweep.clone())),
            None => drop(self.sweeps.remove(&bucket)),
        }
        Ok(())
    }

    fn enqueue(&mut self, version: &Version) -> Result<()> {
        self.next += 1;
        let bucket = self.buckets.values().find(|b| b.id == version.bucket);
        let bucket = bucket.map(|b| b.name.clone()).unwrap_or_default();
        let (key, version) = (version.key.clone(), version.id.clone());
        self.pending.insert(self.next, Pending { id: self.next, bucket, key, version });
        Ok(())
    }

    fn dequeue(&mut self, id: i64) -> Result<()> {
        self.pending.remove(&id);
        Ok(())
    }

    fn post(&mut self, call: &Call) -> Result<()> {
        self.posted.push(call.clone());
        Ok(())
    }
}
