//! Browser uploads: `POST` of a form to a bucket.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-post-example.html>. A form carries its own
//! signature, over its policy; one without a signature is an anonymous request.

use super::S3;
use super::answer::{document, empty, set, url_encoded};
use super::attributes;
use super::buckets::tag_pairs;
use super::head::Head;
use super::multiform::{Form, boundary};
use super::receive::{Content, Plan, Received, receive};
use crate::protocol::sigv4::{self, Keys, Refusal};
use crate::protocol::{Answer, Credential, Incoming};
use crate::services::access::{Subject, Vouch};
use crate::services::s3::access::{actions, denied};
use crate::services::s3::error::{Error, Result};
use crate::services::s3::form_policy::FormPolicy;
use crate::services::s3::index::existing;
use crate::services::s3::limits::OBJECT_TAGS_MAX;
use crate::services::s3::model::Attributes;
use crate::services::s3::names::check_key;
use crate::services::s3::ops::objects::{Cause, PutObject, Stored};
use crate::services::s3::ops::tagging;
use crate::services::s3::xml::{Element, Xml};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use std::sync::Arc;

/// Fields that are headers by another name.
const HEADERS: &[(&str, &str)] = &[
    ("acl", "x-amz-acl"),
    ("cache-control", "cache-control"),
    ("content-disposition", "content-disposition"),
    ("content-encoding", "content-encoding"),
    ("content-language", "content-language"),
    ("content-type", "content-type"),
    ("expires", "expires"),
];
/// Fields of a signature of Version 4, in the order in which S3 misses them.
const VERSION_4: [(&str, &str); 4] = [
    ("x-amz-algorithm", "X-Amz-Algorithm"),
    ("x-amz-credential", "X-Amz-Credential"),
    ("x-amz-date", "X-Amz-Date"),
    ("x-amz-signature", "X-Amz-Signature"),
];
/// The same for Version 2.
const VERSION_2: [(&str, &str); 2] =
    [("awsaccesskeyid", "AWSAccessKeyId"), ("signature", "Signature")];

type Fields = [(String, String)];

fn field<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
}

fn missing(shown: &'static str) -> Error {
    let message = format!(
        "Bucket POST must contain a field named '{shown}'.  If it is specified, please check the order of the fields."
    );
    Error::invalid_argument(message, shown, "")
}

/// Verifies the form's signature and hands back its policy; `None` for a form that nobody signed.
fn signed_policy(fields: &Fields, keys: Option<&Keys>) -> Result<Option<FormPolicy>> {
    let any = |of: &[(&str, &str)]| of.iter().any(|(name, _)| field(fields, name).is_some());
    let wanted: &[(&str, &'static str)] = if any(&VERSION_4) {
        &VERSION_4
    } else if any(&VERSION_2) {
        &VERSION_2
    } else {
        return Ok(None);
    };
    for (name, shown) in wanted {
        field(fields, name).ok_or_else(|| missing(shown))?;
    }
    let policy = field(fields, "policy").ok_or_else(|| missing("policy"))?;
    let given = |name| field(fields, name).unwrap_or_default();
    let credential = if wanted.len() == VERSION_4.len() {
        if given("x-amz-algorithm") != sigv4::ALGORITHM {
            let message = "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"";
            let algorithm = given("x-amz-algorithm");
            return Err(Error::invalid_argument(message, "X-Amz-Algorithm", algorithm));
        }
        let text = given("x-amz-credential");
        Some(Credential::parse(text).ok_or_else(|| {
            let message = "the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".";
            Error::invalid_argument(message, "X-Amz-Credential", text)
        })?)
    } else {
        None
    };
    let key = credential.as_ref().map_or(given("awsaccesskeyid"), |c| c.access_key.as_str());
    let signature = given(if credential.is_some() { "x-amz-signature" } else { "signature" });
    if let Some(keys) = keys {
        let token = field(fields, "x-amz-security-token");
        let right = match &credential {
            Some(credential) => keys.check_policy(credential, token, policy, signature),
            None => keys.check_policy_v2(key, token, policy, signature),
        };
        right.map_err(|refusal| refused(&refusal))?;
    }
    let text = STANDARD.decode(policy.split_ascii_whitespace().collect::<String>());
    let text = text.map_err(|_| {
        Error::new(400, "InvalidPolicyDocument", "Invalid Policy: Invalid Base64 encoding.")
    })?;
    FormPolicy::parse(&text).map(Some)
}

/// A refusal of the gateway's kind in S3's document.
fn refused(refusal: &Refusal) -> Error {
    let failure = refusal.for_s3();
    let mut error = Error::new(failure.status, failure.code, failure.message);
    for (name, value) in failure.members {
        error.members.push((name.into(), value.as_str().unwrap_or_default().to_owned()));
    }
    error
}

/// The request that a PutObject with these fields would have been.
fn as_put(head: &Head, fields: &Fields, key: String) -> Head {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let known = HEADERS.iter().find(|(n, _)| n == name).map(|(_, header)| *header);
        let name = known.or_else(|| name.starts_with("x-amz-").then_some(name.as_str()));
        let name = name.and_then(|n| n.parse::<HeaderName>().ok());
        if let (Some(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
            headers.append(name, value);
        }
    }
    Head { headers: headers.into(), key, query: Vec::new(), ..head.clone() }
}

/// The `tagging` field: a document. One of another kind says nothing.
fn tags(fields: &Fields, attributes: &mut Attributes) -> Result<()> {
    let Some(text) = field(fields, "tagging") else { return Ok(()) };
    let root = text.trim_start();
    let parsed = Element::parse(root.as_bytes(), "Tagging");
    let Ok(tagging) = parsed else {
        // Whether it is XML at all is another question than whether it is a `Tagging`.
        return if root.starts_with('<') && root.ends_with('>') {
            Ok(())
        } else {
            parsed.map(drop)
        };
    };
    if let Some(set) = tagging.child("TagSet") {
        attributes.tags = tagging::checked(tag_pairs(set)?, OBJECT_TAGS_MAX, false)?;
    }
    Ok(())
}

impl S3 {
    /// PostObject.
    pub(super) async fn post_object(&self, head: &Head, body: Incoming) -> Result<Answer> {
        let boundary = boundary(head.header("content-type").unwrap_or_default())?;
        self.look(|index| existing(index, &head.bucket))?;
        let form = Form::read(body, &boundary).await?;
        let fields = form.fields.clone();
        let policy = signed_policy(&fields, head.keys.as_deref())?;
        if let Some(policy) = &policy {
            policy.check(&fields, &head.bucket, self.clock.now())?;
        }
        let key = field(&fields, "key").filter(|k| !k.is_empty()).ok_or_else(|| missing("key"))?;
        let key = match &form.file_name {
            Some(name) => key.replace("${filename}", base_name(name)),
            None => key.to_owned(),
        };
        check_key(&key)?;
        let mut put = as_put(head, &fields, key);
        match (&policy, &head.vouch) {
            (None, _) if head.anonymous => self.check_anonymous_form(&put)?,
            (Some(_), Some(vouch)) => {
                put.subject = Some(self.check_signer(&put, &fields, vouch)?);
            }
            _ => {}
        }
        let (mut attributes, by_header) = attributes::read(&put, self.clock.now())?;
        tags(&fields, &mut attributes)?;
        self.check_write(&put, &attributes)?;
        let bucket = self.bucket(&put.bucket)?;
        let encrypted_by_header = self.seal(&put, &bucket, &mut attributes, by_header).await?;
        let plan = Plan::of_form(&put)?;
        let received = receive(&self.blobs, form.file(), &plan).await?;
        let Received { content, digests, checksum, .. } = received;
        if let Some(policy) = &policy {
            policy.check_size(digests.size)?;
        }
        attributes.checksum = Some(checksum);
        let object = PutObject {
            bucket: put.bucket.clone(),
            key: put.key.clone(),
            body: content.blob(),
            size: digests.size,
            md5: digests.md5,
            attributes,
            encrypted_by_header,
            conditions: attributes::write_conditions(&put)?,
            cause: Cause::Post,
        };
        let stored = self.change(&head.caller, move |i, c| object.apply(i, c)).await?;
        if let Content::File(file) = content {
            file.kept();
        }
        Ok(done(&put, &fields, &stored))
    }

    /// Under `auth = "enforce"`, whether the form's signer may put the object.
    fn check_signer(&self, put: &Head, fields: &Fields, vouch: &Vouch) -> Result<Arc<Subject>> {
        let credential = field(fields, "x-amz-credential").and_then(Credential::parse);
        let key = credential.map(|credential| credential.access_key);
        let key = key.or_else(|| field(fields, "awsaccesskeyid").map(str::to_owned));
        let subject = Arc::new((vouch.0)(&key.unwrap_or_default()).ok_or_else(denied)?);
        let put = Head { subject: Some(subject.clone()), ..put.clone() };
        self.check_subject(&put, &subject, "s3:PutObject", (&put.bucket, &put.key, None))?;
        Ok(subject)
    }

    fn check_anonymous_form(&self, put: &Head) -> Result<()> {
        let action = actions::action("PutObject", false).ok_or_else(denied)?;
        let allowed = self.look(|index| {
            let bucket = existing(index, &put.bucket)?;
            self.allows(index, put, &bucket, action, (&put.key, None))
        })?;
        if allowed { Ok(()) } else { Err(denied()) }
    }
}

/// A file's name without the directories that some browsers put before it.
fn base_name(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

/// `303` to the address that the form names, else the status that it asks for.
fn done(put: &Head, fields: &Fields, stored: &Stored) -> Answer {
    let etag = format!("\"{}\"", stored.version.etag);
    let redirect = field(fields, "success_action_redirect").or(field(fields, "redirect"));
    let redirect = redirect.filter(|r| r.starts_with("http://") || r.starts_with("https://"));
    let location = location(put);
    let mut answer = match (redirect, field(fields, "success_action_status")) {
        (Some(_), _) => empty(StatusCode::SEE_OTHER),
        (None, Some("200")) => empty(StatusCode::OK),
        (None, Some("201")) => {
            let mut xml = Xml::plain("PostResponse");
            xml.leaf("Location", &location);
            xml.leaf("Bucket", &put.bucket);
            xml.leaf("Key", &put.key);
            xml.leaf("ETag", &etag);
            let mut answer = document(xml.finish());
            *answer.status_mut() = StatusCode::CREATED;
            answer
        }
        _ => empty(StatusCode::NO_CONTENT),
    };
    let location = match redirect {
        None => location,
        Some(to) => {
            let and = if to.contains('?') { '&' } else { '?' };
            let (bucket, key) = (url_encoded(&put.bucket), url_encoded(&put.key));
            format!("{to}{and}bucket={bucket}&key={key}&etag={}", url_encoded(&etag))
        }
    };
    let headers = answer.headers_mut();
    set(headers, "location", &location);
    set(headers, "etag", &etag);
    attributes::show_encryption(headers, &stored.version.attributes.encryption);
    super::answer::maybe(headers, "x-amz-version-id", stored.version_id());
    super::answer::maybe(headers, "x-amz-expiration", stored.expiration.as_deref());
    answer
}

/// Where the object is, by the way in which the caller named the bucket.
fn location(put: &Head) -> String {
    let endpoint = &put.caller.endpoint;
    let key = url_encoded(&put.key).replace('+', "%20");
    let by_host = endpoint.contains(&format!("://{}.", put.bucket));
    if by_host { format!("{endpoint}/{key}") } else { format!("{endpoint}/{}/{key}", put.bucket) }
}
