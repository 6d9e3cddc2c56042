//! <https://docs.aws.amazon.com/ses/latest/APIReference/API_SendTemplatedEmail.html>
//!
//! That a template cannot be filled in is found out after the mail was accepted: the sender gets an id
//! and the account a `Rendering Failure` event; nothing is delivered.

use super::{Errand, Outgoing, pairs, texts};
use crate::services::ses::address::parse_one;
use crate::services::ses::compose::{File, Simple};
use crate::services::ses::error::Error;
use crate::services::ses::limits::{HEADERS_MAX, MAIL_BYTES_MAX_V1, MAIL_BYTES_MAX_V2};
use crate::services::ses::mail::Via;
use crate::services::ses::ops::content::{MessageTag, mailboxes, tags};
use crate::services::ses::ops::{AcceptMail, SendOptions};
use crate::services::ses::render::{Parts, data, is_failure};
use crate::services::ses::state::Mode;
use serde_json::Value;

/// A template with all that is needed to make a mail of it.
#[derive(Debug, Clone)]
pub struct Filling {
    /// The operation, as events name it.
    pub operation: &'static str,
    /// The way it came.
    pub via: Via,
    /// How strictly senders are checked.
    pub mode: Mode,
    /// The template's name, for events.
    pub name: String,
    /// Its parts.
    pub parts: Parts,
    /// What to fill in.
    pub data: Value,
    /// The sender.
    pub from: String,
    /// `ToAddresses`, `CcAddresses`, `BccAddresses`.
    pub destination: Value,
    /// Where answers go.
    pub reply_to: Vec<String>,
    /// The envelope's sender, where it is another.
    pub return_path: Option<String>,
    /// Message tags.
    pub tags: Vec<(String, String)>,
    /// Configuration set.
    pub config_set: Option<String>,
    /// Further header fields.
    pub headers: Vec<(String, String)>,
    /// Files.
    pub attachments: Vec<File>,
    /// The identity on whose behalf it is sent.
    pub source_arn: Option<String>,
}

impl Filling {
    /// The mail.
    pub fn mail(self) -> Result<AcceptMail, Error> {
        if self.headers.len() > HEADERS_MAX {
            return Err(Error::TooManyHeaders);
        }
        let pairs = self.tags.into_iter().map(|(name, value)| MessageTag { name, value });
        let tags = tags(pairs.collect())?;
        let (parts, unrendered) = match self.parts.render(&self.data) {
            Ok(parts) => (parts, None),
            Err(error) if is_failure(&error) => {
                use crate::services::ServiceError;
                let nothing = Parts { text: Some(String::new()), ..Parts::default() };
                (nothing, Some((self.name, error.message())))
            }
            Err(error) => return Err(error),
        };
        let to = |member: &str| mailboxes(&texts(&self.destination[member]));
        let simple = Simple {
            from: Some(parse_one(&self.from)?),
            to: to("ToAddresses")?,
            cc: to("CcAddresses")?,
            bcc: to("BccAddresses")?,
            reply_to: mailboxes(&self.reply_to)?,
            subject: parts.subject.unwrap_or_default(),
            text: parts.text,
            html: parts.html,
            headers: self.headers,
            attachments: self.attachments,
        };
        if simple.to.is_empty() && simple.cc.is_empty() && simple.bcc.is_empty() {
            return Err(Error::HeaderMissing { name: "To" });
        }
        let mut draft = simple.draft()?;
        if let Some(path) = self.return_path {
            draft.source = parse_one(&path)?.address;
            if self.via == Via::Ses {
                draft.senders.push(draft.source.clone());
                draft.senders.dedup();
            }
        }
        let max = if self.via == Via::Ses { MAIL_BYTES_MAX_V1 } else { MAIL_BYTES_MAX_V2 };
        if draft.size() > max {
            return Err(Error::TooLong { bytes: draft.size(), max });
        }
        let (operation, source_arn) = (self.operation, self.source_arn);
        let options = SendOptions { operation, unrendered, source_arn, ..SendOptions::default() };
        let (via, mode, config_set) = (self.via, self.mode, self.config_set);
        Ok(AcceptMail { draft, via, mode, tags, config_set, options })
    }
}

/// What all mails of a v1 request have in common.
pub(super) fn of_v1(
    errand: &Errand<'_>,
    operation: &'static str,
    tags: &str,
) -> Result<Filling, Error> {
    let (name, arn) = (errand.text("Template"), errand.text("TemplateArn"));
    let (name, record) = errand.template(Some(name), Some(arn))?;
    Ok(Filling {
        operation,
        via: Via::Ses,
        mode: errand.mode,
        name,
        parts: Parts::of(&record["TemplateContent"]),
        data: Value::Null,
        from: errand.text("Source").to_owned(),
        destination: Value::Null,
        reply_to: errand.input.get("ReplyToAddresses").map(texts).unwrap_or_default(),
        return_path: errand.some_text("ReturnPath"),
        tags: errand.input.get(tags).map(pairs).unwrap_or_default(),
        config_set: errand.some_text("ConfigurationSetName"),
        headers: Vec::new(),
        attachments: Vec::new(),
        source_arn: errand.some_text("SourceArn"),
    })
}

/// `SendTemplatedEmail` of v1.
pub fn send_templated(errand: &Errand<'_>) -> Result<Outgoing, Error> {
    let filling = of_v1(errand, "SendTemplatedEmail", "Tags")?;
    let data = data(errand.text("TemplateData"))?;
    let destination = errand.input.get("Destination").cloned().unwrap_or_default();
    Ok(vec![Ok(Filling { data, destination, ..filling }.mail()?)])
}

/// The parts of the template that a v2 request names or brings along.
pub fn template(errand: &Errand<'_>, given: &Value) -> Result<(String, Parts), Error> {
    let (name, arn) = (given["TemplateName"].as_str(), given["TemplateArn"].as_str());
    if !given["TemplateContent"].is_null() {
        if name.is_some() || arn.is_some() {
            let text = "A template must have exactly one of TemplateName and TemplateContent.";
            return Err(Error::bad("", text));
        }
        let parts = Parts::of(&given["TemplateContent"]);
        parts.check()?;
        return Ok((String::new(), parts));
    }
    if name.is_none() && arn.is_none() {
        let text = "A template must have a TemplateName or a TemplateContent.";
        return Err(Error::bad("", text));
    }
    let (name, record) = errand.template(name, arn)?;
    Ok((name, Parts::of(&record["TemplateContent"])))
}
