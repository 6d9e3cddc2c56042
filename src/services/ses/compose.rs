//! A `Simple` message of the API as MIME. Texts go out in UTF-8 whatever `Charset` asks for: it is the
//! charset of the delivered mail, and every reader takes UTF-8.

use super::address::Mailbox;
use super::draft::{Asked, Draft, addresses, check_recipients};
use super::error::Error;
use bytes::Bytes;
use lettre::Address;
use lettre::message::header::{self, ContentType, HeaderName, HeaderValue, Headers};
use lettre::message::{Attachment, Body, Mailbox as Box_, Mailboxes, MultiPart, SinglePart};
use std::hash::{DefaultHasher, Hash, Hasher};

/// A message in parts.
#[derive(Debug, Clone, Default)]
pub struct Simple {
    /// `From`.
    pub from: Option<Mailbox>,
    /// `To`.
    pub to: Vec<Mailbox>,
    /// `Cc`.
    pub cc: Vec<Mailbox>,
    /// In the envelope only.
    pub bcc: Vec<Mailbox>,
    /// `Reply-To`.
    pub reply_to: Vec<Mailbox>,
    /// `Subject`.
    pub subject: String,
    /// The plain text.
    pub text: Option<String>,
    /// The HTML.
    pub html: Option<String>,
    /// Further header fields.
    pub headers: Vec<(String, String)>,
    /// Files.
    pub attachments: Vec<File>,
}

/// An attached or inline file.
#[derive(Debug, Clone)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Its MIME type.
    pub content_type: String,
    /// For inline files, what `cid:` URLs name.
    pub content_id: Option<String>,
    /// Whether it is shown within the text.
    pub inline: bool,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Fields that the other members of a request set, or SES itself.
const OWN_FIELDS: &[&str] = &[
    "bcc",
    "cc",
    "date",
    "from",
    "message-id",
    "mime-version",
    "reply-to",
    "return-path",
    "sender",
    "subject",
    "to",
];

/// Characters of a line or a field's value that is written as it is.
const PLAIN_CHARS_MAX: usize = 70;

impl Simple {
    /// The mail. `source` is the envelope's sender.
    pub fn draft(self) -> Result<Draft, Error> {
        let from = self.from.clone().ok_or(Error::HeaderMissing { name: "From" })?;
        if self.text.is_none() && self.html.is_none() {
            return Err(Error::BodyMissing);
        }
        check_recipients(self.to.len() + self.cc.len() + self.bcc.len())?;
        let (head, body) = match self.plain() {
            Some(plain) => plain,
            None => self.composed(&from)?,
        };
        Ok(Draft {
            source: from.address.clone(),
            senders: vec![from.address],
            to: addresses(&self.to),
            cc: addresses(&self.cc),
            bcc: addresses(&self.bcc),
            subject: self.subject,
            head,
            has_date: false,
            has_id: false,
            line_end: "\r\n",
            body: body.into(),
            asked: Asked::default(),
        })
    }

    /// Header and body of a mail that needs no encoding: short ASCII fields, one address in each, one text.
    /// Most mails of tests are such, and what the library would make of them is known.
    fn plain(&self) -> Option<(Vec<u8>, Bytes)> {
        let (text, kind) = match (&self.text, &self.html) {
            (Some(text), None) => (text, "plain"),
            (None, Some(html)) => (html, "html"),
            _ => return None,
        };
        let fits = |line: &str| line.len() <= PLAIN_CHARS_MAX;
        let clean = |text: &str| text.bytes().all(|b| (0x20..0x7f).contains(&b) || b == b'\n');
        if !self.headers.is_empty()
            || !self.attachments.is_empty()
            || !clean(text)
            || !text.split('\n').all(fits)
        {
            return None;
        }
        let mut head = String::with_capacity(256);
        let mut field = |name: &str, value: &str| {
            let plain = fits(value) && value.bytes().all(|b| (0x20..0x7f).contains(&b));
            [name, ": ", value, "\r\n"].iter().for_each(|part| head.push_str(part));
            plain.then_some(())
        };
        let lists = [("To", &self.to), ("Cc", &self.cc), ("Reply-To", &self.reply_to)];
        let lists = lists.into_iter().map(|(name, list)| (name, &list[..]));
        for (name, list) in [("From", self.from.as_slice())].into_iter().chain(lists) {
            match list {
                [] => {}
                [Mailbox { name: None, address }] => field(name, address)?,
                _ => return None,
            }
        }
        // Spaces at the ends would be taken for folding, and `=?` for an encoding.
        let subject = &self.subject;
        if subject.trim() != subject || subject.contains("=?") {
            return None;
        }
        field("Subject", subject)?;
        head.push_str("MIME-Version: 1.0\r\nContent-Type: text/");
        head.push_str(kind);
        head.push_str("; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n");
        let body = text.replace('\n', "\r\n") + "\r\n";
        Some((head.into_bytes(), body.into()))
    }

    /// Header and body of any other.
    fn composed(&self, from: &Mailbox) -> Result<(Vec<u8>, Bytes), Error> {
        let mut fields = Headers::new();
        fields.set(header::From::from(mailboxes(std::slice::from_ref(from))));
        for (field, list) in [("To", &self.to), ("Cc", &self.cc), ("Reply-To", &self.reply_to)] {
            set_addresses(&mut fields, field, list);
        }
        fields.set(header::Subject::from(one_line(&self.subject)));
        for (name, value) in &self.headers {
            fields.insert_raw(custom(name, value)?);
        }
        fields.set(header::MIME_VERSION_1_0);
        let body = self.body()?;
        let split = body.windows(4).position(|w| w == b"\r\n\r\n").map_or(body.len(), |n| n + 2);
        let mut head = fields.to_string().into_bytes();
        head.extend_from_slice(&body[..split]);
        let body = Bytes::from(body);
        Ok((head, body.slice((split + 2).min(body.len())..)))
    }

    /// The mail as a template gives it: subject and content, with neither sender nor recipients.
    pub fn without_addresses(&self) -> Result<String, Error> {
        let mut fields = Headers::new();
        fields.set(header::Subject::from(one_line(&self.subject)));
        fields.set(header::MIME_VERSION_1_0);
        let body = self.body()?;
        Ok(format!("{fields}{}", String::from_utf8_lossy(&body)))
    }

    /// The content's header fields, an empty line, and the content.
    fn body(&self) -> Result<Vec<u8>, Error> {
        let plain = |text: &String| SinglePart::plain(text.clone());
        let html = |text: &String| SinglePart::html(text.clone());
        let parts = usize::from(self.text.is_some()) + usize::from(self.html.is_some());
        let parts = parts + self.attachments.len();
        let boundary = if parts > 1 { self.boundary() } else { String::new() };
        let alternative = match (&self.text, &self.html) {
            (Some(text), Some(page)) => Some(
                MultiPart::alternative()
                    .boundary(&boundary)
                    .singlepart(plain(text))
                    .singlepart(html(page)),
            ),
            _ => None,
        };
        let single = self.text.as_ref().map(plain).or_else(|| self.html.as_ref().map(html));
        if self.attachments.is_empty() {
            return Ok(match (alternative, single) {
                (Some(parts), _) => parts.formatted(),
                (None, Some(part)) => part.formatted(),
                (None, None) => return Err(Error::BodyMissing),
            });
        }
        let mixed = MultiPart::mixed().boundary(format!("{boundary}.0"));
        let mut mixed = match (alternative, single) {
            (Some(parts), _) => mixed.multipart(parts),
            (None, Some(part)) => mixed.singlepart(part),
            (None, None) => return Err(Error::BodyMissing),
        };
        for file in &self.attachments {
            mixed = mixed.singlepart(attachment(file)?);
        }
        Ok(mixed.formatted())
    }

    /// A boundary in AWS's manner that the texts do not hold: it follows from the content, so that the
    /// same request makes the same mail.
    fn boundary(&self) -> String {
        let mut hasher = DefaultHasher::new();
        (&self.subject, &self.text, &self.html).hash(&mut hasher);
        let (mut high, low) = (hasher.finish() >> 40, hasher.finish() & 0xff_ffff_ffff);
        loop {
            let boundary = format!("----=_Part_{high}_{low}");
            let held = |text: &Option<String>| text.as_ref().is_some_and(|t| t.contains(&boundary));
            if !held(&self.text) && !held(&self.html) {
                return boundary;
            }
            high += 1;
        }
    }
}

fn set_addresses(fields: &mut Headers, name: &str, list: &[Mailbox]) {
    if list.is_empty() {
        return;
    }
    match name {
        "To" => fields.set(header::To::from(mailboxes(list))),
        "Cc" => fields.set(header::Cc::from(mailboxes(list))),
        _ => fields.set(header::ReplyTo::from(mailboxes(list))),
    }
}

fn mailboxes(list: &[Mailbox]) -> Mailboxes {
    let mut all = Mailboxes::new();
    for mailbox in list {
        // Checked already by our own rules, which are SES's.
        let (local, domain) = mailbox.address.rsplit_once('@').unwrap_or((&mailbox.address, ""));
        let name = mailbox.name.as_deref().map(one_line);
        all.push(Box_::new(name, Address::new_dangerous(local, domain)));
    }
    all
}

/// Without line ends and other controls: each run of them becomes a space.
fn one_line(text: &str) -> String {
    let parts: Vec<&str> = text.split(|c: char| c.is_control()).filter(|p| !p.is_empty()).collect();
    parts.join(" ")
}

fn custom(name: &str, value: &str) -> Result<HeaderValue, Error> {
    let lower = name.to_ascii_lowercase();
    let plain = name.bytes().all(|b| (0x21..0x7f).contains(&b) && b != b':');
    let own = OWN_FIELDS.contains(&lower.as_str()) || lower.starts_with("content-");
    let refused = || Error::HeaderRefused { name: name.to_owned() };
    if !plain || own || value.contains(|c: char| c.is_control()) {
        return Err(refused());
    }
    let name = HeaderName::new_from_ascii(name.to_owned()).map_err(|_| refused())?;
    Ok(HeaderValue::new(name, value.to_owned()))
}

fn attachment(file: &File) -> Result<SinglePart, Error> {
    let content_type = ContentType::parse(&file.content_type)
        .map_err(|_| Error::ContentType { text: file.content_type.clone() })?;
    let name = one_line(&file.name);
    let part = match (&file.content_id, file.inline) {
        (Some(id), true) => Attachment::new_inline_with_name(one_line(id), name),
        _ => Attachment::new(name),
    };
    Ok(part.body(Body::new(file.bytes.clone()), content_type))
}

#[cfg(test)]
mod tests {
    use super::super::address::parse;
    use super::*;
    use mail_parser::{HeaderForm, MessageParser, MimeHeaders};

    fn simple() -> Simple {
        Simple {
            from: parse("\"Praxis Müller\" <praxis@example.com>").unwrap().pop(),
            to: parse("a@x.org").unwrap(),
            bcc: parse("secret@x.org").unwrap(),
            subject: "Grüße\r\nBcc: evil@x.org".into(),
            text: Some("Hällo\n.\nDot".into()),
            ..Simple::default()
        }
    }

    fn whole(draft: &Draft) -> Vec<u8> {
        [&draft.head[..], b"\r\n", draft.body.held().unwrap()].concat()
    }

    #[test]
    fn text_alone_is_one_part_and_bcc_is_nowhere() {
        let draft = simple().draft().unwrap();
        let bytes = whole(&draft);
        let mail = MessageParser::default().parse(&bytes).unwrap();
        assert_eq!(mail.subject(), Some("Grüße Bcc: evil@x.org"));
        assert_eq!(mail.from().unwrap().first().unwrap().name(), Some("Praxis Müller"));
        assert_eq!(mail.body_text(0).unwrap().trim_end(), "Hällo\r\n.\r\nDot");
        assert!(mail.bcc().is_none() && !String::from_utf8_lossy(&bytes).contains("secret"));
        assert_eq!((draft.recipients(), draft.bcc), (2, vec!["secret@x.org".to_owned()]));
    }

    #[test]
    fn text_and_html_and_files_become_a_tree() {
        let file = File {
            name: "Befund ä.pdf".into(),
            content_type: "application/pdf".into(),
            content_id: None,
            inline: false,
            bytes: vec![0, 159, 146, 150],
        };
        let mail = Simple {
            html: Some("<b>hi</b>".into()),
            attachments: vec![file],
            headers: vec![("X-Entity".into(), "ü1".into())],
            ..simple()
        };
        let bytes = whole(&mail.draft().unwrap());
        let mail = MessageParser::default().parse(&bytes).unwrap();
        assert_eq!(mail.body_html(0).unwrap().trim_end(), "<b>hi</b>");
        let file = mail.attachment(0).unwrap();
        assert_eq!(file.attachment_name(), Some("Befund ä.pdf"));
        assert_eq!(file.contents(), [0, 159, 146, 150]);
        let own = mail.header_as("X-Entity", HeaderForm::Text);
        assert_eq!(own[0].as_text(), Some("ü1"));
    }

    #[test]
    fn boundaries_keep_clear_of_the_text() {
        let mut mail = Simple { html: Some("<p>".into()), ..simple() };
        let first = mail.boundary();
        mail.text = Some(format!("--{first}\n"));
        assert!(!mail.text.clone().unwrap().contains(&mail.boundary()));
    }

    #[test]
    fn what_ses_sets_itself_cannot_be_set() {
        for (name, value) in
            [("From", "x"), ("a b", "x"), ("X", "a\r\nb"), ("Content-Type", "x"), ("", "x")]
        {
            let mail = Simple { headers: vec![(name.into(), value.into())], ..simple() };
            assert_eq!(mail.draft().unwrap_err(), Error::HeaderRefused { name: name.into() });
        }
        assert_eq!(Simple { text: None, ..simple() }.draft().unwrap_err(), Error::BodyMissing);
    }

    proptest::proptest! {
        /// What is written without the library is read as what the library writes.
        #[test]
        fn the_short_way_says_the_same(subject in "[ -~]{0,80}", text in "[ -~\n]{0,200}", html in proptest::bool::ANY) {
            let (text, html) = if html { (None, Some(text)) } else { (Some(text), None) };
            let from = parse("praxis@example.com").unwrap().pop();
            let mail = Simple { from, subject, text, html, ..simple() };
            let (Some((head, body)), Some(from)) = (mail.plain(), &mail.from) else { return Ok(()) };
            let (long_head, long_body) = mail.composed(from).unwrap();
            let short = [&head[..], b"\r\n", &body].concat();
            let long = [&long_head[..], b"\r\n", &long_body].concat();
            let read = |raw: &[u8]| {
                let mail = MessageParser::default().parse(raw).unwrap();
                let address = |list: Option<&mail_parser::Address<'_>>| list.map(|l| format!("{l:?}"));
                let body = mail.parts[0].text_contents().unwrap().trim_end_matches("\r\n").to_owned();
                // The library folds lines within runs of spaces, and a reader joins those again as one.
                let subject = mail.subject().map(|s| s.split_whitespace().collect::<Vec<_>>().join(" "));
                let fields = (address(mail.from()), address(mail.to()), subject);
                (fields, mail.content_type().map(|t| format!("{t:?}")), body)
            };
            proptest::prop_assert_eq!(read(&short), read(&long));
        }

        #[test]
        fn no_text_panics(subject in ".{0,80}", text in ".{0,80}", name in ".{0,20}", value in ".{0,20}") {
            let file = File {
                name: value.clone(), content_type: "text/plain".into(), content_id: Some(name.clone()),
                inline: true, bytes: text.clone().into_bytes(),
            };
            let mail = Simple {
                subject, html: Some(text.clone()), text: Some(text), attachments: vec![file],
                headers: vec![(name, value)], ..simple()
            };
            let _ = mail.draft();
        }
    }
}
