//! Who may do what to a bucket and its objects: policies, ACLs, ownership, blocks of public access.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-s3-evaluates-access-control.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html>. Here the
//! anonymous are judged; whoever signed is let in by the gateway or not at all. Invariant: nothing is
//! allowed unless a policy or an ACL says so, and what cannot be read allows nothing.

pub mod acl;
pub mod actions;
pub mod policy;
#[cfg(test)]
mod tests;

use super::error::{Error, Result};
use super::model::{Bucket, Settings};
use super::xml::Element;
use crate::policy::{Decision, Grammar, Keys, Policy, Request, Who};
use acl::Acl;
use actions::{Action, Scope};

/// Who owns objects, and whether ACLs count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// The bucket's owner; ACLs are off.
    BucketOwnerEnforced,
    /// The bucket's owner, where the ACL gives full control.
    BucketOwnerPreferred,
    /// Who wrote them.
    ObjectWriter,
}

/// What of public access is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Blocks {
    /// Public ACLs are refused.
    pub acls: bool,
    /// Public ACLs do not count.
    pub ignore_acls: bool,
    /// Public policies are refused.
    pub policy: bool,
    /// A public policy opens the bucket to its own account only.
    pub restrict: bool,
}

impl Ownership {
    /// The bucket's own.
    pub fn of(settings: &Settings) -> Ownership {
        // A new bucket has ACLs off; one whose controls were deleted has them on.
        let Some(document) = settings.documents.get("ownershipControls") else {
            return Ownership::BucketOwnerEnforced;
        };
        let controls = Element::parse(document.as_bytes(), "OwnershipControls").ok();
        let rule = controls.as_ref().and_then(|c| c.child("Rule"));
        match rule.and_then(|r| r.value("ObjectOwnership")) {
            Some("BucketOwnerEnforced") => Ownership::BucketOwnerEnforced,
            Some("BucketOwnerPreferred") => Ownership::BucketOwnerPreferred,
            _ => Ownership::ObjectWriter,
        }
    }
}

impl Blocks {
    /// The bucket's own.
    pub fn of(settings: &Settings) -> Blocks {
        let all = Blocks { acls: true, ignore_acls: true, policy: true, restrict: true };
        match settings.documents.get("publicAccessBlock").map(String::as_str) {
            None => all,
            Some("") => Blocks::default(),
            Some(document) => {
                let root = "PublicAccessBlockConfiguration";
                // What cannot be read blocks.
                let Ok(read) = Element::parse(document.as_bytes(), root) else { return all };
                let on = |name: &str| read.value(name) == Some("true");
                Blocks {
                    acls: on("BlockPublicAcls"),
                    ignore_acls: on("IgnorePublicAcls"),
                    policy: on("BlockPublicPolicy"),
                    restrict: on("RestrictPublicBuckets"),
                }
            }
        }
    }
}

/// What the anonymous ask to do.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The bucket.
    pub bucket: &'a Bucket,
    /// The key; empty for the bucket itself.
    pub key: &'a str,
    /// What is to be done.
    pub action: Action,
    /// The object's ACL as it is kept, if there is the object.
    pub object_acl: Option<&'a str>,
    /// The condition keys of the request.
    pub keys: &'a Keys,
}

/// The answer to somebody who may not.
pub fn denied() -> Error {
    Error::new(403, "AccessDenied", "Access Denied")
}

impl Question<'_> {
    /// Whether the anonymous may. Nobody can be charged for what they read of a bucket whose
    /// requesters pay.
    pub fn is_allowed(&self) -> bool {
        let payer = self.bucket.settings.documents.get("requestPayment");
        if payer.is_some_and(|document| document.contains("<Payer>Requester</Payer>")) {
            return false;
        }
        let by_policy = self.by_policy();
        by_policy != Decision::Deny && (by_policy == Decision::Allow || self.by_acl())
    }

    fn resource(&self) -> String {
        match self.action.scope {
            Scope::Bucket => format!("arn:aws:s3:::{}", self.bucket.name),
            Scope::Object => format!("arn:aws:s3:::{}/{}", self.bucket.name, self.key),
        }
    }

    fn by_policy(&self) -> Decision {
        let settings = &self.bucket.settings;
        let Some(text) = settings.documents.get("policy") else { return Decision::Implicit };
        // What was stored by an older version and cannot be read denies: a Deny may stand in it.
        let Ok(policy) = Policy::parse(text, Grammar::Resource) else { return Decision::Deny };
        let who = Who::anonymous();
        let resource = self.resource();
        let action = self.action.name;
        let request = Request { who: &who, action, resource: &resource, keys: self.keys };
        match policy.decide(&request) {
            Decision::Allow if Blocks::of(settings).restrict && policy.is_public() => {
                Decision::Implicit
            }
            decision => decision,
        }
    }

    fn by_acl(&self) -> bool {
        let settings = &self.bucket.settings;
        if Ownership::of(settings) == Ownership::BucketOwnerEnforced
            || Blocks::of(settings).ignore_acls
        {
            return false;
        }
        let Some((permission, of_object)) = self.action.permission else { return false };
        let kept = if of_object {
            self.object_acl
        } else {
            settings.documents.get("acl").map(String::as_str)
        };
        kept.is_some_and(|acl| Acl::kept(acl, "").allows_everybody(permission))
    }
}

/// Refuses an ACL for an object of `bucket` that the bucket does not take. `kept` is as it will be kept;
/// `by_owner` says whether the bucket's owner writes the object, for whom `private` and
/// `bucket-owner-full-control` are one (older rclones send `private` with every object).
pub fn check_object_acl(bucket: &Bucket, kept: &str, owner: &str, by_owner: bool) -> Result<()> {
    if kept.is_empty() {
        return Ok(());
    }
    let acl = Acl::kept(kept, owner);
    if Ownership::of(&bucket.settings) == Ownership::BucketOwnerEnforced
        && kept != "bucket-owner-full-control"
        && !(kept == "private" && by_owner)
        && !(kept.starts_with('<') && acl.is_owners_alone())
    {
        return Err(acls_are_off());
    }
    check_public(bucket, &acl)
}

/// The same for the bucket's own ACL.
pub fn check_bucket_acl(bucket: &Bucket, acl: &Acl, canned: bool) -> Result<()> {
    let off = Ownership::of(&bucket.settings) == Ownership::BucketOwnerEnforced;
    if off && (canned || !acl.is_owners_alone()) {
        return Err(acls_are_off());
    }
    check_public(bucket, acl)
}

fn acls_are_off() -> Error {
    Error::new(400, "AccessControlListNotSupported", "The bucket does not allow ACLs")
}

fn check_public(bucket: &Bucket, acl: &Acl) -> Result<()> {
    if Blocks::of(&bucket.settings).acls && acl.is_public() { Err(denied()) } else { Ok(()) }
}

/// Refuses a bucket that would begin with an ACL which its ownership or its block of public access
/// does not take.
pub fn check_new_bucket(settings: &Settings, acl: &Acl) -> Result<()> {
    if Ownership::of(settings) == Ownership::BucketOwnerEnforced && !acl.is_owners_alone() {
        return Err(Error::new(
            400,
            "InvalidBucketAclWithObjectOwnership",
            "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
        ));
    }
    if Blocks::of(settings).acls && acl.is_public() {
        return Err(Error::new(
            400,
            "InvalidBucketAclWithBlockPublicAccessError",
            "Bucket cannot have public ACLs set with BlockPublicAccess enabled",
        ));
    }
    Ok(())
}
