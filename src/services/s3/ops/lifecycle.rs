//! Lifecycle rules carried out: a sweep looks at a bucket page by page when something may be due.
//!
//! Each bucket with rules has one instant at which the next sweep is worth its cost: the earliest at
//! which one of its objects can fall due. A write lowers it, a sweep computes it anew. A sweep acts as
//! of its own instant, so that after a leap of the clock everything happens on its day, in its order.
//! Invariant: the place of a sweep is committed with what it did, so it goes on where a crash ended it.

use super::delete::{cover, erase};
use super::objects::Cause;
use crate::base::{Context, Millis};
use crate::services::s3::error::Result;
use crate::services::s3::index::{Index, Look, Place, UploadPlace};
use crate::services::s3::lifecycle::{Action, Cursor, Rules, Seen, Sweep, When};
use crate::services::s3::lock;
use crate::services::s3::model::{Bucket, Upload, Version, Versioning};
use crate::services::s3::notifications::{Event, notify};
use serde_json::json;

/// Never.
const NEVER: Millis = Millis(i64::MAX);

/// Something may fall due in the bucket from `at` on.
pub fn remind(index: &mut impl Index, bucket: &Bucket, at: Millis) -> Result<()> {
    let sweep = match index.sweep(bucket.id)? {
        None => Sweep { due: at.0, next: NEVER.0, at: None },
        Some(sweep) if sweep.at.is_none() && at.0 < sweep.due => Sweep { due: at.0, ..sweep },
        // Also while no sweep is under way: one may just be looking, and not see this.
        Some(sweep) if at.0 < sweep.next && at.0 > sweep.due => Sweep { next: at.0, ..sweep },
        Some(_) => return Ok(()),
    };
    index.put_sweep(bucket.id, Some(&sweep))
}

/// Something was written or replaced.
pub fn written(index: &mut impl Index, bucket: &Bucket, now: Millis) -> Result<()> {
    match Rules::of(bucket).and_then(|rules| rules.soonest(now)) {
        Some(at) => remind(index, bucket, at),
        None => Ok(()),
    }
}

/// The bucket's rules were changed: it is looked through as soon as possible.
pub fn configured(index: &mut impl Index, bucket: &Bucket, now: Millis) -> Result<()> {
    let sweep = Sweep { due: now.0, next: NEVER.0, at: None };
    let wanted = Rules::of(bucket).is_some();
    index.put_sweep(bucket.id, wanted.then_some(&sweep))
}

/// What a look at a part of a bucket found.
#[derive(Debug, Clone)]
pub struct Found {
    bucket: String,
    before: Sweep,
    after: Sweep,
    versions: Vec<(Version, bool, Action)>,
    uploads: Vec<Upload>,
}

impl Found {
    /// Things to do.
    pub fn count(&self) -> usize {
        self.versions.len() + self.uploads.len()
    }
}

/// Looks on from where a sweep is, at `pages` pages of `limit` at the most, until there is something
/// to do.
pub fn look(
    index: &impl Look,
    bucket: &Bucket,
    sweep: &Sweep,
    pages: usize,
    limit: usize,
) -> Result<Found> {
    let mut found = Found {
        bucket: bucket.name.clone(),
        before: sweep.clone(),
        after: sweep.clone(),
        versions: Vec::new(),
        uploads: Vec::new(),
    };
    let Some(rules) = Rules::of(bucket) else {
        found.after = Sweep { due: NEVER.0, next: NEVER.0, at: None };
        return Ok(found);
    };
    for _ in 0..pages {
        let cursor = found.after.at.take().unwrap_or_else(Cursor::first);
        let next = match cursor {
            Cursor::Version { key, order, replaced, noncurrent } => {
                let passed =
                    Passed { key: key.clone(), replaced: replaced.map(Millis), noncurrent };
                versions(index, bucket, &rules, &mut found, passed, Place { key, order }, limit)?
            }
            Cursor::Upload { key, initiated, id } => {
                let behind = UploadPlace { key, initiated, id };
                uploads(index, bucket, &rules, &mut found, &behind, limit)?
            }
        };
        match next {
            Some(cursor) => found.after.at = Some(cursor),
            None => {
                found.after = Sweep { due: found.after.next, next: NEVER.0, at: None };
                return Ok(found);
            }
        }
        if found.count() > 0 {
            break;
        }
    }
    Ok(found)
}

/// What the versions of a key before a place have come to.
struct Passed {
    key: String,
    replaced: Option<Millis>,
    noncurrent: u32,
}

fn versions(
    index: &impl Look,
    bucket: &Bucket,
    rules: &Rules,
    found: &mut Found,
    mut passed: Passed,
    from: Place,
    limit: usize,
) -> Result<Option<Cursor>> {
    let now = Millis(found.before.due);
    let page = index.versions(bucket.id, &from, limit)?;
    for (at, version) in page.iter().enumerate() {
        if version.key != passed.key {
            passed = Passed { key: version.key.clone(), replaced: None, noncurrent: 0 };
        }
        let current = passed.replaced.is_none();
        let alone = current && version.marker && {
            let behind = Place { key: version.key.clone(), order: version.order + 1 };
            let next = match page.get(at + 1) {
                Some(next) => Some(next.clone()),
                None => index.versions(bucket.id, &behind, 1)?.pop(),
            };
            next.is_none_or(|next| next.key != version.key)
        };
        let newer_noncurrent = passed.noncurrent;
        let seen = Seen { version, replaced: passed.replaced, newer_noncurrent, alone };
        match rules.next(seen, now) {
            Some((due, action)) if due <= now => {
                found.versions.push((version.clone(), current, action));
                // What is left behind (a marker, a colder class) falls due on another day.
                found.after.next = found.after.next.min(When::Days(0).after(Millis(now.0 + 1)).0);
            }
            Some((due, _)) => found.after.next = found.after.next.min(due.0),
            None => {}
        }
        passed.noncurrent += u32::from(!current);
        passed.replaced = Some(version.modified);
    }
    Ok(Some(match page.last() {
        Some(last) if page.len() == limit => Cursor::Version {
            key: last.key.clone(),
            order: last.order + 1,
            replaced: passed.replaced.map(|at| at.0),
            noncurrent: passed.noncurrent,
        },
        _ => Cursor::first_upload(),
    }))
}

fn uploads(
    index: &impl Look,
    bucket: &Bucket,
    rules: &Rules,
    found: &mut Found,
    behind: &UploadPlace,
    limit: usize,
) -> Result<Option<Cursor>> {
    let page = index.uploads(bucket.id, behind, limit)?;
    for upload in &page {
        match rules.abortion(&upload.key, upload.initiated) {
            Some((due, _)) if due.0 <= found.before.due => found.uploads.push(upload.clone()),
            Some((due, _)) => found.after.next = found.after.next.min(due.0),
            None => {}
        }
    }
    let last = page.last().filter(|_| page.len() == limit);
    Ok(last.map(|last| Cursor::Upload {
        key: last.key.clone(),
        initiated: last.initiated.0,
        id: last.id.clone(),
    }))
}

/// Carries out what was found, unless it has changed since, and remembers where the sweep is.
pub fn carry_out(found: &Found, index: &mut impl Index, context: &mut Context<'_>) -> Result<()> {
    let Some(bucket) = index.bucket(&found.bucket)? else { return Ok(()) };
    let mut context =
        Context { now: Millis(found.before.due), ids: &mut *context.ids, caller: context.caller };
    for (version, current, action) in &found.versions {
        let newest = index.newest(bucket.id, &version.key)?;
        let is_newest = newest.is_some_and(|newest| newest.order == version.order);
        let still = index.version(bucket.id, &version.key, &version.id)?;
        if is_newest == *current && still.as_ref() == Some(version) {
            act(&bucket, version, action, index, &mut context)?;
        }
    }
    for upload in &found.uploads {
        if index.upload(bucket.id, &upload.key, &upload.id)?.is_some() {
            index.delete_upload(upload)?;
        }
    }
    // Writes since the look may know of something earlier.
    let mut after = found.after.clone();
    if let Some(stored) = index.sweep(bucket.id)? {
        if (stored.due, &stored.at) != (found.before.due, &found.before.at) {
            // The rules were changed in the meantime: the sweep begins anew.
            return Ok(());
        }
        let known = if stored.next < found.before.next { stored.next } else { NEVER.0 };
        match after.at {
            Some(_) => after.next = after.next.min(known),
            None => after.due = after.due.min(known),
        }
    }
    index.put_sweep(bucket.id, Some(&after))
}

fn act(
    bucket: &Bucket,
    version: &Version,
    action: &Action,
    index: &mut impl Index,
    context: &mut Context<'_>,
) -> Result<()> {
    match action {
        Action::Expire if bucket.settings.versioning != Versioning::Off => {
            cover(bucket, &version.key, Cause::Expired, index, context).map(drop)
        }
        Action::Expire | Action::Delete
            if lock::protects(&version.attributes, context.now, false) =>
        {
            // Object lock outlasts every rule; one look more when it ends.
            match version.attributes.retention {
                Some(retention) => remind(index, bucket, retention.until),
                None => Ok(()),
            }
        }
        Action::Expire | Action::Delete => {
            let event = Event::by_s3("LifecycleExpiration:Delete", version);
            erase(bucket, version, &event, index, context)
        }
        Action::Transition(class) => {
            let mut moved = version.clone();
            moved.attributes.storage_class = class.clone();
            index.update_version(&moved)?;
            let data = json!({ "transitionEventData": { "destinationStorageClass": class } });
            let event = Event {
                more: Some(("lifecycleEventData", data)),
                ..Event::by_s3("LifecycleTransition", &moved)
            };
            notify(index, context, bucket, &event)
        }
    }
}
