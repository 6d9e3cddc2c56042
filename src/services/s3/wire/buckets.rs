//! CreateBucket, DeleteBucket, HeadBucket, ListBuckets, GetBucketLocation over HTTP.

use super::S3;
use super::access::acl_of_headers;
use super::answer::{document, empty, set};
use super::head::Head;
use super::receive::{Plan, receive_document};
use crate::base::REGIONS;
use crate::protocol::{Answer, Incoming};
use crate::services::s3::access::acl::Acl;
use crate::services::s3::access::check_new_bucket;
use crate::services::s3::error::{Error, Result};
use crate::services::s3::index::existing;
use crate::services::s3::limits::BUCKET_TAGS_MAX;
use crate::services::s3::model::{Bucket, Settings};
use crate::services::s3::ops::buckets::{CreateBucket, DeleteBucket, ListBuckets};
use crate::services::s3::ops::tagging;
use crate::services::s3::xml::{Element, Xml};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use std::collections::BTreeMap;

impl S3 {
    pub(super) async fn create_bucket(&self, head: &Head, body: Incoming) -> Result<Answer> {
        let plan = Plan::read(head)?;
        let mut create = CreateBucket {
            name: head.bucket.clone(),
            object_lock: head.header("x-amz-bucket-object-lock-enabled") == Some("true"),
            ..CreateBucket::default()
        };
        if let Some(ownership) = head.header("x-amz-object-ownership") {
            let known = ["BucketOwnerPreferred", "ObjectWriter", "BucketOwnerEnforced"];
            if !known.contains(&ownership) {
                let message = format!("Invalid x-amz-object-ownership header: {ownership}");
                return Err(Error::new(400, "InvalidArgument", message)
                    .with("ArgumentName", "x-amz-object-ownership"));
            }
            let rule = Element::named("Rule").with(Element::leaf("ObjectOwnership", ownership));
            let controls = Element::named("OwnershipControls").with(rule);
            create.documents.insert("ownershipControls".into(), controls.document());
        }
        if let Some(kept) = acl_of_headers(head)? {
            let acl = Acl::kept(&kept, &canonical_id(&head.caller.account));
            let settings = Settings { documents: create.documents.clone(), ..Settings::default() };
            check_new_bucket(&settings, &acl)?;
            create.documents.insert("acl".into(), acl.document());
        }
        let text = receive_document(body, &plan).await?;
        if !text.is_empty() {
            let wanted = Element::parse(&text, "CreateBucketConfiguration")?;
            create.location = wanted.value("LocationConstraint").map(str::to_owned);
            if let Some(tags) = wanted.child("Tags").filter(|t| !t.children.is_empty()) {
                let pairs = tag_pairs(tags)?;
                if pairs.iter().any(|(key, _)| key.to_ascii_lowercase().starts_with("aws:")) {
                    return Err(Error::invalid_tag(
                        "User-defined tag keys can't start with \"aws:\". This prefix is reserved for system tags. Remove \"aws:\" from your tag keys and try again.",
                    ));
                }
                let document = tag_set(&tagging::checked(pairs, BUCKET_TAGS_MAX, true)?);
                create.documents.insert("tagging".into(), document);
            }
        }
        let bucket = self.change(&head.caller, move |i, c| create.apply(i, c)).await?;
        let mut answer = empty(StatusCode::OK);
        let location = if bucket.region == "us-east-1" {
            format!("/{}", bucket.name)
        } else {
            format!("{}/{}", head.caller.endpoint, bucket.name)
        };
        set(answer.headers_mut(), "location", &location);
        set(answer.headers_mut(), "x-amz-bucket-arn", &arn(&bucket));
        Ok(answer)
    }

    pub(super) async fn delete_bucket(&self, head: &Head) -> Result<Answer> {
        let delete = DeleteBucket { name: head.bucket.clone() };
        self.change(&head.caller, move |i, c| delete.apply(i, c)).await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }

    pub(super) async fn head_bucket(&self, head: &Head) -> Result<Answer> {
        let bucket = self.look(|index| existing(index, &head.bucket))?;
        let mut answer = empty(StatusCode::OK);
        set(answer.headers_mut(), "x-amz-bucket-region", &bucket.region);
        set(answer.headers_mut(), "x-amz-bucket-arn", &arn(&bucket));
        set(answer.headers_mut(), "x-amz-access-point-alias", "false");
        set(answer.headers_mut(), "content-type", "application/xml");
        Ok(answer)
    }

    pub(super) async fn get_bucket_location(&self, head: &Head) -> Result<Answer> {
        let bucket = self.look(|index| existing(index, &head.bucket))?;
        let mut xml = Xml::document("LocationConstraint");
        if bucket.region != "us-east-1" {
            xml.raw(&bucket.region);
        }
        Ok(document(xml.finish()))
    }

    pub(super) async fn list_buckets(&self, head: &Head) -> Result<Answer> {
        let decoded = head.param("continuation-token").filter(|t| !t.is_empty());
        let decoded = decoded.map(|token| {
            let bytes = URL_SAFE_NO_PAD.decode(token).ok();
            bytes.and_then(|b| String::from_utf8(b).ok()).ok_or_else(|| {
                Error::new(400, "InvalidArgument", "The continuation token provided is incorrect")
                    .with("ArgumentName", "continuation-token")
            })
        });
        let max = head.param("max-buckets").filter(|m| !m.is_empty()).map(|max| {
            max.parse::<usize>().ok().filter(|n| (1..=10_000).contains(n)).ok_or_else(|| {
                let message = "Argument max-buckets must be an integer between 1 and 10000";
                Error::invalid_argument(message, "max-buckets", max)
            })
        });
        let region = head.param("bucket-region").filter(|r| !r.is_empty());
        if let Some(region) = region.filter(|region| !REGIONS.contains(region)) {
            let message = format!("Argument value {region} is not a valid AWS Region");
            return Err(
                Error::new(400, "InvalidArgument", message).with("ArgumentName", "bucket-region")
            );
        }
        let list = ListBuckets {
            prefix: head.param("prefix").unwrap_or_default().to_owned(),
            region: region.map(str::to_owned),
            after: decoded.transpose()?.unwrap_or_default(),
            max: max.transpose()?,
        };
        let (buckets, more) = self.look(|index| list.apply(index, &head.caller.account))?;
        let mut xml = Xml::document("ListAllMyBucketsResult");
        write_owner(&mut xml, "Owner", &head.caller.account);
        xml.open("Buckets");
        for bucket in &buckets {
            xml.open("Bucket");
            xml.leaf("Name", &bucket.name);
            xml.leaf("CreationDate", &second(bucket.created));
            xml.leaf("BucketRegion", &bucket.region);
            xml.leaf("BucketArn", &arn(bucket));
            xml.close();
        }
        xml.close();
        if let Some(last) = buckets.last().filter(|_| more) {
            xml.leaf("ContinuationToken", &URL_SAFE_NO_PAD.encode(&last.name));
        }
        xml.maybe("Prefix", Some(list.prefix.as_str()).filter(|p| !p.is_empty()));
        Ok(document(xml.finish()))
    }
}

fn arn(bucket: &Bucket) -> String {
    format!("arn:aws:s3:::{}", bucket.name)
}

/// Dates in listings have whole seconds.
pub(super) fn second(at: crate::base::Millis) -> String {
    crate::base::Millis(at.seconds() * 1000).iso8601()
}

/// The canonical id of an account: 64 hex digits that follow from it.
pub(super) fn canonical_id(account: &str) -> String {
    use sha2::{Digest, Sha256};
    hex::encode(Sha256::digest(account.as_bytes()))
}

/// An owner or initiator.
pub(super) fn write_owner(xml: &mut Xml, element: &str, account: &str) {
    xml.open(element);
    xml.leaf("ID", &canonical_id(account));
    xml.close();
}

/// The tags of a `TagSet` or `Tags` element.
pub(super) fn tag_pairs(set: &Element) -> Result<Vec<(String, String)>> {
    let pair = |tag: &Element| {
        let (key, value) = (tag.value("Key"), tag.value("Value"));
        match (key, value) {
            (Some(key), Some(value)) => Ok((key.to_owned(), value.to_owned())),
            _ => Err(Error::malformed_xml()),
        }
    };
    set.all("Tag").map(pair).collect()
}

/// Tags as the document that `Get…Tagging` answers with.
pub(super) fn tag_set(tags: &BTreeMap<String, String>) -> String {
    let mut xml = Xml::document("Tagging");
    xml.open("TagSet");
    for (key, value) in tags {
        xml.open("Tag");
        xml.leaf("Key", key);
        xml.leaf("Value", value);
        xml.close();
    }
    xml.finish()
}
