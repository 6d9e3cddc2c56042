//! <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html>

use super::AcceptMail;
use super::content::{Body, Content, Destination, MessageTag, RawMessage, base64, mailboxes, tags};
use crate::services::ses::address::parse_one;
use crate::services::ses::compose::{File, Simple};
use crate::services::ses::draft::Draft;
use crate::services::ses::error::Error;
use crate::services::ses::limits::{HEADERS_MAX, MAIL_BYTES_MAX_V2};
use crate::services::ses::mail::Via;
use crate::services::ses::state::Mode;
use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// `SendEmail` of v2.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SendEmailV2 {
    from_email_address: Option<String>,
    destination: Option<Destination>,
    reply_to_addresses: Vec<String>,
    feedback_forwarding_email_address: Option<String>,
    content: Option<EmailContent>,
    email_tags: Vec<MessageTag>,
    configuration_set_name: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct EmailContent {
    simple: Option<Message>,
    raw: Option<RawMessage>,
    template: Option<IgnoredAny>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Message {
    subject: Option<Content>,
    body: Option<Body>,
    headers: Vec<MessageTag>,
    attachments: Vec<Attachment>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Attachment {
    raw_content: String,
    file_name: String,
    content_type: Option<String>,
    content_id: Option<String>,
    content_disposition: Option<String>,
}

impl SendEmailV2 {
    /// The mail that it asks to send.
    pub fn mail(mut self, mode: Mode) -> Result<AcceptMail, Error> {
        let content = self.content.take().ok_or(Error::MemberMissing { member: "content" })?;
        let tags = tags(std::mem::take(&mut self.email_tags))?;
        let mut draft = match content {
            EmailContent { simple: Some(message), raw: None, template: None } => {
                self.simple(message)?
            }
            EmailContent { simple: None, raw: Some(raw), template: None } => self.raw(raw)?,
            EmailContent { simple: None, raw: None, template: Some(_) } => {
                return Err(Error::TemplatesNotServed);
            }
            _ => return Err(Error::ContentAmbiguous),
        };
        if let Some(path) = self.feedback_forwarding_email_address.filter(|p| !p.is_empty()) {
            draft.source = parse_one(&path)?.address;
        }
        if draft.size() > MAIL_BYTES_MAX_V2 {
            return Err(Error::TooLong { bytes: draft.size(), max: MAIL_BYTES_MAX_V2 });
        }
        let config_set = self.configuration_set_name;
        Ok(AcceptMail { draft, via: Via::SesV2, mode, tags, config_set })
    }

    fn simple(&mut self, message: Message) -> Result<Draft, Error> {
        let missing = |member| Error::MemberMissing { member };
        if message.headers.len() > HEADERS_MAX {
            return Err(Error::TooManyHeaders);
        }
        let from = self.from_email_address.take().filter(|f| !f.is_empty());
        let from = from.ok_or(Error::HeaderMissing { name: "From" })?;
        let destination = self.destination.take().unwrap_or_default();
        let body = message.body.ok_or(missing("content.simple.body"))?;
        let attachments: Result<Vec<File>, Error> =
            message.attachments.into_iter().map(Attachment::file).collect();
        let simple = Simple {
            from: Some(parse_one(&from)?),
            to: mailboxes(&destination.to_addresses)?,
            cc: mailboxes(&destination.cc_addresses)?,
            bcc: mailboxes(&destination.bcc_addresses)?,
            reply_to: mailboxes(&self.reply_to_addresses)?,
            subject: message.subject.ok_or(missing("content.simple.subject"))?.data,
            text: body.text.map(|c| c.data),
            html: body.html.map(|c| c.data),
            headers: message.headers.into_iter().map(|h| (h.name, h.value)).collect(),
            attachments: attachments?,
        };
        if simple.to.is_empty() && simple.cc.is_empty() && simple.bcc.is_empty() {
            return Err(Error::HeaderMissing { name: "To" });
        }
        simple.draft()
    }

    fn raw(&mut self, raw: RawMessage) -> Result<Draft, Error> {
        let data = raw.data.ok_or(Error::MemberMissing { member: "content.raw.data" })?;
        let bytes = Bytes::from(base64(data, "Content.Raw.Data")?);
        let destination = self.destination.take().unwrap_or_default();
        let named = [destination.to_addresses, destination.cc_addresses, destination.bcc_addresses];
        let source = self.from_email_address.take().filter(|s| !s.is_empty());
        Draft::of_raw(bytes, source.as_deref(), &named.concat())
    }
}

impl Attachment {
    fn file(self) -> Result<File, Error> {
        if self.file_name.is_empty() {
            return Err(Error::Content { text: "An attachment must have a FileName." });
        }
        Ok(File {
            name: self.file_name,
            content_type: self.content_type.unwrap_or_else(|| "application/octet-stream".into()),
            content_id: self.content_id,
            inline: self.content_disposition.as_deref() == Some("INLINE"),
            bytes: base64(self.raw_content, "RawContent")?,
        })
    }
}
