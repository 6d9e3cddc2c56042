//! Object lock, RestoreObject and UpdateObjectEncryption over HTTP.

use super::S3;
use super::answer::{document, empty, set};
use super::head::Head;
use super::receive::{Plan, receive_document};
use crate::base::Millis;
use crate::protocol::{Answer, Incoming};
use crate::services::s3::access::check_object_acl;
use crate::services::s3::documents::encrypted;
use crate::services::s3::error::{Error, Result};
use crate::services::s3::index::existing;
use crate::services::s3::lock::{not_on_bucket, not_on_object, retention_of};
use crate::services::s3::model::{Attributes, Version};
use crate::services::s3::ops::lock::{Lock, PutLock, find_locked};
use crate::services::s3::ops::restore::{RestoreObject, UpdateEncryption};
use crate::services::s3::xml::{Element, Xml};
use http::{HeaderMap, Method, StatusCode};

/// Whether the caller bypasses governance.
pub(super) fn bypass(head: &Head) -> Option<bool> {
    let given = head.header("x-amz-bypass-governance-retention")?;
    Some(given.eq_ignore_ascii_case("true"))
}

/// What GetObject and HeadObject show of a version's lock and of its copy out of an archive.
pub(super) fn show(headers: &mut HeaderMap, attributes: &Attributes, now: Millis) {
    if let Some(retention) = attributes.retention {
        set(headers, "x-amz-object-lock-mode", retention.mode.name());
        set(headers, "x-amz-object-lock-retain-until-date", &retention.until.iso8601());
    }
    if let Some(hold) = attributes.legal_hold {
        set(headers, "x-amz-object-lock-legal-hold", on_or_off(hold));
    }
    if attributes.restored > now {
        let until = attributes.restored.http_date();
        let text = format!("ongoing-request=\"false\", expiry-date=\"{until}\"");
        set(headers, "x-amz-restore", &text);
    }
}

fn on_or_off(hold: bool) -> &'static str {
    if hold { "ON" } else { "OFF" }
}

fn of_version(mut answer: Answer, version: &Version) -> Answer {
    if !version.id.is_empty() {
        set(answer.headers_mut(), "x-amz-version-id", version.shown_id());
    }
    answer
}

impl S3 {
    /// Refuses an ACL and a lock that the bucket does not take, before a body is asked for.
    pub(super) fn check_write(&self, head: &Head, attributes: &Attributes) -> Result<()> {
        let locks = attributes.retention.is_some() || attributes.legal_hold.is_some();
        if attributes.acl.is_empty() && !locks {
            return Ok(());
        }
        let bucket = self.look(|index| existing(index, &head.bucket))?;
        if locks && !bucket.settings.object_lock {
            return Err(not_on_bucket());
        }
        let owner = super::buckets::canonical_id(&bucket.account);
        let by_owner = !head.anonymous && head.caller.account == bucket.account;
        check_object_acl(&bucket, &attributes.acl, &owner, by_owner)
    }

    async fn put_lock(&self, head: &Head, lock: Lock) -> Result<Answer> {
        let put = PutLock {
            bucket: head.bucket.clone(),
            key: head.key.clone(),
            version: head.param("versionId").map(str::to_owned),
            lock,
        };
        self.change(&head.caller, move |i, c| put.apply(i, c)).await?;
        Ok(empty(StatusCode::OK))
    }

    /// The version whose lock a request is about.
    fn locked(&self, head: &Head) -> Result<Version> {
        let (version, method) = (head.param("versionId"), head.method.as_str());
        self.look(|index| find_locked(index, &head.bucket, &head.key, version, method))
    }

    /// GetObjectRetention and PutObjectRetention.
    pub(super) async fn retention(&self, head: &Head, body: Incoming) -> Result<Answer> {
        if head.method == Method::GET {
            let version = self.locked(head)?;
            let retention = version.attributes.retention.ok_or_else(not_on_object)?;
            return Ok(document(retention.document()));
        }
        let plan = Plan::read(head)?;
        self.locked(head)?;
        let text = receive_document(body, &plan).await?;
        let wanted = Element::parse(&text, "Retention")?;
        let retention = retention_of(&wanted, self.clock.now())?;
        self.put_lock(head, Lock::Retention(retention, bypass(head) == Some(true))).await
    }

    /// GetObjectLegalHold and PutObjectLegalHold.
    pub(super) async fn legal_hold(&self, head: &Head, body: Incoming) -> Result<Answer> {
        if head.method == Method::GET {
            let hold = self.locked(head)?.attributes.legal_hold.ok_or_else(not_on_object)?;
            let mut xml = Xml::document("LegalHold");
            xml.leaf("Status", on_or_off(hold));
            return Ok(document(xml.finish()));
        }
        let plan = Plan::read(head)?;
        self.locked(head)?;
        let text = receive_document(body, &plan).await?;
        let hold = match Element::parse(&text, "LegalHold")?.value("Status") {
            Some("ON") => true,
            Some("OFF") => false,
            _ => return Err(Error::malformed_xml()),
        };
        self.put_lock(head, Lock::Hold(hold)).await
    }

    /// RestoreObject.
    pub(super) async fn restore_object(&self, head: &Head, body: Incoming) -> Result<Answer> {
        let plan = Plan::read(head)?;
        self.look(|index| existing(index, &head.bucket))?;
        let text = receive_document(body, &plan).await?;
        let wanted = Element::parse(&text, "RestoreRequest")?;
        if wanted.value("Type") == Some("SELECT") {
            return Err(Error::operation_not_implemented("SelectObjectContent"));
        }
        let days = wanted.value("Days").and_then(|d| d.trim().parse().ok());
        let restore = RestoreObject {
            bucket: head.bucket.clone(),
            key: head.key.clone(),
            version: head.param("versionId").map(str::to_owned),
            days: days.filter(|days| *days > 0).ok_or_else(Error::malformed_xml)?,
        };
        let (version, again) = self.change(&head.caller, move |i, c| restore.apply(i, c)).await?;
        let status = if again { StatusCode::OK } else { StatusCode::ACCEPTED };
        Ok(of_version(empty(status), &version))
    }

    /// UpdateObjectEncryption.
    pub(super) async fn update_encryption(&self, head: &Head, body: Incoming) -> Result<Answer> {
        let plan = Plan::read(head)?;
        self.look(|index| existing(index, &head.bucket))?;
        let text = receive_document(body, &plan).await?;
        let wanted = Element::parse(&text, "ObjectEncryption")?;
        let kms = wanted.child("SSE-KMS").ok_or_else(Error::malformed_xml)?;
        let key = kms.value("KMSKeyArn").filter(|arn| arn.starts_with("arn:"));
        let key = key.ok_or_else(Error::malformed_xml)?;
        let bucket_key = kms.value("BucketKeyEnabled") == Some("true");
        let bucket = self.bucket(&head.bucket)?;
        let wanted = encrypted("aws:kms", Some(key), bucket_key);
        let sealed = self.sealed(head, &bucket, Some(wanted)).await?;
        let update = UpdateEncryption {
            bucket: head.bucket.clone(),
            key: head.key.clone(),
            version: head.param("versionId").map(str::to_owned),
            encryption: sealed.unwrap_or_default(),
        };
        let version = self.change(&head.caller, move |i, c| update.apply(i, c)).await?;
        Ok(of_version(empty(StatusCode::OK), &version))
    }
}
