//! Mails, made anew: addresses and names masked, words instead of subject and text, attachments by rules of
//! their own. Source: RFC 5322, RFC 2045, RFC 2183.
//!
//! Invariant: what no rule names is left out, attachments too; whatever else a mail holds is never written.

use super::{Shop, Wrong, fits};
use crate::data::mask::{Kind, Spec};
use crate::data::rules::FileRules;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mail_parser::{Message, MessageParser, MessagePart, MimeHeaders};
use std::fmt::Write;

/// Characters of a line of base64 (RFC 2045).
const LINE: usize = 76;
/// The name of an attachment that has none.
const UNNAMED: &str = "unnamed";

impl Shop<'_> {
    /// A mail made anew, nothing else of it.
    pub(super) fn mail(&self, text: &str, rules: &[FileRules]) -> Result<String, Wrong> {
        let parsed = MessageParser::default().parse(text.as_bytes()).ok_or("is no mail")?;
        let mut out = self.headers(&parsed)?;
        let attachments = self.attachments(&parsed, rules)?;
        let prose = self.ready(&Spec::of(Kind::Prose))?;
        let mut body = String::new();
        for line in parsed.body_text(0).unwrap_or_default().lines() {
            body.push_str(&if line.trim().is_empty() { String::new() } else { prose.run(line)? });
            body.push_str("\r\n");
        }
        out.push_str("MIME-Version: 1.0\r\n");
        let plain =
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";
        if attachments.is_empty() {
            return Ok(out + plain + &body);
        }
        let boundary = boundary(&body);
        let _ = write!(
            out,
            "Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\r\n--{boundary}\r\n{plain}{body}"
        );
        for attachment in &attachments {
            let _ = write!(out, "\r\n--{boundary}\r\n{attachment}");
        }
        let _ = write!(out, "\r\n--{boundary}--\r\n");
        Ok(out)
    }

    fn headers(&self, parsed: &Message<'_>) -> Result<String, Wrong> {
        let ready = |kind| self.ready(&Spec::of(kind));
        let (email, name) = (ready(Kind::Email)?, ready(Kind::Name)?);
        let mut out = String::new();
        let lists = [("From", parsed.from()), ("To", parsed.to()), ("Cc", parsed.cc())];
        for (header, list) in lists {
            let mut all = Vec::new();
            for address in list.iter().flat_map(|list| list.iter()) {
                let masked = email.run(address.address().unwrap_or_default().trim())?;
                all.push(match address.name().filter(|n| !n.trim().is_empty()) {
                    Some(who) => format!("\"{}\" <{masked}>", name.run(who)?.replace('"', "")),
                    None => masked,
                });
            }
            if !all.is_empty() {
                let _ = write!(out, "{header}: {}\r\n", all.join(", "));
            }
        }
        if let Some(subject) = parsed.subject() {
            let _ = write!(out, "Subject: {}\r\n", ready(Kind::Prose)?.run(subject)?);
        }
        if let Some(date) = parsed.date() {
            let _ = write!(out, "Date: {}\r\n", date.to_rfc822());
        }
        if let Some(id) = parsed.message_id() {
            let _ = write!(out, "Message-ID: <{}>\r\n", ready(Kind::Text)?.run(id)?);
        }
        Ok(out)
    }

    /// The attachments that rules name, as parts of the mail.
    fn attachments(&self, mail: &Message<'_>, rules: &[FileRules]) -> Result<Vec<String>, Wrong> {
        let mut all = Vec::new();
        for part in mail.attachments() {
            let name = named(part);
            match rules.iter().find(|rule| fits(&rule.glob, &name)) {
                Some(rule) => all.push(self.attachment(part, &name, rule)?),
                None => self.left_out.set(self.left_out.get() + 1),
            }
        }
        Ok(all)
    }

    fn attachment(
        &self,
        part: &MessagePart<'_>,
        name: &str,
        rule: &FileRules,
    ) -> Result<String, Wrong> {
        let wrong = |why: Wrong| format!("has an attachment for `{}` that {why}", rule.glob);
        let text = part.text_contents().ok_or_else(|| wrong("is no text in UTF-8".into()))?;
        let content = self.content(&rule.content, text).map_err(wrong)?;
        let masked = match &rule.name {
            Some(_) => self.renamed(rule, name),
            None => self.other_name(name),
        };
        let masked = masked.map_err(wrong)?;
        let mut out = format!(
            "Content-Type: {}\r\nContent-Disposition: attachment; {}\r\nContent-Transfer-Encoding: base64\r\n\r\n",
            kind_of(part),
            disposed(&masked)
        );
        let packed = STANDARD.encode(content);
        for line in packed.as_bytes().chunks(LINE) {
            out.extend(line.iter().map(|b| char::from(*b)));
            out.push_str("\r\n");
        }
        Ok(out)
    }

    /// A name that no rule masks: other letters, the same ending.
    fn other_name(&self, name: &str) -> Result<String, Wrong> {
        let (stem, ending) = name.rsplit_once('.').map_or((name, None), |(s, e)| (s, Some(e)));
        let masked = self.ready(&Spec::of(Kind::Text))?.run(stem)?;
        Ok(ending.map_or(masked.clone(), |ending| format!("{masked}.{ending}")))
    }
}

/// A file's name without the way to it, which some programs write.
fn named(part: &MessagePart<'_>) -> String {
    let name = part.attachment_name().unwrap_or(UNNAMED);
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name).trim();
    if name.is_empty() { UNNAMED.to_owned() } else { name.to_owned() }
}

/// `application/json`, without what else a part says of its type.
fn kind_of(part: &MessagePart<'_>) -> String {
    let token = |t: &str| {
        !t.is_empty() && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.+_".contains(&b))
    };
    let told = part.content_type().and_then(|t| Some((t.ctype(), t.subtype()?)));
    match told.filter(|(kind, sub)| token(kind) && token(sub)) {
        // A mail within the mail is none for whoever reads the type alone.
        Some((kind, sub)) if kind != "message" && kind != "multipart" => format!("{kind}/{sub}"),
        _ => "application/octet-stream".to_owned(),
    }
}

/// `filename="a.json"`, or as RFC 2231 has names with other characters.
fn disposed(name: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && c != '"' && c != '\\' || c == ' ';
    match name.chars().all(plain) {
        true => format!("filename=\"{name}\""),
        false => {
            let set = percent_encoding::NON_ALPHANUMERIC;
            format!("filename*=UTF-8''{}", percent_encoding::utf8_percent_encode(name, set))
        }
    }
}

/// A line that the text does not have.
fn boundary(body: &str) -> String {
    let mut nth = 0u64;
    loop {
        let boundary = format!("=_devenv_{nth}");
        if !body.contains(&boundary) {
            return boundary;
        }
        nth += 1;
    }
}

/// Names and texts of the attachments of a mail, unpacked; none if the file is none.
pub(crate) fn attached(file: &[u8]) -> Vec<(String, String)> {
    if memchr::memmem::find(file, b"MIME-Version:").is_none() {
        return Vec::new();
    }
    let parsed = MessageParser::default().parse(file);
    let of = |part: &MessagePart<'_>| {
        (named(part), String::from_utf8_lossy(part.contents()).into_owned())
    };
    parsed.iter().flat_map(|mail| mail.attachments().map(of).collect::<Vec<_>>()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{ANNA, FAKE, run_by};
    use super::*;

    const RULES: &str = r#"version = 1
[files."mails/*"]
mail = true
[files."mails/*".attachments]
"visit-*.json" = { name = "visit-{id}.json", body = { mask = "json", paths = { "$.email" = "email" } } }
"*.csv" = { csv = { id = "id", email = "email" } }
"#;

    fn part(kind: &str, name: &str, body: &str) -> String {
        format!(
            "--x\r\nContent-Type: {kind}\r\nContent-Disposition: attachment; filename=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
            STANDARD.encode(body)
        )
    }

    fn mail(parts: &[String]) -> String {
        format!(
            "From: {ANNA}\r\nTo: {ANNA}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nDear doctor, it is me, {ANNA}.\r\n{}--x--\r\n",
            parts.concat()
        )
    }

    #[test]
    fn attachments_are_masked_by_rules_of_their_own_and_others_are_left_out() {
        let json = part("application/json", "visit-4711.json", &format!(r#"{{"email":"{ANNA}"}}"#));
        let csv = part(
            "text/csv; name=\"c:\\Anna Schmidt.csv\"",
            "Anna Schmidt.csv",
            &format!("id,email\r\n4711,{ANNA}\r\n"),
        );
        let photo = part("image/png", "anna.png", "not for us");
        let whole = mail(&[json, csv, photo]);
        let (made, files) = run_by(RULES, &[("mails/1.eml", &whole)]).expect("masked");
        assert_eq!((made.files, made.left_out), (1, 1));
        let text = &files[0].1;
        assert!(
            !text.contains("Anna") && !text.contains("clinic") && !text.contains("png"),
            "{text}"
        );
        let found = attached(text.as_bytes());
        assert_eq!(found[0], ("visit-7123.json".to_owned(), format!(r#"{{"email":"{FAKE}"}}"#)));
        assert_eq!(found[1].1, format!("id,email\n7123,{FAKE}\n"));
        assert!(found[1].0.ends_with(".csv") && !found[1].0.contains("Anna"), "{}", found[1].0);
        assert_eq!(found.len(), 2);
        let parsed = MessageParser::default().parse(text.as_bytes()).expect("a mail");
        let kinds: Vec<String> = parsed.attachments().map(kind_of).collect();
        assert_eq!(kinds, ["application/json", "text/csv"]);
        assert!(parsed.body_text(0).is_some_and(|body| !body.trim().is_empty()));
    }

    #[test]
    fn an_attachment_that_does_not_fit_its_rule_stops_everything() {
        for (name, body, why) in [
            ("visit-1.json", r#"{"phone":"1"}"#, "$.phone, which has no rule"),
            ("visit-x.json", "{}", "holds a value that is no integer"),
            ("visit-.json", "{}", "does not fit its pattern"),
            ("a.csv", "id,phone\n1,2\n", "the column phone, without a rule"),
        ] {
            let whole = mail(&[part("text/plain", name, body)]);
            let problem = run_by(RULES, &[("mails/1.eml", &whole)]).expect_err(name);
            assert!(problem.message.contains(why), "{}", problem.message);
        }
        let binary = "--x\r\nContent-Type: application/json\r\nContent-Disposition: attachment; filename=\"visit-1.json\"\r\nContent-Transfer-Encoding: base64\r\n\r\n//79\r\n";
        let problem = run_by(RULES, &[("mails/1.eml", &mail(&[binary.to_owned()]))]);
        assert!(problem.expect_err("binary").message.contains("is no text in UTF-8"));
    }

    #[test]
    fn names_of_files_are_written_as_headers_want_them() {
        assert_eq!(disposed("a b.json"), "filename=\"a b.json\"");
        assert_eq!(disposed("a\"\r\nX: y.json"), "filename*=UTF-8''a%22%0D%0AX%3A%20y%2Ejson");
        assert_eq!(boundary("=_devenv_0 =_devenv_1"), "=_devenv_2");
        assert_eq!(attached(b"From: a@b.c\r\n\r\nno parts"), []);
    }
}
