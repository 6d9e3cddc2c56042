//! Why SES refuses, and in which words. v1 (awsQuery) says `InvalidParameterValue` where v2 says
//! `BadRequestException`; the texts are the same.
//!
//! Source: recorded answers of AWS; <https://docs.aws.amazon.com/ses/latest/APIReference/CommonErrors.html>.

use super::address::AddressFault;
use super::limits::{RECIPIENTS_MAX, TAG_CHARS_MAX};
use crate::services::ServiceError;

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// An address that is none.
    Address(AddressFault),
    /// An identity of that name exists.
    AlreadyExists {
        /// Its name.
        identity: String,
    },
    /// `Data` of a raw message or an attachment is not base64.
    Base64 {
        /// The member.
        member: &'static str,
    },
    /// Neither text nor HTML.
    BodyMissing,
    /// None or several of `Simple`, `Raw`, `Template`.
    ContentAmbiguous,
    /// A content type of an attachment that is none.
    ContentType {
        /// As sent.
        text: String,
    },
    /// A header of a raw message has no name.
    EmptyHeaderName,
    /// A header that the sender may not set or that is malformed.
    HeaderRefused {
        /// Its name.
        name: String,
    },
    /// Neither an address nor a domain.
    IdentityInvalid {
        /// As sent.
        identity: String,
    },
    /// No such identity.
    IdentityUnknown {
        /// Its name.
        identity: String,
    },
    /// The input is not what the model says.
    Invalid {
        /// AWS's validator's text.
        text: String,
    },
    /// Refused for a reason of the operation's own.
    Refused {
        /// v2's code.
        code: &'static str,
        /// v1's code.
        query: &'static str,
        /// HTTP status.
        status: u16,
        /// Why.
        text: String,
    },
    /// A required member is absent.
    MemberMissing {
        /// Its name as AWS spells it in such texts (`source`).
        member: &'static str,
    },
    /// A raw message lacks a header that it needs.
    HeaderMissing {
        /// Its name.
        name: &'static str,
    },
    /// A page token that this service did not hand out, or a page size out of bounds.
    Paging {
        /// What is wrong.
        text: &'static str,
    },
    /// An attachment with no file name that SES takes, or other content that it refuses.
    Content {
        /// What is wrong.
        text: &'static str,
    },
    /// The message tag's name is empty.
    TagNameMissing,
    /// The message tag's name holds other characters.
    TagNameInvalid {
        /// The name.
        name: String,
    },
    /// The message tag's name is too long.
    TagNameTooLong,
    /// The message tag's value is empty.
    TagValueMissing,
    /// The message tag's value holds other characters.
    TagValueInvalid {
        /// The value.
        value: String,
    },
    /// The message tag's value is too long.
    TagValueTooLong,
    /// The mail is too big.
    TooLong {
        /// Its bytes.
        bytes: usize,
        /// How many it may have.
        max: usize,
    },
    /// More recipients than one mail may have.
    TooManyRecipients,
    /// More than the v2 API takes.
    TooManyHeaders,
    /// More identities asked for than one call may name.
    TooManyIdentities,
    /// Strict mode: senders that nobody verified.
    Unverified {
        /// Their addresses.
        identities: Vec<String>,
        /// In which region they were looked for.
        region: String,
    },
}

impl From<AddressFault> for Error {
    fn from(fault: AddressFault) -> Self {
        Error::Address(fault)
    }
}

impl Error {
    /// What was named does not exist.
    pub fn not_found(query: &'static str, text: impl Into<String>) -> Error {
        Error::Refused { code: "NotFoundException", query, status: 404, text: text.into() }
    }

    /// What was to be made exists.
    pub fn exists(query: &'static str, text: impl Into<String>) -> Error {
        Error::Refused { code: "AlreadyExistsException", query, status: 400, text: text.into() }
    }

    /// A value that no rule of the model forbids and SES does.
    pub fn bad(query: &'static str, text: impl Into<String>) -> Error {
        Error::Refused { code: "BadRequestException", query, status: 400, text: text.into() }
    }

    /// There are as many as an account may have.
    pub fn limit(text: impl Into<String>) -> Error {
        let (code, query) = ("LimitExceededException", "LimitExceeded");
        Error::Refused { code, query, status: 400, text: text.into() }
    }

    /// It cannot be now, because of something else.
    pub fn conflict(query: &'static str, text: impl Into<String>) -> Error {
        Error::Refused { code: "ConflictException", query, status: 409, text: text.into() }
    }

    /// The same refusal by v1, whose refusals all have status 400.
    #[must_use]
    pub fn of_v1(self) -> Error {
        match self {
            Error::Refused { code, query, text, .. } => {
                Error::Refused { code, query, status: 400, text }
            }
            other => other,
        }
    }
}

impl ServiceError for Error {
    fn code(&self) -> &'static str {
        match self {
            Error::AlreadyExists { .. } => "AlreadyExistsException",
            Error::IdentityUnknown { .. } => "NotFoundException",
            Error::Unverified { .. } => "MessageRejected",
            Error::Refused { code, .. } => code,
            _ => "BadRequestException",
        }
    }

    fn query_code(&self) -> Option<&'static str> {
        match self {
            Error::Unverified { .. } => None,
            Error::Refused { query, .. } => Some(query),
            Error::Invalid { .. } | Error::MemberMissing { .. } => Some("ValidationError"),
            _ => Some("InvalidParameterValue"),
        }
    }

    fn status(&self) -> u16 {
        match self {
            Error::IdentityUnknown { .. } => 404,
            Error::Refused { status, .. } => *status,
            _ => 400,
        }
    }

    fn message(&self) -> String {
        match self {
            Error::Address(fault) => fault.text().into(),
            Error::AlreadyExists { identity } => {
                format!("Email identity {identity} already exist.")
            }
            Error::Base64 { member } => format!("{member} is not valid base64."),
            Error::BodyMissing => "The message body must have a Text or an Html part.".into(),
            Error::ContentAmbiguous => {
                "Content must have exactly one of Simple, Raw and Template.".into()
            }
            Error::ContentType { text } => format!("Invalid content type <{text}>."),
            Error::EmptyHeaderName => "Empty header names are illegal.".into(),
            Error::HeaderRefused { name } => format!("Invalid header <{name}>."),
            Error::IdentityInvalid { identity } => {
                format!("Invalid domain name or email address <{identity}>.")
            }
            Error::IdentityUnknown { identity } => {
                format!("Email identity {identity} does not exist.")
            }
            Error::Invalid { text } | Error::Refused { text, .. } => text.clone(),
            Error::MemberMissing { member } => format!(
                "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
            ),
            Error::HeaderMissing { name } => format!("Missing required header '{name}'."),
            Error::Paging { text } | Error::Content { text } => (*text).into(),
            Error::TagNameMissing => "The tag name must be specified.".into(),
            Error::TagNameInvalid { name } => format!(
                "Invalid tag name <{name}>: only alphanumeric ASCII characters, '_',  '-' are allowed."
            ),
            Error::TagNameTooLong => format!("Tag name cannot exceed {TAG_CHARS_MAX} characters."),
            Error::TagValueMissing => "The tag value must be specified.".into(),
            Error::TagValueInvalid { value } => format!(
                "Invalid tag value <{value}>: only alphanumeric ASCII characters, '_',  '-' , '.', '@' are allowed."
            ),
            Error::TagValueTooLong => {
                format!("Tag value cannot exceed {TAG_CHARS_MAX} characters.")
            }
            Error::TooLong { bytes, max } => {
                format!("Message length is more than {max} bytes long: '{bytes}'.")
            }
            Error::TooManyRecipients => format!("Recipient count exceeds {RECIPIENTS_MAX}."),
            Error::TooManyHeaders => {
                format!("A message may have at most {} headers.", super::limits::HEADERS_MAX)
            }
            Error::TooManyIdentities => {
                format!("The number of identities exceeds {}.", super::limits::IDENTITIES_ASKED_MAX)
            }
            Error::Unverified { identities, region } => format!(
                "Email address is not verified. The following identities failed the check in region {}: {}",
                region.to_ascii_uppercase(),
                identities.join(", ")
            ),
        }
    }
}
