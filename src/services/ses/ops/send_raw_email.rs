//! <https://docs.aws.amazon.com/ses/latest/APIReference/API_SendRawEmail.html>

use super::content::{MessageTag, RawMessage, base64, tags};
use super::{AcceptMail, SendOptions};
use crate::services::ses::draft::Draft;
use crate::services::ses::error::Error;
use crate::services::ses::limits::MAIL_BYTES_MAX_V1;
use crate::services::ses::mail::Via;
use crate::services::ses::state::Mode;
use bytes::Bytes;
use serde::Deserialize;

/// `SendRawEmail` of v1.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SendRawEmail {
    source: Option<String>,
    destinations: Vec<String>,
    raw_message: Option<RawMessage>,
    tags: Vec<MessageTag>,
    configuration_set_name: Option<String>,
    source_arn: Option<String>,
    from_arn: Option<String>,
}

impl SendRawEmail {
    /// The mail that it asks to send.
    pub fn mail(self, mode: Mode) -> Result<AcceptMail, Error> {
        let data = self.raw_message.and_then(|m| m.data);
        let data = data.ok_or(Error::MemberMissing { member: "rawMessage.data" })?;
        let raw = Bytes::from(base64(data, "RawMessage.Data")?);
        if raw.len() > MAIL_BYTES_MAX_V1 {
            return Err(Error::TooLong { bytes: raw.len(), max: MAIL_BYTES_MAX_V1 });
        }
        let tags = tags(self.tags)?;
        let source = self.source.filter(|s| !s.is_empty());
        let draft = Draft::of_raw(raw, source.as_deref(), &self.destinations)?;
        let config_set = self.configuration_set_name;
        let source_arn = self.source_arn.or(self.from_arn);
        let options =
            SendOptions { operation: "SendRawEmail", source_arn, ..SendOptions::default() };
        Ok(AcceptMail { draft, via: Via::Ses, mode, tags, config_set, options })
    }
}
