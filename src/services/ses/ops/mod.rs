//! The operations of SES, one a file. Those of v1 and v2 that differ only in their answer share one.

mod accept_mail;
mod clear_mails;
pub mod content;
mod delete_identity;
mod get_identity_verification_attributes;
mod get_send_quota;
mod get_send_statistics;
mod list_identities;
mod send_email;
mod send_email_v2;
mod send_raw_email;
mod verify_identity;

pub use accept_mail::{AcceptMail, Accepted, SendOptions, message_id};
pub use clear_mails::ClearMails;
pub use delete_identity::DeleteIdentity;
pub use get_identity_verification_attributes::GetIdentityVerificationAttributes;
pub use get_send_quota::GetSendQuota;
pub use get_send_statistics::GetSendStatistics;
pub use list_identities::ListIdentities;
pub use send_email::SendEmail;
pub use send_email_v2::{SendEmailV2, files};
pub use send_raw_email::SendRawEmail;
pub use verify_identity::{
    VerifyDomainIdentity, VerifyEmailAddress, VerifyEmailIdentity, fresh_identity, put_identity,
};

use serde::Serialize;

/// An answer without members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Empty {}
