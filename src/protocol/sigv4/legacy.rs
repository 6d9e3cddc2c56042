//! Presigned URLs of Signature Version 2: known, so that they can be refused in AWS's words.
//!
//! AWS takes them no more for buckets made since June 2020, and every bucket here is newer:
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html#RESTAuthenticationQueryStringAuth>.

use super::refusal::Refusal;
use super::{Credential, Credentials, Instants};
use http::request::Parts;

/// A Version 2 presigned URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyQuery {
    access_key: String,
}

impl LegacyQuery {
    /// Reads a query that has `AWSAccessKeyId` and `Signature`.
    pub fn from_query(query: &str) -> Option<LegacyQuery> {
        let field = |name: &str| {
            let raw = query.split('&').find_map(|p| p.strip_prefix(name)?.strip_prefix('='))?;
            percent_encoding::percent_decode_str(raw).decode_utf8().ok().map(String::from)
        };
        field("Signature")?;
        Some(LegacyQuery { access_key: field("AWSAccessKeyId")? })
    }

    /// Whose key it is. Version 2 knows no scope: it is S3's alone here, in the default region.
    pub fn credential(&self) -> Credential {
        Credential {
            access_key: self.access_key.clone(),
            date: String::new(),
            region: String::new(),
            service: "s3".to_owned(),
        }
    }

    /// Refuses it.
    pub fn verify(
        &self,
        _: &Parts,
        _: &dyn Credentials,
        _: Instants,
    ) -> Result<Credential, Refusal> {
        Err(Refusal::Version2)
    }
}
