//! <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html>

use super::content::{Body, Content, Destination, MessageTag, RawMessage, base64, mailboxes, tags};
use super::{AcceptMail, SendOptions};
use crate::services::ses::address::parse_one;
use crate::services::ses::compose::{File, Simple};
use crate::services::ses::draft::Draft;
use crate::services::ses::errands::{Errand, Filling, Membership, template};
use crate::services::ses::error::Error;
use crate::services::ses::limits::{HEADERS_MAX, MAIL_BYTES_MAX_V2};
use crate::services::ses::mail::Via;
use crate::services::ses::render::{Parts, UNSUBSCRIBE, data};
use crate::services::ses::state::Mode;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

/// `SendEmail` of v2.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SendEmailV2 {
    from_email_address: Option<String>,
    from_email_address_identity_arn: Option<String>,
    destination: Option<Destination>,
    reply_to_addresses: Vec<String>,
    feedback_forwarding_email_address: Option<String>,
    content: Option<EmailContent>,
    email_tags: Vec<MessageTag>,
    configuration_set_name: Option<String>,
    list_management_options: Option<ListManagement>,
    /// The template's name and parts, once they were looked up.
    #[serde(skip)]
    found: Option<(String, Parts)>,
    /// The recipient on the contact list, once it was looked up.
    #[serde(skip)]
    membership: Option<Membership>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ListManagement {
    contact_list_name: String,
    topic_name: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct EmailContent {
    simple: Option<Message>,
    raw: Option<RawMessage>,
    template: Option<Value>,
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
    /// Whether it speaks of what the account has: then [`SendEmailV2::look_up`] comes first.
    pub fn needs_state(&self) -> bool {
        let template = self.content.as_ref().is_some_and(|content| content.template.is_some());
        template || self.list_management_options.is_some()
    }

    /// Finds the template and the contact.
    pub fn look_up(&mut self, errand: &Errand<'_>) -> Result<(), Error> {
        if let Some(given) = self.content.as_ref().and_then(|content| content.template.as_ref()) {
            self.found = Some(template(errand, given)?);
        }
        if let Some(list) = &self.list_management_options {
            let to = self.destination.clone().unwrap_or_default();
            let all = [to.to_addresses, to.cc_addresses, to.bcc_addresses].concat();
            let [one] = &all[..] else {
                let text = "A mail with ListManagementOptions must have one recipient.";
                return Err(Error::Content { text });
            };
            let (name, topic) = (&list.contact_list_name, list.topic_name.as_deref());
            let address = parse_one(one)?.address;
            self.membership = Some(Membership::of(errand, name, topic, &address)?);
        }
        Ok(())
    }

    /// The mail that it asks to send.
    pub fn mail(mut self, mode: Mode) -> Result<AcceptMail, Error> {
        let content = self.content.take().ok_or(Error::MemberMissing { member: "content" })?;
        let member = self.membership.take();
        let mut mail = match content {
            EmailContent { simple: Some(message), raw: None, template: None } => {
                let draft = self.simple(message, member.as_ref())?;
                self.finish(draft, mode)?
            }
            EmailContent { simple: None, raw: Some(raw), template: None } => {
                let draft = self.raw(raw)?;
                self.finish(draft, mode)?
            }
            EmailContent { simple: None, raw: None, template: Some(given) } => {
                self.template(given, mode, member.as_ref())?
            }
            _ => return Err(Error::ContentAmbiguous),
        };
        mail.options.unsubscribed = member.is_some_and(|member| !member.subscribed);
        Ok(mail)
    }

    fn finish(self, mut draft: Draft, mode: Mode) -> Result<AcceptMail, Error> {
        let tags = tags(self.email_tags)?;
        if let Some(path) = self.feedback_forwarding_email_address.filter(|p| !p.is_empty()) {
            draft.source = parse_one(&path)?.address;
        }
        if draft.size() > MAIL_BYTES_MAX_V2 {
            return Err(Error::TooLong { bytes: draft.size(), max: MAIL_BYTES_MAX_V2 });
        }
        let config_set = self.configuration_set_name;
        let source_arn = self.from_email_address_identity_arn;
        let options = SendOptions { source_arn, ..SendOptions::default() };
        Ok(AcceptMail { draft, via: Via::SesV2, mode, tags, config_set, options })
    }

    fn template(
        self,
        given: Value,
        mode: Mode,
        member: Option<&Membership>,
    ) -> Result<AcceptMail, Error> {
        let (name, parts) = self.found.unwrap_or_default();
        let mut data = data(given["TemplateData"].as_str().unwrap_or_default())?;
        let pair = |header: &Value| {
            let text = |name: &str| header[name].as_str().unwrap_or_default().to_owned();
            (text("Name"), text("Value"))
        };
        let mut headers: Vec<_> =
            given["Headers"].as_array().into_iter().flatten().map(pair).collect();
        if let Some(member) = member {
            data["amazonSESUnsubscribeUrl"] = member.link.clone().into();
            headers.extend(member.headers());
        }
        let to = self.destination.unwrap_or_default();
        let from = self.from_email_address.filter(|f| !f.is_empty());
        let filling = Filling {
            operation: "SendEmail",
            via: Via::SesV2,
            mode,
            name,
            parts,
            data,
            from: from.ok_or(Error::HeaderMissing { name: "From" })?,
            destination: json!({"ToAddresses": to.to_addresses, "CcAddresses": to.cc_addresses,
                "BccAddresses": to.bcc_addresses}),
            reply_to: self.reply_to_addresses,
            return_path: self.feedback_forwarding_email_address.filter(|p| !p.is_empty()),
            tags: self.email_tags.into_iter().map(|tag| (tag.name, tag.value)).collect(),
            config_set: self.configuration_set_name,
            headers,
            attachments: files(&given["Attachments"])?,
            source_arn: self.from_email_address_identity_arn,
        };
        filling.mail()
    }

    fn simple(&mut self, message: Message, member: Option<&Membership>) -> Result<Draft, Error> {
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
        let mut simple = Simple {
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
        if let Some(member) = member {
            let filled = |text: String| text.replace(UNSUBSCRIBE, &member.link);
            simple.text = simple.text.map(filled);
            simple.html = simple.html.map(filled);
            simple.headers.extend(member.headers());
        }
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

/// The files of a list of attachments.
pub fn files(attachments: &Value) -> Result<Vec<File>, Error> {
    if attachments.is_null() {
        return Ok(Vec::new());
    }
    let text = "Attachments are malformed.";
    let read = Vec::<Attachment>::deserialize(attachments).map_err(|_| Error::Content { text })?;
    read.into_iter().map(Attachment::file).collect()
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
