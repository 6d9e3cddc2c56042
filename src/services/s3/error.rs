//! What S3 refuses, in AWS's codes, words and members.
//!
//! Codes: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>; texts and members as
//! the service itself answers. Each refusal has one constructor, so that tests meet what users meet.

use std::borrow::Cow;

/// A refusal, ready to be written as S3's error document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// HTTP status.
    pub status: u16,
    /// AWS's code.
    pub code: Cow<'static, str>,
    /// AWS's words.
    pub message: Cow<'static, str>,
    /// Further members of the document, in their order.
    pub members: Vec<(Cow<'static, str>, String)>,
    /// Response headers that go with it (`x-amz-delete-marker`).
    pub headers: Vec<(&'static str, String)>,
}

/// Either what was asked for or why not.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A refusal without further members.
    pub fn new(
        status: u16,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Error {
            status,
            code: code.into(),
            message: message.into(),
            members: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// With a further member.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.members.push((name.into(), value.into()));
        self
    }

    /// With a response header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn no_such_bucket(name: &str) -> Self {
        Self::new(404, "NoSuchBucket", "The specified bucket does not exist")
            .with("BucketName", name)
    }

    pub(crate) fn no_such_key(key: &str) -> Self {
        Self::new(404, "NoSuchKey", "The specified key does not exist.").with("Key", key)
    }

    pub(crate) fn no_such_version(key: &str, version: &str) -> Self {
        Self::new(404, "NoSuchVersion", "The specified version does not exist.")
            .with("Key", key)
            .with("VersionId", version)
    }

    pub(crate) fn no_such_upload(upload: &str) -> Self {
        Self::new(
            404,
            "NoSuchUpload",
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
        )
        .with("UploadId", upload)
    }

    pub(crate) fn bucket_exists(name: &str, own: bool) -> Self {
        if own {
            Self::new(
                409,
                "BucketAlreadyOwnedByYou",
                "Your previous request to create the named bucket succeeded and you already own it.",
            )
            .with("BucketName", name)
        } else {
            Self::new(
                409,
                "BucketAlreadyExists",
                "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.",
            )
            .with("BucketName", name)
        }
    }

    pub(crate) fn bucket_not_empty(name: &str, versioned: bool) -> Self {
        let message = if versioned {
            "The bucket you tried to delete is not empty. You must delete all versions in the bucket."
        } else {
            "The bucket you tried to delete is not empty"
        };
        Self::new(409, "BucketNotEmpty", message).with("BucketName", name)
    }

    pub(crate) fn invalid_bucket_name(name: &str) -> Self {
        Self::new(400, "InvalidBucketName", "The specified bucket is not valid.")
            .with("BucketName", name)
    }

    pub(crate) fn key_too_long(key: &str) -> Self {
        Self::new(400, "KeyTooLongError", "Your key is too long")
            .with("Size", key.len().to_string())
            .with("MaxSizeAllowed", super::limits::KEY_BYTES_MAX.to_string())
    }

    pub(crate) fn malformed_xml() -> Self {
        Self::new(
            400,
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published schema",
        )
    }

    pub(crate) fn invalid_argument(
        message: impl Into<Cow<'static, str>>,
        name: &'static str,
        value: impl Into<String>,
    ) -> Self {
        Self::new(400, "InvalidArgument", message)
            .with("ArgumentName", name)
            .with("ArgumentValue", value)
    }

    pub(crate) fn invalid_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, "InvalidRequest", message)
    }

    pub(crate) fn conditional_conflict(condition: &'static str, key: &str) -> Self {
        Self::new(
            409,
            "ConditionalRequestConflict",
            "The conditional request cannot succeed due to a conflicting operation against this resource.",
        )
        .with("Condition", condition)
        .with("Key", key)
    }

    pub(crate) fn precondition_failed(condition: &'static str) -> Self {
        Self::new(
            412,
            "PreconditionFailed",
            "At least one of the pre-conditions you specified did not hold",
        )
        .with("Condition", condition)
    }

    /// `304`: an answer without a body, which travels as an error.
    pub(crate) fn not_modified() -> Self {
        Self::new(304, "304", "Not Modified")
    }

    pub(crate) fn method_not_allowed(method: &str, resource: &'static str) -> Self {
        Self::new(
            405,
            "MethodNotAllowed",
            "The specified method is not allowed against this resource.",
        )
        .with("Method", method)
        .with("ResourceType", resource)
    }

    pub(crate) fn invalid_range(requested: &str, size: u64) -> Self {
        Self::new(416, "InvalidRange", "The requested range is not satisfiable")
            .with("RangeRequested", requested)
            .with("ActualObjectSize", size.to_string())
    }

    pub(crate) fn header_not_implemented(header: &'static str, detail: String) -> Self {
        Self::new(
            501,
            "NotImplemented",
            "A header you provided implies functionality that is not implemented",
        )
        .with("Header", header)
        .with("additionalMessage", detail)
    }

    /// For headers that only directory buckets know.
    pub(crate) fn header_not_on_general_purpose(header: &'static str) -> Self {
        Self::new(
            501,
            "NotImplemented",
            "A header you provided implies functionality that is not implemented",
        )
        .with("Header", header)
    }

    /// For a body that comes in HTTP chunks and says no length.
    pub(crate) fn transfer_encoding_not_implemented() -> Self {
        Self::new(
            501,
            "NotImplemented",
            "A header you provided implies functionality that is not implemented",
        )
        .with("Header", "Transfer-Encoding")
    }

    pub(crate) fn operation_not_implemented(operation: &str) -> Self {
        Self::new(
            501,
            "NotImplemented",
            format!("devenv does not serve s3 {operation} yet; see docs/s3.md"),
        )
    }

    pub(crate) fn bad_checksum(algorithm: &str) -> Self {
        Self::new(
            400,
            "BadDigest",
            format!("The {algorithm} you specified did not match the calculated checksum."),
        )
    }

    pub(crate) fn bad_md5(expected_hex: &str, calculated_base64: &str) -> Self {
        Self::new(400, "BadDigest", "The Content-MD5 you specified did not match what we received.")
            .with("ExpectedDigest", expected_hex)
            .with("CalculatedDigest", calculated_base64)
    }

    pub(crate) fn incomplete_body() -> Self {
        Self::new(
            400,
            "IncompleteBody",
            "You did not provide the number of bytes specified by the Content-Length HTTP header",
        )
    }

    pub(crate) fn entity_too_large(proposed: u64, allowed: u64) -> Self {
        Self::new(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
            .with("ProposedSize", proposed.to_string())
            .with("MaxSizeAllowed", allowed.to_string())
    }

    /// The disk or the state file refused; nothing was acknowledged.
    pub(crate) fn internal(detail: &str) -> Self {
        Self::new(
            500,
            "InternalError",
            format!("We encountered an internal error. Please try again. (devenv: {detail})"),
        )
    }

    pub(crate) fn invalid_tag(message: &'static str) -> Self {
        Self::new(400, "InvalidTag", message)
    }

    pub(crate) fn invalid_part(upload: &str, number: u32, etag: &str) -> Self {
        Self::new(
            400,
            "InvalidPart",
            "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
        )
        .with("UploadId", upload)
        .with("PartNumber", number.to_string())
        .with("ETag", etag)
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Error {}
