//! The credential of a signature: whose key, and for which day, region and service.
//!
//! Read from the header or from a presigned query, whether the signature is right or not.

/// The scope of a SigV4 signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Access key id.
    pub access_key: String,
    /// `20261121`.
    pub date: String,
    /// `us-east-1`.
    pub region: String,
    /// The signing name (`s3`, `sqs`, `ses`, `secretsmanager`).
    pub service: String,
}

impl Credential {
    /// Reads `AKID/20261121/us-east-1/s3/aws4_request`. The access key may hold slashes.
    pub fn parse(text: &str) -> Option<Credential> {
        let mut parts = text.trim().rsplitn(5, '/');
        let terminator = parts.next()?;
        let (service, region, date) = (parts.next()?, parts.next()?, parts.next()?);
        let access_key = parts.next()?;
        (terminator == "aws4_request" && !service.is_empty()).then(|| Credential {
            access_key: access_key.to_owned(),
            date: date.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
        })
    }

    /// `20261121/us-east-1/s3/aws4_request`.
    pub fn scope(&self) -> String {
        format!("{}/{}/{}/aws4_request", self.date, self.region, self.service)
    }

    /// From an `Authorization: AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…` header.
    pub fn from_authorization(header: &str) -> Option<Credential> {
        let rest = header.strip_prefix("AWS4-HMAC-SHA256")?;
        let field = rest.split(',').find_map(|f| f.trim().strip_prefix("Credential="))?;
        Credential::parse(field)
    }

    /// From the `X-Amz-Credential` parameter of a presigned URL's query.
    pub fn from_query(query: &str) -> Option<Credential> {
        let value = query.split('&').find_map(|p| p.strip_prefix("X-Amz-Credential="))?;
        Credential::parse(&percent_encoding::percent_decode_str(value).decode_utf8().ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scope_is_read_from_header_and_query() {
        let header = "AWS4-HMAC-SHA256 Credential=test/20261121/eu-west-1/sqs/aws4_request, SignedHeaders=host, Signature=00";
        let credential = Credential::from_authorization(header).unwrap();
        assert_eq!((credential.service.as_str(), credential.region.as_str()), ("sqs", "eu-west-1"));
        let query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a%2F20261121%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=1";
        assert_eq!(Credential::from_query(query).unwrap().access_key, "a");
        assert_eq!(Credential::from_authorization("AWS test:sig"), None);
        assert_eq!(Credential::parse("a/b/c"), None);
    }
}
