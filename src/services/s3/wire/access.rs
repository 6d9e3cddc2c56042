//! Access over HTTP: what the anonymous may, the condition keys of a request, ACLs.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketAcl.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectAcl.html>. The gateway says who is
//! anonymous; whoever signed has passed it.

use super::S3;
use super::answer::{document, empty, set};
use super::buckets::canonical_id;
use super::configuration::configure;
use super::enforce::{action_of, document_action};
use super::head::Head;
use super::receive::{Plan, receive_document};
use super::routes::Operation;
use crate::policy::Keys;
use crate::protocol::{Answer, Incoming};
use crate::services::access::Subject;
use crate::services::s3::access::acl::{Acl, CANNED};
use crate::services::s3::access::actions::{self, Action};
use crate::services::s3::access::{Ownership, Question, check_bucket_acl, denied};
use crate::services::s3::error::{Error, Result};
use crate::services::s3::index::{Look, existing};
use crate::services::s3::model::Bucket;
use crate::services::s3::ops::acl::PutObjectAcl;
use crate::services::s3::ops::configuration::Setting;
use crate::services::s3::ops::objects::{find, kept_id};
use http::{Method, StatusCode};

/// Headers that are condition keys by their own name.
const HEADER_KEYS: &[&str] = &[
    "x-amz-acl",
    "x-amz-content-sha256",
    "x-amz-copy-source",
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
    "x-amz-metadata-directive",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-storage-class",
    "x-amz-website-redirect-location",
    "if-match",
    "if-none-match",
];

/// An object's key and version, and its entity tag where the request names one.
pub(super) type Named = (String, Option<String>, Option<String>);

impl S3 {
    /// Refuses the anonymous what neither policy nor ACL allows.
    pub(super) fn check_access(&self, head: &Head, operation: Operation) -> Result<()> {
        if let Some(subject) = &head.subject {
            return self.check_signed(head, operation, subject);
        }
        if !head.anonymous {
            return Ok(());
        }
        let name = match operation {
            Operation::Named(name) => name,
            Operation::Document(kind) => document_operation(&head.method, kind),
            Operation::Kept(_) => "",
        };
        // A form carries its own signature, and each key of a list is judged by itself.
        if matches!(name, "PostObject" | "DeleteObjects") {
            return Ok(());
        }
        let action = actions::action(name, head.has("versionId")).ok_or_else(denied)?;
        let allowed = self.look(|index| {
            let bucket = existing(index, &head.bucket)?;
            let version = head.param("versionId");
            self.allows(index, head, &bucket, action, (&head.key, version))
        })?;
        if !allowed || head.is_copy() && !self.may_read_source(head)? {
            return Err(denied());
        }
        Ok(())
    }

    /// Refuses whoever signed what policies do not allow.
    fn check_signed(&self, head: &Head, operation: Operation, subject: &Subject) -> Result<()> {
        let version = head.param("versionId");
        let action = match operation {
            // Each key of a list is judged by itself.
            Operation::Named("DeleteObjects") => return Ok(()),
            Operation::Named(name) => action_of(name, version.is_some()),
            Operation::Document(kind) => document_action(&head.method, kind),
            Operation::Kept(named) => document_action(&head.method, named.name),
        };
        self.check_subject(head, subject, &action, (&head.bucket, &head.key, version))?;
        if head.is_copy() {
            let source = super::copy::source_of(head)?;
            let version = source.version.as_deref();
            let read = action_of("GetObject", version.is_some());
            self.check_subject(head, subject, &read, (&source.bucket, &source.key, version))?;
        }
        Ok(())
    }

    /// Whether an anonymous request may do `action` to a key, or a version of it.
    pub(super) fn allows(
        &self,
        index: &impl Look,
        head: &Head,
        bucket: &Bucket,
        action: Action,
        (key, version): (&str, Option<&str>),
    ) -> Result<bool> {
        let object = match version {
            _ if key.is_empty() => None,
            Some(id) => index.version(bucket.id, key, kept_id(id))?,
            None => index.newest(bucket.id, key)?,
        };
        let mut keys = self.keys(head);
        let attributes = object.map(|v| v.attributes);
        for (name, value) in attributes.iter().flat_map(|a| &a.tags) {
            keys.add(&format!("s3:ExistingObjectTag/{name}"), value);
        }
        let object_acl = attributes.as_ref().map(|a| a.acl.as_str());
        let question = Question { bucket, key, action, object_acl, keys: &keys };
        Ok(question.is_allowed())
    }

    fn may_read_source(&self, head: &Head) -> Result<bool> {
        let source = super::copy::source_of(head)?;
        let Some(read) = actions::action("GetObject", source.version.is_some()) else {
            return Ok(false);
        };
        self.look(|index| {
            let bucket = existing(index, &source.bucket)?;
            self.allows(index, head, &bucket, read, (&source.key, source.version.as_deref()))
        })
    }

    /// Whether the request may delete each of `objects`.
    pub(super) fn may_delete(&self, head: &Head, objects: &[Named]) -> Result<Vec<bool>> {
        if let Some(subject) = &head.subject {
            let may = |(key, version, _): &Named| {
                let action = action_of("DeleteObject", version.is_some());
                let at = (head.bucket.as_str(), key.as_str(), version.as_deref());
                self.check_subject(head, subject, &action, at).is_ok()
            };
            return Ok(objects.iter().map(may).collect());
        }
        if !head.anonymous {
            return Ok(vec![true; objects.len()]);
        }
        self.look(|index| {
            let bucket = existing(index, &head.bucket)?;
            let may = |(key, version, _): &Named| {
                let Some(action) = actions::action("DeleteObject", version.is_some()) else {
                    return Ok(false);
                };
                self.allows(index, head, &bucket, action, (key, version.as_deref()))
            };
            objects.iter().map(may).collect()
        })
    }

    /// Who may not list a bucket does not learn which keys it has not.
    pub(super) fn veiled(&self, head: &Head, error: Error) -> Error {
        if !matches!(error.code.as_ref(), "NoSuchKey" | "NoSuchVersion") {
            return error;
        }
        if let Some(subject) = &head.subject {
            let at = (head.bucket.as_str(), "", None);
            return self.check_subject(head, subject, "s3:ListBucket", at).err().unwrap_or(error);
        }
        if !head.anonymous {
            return error;
        }
        let Some(list) = actions::action("ListObjects", false) else { return denied() };
        let may_list = self.look(|index| {
            let bucket = existing(index, &head.bucket)?;
            self.allows(index, head, &bucket, list, ("", None))
        });
        if may_list.unwrap_or(false) { error } else { denied() }
    }

    /// The condition keys of a request.
    pub(super) fn keys(&self, head: &Head) -> Keys {
        let mut keys = Keys::of_request(self.clock.now());
        match &head.subject {
            Some(subject) => {
                subject.add_keys(&mut keys);
                keys.add("aws:RequestedRegion", &head.caller.region);
            }
            None => {
                keys.add("aws:PrincipalType", "Anonymous");
                keys.add("aws:PrincipalIsAWSService", "false");
            }
        }
        for (key, header) in [("aws:Referer", "referer"), ("aws:UserAgent", "user-agent")] {
            if let Some(value) = head.header(header) {
                keys.add(key, value);
            }
        }
        for (key, parameter) in [
            ("s3:prefix", "prefix"),
            ("s3:delimiter", "delimiter"),
            ("s3:max-keys", "max-keys"),
            ("s3:VersionId", "versionId"),
        ] {
            if let Some(value) = head.param(parameter) {
                keys.add(key, value);
            }
        }
        for header in HEADER_KEYS {
            if let Some(value) = head.header(header) {
                keys.add(&format!("s3:{header}"), value);
            }
        }
        for (name, value) in super::attributes::tags(head).unwrap_or_default() {
            keys.add(&format!("s3:RequestObjectTag/{name}"), value);
            keys.add("s3:RequestObjectTagKeys", name);
        }
        keys
    }

    /// GetBucketAcl and PutBucketAcl.
    pub(super) async fn bucket_acl(&self, head: &Head, body: Incoming) -> Result<Answer> {
        let bucket = self.look(|index| existing(index, &head.bucket))?;
        let owner = canonical_id(&bucket.account);
        if head.method == Method::GET {
            let stored = bucket.settings.documents.get("acl").map_or("", String::as_str);
            return Ok(document(shown(&bucket, stored, &owner)));
        }
        let (acl, canned) = given(head, body, &owner).await?;
        check_bucket_acl(&bucket, &acl, canned)?;
        configure(self, head, Setting::Put("acl".into(), acl.document())).await?;
        Ok(empty(StatusCode::OK))
    }

    /// GetObjectAcl and PutObjectAcl.
    pub(super) async fn object_acl(&self, head: &Head, body: Incoming) -> Result<Answer> {
        let version = head.param("versionId");
        if head.method == Method::GET {
            let (bucket, version) = self.look(|index| {
                let bucket = existing(index, &head.bucket)?;
                let version = find(index, &bucket, &head.key, version, "GET")?;
                Ok((bucket, version))
            })?;
            let owner = canonical_id(&bucket.account);
            let mut answer = document(shown(&bucket, &version.attributes.acl, &owner));
            if !version.id.is_empty() {
                set(answer.headers_mut(), "x-amz-version-id", version.shown_id());
            }
            return Ok(answer);
        }
        let bucket = self.look(|index| existing(index, &head.bucket))?;
        let owner = canonical_id(&bucket.account);
        let (acl, canned) = given(head, body, &owner).await?;
        let canned = canned.then(|| head.header("x-amz-acl").unwrap_or_default().to_owned());
        let put = PutObjectAcl {
            bucket: head.bucket.clone(),
            key: head.key.clone(),
            version: version.map(str::to_owned),
            acl: canned.unwrap_or_else(|| acl.document()),
            owner,
        };
        let version = self.change(&head.caller, move |i, c| put.apply(i, c)).await?;
        let mut answer = empty(StatusCode::OK);
        if !version.id.is_empty() {
            set(answer.headers_mut(), "x-amz-version-id", version.shown_id());
        }
        Ok(answer)
    }
}

/// AWS's name of the operation that a method does to a document.
fn document_operation(method: &Method, kind: &str) -> &'static str {
    match (method, kind) {
        (&Method::GET, "cors") => "GetBucketCors",
        (&Method::GET, "encryption") => "GetBucketEncryption",
        (&Method::GET, "lifecycle") => "GetBucketLifecycleConfiguration",
        (&Method::GET, "tagging") => "GetBucketTagging",
        (&Method::GET, "website") => "GetBucketWebsite",
        _ => "",
    }
}

/// An ACL as it is shown: where ACLs are off, the owner's alone.
fn shown(bucket: &Bucket, kept: &str, owner: &str) -> String {
    let off = Ownership::of(&bucket.settings) == Ownership::BucketOwnerEnforced;
    Acl::kept(if off { "" } else { kept }, owner).document()
}

/// `x-amz-acl`, else what the `x-amz-grant-…` headers say, as it is kept.
pub(super) fn acl_of_headers(head: &Head) -> Result<Option<String>> {
    let canned = canned(head)?;
    let owner = || canonical_id(&head.caller.account);
    let grants = Acl::from_headers(|name| head.header(name), owner)?;
    match (canned, grants) {
        (Some(_), Some(_)) => Err(both()),
        (Some(canned), None) => Ok(Some(canned)),
        (None, grants) => Ok(grants.map(|acl| acl.document())),
    }
}

fn both() -> Error {
    Error::invalid_request("Specifying both Canned ACLs and Header Grants is not allowed")
}

fn canned(head: &Head) -> Result<Option<String>> {
    match head.header("x-amz-acl") {
        Some(acl) if !CANNED.contains(&acl) => Err(Error::invalid_argument("", "x-amz-acl", acl)),
        acl => Ok(acl.map(str::to_owned)),
    }
}

/// The ACL of a Put…Acl request, and whether it is a canned one.
async fn given(head: &Head, body: Incoming, owner: &str) -> Result<(Acl, bool)> {
    let canned = canned(head)?;
    let grants = Acl::from_headers(|name| head.header(name), || owner.to_owned())?;
    if canned.is_some() && grants.is_some() {
        return Err(both());
    }
    let plan = Plan::read(head)?;
    let text = receive_document(body, &plan).await?;
    let by_header = match (&canned, grants) {
        (Some(canned), _) => Some(Acl::canned(canned, owner)),
        (None, grants) => grants,
    };
    match (by_header, text.is_empty()) {
        (Some(_), false) => {
            Err(Error::new(400, "UnexpectedContent", "This request does not support content"))
        }
        (Some(acl), true) => Ok((acl, canned.is_some())),
        (None, true) => Err(Error::new(
            400,
            "MissingSecurityHeader",
            "Your request was missing a required header",
        )
        .with("MissingHeaderName", "x-amz-acl")),
        (None, false) => Ok((Acl::read(&text, Some(owner))?, false)),
    }
}
