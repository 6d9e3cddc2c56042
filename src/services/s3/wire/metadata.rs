//! S3 Metadata over HTTP: configurations of version 1 and 2, created, shown, updated, deleted.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketMetadataConfiguration.html>

use super::S3;
use super::answer::{document, empty};
use super::configuration::configure;
use super::head::Head;
use super::receive::{Plan, receive_document};
use crate::protocol::{Answer, Incoming};
use crate::services::s3::error::Result;
use crate::services::s3::index::existing;
use crate::services::s3::metadata::{self, CONFIGURATION, TABLE};
use crate::services::s3::ops::configuration::Setting;
use crate::services::s3::xml::Element;
use http::{Method, StatusCode};

/// The operations on `?metadataConfiguration`, `?metadataTable` and their tables.
pub(super) async fn serve(s3: &S3, name: &str, head: &Head, body: Incoming) -> Result<Answer> {
    let table_name = name.strip_prefix("UpdateBucketMetadata");
    match table_name {
        // `JournalTableConfiguration` is the element, too.
        Some(element) => update(s3, head, body, element).await,
        None if name.ends_with("TableConfiguration") => table(s3, head, body).await,
        None => configuration(s3, head, body).await,
    }
}

/// Create…, Get… and DeleteBucketMetadataConfiguration.
async fn configuration(s3: &S3, head: &Head, body: Incoming) -> Result<Answer> {
    let bucket = s3.look(|index| existing(index, &head.bucket))?;
    match head.method {
        Method::GET => Ok(document(metadata::shown(&bucket)?.document())),
        Method::DELETE => {
            let mut known = [CONFIGURATION, TABLE].into_iter();
            let kept = known.find(|kind| bucket.settings.documents.contains_key(*kind));
            let kept = kept.ok_or_else(|| metadata::none(&head.bucket))?;
            configure(s3, head, Setting::Delete(kept.to_owned())).await?;
            Ok(empty(StatusCode::NO_CONTENT))
        }
        _ => {
            let plan = Plan::read(head)?;
            let text = receive_document(body, &plan).await?;
            let given = Element::parse(&text, "MetadataConfiguration")?;
            metadata::check(&given)?;
            metadata::check_new(&bucket.settings, &head.bucket)?;
            configure(s3, head, Setting::Put(CONFIGURATION.into(), given.document())).await?;
            Ok(empty(StatusCode::OK))
        }
    }
}

/// Create…, Get… and DeleteBucketMetadataTableConfiguration: version 1.
async fn table(s3: &S3, head: &Head, body: Incoming) -> Result<Answer> {
    let bucket = s3.look(|index| existing(index, &head.bucket))?;
    match head.method {
        Method::GET => Ok(document(metadata::shown_v1(&bucket)?.document())),
        Method::DELETE => {
            metadata::only_v1(&bucket.settings, &head.bucket, "DELETE")?;
            configure(s3, head, Setting::Delete(TABLE.into())).await?;
            Ok(empty(StatusCode::NO_CONTENT))
        }
        _ => {
            let plan = Plan::read(head)?;
            let text = receive_document(body, &plan).await?;
            let given = Element::parse(&text, "MetadataTableConfiguration")?;
            metadata::check_v1(&given)?;
            metadata::check_new(&bucket.settings, &head.bucket)?;
            configure(s3, head, Setting::Put(TABLE.into(), given.document())).await?;
            Ok(empty(StatusCode::OK))
        }
    }
}

/// UpdateBucketMetadata…TableConfiguration; `root` names the table's element.
async fn update(s3: &S3, head: &Head, body: Incoming, root: &str) -> Result<Answer> {
    let plan = Plan::read(head)?;
    let bucket = s3.look(|index| existing(index, &head.bucket))?;
    let mut kept = metadata::existing(&bucket.settings, &head.bucket)?;
    let text = receive_document(body, &plan).await?;
    metadata::update(&mut kept, Element::parse(&text, root)?)?;
    configure(s3, head, Setting::Put(CONFIGURATION.into(), kept.document())).await?;
    Ok(empty(StatusCode::OK))
}
