//! <https://docs.aws.amazon.com/ses/latest/APIReference/API_SendBounce.html>
//!
//! The bounce of a mail in the inbox: a delivery status notification (RFC 3464) to its sender.

use super::Errand;
use crate::services::ses::address::check;
use crate::services::ses::draft::Draft;
use crate::services::ses::dsn::{Failed, Report};
use crate::services::ses::error::Error;
use crate::services::ses::mail::{Mail, Via};
use crate::services::ses::ops::{AcceptMail, SendOptions};
use bytes::Bytes;
use serde_json::Value;

/// Status and words of a bounce type.
fn status(kind: &str) -> (&'static str, &'static str) {
    match kind {
        "DoesNotExist" => ("5.1.1", "550 5.1.1 mailbox does not exist"),
        "MessageTooLarge" => ("5.3.4", "552 5.3.4 message too large"),
        "ExceededQuota" => ("5.2.2", "552 5.2.2 mailbox full"),
        "ContentRejected" => ("5.6.1", "500 5.6.1 message content rejected"),
        "TemporaryFailure" => ("4.0.0", "450 4.0.0 temporary failure"),
        _ => ("5.0.0", "500 5.0.0 undefined"),
    }
}

/// `SendBounce`: the notification of `original`.
pub fn bounce(errand: &Errand<'_>, original: &Mail) -> Result<AcceptMail, Error> {
    let sender = errand.text("BounceSender");
    check(sender)?;
    let recipients = errand.input["BouncedRecipientInfoList"].as_array();
    if recipients.is_none_or(Vec::is_empty) {
        let text = "At least one bounced recipient is needed.";
        return Err(Error::bad("InvalidParameterValue", text));
    }
    let dsn = errand.input.get("MessageDsn").cloned().unwrap_or_default();
    let mut failed = Vec::new();
    for info in recipients.into_iter().flatten() {
        failed.push(failed_of(info)?);
    }
    let report = Report {
        sender,
        to: &original.source,
        original: &original.id,
        explanation: errand.text("Explanation"),
        mta: dsn["ReportingMta"].as_str().unwrap_or("dns; localhost"),
        failed,
    };
    let to = vec![original.source.clone()];
    let draft = Draft::of_raw(Bytes::from(report.mail()), Some(sender), &to)?;
    let options = SendOptions { operation: "SendBounce", ..SendOptions::default() };
    let mode = errand.mode.without_recipients();
    Ok(AcceptMail { draft, via: Via::Ses, mode, tags: Vec::new(), config_set: None, options })
}

/// A recipient as the request describes it.
fn failed_of(info: &Value) -> Result<Failed, Error> {
    let recipient = info["Recipient"].as_str().unwrap_or_default();
    check(recipient)?;
    let fields = &info["RecipientDsnFields"];
    let (code, words) = status(info["BounceType"].as_str().unwrap_or_default());
    let field = |name: &str, or: &str| fields[name].as_str().unwrap_or(or).to_owned();
    let extensions = fields["ExtensionFields"].as_array().into_iter().flatten();
    let part = |of: &Value, name: &str| of[name].as_str().unwrap_or_default().to_owned();
    Ok(Failed {
        recipient: field("FinalRecipient", recipient),
        action: field("Action", "failed"),
        status: field("Status", code),
        diagnostic: field("DiagnosticCode", &format!("smtp; {words}")),
        extensions: extensions.map(|e| (part(e, "Name"), part(e, "Value"))).collect(),
    })
}

/// The id of the mail that bounces, as `SendBounce` names it.
pub fn original_id(input: &serde_json::Map<String, Value>) -> &str {
    input.get("OriginalMessageId").and_then(Value::as_str).unwrap_or_default()
}
