//! S3 Metadata: what a bucket's metadata configurations may say, and how they are shown.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucketMetadataConfiguration.html> (version
//! 2) and <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucketMetadataTableConfiguration.html>
//! (version 1). They are records: there are no S3 tables here, so no table is written.

use super::error::{Error, Result};
use super::model::{Bucket, Settings};
use super::xml::Element;
use sha2::{Digest, Sha256};

/// Where a bucket keeps a configuration of version 2.
pub const CONFIGURATION: &str = "metadataConfiguration";
/// Where a bucket keeps one of version 1.
pub const TABLE: &str = "metadataTable";
/// Days that journal records are kept at the least.
const JOURNAL_DAYS_MIN: u32 = 7;

/// The tables of version 2: the element, and its name in the result's ARN.
const TABLES: &[(&str, &str)] = &[
    ("JournalTableConfiguration", "journal"),
    ("InventoryTableConfiguration", "inventory"),
    ("AnnotationTableConfiguration", "annotation"),
];

fn one_of(value: Option<&str>, known: &[&str]) -> Result<()> {
    match value {
        Some(value) if known.contains(&value) => Ok(()),
        _ => Err(Error::malformed_xml()),
    }
}

/// The answer where there is none.
pub fn none(bucket: &str) -> Error {
    let text = "The metadata configuration was not found";
    Error::new(404, "MetadataConfigurationNotFound", text).with("BucketName", bucket)
}

/// Refuses a second configuration.
pub fn check_new(settings: &Settings, bucket: &str) -> Result<()> {
    if [CONFIGURATION, TABLE].iter().any(|kind| settings.documents.contains_key(*kind)) {
        let text = "A metadata configuration already exists for this bucket.";
        return Err(
            Error::new(409, "MetadataConfigurationAlreadyExists", text).with("BucketName", bucket)
        );
    }
    Ok(())
}

/// The bucket's configuration of version 2.
pub fn existing(settings: &Settings, bucket: &str) -> Result<Element> {
    let text = settings.documents.get(CONFIGURATION).ok_or_else(|| none(bucket))?;
    Element::parse(text.as_bytes(), "MetadataConfiguration")
}

/// Checks a configuration of version 2 that came in.
pub fn check(document: &Element) -> Result<()> {
    document.child("JournalTableConfiguration").ok_or_else(Error::malformed_xml)?;
    TABLES.iter().filter_map(|(name, _)| document.child(name)).try_for_each(check_table)
}

fn check_table(table: &Element) -> Result<()> {
    if table.name == "JournalTableConfiguration" {
        let expiration = table.child("RecordExpiration").ok_or_else(Error::malformed_xml)?;
        one_of(expiration.value("Expiration"), &["ENABLED", "DISABLED"])?;
        let days = expiration.value("Days").map(|days| days.parse::<u32>().ok());
        match (expiration.value("Expiration"), days) {
            (Some("DISABLED"), None) => {}
            (Some("ENABLED"), Some(Some(days)))
                if (JOURNAL_DAYS_MIN..=i32::MAX as u32).contains(&days) => {}
            _ => return Err(Error::malformed_xml()),
        }
    } else {
        one_of(table.value("ConfigurationState"), &["ENABLED", "DISABLED"])?;
    }
    let Some(encryption) = table.child("EncryptionConfiguration") else { return Ok(()) };
    one_of(encryption.value("SseAlgorithm"), &["AES256", "aws:kms"])?;
    let keyed = encryption.child("KmsKeyArn").is_some();
    if keyed == (encryption.value("SseAlgorithm") == Some("aws:kms")) {
        return Ok(());
    }
    Err(Error::malformed_xml())
}

/// Puts what an Update… operation says in place of what the configuration says of that table.
pub fn update(configuration: &mut Element, change: Element) -> Result<()> {
    check_table(&change)?;
    let table = configuration.children.iter_mut().find(|c| c.name == change.name);
    let Some(table) = table else {
        configuration.children.push(change);
        return Ok(());
    };
    for member in change.children {
        table.children.retain(|known| known.name != member.name);
        table.children.push(member);
    }
    Ok(())
}

/// GetBucketMetadataConfiguration's document, of either version.
pub fn shown(bucket: &Bucket) -> Result<Element> {
    let tables = format!("arn:aws:s3tables:{}:{}:bucket/aws-s3", bucket.region, bucket.account);
    let mut result = Element::named("MetadataConfigurationResult");
    if let Some(text) = bucket.settings.documents.get(TABLE) {
        let given = Element::parse(text.as_bytes(), "MetadataTableConfiguration")?;
        let given = given.child("S3TablesDestination").ok_or_else(Error::malformed_xml)?;
        result.children.push(destination("customer", arn_of(given), "aws_s3_metadata"));
    } else {
        let configuration = existing(&bucket.settings, &bucket.name)?;
        result.children.push(destination("aws", &tables, &format!("b_{}", bucket.name)));
        for (name, table) in TABLES {
            let Some(given) = configuration.child(name) else { continue };
            result.children.push(table_result(given, &tables, &bucket.name, table));
        }
    }
    Ok(Element::named("GetBucketMetadataConfigurationResult").with(result))
}

fn destination(kind: &str, arn: &str, namespace: &str) -> Element {
    Element::named("DestinationResult")
        .with(Element::leaf("TableBucketType", kind))
        .with(Element::leaf("TableBucketArn", arn))
        .with(Element::leaf("TableNamespace", namespace))
}

fn table_result(given: &Element, tables: &str, bucket: &str, table: &str) -> Element {
    let mut result = Element::named(&format!("{}Result", given.name));
    let on = given.value("ConfigurationState") != Some("DISABLED");
    result.children.extend(given.child("ConfigurationState").cloned());
    if on {
        result.children.push(Element::leaf("TableStatus", "ACTIVE"));
        result.children.push(Element::leaf("TableName", table));
        let arn = format!("{tables}/table/{}", table_id(bucket, table));
        result.children.push(Element::leaf("TableArn", arn));
    }
    result.children.extend(given.child("RecordExpiration").cloned());
    result.children.extend(given.child("Role").cloned());
    result
}

/// An id in the form of a UUID that follows from bucket and table.
fn table_id(bucket: &str, table: &str) -> String {
    let digest = hex::encode(Sha256::digest(format!("{bucket}/{table}")));
    let cut = |range: std::ops::Range<usize>| &digest[range];
    [cut(0..8), cut(8..12), cut(12..16), cut(16..20), cut(20..32)].join("-")
}

fn arn_of(destination: &Element) -> &str {
    destination.value("TableBucketArn").unwrap_or_default()
}

/// Checks a configuration of version 1 that came in.
pub fn check_v1(document: &Element) -> Result<()> {
    let destination = document.child("S3TablesDestination").ok_or_else(Error::malformed_xml)?;
    let table = destination.value("TableName").filter(|name| !name.is_empty());
    table.ok_or_else(Error::malformed_xml)?;
    let arn = arn_of(destination);
    if arn.starts_with("arn:") && arn.contains(":s3tables:") && arn.contains(":bucket/") {
        return Ok(());
    }
    Err(Error::invalid_argument("Invalid table bucket ARN", "TableBucketArn", arn))
}

/// GetBucketMetadataTableConfiguration's document. A configuration of version 2 is not for it.
pub fn shown_v1(bucket: &Bucket) -> Result<Element> {
    only_v1(&bucket.settings, &bucket.name, "GET")?;
    let text = bucket.settings.documents.get(TABLE).ok_or_else(|| none(&bucket.name))?;
    let given = Element::parse(text.as_bytes(), "MetadataTableConfiguration")?;
    let given = given.child("S3TablesDestination").ok_or_else(Error::malformed_xml)?;
    let name = given.value("TableName").unwrap_or_default();
    let arn = format!("{}/table/{}", arn_of(given), table_id(&bucket.name, name));
    let destination = Element::named("S3TablesDestinationResult")
        .with(Element::leaf("TableBucketArn", arn_of(given)))
        .with(Element::leaf("TableName", name))
        .with(Element::leaf("TableArn", arn))
        .with(Element::leaf("TableNamespace", "aws_s3_metadata"));
    Ok(Element::named("GetBucketMetadataTableConfigurationResult")
        .with(Element::named("MetadataTableConfigurationResult").with(destination))
        .with(Element::leaf("Status", "ACTIVE")))
}

/// Refuses what the operations of version 1 do not know.
pub fn only_v1(settings: &Settings, bucket: &str, method: &str) -> Result<()> {
    if settings.documents.contains_key(CONFIGURATION) {
        return Err(Error::method_not_allowed(method, "METADATATABLE"));
    }
    match settings.documents.contains_key(TABLE) {
        true => Ok(()),
        false => Err(none(bucket)),
    }
}
