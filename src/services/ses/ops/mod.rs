//! The operations of SES, one a file. Those of v1 and v2 that differ only in their answer share one.

mod accept_mail;
mod clear_mails;
pub mod content;
mod create_email_identity;
mod delete_identity;
mod get_email_identity;
mod get_identity_verification_attributes;
mod get_send_quota;
mod get_send_statistics;
mod list_identities;
mod send_email;
mod send_email_v2;
mod send_raw_email;
mod verify_identity;

pub use accept_mail::{AcceptMail, Accepted};
pub use clear_mails::ClearMails;
pub use create_email_identity::CreateEmailIdentity;
pub use delete_identity::{DeleteEmailIdentity, DeleteIdentity};
pub use get_email_identity::GetEmailIdentity;
pub use get_identity_verification_attributes::GetIdentityVerificationAttributes;
pub use get_send_quota::{GetAccount, GetSendQuota};
pub use get_send_statistics::GetSendStatistics;
pub use list_identities::{ListEmailIdentities, ListIdentities};
pub use send_email::SendEmail;
pub use send_email_v2::SendEmailV2;
pub use send_raw_email::SendRawEmail;
pub use verify_identity::{
    VerifyDomainIdentity, VerifyEmailAddress, VerifyEmailIdentity, put_identity,
};

use serde::Serialize;

/// An answer without members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Empty {}
