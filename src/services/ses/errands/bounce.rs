//! <https://docs.aws.amazon.com/ses/latest/APIReference/API_SendBounce.html>
//!
//! The bounce of a mail in the inbox: a delivery status notification (RFC 3464) to its sender.

use super::Errand;
use crate::services::ses::address::check;
use crate::services::ses::draft::Draft;
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
    let mta = one_line(dsn["ReportingMta"].as_str().unwrap_or("dns; localhost"));
    let explanation = errand.text("Explanation").replace("\r\n", "\n").replace('\n', "\r\n");
    let boundary = format!("=_Part_{}", original.id);
    let mut text = format!(
        "From: {sender}\r\nTo: {}\r\nSubject: Delivery Status Notification (Failure)\r\n\
         Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"{boundary}\"\r\n\r\n\
         --{boundary}\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\n{explanation}\r\n\
         --{boundary}\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: {mta}\r\n",
        original.source
    );
    for info in recipients.into_iter().flatten() {
        let recipient = info["Recipient"].as_str().unwrap_or_default();
        check(recipient)?;
        let fields = &info["RecipientDsnFields"];
        let (code, words) = status(info["BounceType"].as_str().unwrap_or_default());
        let field = |name: &str, or: &str| one_line(fields[name].as_str().unwrap_or(or));
        let last = field("FinalRecipient", recipient);
        let (action, state) = (field("Action", "failed"), field("Status", code));
        let diagnostic = field("DiagnosticCode", &format!("smtp; {words}"));
        text.push_str(&format!(
            "\r\nFinal-Recipient: rfc822; {last}\r\nAction: {action}\r\nStatus: {state}\r\n\
             Diagnostic-Code: {diagnostic}\r\n"
        ));
        for extension in fields["ExtensionFields"].as_array().into_iter().flatten() {
            let part = |name: &str| one_line(extension[name].as_str().unwrap_or_default());
            text.push_str(&format!("{}: {}\r\n", part("Name"), part("Value")));
        }
    }
    text.push_str(&format!("--{boundary}--\r\n"));
    let to = vec![original.source.clone()];
    let draft = Draft::of_raw(Bytes::from(text), Some(sender), &to)?;
    let options = SendOptions { operation: "SendBounce", ..SendOptions::default() };
    let mode = errand.mode.without_recipients();
    Ok(AcceptMail { draft, via: Via::Ses, mode, tags: Vec::new(), config_set: None, options })
}

fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// The id of the mail that bounces, as `SendBounce` names it.
pub fn original_id(input: &serde_json::Map<String, Value>) -> &str {
    input.get("OriginalMessageId").and_then(Value::as_str).unwrap_or_default()
}
