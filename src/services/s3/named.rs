//! Configurations of which a bucket has many, each with an id: analytics, inventory, metrics,
//! Intelligent-Tiering. They are checked, kept and shown; no report is made of them.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketInventoryConfiguration.html> and its kin.

use super::error::{Error, Result};
use super::model::Settings;
use super::xml::{Element, Xml};

/// Configurations of a kind at the most.
pub const PER_KIND_MAX: usize = 1000;
/// Configurations in a page of a listing.
const PAGE: usize = 100;
/// Characters of an id at the most.
const ID_CHARS_MAX: usize = 64;

/// A kind.
#[derive(Debug, Clone, Copy)]
pub struct Named {
    /// The query parameter that names it.
    pub name: &'static str,
    /// Its root element.
    root: &'static str,
    /// The root of its listing.
    listing: &'static str,
}

const KINDS: &[Named] = &[
    Named {
        name: "analytics",
        root: "AnalyticsConfiguration",
        listing: "ListBucketAnalyticsConfigurationResult",
    },
    Named {
        name: "intelligent-tiering",
        root: "IntelligentTieringConfiguration",
        listing: "ListBucketIntelligentTieringConfigurationsOutput",
    },
    Named {
        name: "inventory",
        root: "InventoryConfiguration",
        listing: "ListInventoryConfigurationsResult",
    },
    Named {
        name: "metrics",
        root: "MetricsConfiguration",
        listing: "ListMetricsConfigurationsResult",
    },
];

const OPTIONAL_FIELDS: &[&str] = &[
    "Size",
    "LastModifiedDate",
    "StorageClass",
    "ETag",
    "IsMultipartUploaded",
    "ReplicationStatus",
    "EncryptionStatus",
    "ObjectLockRetainUntilDate",
    "ObjectLockMode",
    "ObjectLockLegalHoldStatus",
    "ObjectLockEventHoldStatus",
    "ObjectLockEventHoldDuration",
    "IntelligentTieringAccessTier",
    "BucketKeyStatus",
    "ChecksumAlgorithm",
    "ObjectAccessControlList",
    "ObjectOwner",
    "LifecycleExpirationDate",
    "IntelligentTieringReferenceDate",
];

fn one_of(value: Option<&str>, known: &[&str]) -> Result<()> {
    match value {
        Some(value) if known.contains(&value) => Ok(()),
        _ => Err(Error::malformed_xml()),
    }
}

impl Named {
    /// The kind that a query parameter names.
    pub fn of(name: &str) -> Option<&'static Named> {
        KINDS.iter().find(|k| k.name == name)
    }

    /// The name under which a configuration is kept.
    pub fn kept(&self, id: &str) -> String {
        format!("{}:{id}", self.name)
    }

    /// The configuration called `id`.
    pub fn find<'a>(&self, settings: &'a Settings, id: &str) -> Result<&'a str> {
        let found = settings.documents.get(&self.kept(id)).map(String::as_str);
        found.ok_or_else(Self::none)
    }

    /// The answer where there is none.
    pub fn none() -> Error {
        Error::new(404, "NoSuchConfiguration", "The specified configuration does not exist.")
    }

    /// Checks a configuration that came in for `id`, and puts it as S3 answers it.
    pub fn accept(&self, body: &[u8], id: &str) -> Result<String> {
        let element = Element::parse(body, self.root)?;
        let own = element.value("Id").ok_or_else(Error::malformed_xml)?;
        if own != id {
            return Err(match self.name {
                "inventory" => Error::new(
                    400,
                    "IdMismatch",
                    "Document ID does not match the specified configuration ID.",
                ),
                _ => Error::malformed_xml(),
            });
        }
        let letters = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        if id.is_empty() || id.len() > ID_CHARS_MAX || !id.bytes().all(letters) {
            return Err(Error::new(
                400,
                "InvalidConfigurationId",
                "The specified configuration ID is invalid.",
            ));
        }
        match self.name {
            "analytics" => check_analytics(&element)?,
            "inventory" => check_inventory(&element)?,
            "intelligent-tiering" => check_tiering(&element)?,
            _ => {}
        }
        Ok(element.document())
    }

    /// A page of the configurations behind `after`.
    pub fn list(&self, settings: &Settings, after: Option<&str>) -> Result<String> {
        let prefix = format!("{}:", self.name);
        let mut all = settings
            .documents
            .range(prefix.clone()..)
            .map_while(|(name, text)| Some((name.strip_prefix(&prefix)?, text)))
            .filter(|(id, _)| after.is_none_or(|after| *id > after));
        let mut xml = Xml::document(self.listing);
        let mut last = "";
        for (id, text) in all.by_ref().take(PAGE) {
            Element::parse(text.as_bytes(), self.root)?.write(&mut xml);
            last = id;
        }
        let more = all.next().is_some();
        xml.number("IsTruncated", more);
        xml.maybe("ContinuationToken", after);
        xml.maybe("NextContinuationToken", more.then_some(last));
        Ok(xml.finish())
    }
}

fn check_analytics(element: &Element) -> Result<()> {
    let analysis = element.child("StorageClassAnalysis").ok_or_else(Error::malformed_xml)?;
    let Some(export) = analysis.child("DataExport") else { return Ok(()) };
    one_of(export.value("OutputSchemaVersion"), &["V_1"])?;
    let destination = export.child("Destination").and_then(|d| d.child("S3BucketDestination"));
    let destination = destination.ok_or_else(Error::malformed_xml)?;
    one_of(destination.value("Format"), &["CSV"])?;
    destination.value("Bucket").map(drop).ok_or_else(Error::malformed_xml)
}

fn check_inventory(element: &Element) -> Result<()> {
    let destination = element.child("Destination").and_then(|d| d.child("S3BucketDestination"));
    let destination = destination.ok_or_else(Error::malformed_xml)?;
    one_of(element.value("IsEnabled"), &["true", "false"])?;
    one_of(element.value("IncludedObjectVersions"), &["All", "Current"])?;
    let schedule = element.child("Schedule").and_then(|s| s.value("Frequency"));
    one_of(schedule, &["Daily", "Weekly"])?;
    one_of(destination.value("Format"), &["CSV", "ORC", "Parquet"])?;
    for field in element.child("OptionalFields").iter().flat_map(|f| f.all("Field")) {
        one_of(Some(&field.text), OPTIONAL_FIELDS)?;
    }
    let bucket = destination.value("Bucket").ok_or_else(Error::malformed_xml)?;
    if bucket.starts_with("arn:") && bucket.contains(":s3:::") {
        return Ok(());
    }
    Err(Error::new(400, "InvalidS3DestinationBucket", "Invalid bucket ARN."))
}

fn check_tiering(element: &Element) -> Result<()> {
    one_of(element.value("Status"), &["Enabled", "Disabled"])?;
    let mut tiers = element.all("Tiering").peekable();
    if tiers.peek().is_none() {
        return Err(Error::malformed_xml());
    }
    for tier in tiers {
        one_of(tier.value("AccessTier"), &["ARCHIVE_ACCESS", "DEEP_ARCHIVE_ACCESS"])?;
        let days = tier.value("Days").and_then(|d| d.trim().parse::<u32>().ok());
        days.ok_or_else(Error::malformed_xml)?;
    }
    Ok(())
}
