//! The configuration documents of a bucket: which there are, what AWS checks of them, and what it
//! answers where none is set.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html>

use super::error::{Error, Result};
use super::model::{Bucket, Encryption};
use super::xml::{Element, Xml};
use super::{checks, notifications};

/// A kind of document.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// The query parameter that names it.
    pub name: &'static str,
    /// Its root element.
    pub root: &'static str,
    /// What there is where none is set.
    missing: Missing,
}

#[derive(Debug, Clone, Copy)]
enum Missing {
    /// A refusal: code and text.
    Refused(&'static str, &'static str),
    /// This content of the root element.
    Default(&'static str),
}

use Missing::{Default as Unset, Refused};

const BLOCKED: &str = "<BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls>\
    <BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets>";
const ENFORCED: &str = "<Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule>";
const AES256: &str = "<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>\
    </ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled></Rule>";

/// All kinds that are kept as documents.
pub const KINDS: &[Kind] = &[
    Kind { name: "abac", root: "AbacStatus", missing: Unset("<Status>Disabled</Status>") },
    Kind { name: "accelerate", root: "AccelerateConfiguration", missing: Unset("") },
    Kind {
        name: "cors",
        root: "CORSConfiguration",
        missing: Refused("NoSuchCORSConfiguration", "The CORS configuration does not exist"),
    },
    Kind { name: "encryption", root: "ServerSideEncryptionConfiguration", missing: Unset(AES256) },
    Kind {
        name: "lifecycle",
        root: "LifecycleConfiguration",
        missing: Refused(
            "NoSuchLifecycleConfiguration",
            "The lifecycle configuration does not exist",
        ),
    },
    Kind { name: "logging", root: "BucketLoggingStatus", missing: Unset("") },
    Kind { name: "notification", root: "NotificationConfiguration", missing: Unset("") },
    Kind {
        name: "object-lock",
        root: "ObjectLockConfiguration",
        missing: Refused(
            "ObjectLockConfigurationNotFoundError",
            "Object Lock configuration does not exist for this bucket",
        ),
    },
    Kind { name: "ownershipControls", root: "OwnershipControls", missing: Unset(ENFORCED) },
    Kind {
        name: "publicAccessBlock",
        root: "PublicAccessBlockConfiguration",
        missing: Unset(BLOCKED),
    },
    Kind {
        name: "replication",
        root: "ReplicationConfiguration",
        missing: Refused(
            "ReplicationConfigurationNotFoundError",
            "The replication configuration was not found",
        ),
    },
    Kind {
        name: "requestPayment",
        root: "RequestPaymentConfiguration",
        missing: Unset("<Payer>BucketOwner</Payer>"),
    },
    Kind {
        name: "tagging",
        root: "Tagging",
        missing: Refused("NoSuchTagSet", "The TagSet does not exist"),
    },
    Kind {
        name: "website",
        root: "WebsiteConfiguration",
        missing: Refused(
            "NoSuchWebsiteConfiguration",
            "The specified bucket does not have a website configuration",
        ),
    },
];

impl Kind {
    /// The kind that a query parameter names.
    pub fn of(name: &str) -> Option<&'static Kind> {
        KINDS.iter().find(|k| k.name == name)
    }

    /// The document of `bucket`, as S3 answers it.
    pub fn of_bucket(&self, bucket: &Bucket) -> Result<String> {
        match bucket.settings.documents.get(self.name).map(String::as_str) {
            Some("") => Err(self.deleted(&bucket.name)),
            Some(document) => Ok(document.to_owned()),
            None if self.name == "object-lock" && bucket.settings.object_lock => {
                Ok(Element::named(self.root)
                    .with(Element::leaf("ObjectLockEnabled", "Enabled"))
                    .document())
            }
            None => match self.missing {
                Refused(code, message) => {
                    Err(Error::new(404, code, message).with("BucketName", bucket.name.as_str()))
                }
                Unset(content) => {
                    let mut xml = Xml::document(self.root);
                    xml.raw(content);
                    Ok(xml.finish())
                }
            },
        }
    }

    /// What is answered when a document that every bucket begins with was deleted.
    fn deleted(&self, bucket: &str) -> Error {
        let (code, message) = match self.name {
            "publicAccessBlock" => (
                "NoSuchPublicAccessBlockConfiguration",
                "The public access block configuration was not found",
            ),
            _ => ("OwnershipControlsNotFoundError", "The bucket ownership controls were not found"),
        };
        Error::new(404, code, message).with("BucketName", bucket)
    }

    /// Checks a document that came in and puts it as S3 answers it.
    pub fn accept(&self, body: &[u8]) -> Result<Element> {
        let mut element = Element::parse(body, self.root)?;
        match self.name {
            "cors" => check_cors(&element)?,
            "lifecycle" => complete_lifecycle(&mut element)?,
            "encryption" => complete_encryption(&mut element)?,
            "replication" => complete_replication(&mut element)?,
            "ownershipControls" => check_ownership(&element)?,
            "publicAccessBlock" => complete_public_access_block(&mut element)?,
            "requestPayment" => {
                one_of(element.value("Payer"), &["BucketOwner", "Requester"])?;
            }
            "abac" => one_of(element.value("Status"), &["Enabled", "Disabled"])?,
            "logging" => check_logging(&element)?,
            "object-lock" => super::lock::check_configuration(&element)?,
            "website" => check_website(&element)?,
            "accelerate" => one_of(element.value("Status"), &["Enabled", "Suspended"])?,
            "notification" => complete_notification(&mut element)?,
            _ => {}
        }
        Ok(element)
    }
}

fn one_of(value: Option<&str>, known: &[&str]) -> Result<()> {
    match value {
        Some(value) if known.contains(&value) => Ok(()),
        _ => Err(Error::malformed_xml()),
    }
}

/// Gives each of `rules` an id if it has none.
fn give_ids(rules: &mut [Element], element: &str, name: &str) {
    for (n, rule) in rules.iter_mut().filter(|r| r.name == element).enumerate() {
        if rule.value(name).is_none_or(str::is_empty) {
            rule.children.retain(|c| c.name != name);
            rule.children.insert(0, Element::leaf(name, format!("devenv-rule-{}", n + 1)));
        }
    }
}

fn check_cors(element: &Element) -> Result<()> {
    let mut rules = element.all("CORSRule").peekable();
    if rules.peek().is_none() {
        return Err(Error::malformed_xml());
    }
    for rule in rules {
        if rule.child("AllowedOrigin").is_none() || rule.child("AllowedMethod").is_none() {
            return Err(Error::malformed_xml());
        }
        for method in rule.all("AllowedMethod").map(|m| m.text.as_str()) {
            if !["GET", "PUT", "HEAD", "POST", "DELETE"].contains(&method) {
                return Err(Error::invalid_request(format!(
                    "Found unsupported HTTP method in CORS config. Unsupported method is {method}"
                )));
            }
        }
        for origin in rule.all("AllowedOrigin").map(|o| o.text.as_str()) {
            if origin.matches('*').count() > 1 {
                return Err(Error::invalid_request(format!(
                    "AllowedOrigin \"{origin}\" can not have more than one wildcard."
                )));
            }
        }
    }
    Ok(())
}

fn complete_lifecycle(element: &mut Element) -> Result<()> {
    checks::lifecycle(element)?;
    give_ids(&mut element.children, "Rule", "ID");
    Ok(())
}

fn complete_encryption(element: &mut Element) -> Result<()> {
    let [rule] = element.children.as_mut_slice() else { return Err(Error::malformed_xml()) };
    let apply = rule.child("ApplyServerSideEncryptionByDefault");
    let apply = apply.ok_or_else(Error::malformed_xml)?;
    let algorithm = apply.value("SSEAlgorithm");
    one_of(algorithm, &["AES256", "aws:kms", "aws:kms:dsse"])?;
    if algorithm == Some("AES256") && apply.child("KMSMasterKeyID").is_some() {
        return Err(Error::new(
            400,
            "InvalidArgument",
            "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse",
        )
        .with("ArgumentName", "ApplyServerSideEncryptionByDefault"));
    }
    if rule.child("BucketKeyEnabled").is_none() {
        rule.children.push(Element::leaf("BucketKeyEnabled", "false"));
    }
    Ok(())
}

/// What an encryption document means for new objects.
pub fn encryption(element: &Element) -> Encryption {
    let rule = element.child("Rule");
    let apply = rule.and_then(|r| r.child("ApplyServerSideEncryptionByDefault"));
    let algorithm = apply.and_then(|a| a.value("SSEAlgorithm")).unwrap_or("AES256");
    let key = apply.and_then(|a| a.value("KMSMasterKeyID"));
    let bucket_key = rule.and_then(|r| r.value("BucketKeyEnabled")) == Some("true");
    encrypted(algorithm, key, bucket_key)
}

/// Whether a key is the one that stood for AWS's own (`aws/s3`) before there was KMS.
pub fn is_key_of_old(key: &str) -> bool {
    key.ends_with(":key/5f2b3c1e-0000-4000-8000-617773007333")
}

/// Encryption by an algorithm and, for KMS, a key id, alias or ARN.
pub fn encrypted(algorithm: &str, key: Option<&str>, bucket_key: bool) -> Encryption {
    if algorithm == "AES256" {
        return Encryption::default();
    }
    let key = key.filter(|key| !key.is_empty()).map(str::to_owned);
    Encryption { algorithm: algorithm.to_owned(), key, bucket_key, ..Encryption::default() }
}

fn complete_replication(element: &mut Element) -> Result<()> {
    checks::replication(element)?;
    give_ids(&mut element.children, "Rule", "ID");
    Ok(())
}

fn check_ownership(element: &Element) -> Result<()> {
    let [rule] = element.children.as_slice() else { return Err(Error::malformed_xml()) };
    one_of(
        rule.value("ObjectOwnership"),
        &["BucketOwnerPreferred", "ObjectWriter", "BucketOwnerEnforced"],
    )
}

fn check_logging(element: &Element) -> Result<()> {
    let Some(enabled) = element.child("LoggingEnabled") else { return Ok(()) };
    let both = enabled.child("TargetBucket").is_some() && enabled.child("TargetPrefix").is_some();
    if both { Ok(()) } else { Err(Error::malformed_xml()) }
}

fn check_website(element: &Element) -> Result<()> {
    let protocol = |of: &Element| match of.value("Protocol") {
        None | Some("http" | "https") => Ok(()),
        Some(_) => Err(Error::invalid_request(
            "Invalid protocol, protocol can be http or https. If not defined the protocol will be selected automatically.",
        )),
    };
    if let Some(redirect) = element.child("RedirectAllRequestsTo") {
        if element.children.len() > 1 {
            return Err(Error::invalid_argument(
                "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.",
                "RedirectAllRequestsTo",
                "not null",
            ));
        }
        redirect.value("HostName").ok_or_else(Error::malformed_xml)?;
        return protocol(redirect);
    }
    let Some(index) = element.child("IndexDocument") else {
        return Err(Error::invalid_argument(
            "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty",
            "IndexDocument",
            "null",
        ));
    };
    let suffix = index.value("Suffix").unwrap_or_default();
    if suffix.is_empty() || suffix.contains('/') {
        let message = "The IndexDocument Suffix is not well formed";
        return Err(Error::invalid_argument(message, "IndexDocument", suffix));
    }
    if element.child("ErrorDocument").is_some_and(|e| e.value("Key").is_none_or(str::is_empty)) {
        return Err(Error::malformed_xml());
    }
    for rule in element.child("RoutingRules").iter().flat_map(|r| r.all("RoutingRule")) {
        let redirect = rule.child("Redirect").ok_or_else(Error::malformed_xml)?;
        protocol(redirect)?;
        if redirect.child("ReplaceKeyPrefixWith").is_some()
            && redirect.child("ReplaceKeyWith").is_some()
        {
            return Err(Error::invalid_request(
                "You can only define ReplaceKeyPrefix or ReplaceKey but not both.",
            ));
        }
        if rule.child("Condition").is_some_and(|c| c.children.is_empty()) {
            return Err(Error::invalid_request(
                "Condition cannot be empty. To redirect all requests without a condition, the condition element shouldn't be present.",
            ));
        }
    }
    Ok(())
}

fn complete_public_access_block(element: &mut Element) -> Result<()> {
    const SETTINGS: [&str; 4] =
        ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"];
    let mut complete = Element::named(&element.name);
    if element.children.is_empty() {
        return Err(Error::malformed_xml());
    }
    for setting in SETTINGS {
        let value = element.value(setting).unwrap_or("false").to_ascii_lowercase();
        one_of(Some(&value), &["true", "false"])?;
        complete.children.push(Element::leaf(setting, value));
    }
    *element = complete;
    Ok(())
}

fn complete_notification(element: &mut Element) -> Result<()> {
    notifications::check(element)?;
    for element_name in ["QueueConfiguration", "TopicConfiguration", "CloudFunctionConfiguration"] {
        give_ids(&mut element.children, element_name, "Id");
    }
    Ok(())
}
