//! Mails as people and tests look at them: devenv's own listing and the shape that LocalStack's
//! `/_aws/ses` has (<https://docs.localstack.cloud/aws/services/ses/>).

mod links;

pub use links::unescaped;

use super::mail::Mail;
use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{Encoding, Message, MessageParser, MessagePart, MimeHeaders};
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
    let (text, html) = (text(parsed.as_ref()), html(parsed.as_ref()));
    value["headers"] = headers.into();
    value["links"] = links::links(html.as_deref(), text.as_deref()).into();
    value["text"] = text.into();
    value["html"] = html.into();
    value["attachments"] = attachments.into();
    value
}

/// A part of a mail by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its MIME type.
    pub content_type: String,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its bytes, decoded.
    pub bytes: Vec<u8>,
}

/// Which part of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which<'a> {
    /// The plain text.
    Text,
    /// The HTML as it is.
    Html,
    /// An attachment, by its place in the list.
    Attachment(usize),
    /// What `cid:` addresses in the HTML name.
    Inline(&'a str),
}

/// One part of a mail, if it has it.
pub fn part(raw: &[u8], which: Which<'_>) -> Option<Part> {
    let parsed = MessageParser::default().parse(raw);
    let of_text = |kind: &str, text: String| {
        let content_type = format!("{kind}; charset=utf-8");
        Part { content_type, name: None, bytes: text.into_bytes() }
    };
    let found = match which {
        Which::Text => return text(parsed.as_ref()).map(|text| of_text("text/plain", text)),
        Which::Html => return html(parsed.as_ref()).map(|html| of_text("text/html", html)),
        Which::Attachment(n) => parsed.as_ref()?.attachments().nth(n)?,
        Which::Inline(id) => parsed.as_ref()?.parts.iter().find(|p| p.content_id() == Some(id))?,
    };
    let content_type = kind(found).unwrap_or_else(|| "application/octet-stream".into());
    let name = found.attachment_name().map(str::to_owned);
    Some(Part { content_type, name, bytes: bytes_of(raw, found) })
}

/// The bytes that were attached. The parser turns texts into UTF-8; a file keeps its own charset.
fn bytes_of(raw: &[u8], part: &MessagePart<'_>) -> Vec<u8> {
    let coded = raw.get(part.offset_body as usize..part.offset_end as usize);
    let exact = coded.filter(|_| part.is_text()).and_then(|coded| match part.encoding {
        Encoding::None => Some(coded.to_vec()),
        Encoding::QuotedPrintable => quoted_printable_decode(coded),
        Encoding::Base64 => base64_decode(coded),
    });
    exact.unwrap_or_else(|| part.contents().to_vec())
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
        json!({
            "name": part.attachment_name(),
            "content_type": kind(part),
            "content_id": part.content_id(),
            "inline": part.content_disposition().is_some_and(|d| d.is_inline()),
            "size": part.len(),
        })
    })
}

/// `image/png`; of a mail within a mail, `message/rfc822`.
fn kind(part: &MessagePart<'_>) -> Option<String> {
    let stated = part.content_type().map(|t| match t.subtype() {
        Some(sub) => format!("{}/{sub}", t.ctype()),
        None => t.ctype().to_owned(),
    });
    // It goes into a header: what a stranger wrote must be a plain type.
    let plain = |kind: &String| kind.bytes().all(|b| b.is_ascii_graphic() && !b";,\"".contains(&b));
    stated.filter(plain).or_else(|| part.is_message().then(|| "message/rfc822".to_owned()))
}

/// The plain text, if the mail has one of its own (the parser would make one from HTML).
fn text(mail: Option<&Message<'_>>) -> Option<String> {
    let is_text = |part: &MessagePart<'_>| {
        part.is_text()
            && !part.is_text_html()
            && kind(part).is_none_or(|kind| kind.eq_ignore_ascii_case("text/plain"))
    };
    let found = mail?.text_bodies().find(|part| is_text(part));
    let text = found.and_then(|part| part.text_contents()).map(normal_lines);
    text.or_else(|| stray(mail?, is_text))
}

fn html(mail: Option<&Message<'_>>) -> Option<String> {
    // A part without an end is read as a plain file, whatever it says of itself.
    let is_html = |part: &MessagePart<'_>| {
        part.is_text_html() || kind(part).is_some_and(|kind| kind.eq_ignore_ascii_case("text/html"))
    };
    let found = mail?.html_bodies().find(|part| is_html(part));
    let html = found.and_then(|part| part.text_contents()).map(normal_lines);
    html.or_else(|| stray(mail?, is_html))
}

/// In a mail whose parts do not end as they should: a body that passes for an attachment.
fn stray(mail: &Message<'_>, wanted: fn(&MessagePart<'_>) -> bool) -> Option<String> {
    let unnamed = |part: &MessagePart<'_>| {
        part.content_disposition().is_none() && part.attachment_name().is_none()
    };
    let found = mail.attachments().find(|part| unnamed(part) && wanted(part))?;
    found.text_contents().map(normal_lines)
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
            for which in [Which::Text, Which::Html, Which::Attachment(0), Which::Inline("x")] {
                let _ = part(&raw, which);
            }
        }

        #[test]
        fn no_mime_panics(raw in "Content-Type: (text|multipart)/(html|mixed|plain)[ -~]{0,40}\r\n\r\n[-a-z\r\n:=?é]{0,200}") {
            let _ = detail(&mail(), raw.as_bytes());
        }
    }
}
