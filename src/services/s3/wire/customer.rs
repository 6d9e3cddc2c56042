//! Keys that the customer supplies (SSE-C): checked, demanded back, and never kept.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html>. Kept is
//! the MD5 of the key, by which the same key is known again.

use super::head::Head;
use crate::services::s3::checksum::{hex_to_base64, md5_hex};
use crate::services::s3::error::{Error, Result};
use crate::services::s3::model::Encryption;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};

/// What S3 calls the argument in every refusal of such a key.
const ARGUMENT: &str = "x-amz-server-side-encryption";
/// Algorithm, key and its MD5.
const OF_OBJECT: [&str; 3] = [
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-server-side-encryption-customer-key",
    "x-amz-server-side-encryption-customer-key-md5",
];
/// The same of a copy's source.
const OF_SOURCE: [&str; 3] = [
    "x-amz-copy-source-server-side-encryption-customer-algorithm",
    "x-amz-copy-source-server-side-encryption-customer-key",
    "x-amz-copy-source-server-side-encryption-customer-key-md5",
];
/// Bytes of a key.
const KEY_BYTES: usize = 32;

/// Of which object the key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// The one that is written or read.
    Object,
    /// The source of a copy.
    Source,
}

fn refused(message: &'static str) -> Error {
    Error::new(400, "InvalidArgument", message).with("ArgumentName", ARGUMENT)
}

/// The MD5 (base64) of the key that the headers bring, if they bring one.
pub(super) fn key(head: &Head, of: Of) -> Result<Option<String>> {
    let [algorithm, key, md5] = match of {
        Of::Object => OF_OBJECT,
        Of::Source => OF_SOURCE,
    }
    .map(|name| head.header(name));
    if algorithm.is_none() && key.is_none() && md5.is_none() {
        return Ok(None);
    }
    match algorithm {
        None => {
            return Err(refused(
                "Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption algorithm.",
            ));
        }
        Some("AES256") => {}
        Some(other) => {
            return Err(Error::new(
                400,
                "InvalidEncryptionAlgorithmError",
                "The Encryption request you specified is not valid. Supported value: AES256.",
            )
            .with("ArgumentName", ARGUMENT)
            .with("ArgumentValue", other));
        }
    }
    let Some(key) = key else {
        return Err(refused(
            "Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate secret key.",
        ));
    };
    let bytes = STANDARD.decode(key).ok().filter(|bytes| bytes.len() == KEY_BYTES);
    let bytes =
        bytes.ok_or_else(|| refused("The secret key was invalid for the specified algorithm."))?;
    let Some(md5) = md5 else {
        return Err(refused(
            "Requests specifying Server Side Encryption with Customer provided keys must provide the client calculated MD5 of the secret key.",
        ));
    };
    let own = hex::encode(Md5::digest(&bytes));
    if md5_hex(md5).as_ref() != Some(&own) {
        return Err(refused(
            "The calculated MD5 hash of the key did not match the hash that was provided.",
        ));
    }
    Ok(Some(hex_to_base64(&own)))
}

/// Holds the key of a read against the object's.
pub(super) fn check(head: &Head, of: Of, encryption: &Encryption) -> Result<()> {
    match (&encryption.customer, key(head, of)?) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(Error::invalid_request(
            "The encryption parameters are not applicable to this object.",
        )),
        (Some(_), None) => Err(Error::invalid_request(
            "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.",
        )),
        (Some(own), Some(given)) if *own == given => Ok(()),
        (Some(_), Some(_)) => Err(Error::new(
            403,
            "AccessDenied",
            "Requests specifying Server Side Encryption with Customer provided keys must provide the correct secret key.",
        )),
    }
}

/// Holds the key of a part against the upload's.
pub(super) fn check_part(head: &Head, upload: &Encryption) -> Result<()> {
    match (&upload.customer, key(head, Of::Object)?) {
        (None, None) => Ok(()),
        (Some(own), Some(given)) if *own == given => Ok(()),
        (Some(_), Some(_)) => Err(Error::invalid_request(
            "The provided encryption parameters did not match the ones used originally.",
        )),
        _ => Err(Error::invalid_request(
            "The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters.",
        )),
    }
}
