//! What is said on one SMTP connection: bytes in, replies and finished mails out, no sockets.
//!
//! <https://www.rfc-editor.org/rfc/rfc5321>, with SIZE (1870), PIPELINING (2920), 8BITMIME (6152),
//! SMTPUTF8 (6531), AUTH (4954) and enhanced codes (2034). Any credentials are taken; a user name of
//! twelve digits is the account that the mail is filed under. No STARTTLS yet.

use crate::base::{Caller, DEFAULT_REGION, account_of};
use crate::protocol::Failure;
use crate::services::ses::limits::MAIL_BYTES_MAX_V2;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use smtp_proto::request::receiver::{DataReceiver, DummyDataReceiver};
use smtp_proto::{AUTH_LOGIN, AUTH_PLAIN, Error, MailFrom, Request};
use std::borrow::Cow;

/// Bytes of a mail at the most.
const MAIL_BYTES_MAX: usize = MAIL_BYTES_MAX_V2;
/// Bytes of a command line at the most; RFC 4954 wants 12288 for AUTH.
const LINE_BYTES_MAX: usize = 12_288;
/// Recipients of one envelope at the most; SES refuses beyond 50, but only after the content.
const RECIPIENTS_MAX: usize = 1000;
/// Commands between two mails at the most.
const COMMANDS_MAX: usize = 2000;
/// Mistakes on one connection at the most.
const MISTAKES_MAX: usize = 20;
/// Characters of a refusal's text at the most; a reply line has 512 bytes.
const REASON_CHARS_MAX: usize = 400;

/// The first words.
pub(super) const GREETING: &str = "220 devenv ESMTP\r\n";
/// The last words when devenv stops.
pub(super) const STOPPING: &str = "421 4.3.2 devenv is stopping\r\n";
/// The last words to a silent client.
pub(super) const TOO_SLOW: &str = "421 4.4.2 Idle for too long\r\n";

/// What follows from the bytes so far.
#[derive(Debug)]
pub(super) enum Step {
    /// Nothing yet.
    NeedsMore,
    /// Say this and go on.
    Reply(Cow<'static, str>),
    /// Say this and hang up.
    Close(Cow<'static, str>),
    /// Store this mail and tell [`Session::delivered`] how it went.
    Deliver(Envelope),
}

/// A mail with its envelope.
#[derive(Debug)]
pub(super) struct Envelope {
    pub(super) caller: Caller,
    pub(super) source: String,
    pub(super) recipients: Vec<String>,
    pub(super) content: Bytes,
}

/// What the next bytes are.
enum Reading {
    Command,
    /// Credentials: what has been asked for.
    Secret(Asked),
    Content(DataReceiver, Vec<u8>),
    /// The rest of a mail that is too big.
    Surplus(DummyDataReceiver),
}

#[derive(Clone, Copy)]
enum Asked {
    Plain,
    LoginName,
    LoginPassword,
}

/// One connection's state.
pub(super) struct Session {
    reading: Reading,
    line: Vec<u8>,
    /// The line under way is too long and is thrown away.
    overlong: bool,
    greeted: bool,
    user: String,
    source: Option<String>,
    recipients: Vec<String>,
    commands: usize,
    mistakes: usize,
}

fn reply(text: impl Into<Cow<'static, str>>) -> Step {
    Step::Reply(text.into())
}

const OK: &str = "250 2.0.0 Ok\r\n";
const ORDER: &str = "503 5.5.1 Bad sequence of commands\r\n";

impl Session {
    pub(super) fn new() -> Session {
        Session {
            reading: Reading::Command,
            line: Vec::new(),
            overlong: false,
            greeted: false,
            user: String::new(),
            source: None,
            recipients: Vec::new(),
            commands: 0,
            mistakes: 0,
        }
    }

    /// Takes what it can of `bytes`.
    pub(super) fn advance(&mut self, bytes: &mut &[u8]) -> Step {
        match &mut self.reading {
            Reading::Content(receiver, content) => {
                let mut rest = bytes.iter();
                let done = receiver.ingest(&mut rest, content);
                *bytes = rest.as_slice();
                if done && content.len() <= MAIL_BYTES_MAX {
                    let content = Bytes::from(std::mem::take(content));
                    return self.finish(content);
                }
                if done {
                    return self.too_big();
                }
                if content.len() > MAIL_BYTES_MAX {
                    self.reading = Reading::Surplus(DummyDataReceiver::new_data(receiver));
                }
                Step::NeedsMore
            }
            Reading::Surplus(receiver) => {
                let mut rest = bytes.iter();
                let done = receiver.ingest(&mut rest);
                *bytes = rest.as_slice();
                if done { self.too_big() } else { Step::NeedsMore }
            }
            Reading::Command | Reading::Secret(_) => self.advance_line(bytes),
        }
    }

    /// The reply to a mail that was stored or refused.
    pub(super) fn delivered(&mut self, result: Result<String, Failure>) -> String {
        match result {
            Ok(id) => format!("250 2.0.0 Ok {id}\r\n"),
            Err(failure) => {
                let plain = |c: char| if c.is_control() { ' ' } else { c };
                let text: String =
                    failure.message.chars().map(plain).take(REASON_CHARS_MAX).collect();
                match (failure.status, failure.code.as_ref()) {
                    (500.., _) => format!("451 4.3.0 {text}\r\n"),
                    (_, "MessageRejected") => format!("554 5.7.1 Message rejected: {text}\r\n"),
                    _ => format!("554 5.6.0 Transaction failed: {text}\r\n"),
                }
            }
        }
    }

    fn advance_line(&mut self, bytes: &mut &[u8]) -> Step {
        let end = bytes.iter().position(|b| *b == b'\n');
        let (taken, rest) = bytes.split_at(end.map_or(bytes.len(), |n| n + 1));
        *bytes = rest;
        if self.line.len() + taken.len() > LINE_BYTES_MAX {
            self.overlong = true;
            self.line = Vec::new();
        }
        if !self.overlong {
            self.line.extend_from_slice(taken);
        }
        if end.is_none() {
            return Step::NeedsMore;
        }
        if std::mem::take(&mut self.overlong) {
            return self.mistake("500 5.5.2 Line too long\r\n");
        }
        let line = std::mem::take(&mut self.line);
        self.commands += 1;
        if self.commands > COMMANDS_MAX {
            return Step::Close("421 4.7.0 Too many commands without a mail\r\n".into());
        }
        match self.reading {
            Reading::Secret(asked) => self.secret(asked, line.trim_ascii()),
            _ => self.command(&line),
        }
    }

    fn command(&mut self, line: &[u8]) -> Step {
        let request = match Request::parse(&mut line.iter()) {
            Ok(request) => request,
            Err(error) => return self.malformed(error),
        };
        match request {
            Request::Ehlo { host } => self.hello(&host, true),
            Request::Helo { host } => self.hello(&host, false),
            Request::Mail { from } => self.mail(&from),
            Request::Rcpt { to } => self.recipient(to.address.into_owned()),
            Request::Data => self.data(),
            Request::Auth { mechanism, initial_response } => {
                self.auth(mechanism, initial_response.trim())
            }
            Request::Rset => {
                self.forget();
                reply(OK)
            }
            Request::Noop { .. } => reply(OK),
            Request::Quit => Step::Close("221 2.0.0 Bye\r\n".into()),
            Request::Vrfy { .. } => reply("252 2.1.5 Cannot verify, but will accept mail\r\n"),
            Request::Help { .. } => {
                reply("214 2.0.0 Mail is kept here and goes nowhere; see docs/ses.md\r\n")
            }
            Request::StartTls => self.mistake("502 5.5.1 No TLS here\r\n"),
            _ => self.mistake("502 5.5.1 Not served\r\n"),
        }
    }

    fn malformed(&mut self, error: Error) -> Step {
        match error {
            // A browser that was led here speaks HTTP: whatever follows is no mail of a mail program.
            Error::UnknownCommand if !self.greeted => {
                Step::Close("500 5.5.1 This is SMTP\r\n".into())
            }
            Error::UnknownCommand => self.mistake("500 5.5.1 Unknown command\r\n"),
            Error::InvalidSenderAddress => self.mistake("501 5.1.7 Bad sender address syntax\r\n"),
            Error::InvalidRecipientAddress => {
                self.mistake("501 5.1.3 Bad recipient address syntax\r\n")
            }
            Error::SyntaxError { syntax } => {
                self.mistake(format!("501 5.5.4 Syntax: {syntax}\r\n"))
            }
            Error::InvalidParameter { param } => {
                self.mistake(format!("501 5.5.4 Bad parameter {param}\r\n"))
            }
            Error::UnsupportedParameter { .. } => {
                self.mistake("555 5.5.4 Parameter not supported\r\n")
            }
            _ => self.mistake("500 5.5.2 Syntax error\r\n"),
        }
    }

    fn mistake(&mut self, text: impl Into<Cow<'static, str>>) -> Step {
        self.mistakes += 1;
        if self.mistakes > MISTAKES_MAX {
            return Step::Close("421 4.7.0 Too many mistakes\r\n".into());
        }
        reply(text)
    }

    fn forget(&mut self) {
        self.source = None;
        self.recipients = Vec::new();
    }

    fn hello(&mut self, host: &str, extended: bool) -> Step {
        self.greeted = true;
        self.forget();
        let host: String = host.chars().filter(|c| c.is_ascii_graphic()).take(255).collect();
        if !extended {
            return reply("250 devenv\r\n");
        }
        reply(format!(
            "250-devenv greets {host}\r\n250-PIPELINING\r\n250-SIZE {MAIL_BYTES_MAX}\r\n250-8BITMIME\r\n\
             250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n250-AUTH PLAIN LOGIN\r\n250 HELP\r\n"
        ))
    }

    fn mail(&mut self, from: &MailFrom<Cow<'_, str>>) -> Step {
        if !self.greeted || self.source.is_some() {
            return self.mistake(ORDER);
        }
        if from.size > MAIL_BYTES_MAX {
            return reply(too_big_text());
        }
        self.source = Some(from.address.clone().into_owned());
        reply("250 2.1.0 Ok\r\n")
    }

    fn recipient(&mut self, address: String) -> Step {
        if self.source.is_none() {
            return self.mistake(ORDER);
        }
        if self.recipients.len() == RECIPIENTS_MAX {
            return reply("452 4.5.3 Too many recipients\r\n");
        }
        self.recipients.push(address);
        reply("250 2.1.5 Ok\r\n")
    }

    fn data(&mut self) -> Step {
        if self.recipients.is_empty() {
            return self.mistake(ORDER);
        }
        let (mut receiver, mut content) = (DataReceiver::new(), Vec::new());
        // The line end of DATA counts: a mail may begin with the dot that ends it.
        receiver.ingest(&mut b"\r\n".iter(), &mut content);
        content.clear();
        self.reading = Reading::Content(receiver, content);
        reply("354 End data with <CR><LF>.<CR><LF>\r\n")
    }

    fn finish(&mut self, content: Bytes) -> Step {
        let envelope = Envelope {
            caller: Caller::internal(account_of(&self.user), DEFAULT_REGION, ""),
            source: self.source.take().unwrap_or_default(),
            recipients: std::mem::take(&mut self.recipients),
            content,
        };
        self.reading = Reading::Command;
        self.commands = 0;
        Step::Deliver(envelope)
    }

    fn too_big(&mut self) -> Step {
        self.reading = Reading::Command;
        self.forget();
        reply(too_big_text())
    }

    fn auth(&mut self, mechanism: u64, initial: &str) -> Step {
        if !self.greeted || self.source.is_some() {
            return self.mistake(ORDER);
        }
        let asked = match mechanism {
            AUTH_PLAIN => Asked::Plain,
            AUTH_LOGIN => Asked::LoginName,
            _ => return self.mistake("504 5.5.4 Mechanism not served\r\n"),
        };
        if !initial.is_empty() {
            let initial = if initial == "=" { "" } else { initial };
            return self.secret(asked, initial.as_bytes());
        }
        self.reading = Reading::Secret(asked);
        reply(match asked {
            Asked::Plain => "334 \r\n",
            _ => "334 VXNlcm5hbWU6\r\n",
        })
    }

    /// A line of credentials, in base64. The password is looked at by nobody and kept nowhere.
    fn secret(&mut self, asked: Asked, line: &[u8]) -> Step {
        self.reading = Reading::Command;
        if line == b"*" {
            return self.mistake("501 5.7.0 Cancelled\r\n");
        }
        let Ok(text) = STANDARD.decode(line) else {
            return self.mistake("501 5.5.2 Not base64\r\n");
        };
        let name = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match asked {
            Asked::LoginName => {
                self.user = name(&text);
                self.reading = Reading::Secret(Asked::LoginPassword);
                return reply("334 UGFzc3dvcmQ6\r\n");
            }
            Asked::LoginPassword => {}
            Asked::Plain => match text.split(|b| *b == 0).collect::<Vec<_>>()[..] {
                [_, user, _] => self.user = name(user),
                _ => {
                    return self.mistake("501 5.5.2 Not `authorization NUL user NUL password`\r\n");
                }
            },
        }
        reply("235 2.7.0 Authentication successful\r\n")
    }
}

fn too_big_text() -> String {
    format!("552 5.3.4 A mail may have {MAIL_BYTES_MAX} bytes\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `input` in pieces of `piece` bytes; mails are accepted as `1`, `2`, ….
    fn talk(input: &[u8], piece: usize) -> (String, Vec<Envelope>) {
        let (mut session, mut said, mut mails) = (Session::new(), String::new(), Vec::new());
        for chunk in input.chunks(piece.max(1)) {
            let mut rest = chunk;
            loop {
                match session.advance(&mut rest) {
                    Step::NeedsMore => break,
                    Step::Reply(text) => said.push_str(&text),
                    Step::Close(text) => {
                        said.push_str(&text);
                        return (said, mails);
                    }
                    Step::Deliver(mail) => {
                        mails.push(mail);
                        said.push_str(&session.delivered(Ok(mails.len().to_string())));
                    }
                }
            }
        }
        (said, mails)
    }

    fn codes(said: &str) -> Vec<&str> {
        said.lines().filter(|l| l.as_bytes().get(3) == Some(&b' ')).map(|l| &l[..3]).collect()
    }

    const ONE: &str = "EHLO me\r\nMAIL FROM:<a@x.org> SIZE=10 BODY=8BITMIME\r\nRCPT TO:<b@x.org>\r\n\
        DATA\r\nSubject: s\r\n\r\n..dot\r\n.\r\nQUIT\r\n";

    #[test]
    fn a_mail_is_the_same_however_the_bytes_arrive() {
        for piece in [1, 2, 3, 7, 1000] {
            let (said, mails) = talk(ONE.as_bytes(), piece);
            assert_eq!(
                codes(&said),
                ["220", "250", "250", "250", "354", "250", "221"][1..],
                "{said}"
            );
            assert_eq!(&mails[0].content[..], b"Subject: s\r\n\r\n.dot\r\n");
            assert_eq!(
                (mails[0].source.as_str(), &mails[0].recipients[..]),
                ("a@x.org", &["b@x.org".to_owned()][..])
            );
        }
    }

    #[test]
    fn an_empty_mail_and_one_that_begins_with_a_dot_end_where_they_should() {
        let head = "EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.org>\r\nDATA\r\n";
        let (_, mails) = talk(format!("{head}.\r\n").as_bytes(), 5);
        assert_eq!((mails.len(), &mails[0].content[..]), (1, &b""[..]));
        let (_, mails) = talk(format!("{head}..a\r\n\n.\n\r\n.\r\n").as_bytes(), 5);
        assert_eq!(&mails[0].content[..], b".a\r\n\n.\n\r\n");
    }

    #[test]
    fn the_order_of_commands_is_kept() {
        for (input, code) in [
            ("MAIL FROM:<a@x>\r\n", "503"),
            ("EHLO me\r\nRCPT TO:<a@x>\r\n", "503"),
            ("EHLO me\r\nDATA\r\n", "503"),
            ("EHLO me\r\nMAIL FROM:<a@x.org>\r\nMAIL FROM:<a@x.org>\r\n", "503"),
            ("EHLO me\r\nMAIL FROM:<a@x.org>\r\nRSET\r\nRCPT TO:<a@x.org>\r\n", "503"),
            ("EHLO me\r\nSTARTTLS\r\n", "502"),
            ("EHLO me\r\nFROB\r\n", "500"),
            ("EHLO me\r\nMAIL FROM:<a@x.org> SIZE=99999999\r\n", "552"),
            ("EHLO me\r\nVRFY a\r\n", "252"),
            ("POST / HTTP/1.1\r\nHost: x\r\n\r\nEHLO me\r\n", "500"),
        ] {
            let (said, _) = talk(input.as_bytes(), 100);
            assert_eq!(codes(&said).last(), Some(&code), "{input}: {said}");
        }
    }

    #[test]
    fn credentials_name_the_account() {
        let tail = "MAIL FROM:<a@x.org>\r\nRCPT TO:<b@x.org>\r\nDATA\r\n.\r\n";
        let plain = STANDARD.encode(b"\x00123456789012\x00secret");
        let login = STANDARD.encode(b"123456789012");
        for auth in [
            format!("AUTH PLAIN {plain}\r\n"),
            format!("AUTH PLAIN\r\n{plain}\r\n"),
            format!("AUTH LOGIN\r\n{login}\r\nc2VjcmV0\r\n"),
            format!("AUTH LOGIN {login}\r\nc2VjcmV0\r\n"),
        ] {
            let (said, mails) = talk(format!("EHLO me\r\n{auth}{tail}").as_bytes(), 9);
            assert!(said.contains("235 "), "{said}");
            assert_eq!(mails[0].caller.account, "123456789012", "{auth}");
        }
        for auth in
            ["AUTH PLAIN *\r\n", "AUTH PLAIN\r\n*\r\n", "AUTH PLAIN abc\r\n", "AUTH CRAM-MD5\r\n"]
        {
            let (said, _) = talk(format!("EHLO me\r\n{auth}").as_bytes(), 100);
            assert!(codes(&said).last().unwrap().starts_with('5'), "{auth}: {said}");
        }
    }

    #[test]
    fn bounds_hold() {
        let long = format!("EHLO {}\r\nEHLO me\r\n", "x".repeat(LINE_BYTES_MAX));
        assert_eq!(codes(&talk(long.as_bytes(), 4096).0), ["500", "250"]);
        let noise = format!("EHLO me\r\n{}", "FROB\r\n".repeat(MISTAKES_MAX + 1));
        assert!(talk(noise.as_bytes(), 100).0.ends_with("421 4.7.0 Too many mistakes\r\n"));
        let idle = format!("EHLO me\r\n{}", "NOOP\r\n".repeat(COMMANDS_MAX));
        assert!(talk(idle.as_bytes(), 1000).0.contains("421 4.7.0 Too many commands"));
        let mut many = String::from("EHLO me\r\nMAIL FROM:<a@x.org>\r\n");
        many.push_str(&"RCPT TO:<b@x.org>\r\n".repeat(RECIPIENTS_MAX + 1));
        assert_eq!(codes(&talk(many.as_bytes(), 1000).0).last(), Some(&"452"));
    }

    #[test]
    fn a_mail_beyond_the_bound_is_refused_and_the_connection_lives() {
        let mut input = b"EHLO me\r\nMAIL FROM:<a@x.org>\r\nRCPT TO:<b@x.org>\r\nDATA\r\n".to_vec();
        input.extend_from_slice(&vec![b'x'; MAIL_BYTES_MAX + 1]);
        input.extend_from_slice(b"\r\n.\r\nNOOP\r\n");
        let (said, mails) = talk(&input, 1 << 16);
        assert_eq!(
            (codes(&said), mails.len()),
            (vec!["250", "250", "250", "354", "552", "250"], 0)
        );
    }

    #[test]
    fn refusals_stay_one_line() {
        let failure =
            Failure::new(400, "BadRequestException", format!("a\r\nb{}", "x".repeat(900)));
        let said = Session::new().delivered(Err(failure));
        assert!(said.starts_with("554 5.6.0 Transaction failed: a  bx") && said.len() <= 512);
        assert_eq!(said.matches('\n').count(), 1);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400), piece in 1usize..50) {
            talk(&bytes, piece);
            let mut mail = b"EHLO me\r\nMAIL FROM:<a@x.org>\r\nRCPT TO:<b@x.org>\r\nDATA\r\n".to_vec();
            mail.extend_from_slice(&bytes);
            talk(&mail, piece);
        }

        #[test]
        fn no_command_panics(
            text in "((EHLO|HELO|MAIL FROM:|RCPT TO:|AUTH|DATA|BDAT|VRFY|RSET|QUIT)[ -~é]{0,30}\r?\n){0,6}",
            piece in 1usize..50,
        ) {
            talk(text.as_bytes(), piece);
        }

        #[test]
        fn content_comes_through_stuffing(text in "([.a\n]{0,5}\r\n){0,8}", piece in 1usize..9) {
            let stuffed: String = text.split_inclusive("\r\n")
                .map(|l| if l.starts_with('.') { format!(".{l}") } else { l.to_owned() }).collect();
            let input = format!("EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.org>\r\nDATA\r\n{stuffed}.\r\nNOOP\r\n");
            let (said, mails) = talk(input.as_bytes(), piece);
            proptest::prop_assert_eq!(&mails[0].content[..], text.as_bytes());
            proptest::prop_assert!(said.ends_with("250 2.0.0 Ok\r\n"));
        }
    }
}
