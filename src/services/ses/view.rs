//! Mails as people and tests look at them: devenv's own listing and the shape that LocalStack's
//! `/_aws/ses` has (<https://docs.localstack.cloud/aws/services/ses/>).

use super::mail::Mail;
use mail_parser::{Message, MessageParser, MimeHeaders};
use serde_json::{Map, Value, json};

/// A line of the listing.
pub fn summary(mail: &Mail) -> Value {
    let tags: Map<String, Value> =
        mail.tags.iter().map(|(k, v)| (k.clone(), v.clone().into())).collect();
    json!({
        "id": mail.id,
        "from": mail.source,
        "to": mail.to,
        "cc": mail.cc,
        "bcc": mail.bcc,
        "subject": mail.subject,
        "received": mail.received.iso8601(),
        "via": mail.via.name(),
        "account": mail.account,
        "region": mail.region,
        "size": mail.size,
        "configuration_set": mail.config_set,
        "tags": tags,
    })
}

/// One mail with its parts.
pub fn detail(mail: &Mail, raw: &[u8]) -> Value {
    let mut value = summary(mail);
    let parsed = MessageParser::default().parse(raw);
    let headers: Vec<Value> = parsed.iter().flat_map(headers).collect();
    let attachments: Vec<Value> = parsed.iter().flat_map(attachments).collect();
    value["headers"] = headers.into();
    value["text"] = text(parsed.as_ref()).into();
    value["html"] = html(parsed.as_ref()).into();
    value["attachments"] = attachments.into();
    value
}

/// One mail as LocalStack shows it.
pub fn localstack(mail: &Mail, raw: &[u8]) -> Value {
    let parsed = MessageParser::default().parse(raw);
    let mut destination = Map::new();
    for (name, list) in
        [("ToAddresses", &mail.to), ("CcAddresses", &mail.cc), ("BccAddresses", &mail.bcc)]
    {
        if !list.is_empty() || name == "ToAddresses" {
            destination.insert(name.into(), list.clone().into());
        }
    }
    json!({
        "Id": mail.id,
        "Region": mail.region,
        "Timestamp": mail.received.iso8601()[..19],
        "Source": mail.source,
        "Destination": destination,
        "Subject": mail.subject,
        "Body": {"text_part": text(parsed.as_ref()), "html_part": html(parsed.as_ref())},
        "RawData": String::from_utf8_lossy(raw),
    })
}

fn headers<'a>(mail: &'a Message<'_>) -> impl Iterator<Item = Value> + use<'a> {
    mail.headers_raw().map(|(name, value)| json!({"name": name, "value": unfolded(value)}))
}

fn unfolded(value: &str) -> String {
    value.trim().replace(['\r', '\n'], "")
}

fn attachments<'a>(mail: &'a Message<'_>) -> impl Iterator<Item = Value> + use<'a> {
    mail.attachments().map(|part| {
        let kind = part.content_type().map(|t| match t.subtype() {
            Some(sub) => format!("{}/{sub}", t.ctype()),
            None => t.ctype().to_owned(),
        });
        json!({
            "name": part.attachment_name(),
            "content_type": kind,
            "content_id": part.content_id(),
            "size": part.len(),
        })
    })
}

/// The plain text, if the mail has one of its own (the parser would make one from HTML).
fn text(mail: Option<&Message<'_>>) -> Option<String> {
    let mail = mail?;
    let part = mail.text_bodies().find(|part| part.is_text() && !part.is_text_html())?;
    part.text_contents().map(normal_lines)
}

fn html(mail: Option<&Message<'_>>) -> Option<String> {
    let mail = mail?;
    mail.html_bodies().find(|part| part.is_text_html())?.text_contents().map(normal_lines)
}

/// Lines ended as they were before MIME, without the line end that MIME adds.
fn normal_lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    text.strip_suffix('\n').unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Millis;
    use crate::services::ses::Via;

    fn mail() -> Mail {
        Mail {
            seq: 1,
            id: "i".into(),
            received: Millis(0),
            account: "000000000000".into(),
            region: "us-east-1".into(),
            via: Via::Ses,
            source: "a@x".into(),
            to: vec!["b@x".into()],
            cc: vec![],
            bcc: vec![],
            subject: "s".into(),
            config_set: None,
            tags: vec![("k".into(), "v".into())],
            size: 1,
        }
    }

    #[test]
    fn texts_are_told_from_html() {
        let html = b"Content-Type: text/html\r\n\r\n<b>x</b>\r\n";
        let value = detail(&mail(), html);
        assert_eq!((&value["text"], &value["html"]), (&Value::Null, &json!("<b>x</b>")));
        let plain = b"Subject: s\r\n\r\none\r\ntwo\r\n";
        let value = detail(&mail(), plain);
        assert_eq!((&value["text"], &value["html"]), (&json!("one\ntwo"), &Value::Null));
        assert_eq!(value["headers"], json!([{"name": "Subject", "value": "s"}]));
        let shown = localstack(&mail(), plain);
        assert_eq!(shown["Body"]["text_part"], "one\ntwo");
        assert_eq!(shown["Destination"], json!({"ToAddresses": ["b@x"]}));
        assert_eq!(shown["Timestamp"], "1970-01-01T00:00:00");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(raw in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
            let _ = detail(&mail(), &raw);
            let _ = localstack(&mail(), &raw);
        }

        #[test]
        fn no_mime_panics(raw in "Content-Type: (text|multipart)/(html|mixed|plain)[ -~]{0,40}\r\n\r\n[-a-z\r\n:=?é]{0,200}") {
            let _ = detail(&mail(), raw.as_bytes());
        }
    }
}
