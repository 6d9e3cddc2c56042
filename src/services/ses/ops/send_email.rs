//! <https://docs.aws.amazon.com/ses/latest/APIReference/API_SendEmail.html>

use super::content::{Body, Content, Destination, MessageTag, mailboxes, tags};
use super::{AcceptMail, SendOptions};
use crate::services::ses::address::parse_one;
use crate::services::ses::compose::Simple;
use crate::services::ses::error::Error;
use crate::services::ses::limits::MAIL_BYTES_MAX_V1;
use crate::services::ses::mail::Via;
use crate::services::ses::state::Mode;
use serde::Deserialize;

/// `SendEmail` of v1.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SendEmail {
    source: Option<String>,
    destination: Option<Destination>,
    message: Option<Message>,
    reply_to_addresses: Vec<String>,
    return_path: Option<String>,
    tags: Vec<MessageTag>,
    configuration_set_name: Option<String>,
    source_arn: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Message {
    subject: Option<Content>,
    body: Option<Body>,
}

impl SendEmail {
    /// The mail that it asks to send.
    pub fn mail(self, mode: Mode) -> Result<AcceptMail, Error> {
        let missing = |member| Error::MemberMissing { member };
        let source = self.source.ok_or(missing("source"))?;
        let destination = self.destination.unwrap_or_default();
        let message = self.message.ok_or(missing("message"))?;
        let body = message.body.ok_or(missing("message.body"))?;
        let tags = tags(self.tags)?;
        let simple = Simple {
            from: Some(parse_one(&source)?),
            to: mailboxes(&destination.to_addresses)?,
            cc: mailboxes(&destination.cc_addresses)?,
            bcc: mailboxes(&destination.bcc_addresses)?,
            reply_to: mailboxes(&self.reply_to_addresses)?,
            subject: message.subject.ok_or(missing("message.subject"))?.data,
            text: body.text.map(|c| c.data),
            html: body.html.map(|c| c.data),
            ..Simple::default()
        };
        if simple.to.is_empty() && simple.cc.is_empty() && simple.bcc.is_empty() {
            return Err(Error::HeaderMissing { name: "To" });
        }
        let mut draft = simple.draft()?;
        if let Some(path) = self.return_path.filter(|p| !p.is_empty()) {
            draft.source = parse_one(&path)?.address;
            draft.senders.push(draft.source.clone());
            draft.senders.dedup();
        }
        if draft.size() > MAIL_BYTES_MAX_V1 {
            return Err(Error::TooLong { bytes: draft.size(), max: MAIL_BYTES_MAX_V1 });
        }
        let config_set = self.configuration_set_name;
        let options = SendOptions { source_arn: self.source_arn, ..SendOptions::default() };
        Ok(AcceptMail { draft, via: Via::Ses, mode, tags, config_set, options })
    }
}
