//! A bucket's policy: what S3 asks of it beyond its form.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html>; the texts are those
//! with which S3 refuses (`MalformedPolicy`).

use super::actions::{OF_BUCKETS, OF_OBJECTS, Scope};
use super::{Blocks, denied};
use crate::policy::{Grammar, Mistake, Pattern, Policy, Statement, fits};
use crate::services::s3::error::{Error, Result};
use crate::services::s3::model::Bucket;

/// Condition keys of S3's own; those that end with `/` take a tag's key behind it.
const CONDITION_KEYS: &[&str] = &[
    "s3:accessgrantsinstancearn",
    "s3:accesspointnetworkorigin",
    "s3:authtype",
    "s3:buckettag/",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
    "s3:delimiter",
    "s3:existingobjecttag/",
    "s3:if-match",
    "s3:if-none-match",
    "s3:inventoryaccessibleoptionalfields",
    "s3:locationconstraint",
    "s3:max-keys",
    "s3:object-lock-legal-hold",
    "s3:object-lock-mode",
    "s3:object-lock-remaining-retention-days",
    "s3:object-lock-retain-until-date",
    "s3:objectcreationoperation",
    "s3:prefix",
    "s3:requestobjecttag/",
    "s3:requestobjecttagkeys",
    "s3:resourceaccount",
    "s3:signatureage",
    "s3:signatureversion",
    "s3:tlsversion",
    "s3:versionid",
    "s3:x-amz-acl",
    "s3:x-amz-bucket-namespace",
    "s3:x-amz-content-sha256",
    "s3:x-amz-copy-source",
    "s3:x-amz-grant-full-control",
    "s3:x-amz-grant-read",
    "s3:x-amz-grant-read-acp",
    "s3:x-amz-grant-write",
    "s3:x-amz-grant-write-acp",
    "s3:x-amz-metadata-directive",
    "s3:x-amz-object-ownership",
    "s3:x-amz-server-side-encryption",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "s3:x-amz-server-side-encryption-customer-algorithm",
    "s3:x-amz-storage-class",
    "s3:x-amz-website-redirect-location",
];
/// Namespaces of condition keys that come with the caller.
const NAMESPACES: &[&str] = &["aws:", "saml:", "sts:", "jwt:", "svc:"];

fn malformed(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(400, "MalformedPolicy", message)
}

/// Checks a policy for `bucket`.
pub fn check(text: &str, bucket: &Bucket) -> Result<()> {
    let policy = Policy::parse(text, Grammar::Resource).map_err(|mistake| {
        let error = malformed(mistake.to_string());
        match &mistake {
            Mistake::Principal(kind, name) => {
                error.with("Detail", format!("\"{kind}\" : \"{name}\""))
            }
            _ => error,
        }
    })?;
    for statement in &policy.statements {
        check_statement(statement, &bucket.name)?;
    }
    if Blocks::of(&bucket.settings).policy && policy.is_public() {
        return Err(denied());
    }
    Ok(())
}

fn check_statement(statement: &Statement, bucket: &str) -> Result<()> {
    let scopes: Vec<Scope> = statement
        .resources
        .patterns()
        .iter()
        .map(|resource| {
            scopes(resource, bucket).ok_or_else(|| malformed("Policy has invalid resource"))
        })
        .collect::<Result<Vec<_>>>()?
        .concat();
    for action in statement.actions.patterns().iter().map(Pattern::text) {
        let of = |known: &[&str]| action == "*" || known.iter().any(|name| names(action, name));
        let (of_bucket, of_object) = (of(OF_BUCKETS), of(OF_OBJECTS));
        if !of_bucket && !of_object {
            return Err(malformed("Policy has invalid action"));
        }
        let applies = of_bucket && scopes.contains(&Scope::Bucket)
            || of_object && scopes.contains(&Scope::Object);
        if !applies {
            return Err(malformed("Action does not apply to any resource(s) in statement"));
        }
    }
    for condition in &statement.conditions {
        let key = condition.key.to_ascii_lowercase();
        let known = NAMESPACES.iter().any(|n| key.starts_with(n))
            || CONDITION_KEYS.iter().any(|k| {
                *k == key || k.ends_with('/') && key.starts_with(k) && key.len() > k.len()
            });
        if !known {
            return Err(malformed("Policy has an invalid condition key"));
        }
    }
    Ok(())
}

/// Whether `s3:Get*` names the action `GetObject`.
fn names(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    pattern
        .split_once(':')
        .is_some_and(|(service, name)| fits(service, "s3") && fits(name, &action))
}

/// What of the bucket a resource means; `None` if it means another bucket.
fn scopes(resource: &Pattern, bucket: &str) -> Option<Vec<Scope>> {
    let text = resource.text();
    if text == "*" {
        return Some(vec![Scope::Bucket, Scope::Object]);
    }
    let mut parts = text.splitn(6, ':');
    let (partition, service) = (parts.nth(1)?, parts.next()?);
    let name = parts.nth(2)?;
    if !fits(partition, "aws") && !partition.starts_with("aws") || !fits(service, "s3") {
        return None;
    }
    let (own, key) = match name.split_once('/') {
        Some((own, key)) => (own, Some(key)),
        None => (name, None),
    };
    if !own.contains("${") && !fits(own, bucket) {
        return None;
    }
    Some(match key {
        Some(_) => vec![Scope::Object],
        // A star reaches over the slash.
        None if own.ends_with('*') => vec![Scope::Bucket, Scope::Object],
        None => vec![Scope::Bucket],
    })
}
