//! What is said on one SMTP connection: bytes in, replies and finished mails out, no sockets.
//!
//! <https://www.rfc-editor.org/rfc/rfc5321>, with SIZE (1870), PIPELINING (2920), 8BITMIME (6152),
//! SMTPUTF8 (6531), STARTTLS (3207) and AUTH (4954). The replies are those of SES's SMTP interface:
//! <https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-smtp.html>.

use super::content::Receiver;
use super::login::Logins;
use crate::base::Caller;
use crate::protocol::Failure;
use crate::services::ses::limits::{BODY_INLINE_MAX, MAIL_BYTES_MAX_V2};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use smtp_proto::{AUTH_LOGIN, AUTH_PLAIN, Error, MailFrom, Request};
use std::borrow::Cow;

/// Bytes of a mail at the most.
const MAIL_BYTES_MAX: usize = MAIL_BYTES_MAX_V2;
/// Bytes of a command line at the most; RFC 4954 wants 12288 for AUTH.
const LINE_BYTES_MAX: usize = 12_288;
/// Recipients of one envelope at the most; SES refuses beyond 50, but only after the content.
const RECIPIENTS_MAX: usize = 1000;
/// Bytes of a mail that are held in memory; more is handed over by [`Session::surplus`].
const HELD_BYTES_MAX: usize = BODY_INLINE_MAX;
/// Commands between two mails at the most.
const COMMANDS_MAX: usize = 2000;
/// Mistakes on one connection at the most.
const MISTAKES_MAX: usize = 20;
/// Characters of a refusal's text at the most; a reply line has 512 bytes.
const REASON_CHARS_MAX: usize = 400;

/// The first words.
pub(super) const GREETING: &str = "220 devenv ESMTP SimpleEmailService\r\n";
/// The last words when devenv stops.
pub(super) const STOPPING: &str = "421 devenv is stopping\r\n";
/// The last words to a silent client.
pub(super) const TOO_SLOW: &str = "451 4.4.2 Timeout waiting for data from client.\r\n";
/// All there is to say to a client too many.
pub(super) const TOO_MANY: &str = "421 Too many connections\r\n";

/// What follows from the bytes so far.
#[derive(Debug)]
pub(super) enum Step {
    /// Nothing yet.
    NeedsMore,
    /// Say this and go on.
    Reply(Cow<'static, str>),
    /// Say this and hang up.
    Close(Cow<'static, str>),
    /// Say this, forget what else has come, and go on within TLS.
    StartTls(Cow<'static, str>),
    /// Say this and go on: the mail that has come will not be stored.
    Drop(Cow<'static, str>),
    /// Store this mail and tell [`Session::delivered`] how it went.
    Deliver(Envelope),
}

/// A mail with its envelope.
#[derive(Debug)]
pub(super) struct Envelope {
    pub(super) caller: Caller,
    /// Whether the caller has logged in.
    pub(super) login: bool,
    /// Whether it came encrypted.
    pub(super) tls: bool,
    pub(super) source: String,
    pub(super) recipients: Vec<String>,
    /// The mail, or what [`Session::surplus`] has left of it.
    pub(super) content: Bytes,
}

/// What the next bytes are.
enum Reading {
    Command,
    /// Credentials: what has been asked for.
    Secret(Asked),
    Content(Content),
}

/// A mail on its way in.
struct Content {
    receiver: Receiver,
    held: Vec<u8>,
    /// Bytes that were handed over.
    gone: usize,
    /// It will not be stored, whatever else comes.
    refused: Option<&'static str>,
}

#[derive(Clone, Copy)]
enum Asked {
    Plain,
    LoginName,
    LoginPassword,
}

/// How a connection stands with TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tls {
    /// It may be started.
    Offered,
    /// It is on.
    On,
}

/// One connection's state.
pub(super) struct Session {
    reading: Reading,
    line: Vec<u8>,
    /// The line under way is too long and is thrown away.
    overlong: bool,
    greeted: bool,
    logins: Logins,
    tls: Tls,
    user: String,
    /// Whoever has logged in.
    caller: Option<Caller>,
    source: Option<String>,
    recipients: Vec<String>,
    commands: usize,
    mistakes: usize,
}

fn reply(text: impl Into<Cow<'static, str>>) -> Step {
    Step::Reply(text.into())
}

const OK: &str = "250 Ok\r\n";
const ORDER: &str = "503 Bad sequence of commands\r\n";
const TOO_LONG: &str = "552 Message is too long.\r\n";
const AMBIGUOUS: &str =
    "554 Transaction failed: a line of a single dot is ended by a bare <CR> or <LF>.\r\n";

impl Session {
    pub(super) fn new(logins: Logins, tls: Tls) -> Session {
        Session {
            reading: Reading::Command,
            line: Vec::new(),
            overlong: false,
            greeted: false,
            logins,
            tls,
            user: String::new(),
            caller: None,
            source: None,
            recipients: Vec::new(),
            commands: 0,
            mistakes: 0,
        }
    }

    /// Takes what it can of `bytes`.
    pub(super) fn advance(&mut self, bytes: &mut &[u8]) -> Step {
        match &mut self.reading {
            Reading::Content(content) => {
                let done = content.receiver.take(bytes, &mut content.held);
                if content.gone + content.held.len() > MAIL_BYTES_MAX {
                    content.refused = Some(TOO_LONG);
                }
                if content.refused.is_some() {
                    content.held.clear();
                }
                if done { self.finish() } else { Step::NeedsMore }
            }
            Reading::Command | Reading::Secret(_) => self.advance_line(bytes),
        }
    }

    /// What should not be held in memory any longer of the mail that is coming in.
    pub(super) fn surplus(&mut self) -> Option<&mut Vec<u8>> {
        match &mut self.reading {
            Reading::Content(content) if content.held.len() > HELD_BYTES_MAX => {
                Some(&mut content.held)
            }
            _ => None,
        }
    }

    /// `bytes` of what [`Session::surplus`] showed were taken.
    pub(super) fn took(&mut self, bytes: usize) {
        if let Reading::Content(content) = &mut self.reading {
            content.gone += bytes;
        }
    }

    /// The mail that is coming in cannot be stored: the rest is read and `reply` ends it.
    pub(super) fn refuse(&mut self, reply: &'static str) {
        if let Reading::Content(content) = &mut self.reading {
            content.refused = Some(reply);
            content.held = Vec::new();
        }
    }

    /// The reply to a mail that was stored or refused.
    pub(super) fn delivered(&mut self, result: Result<String, Failure>) -> String {
        match result {
            Ok(id) => format!("250 Ok {id}\r\n"),
            Err(failure) => {
                let plain = |c: char| if c.is_control() { ' ' } else { c };
                let text: String =
                    failure.message.chars().map(plain).take(REASON_CHARS_MAX).collect();
                match (failure.status, failure.code.as_ref()) {
                    (500.., _) => format!("451 Temporary Service Failure: {text}\r\n"),
                    (_, "Throttling" | "TooManyRequestsException" | "LimitExceededException") => {
                        format!("454 Throttling failure: {text}\r\n")
                    }
                    (_, "IpAddressBlocked") => format!("550 5.7.1 {text}\r\n"),
                    (_, "TlsRequired") => format!("530 {text}\r\n"),
                    (_, "MessageRejected") => format!("554 Message rejected: {text}\r\n"),
                    _ => format!("554 Transaction failed: {text}\r\n"),
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
            return self.mistake("500 Line too long\r\n");
        }
        let line = std::mem::take(&mut self.line);
        self.commands += 1;
        if self.commands > COMMANDS_MAX {
            return Step::Close("421 Too many commands without a mail\r\n".into());
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
            Request::Quit => Step::Close("221 Bye\r\n".into()),
            Request::Vrfy { .. } => reply("252 Cannot verify, but will accept mail\r\n"),
            Request::Help { .. } => reply("214 Mail is kept here; see docs/ses.md\r\n"),
            Request::StartTls => self.start_tls(),
            _ => self.mistake("502 Command not implemented\r\n"),
        }
    }

    fn malformed(&mut self, error: Error) -> Step {
        match error {
            // A browser that was led here speaks HTTP: whatever follows is no mail of a mail program.
            Error::UnknownCommand if !self.greeted => Step::Close("500 This is SMTP\r\n".into()),
            Error::UnknownCommand => self.mistake("500 Unknown command\r\n"),
            Error::InvalidSenderAddress => {
                self.mistake("501 Invalid MAIL FROM address provided\r\n")
            }
            Error::InvalidRecipientAddress => {
                self.mistake("501 Invalid RCPT TO address provided\r\n")
            }
            Error::SyntaxError { syntax } => self.mistake(format!("501 Syntax: {syntax}\r\n")),
            Error::InvalidParameter { param } => {
                self.mistake(format!("501 Bad parameter {param}\r\n"))
            }
            Error::UnsupportedParameter { .. } => self.mistake("555 Parameter not supported\r\n"),
            _ => self.mistake("500 Syntax error\r\n"),
        }
    }

    fn mistake(&mut self, text: impl Into<Cow<'static, str>>) -> Step {
        self.mistakes += 1;
        if self.mistakes > MISTAKES_MAX {
            return Step::Close("421 Too many mistakes\r\n".into());
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
        let tls = if self.tls == Tls::Offered { "250-STARTTLS\r\n" } else { "" };
        reply(format!(
            "250-devenv greets {host}\r\n250-8BITMIME\r\n250-SIZE {MAIL_BYTES_MAX}\r\n250-SMTPUTF8\r\n\
             250-PIPELINING\r\n{tls}250-AUTH PLAIN LOGIN\r\n250 Ok\r\n"
        ))
    }

    fn start_tls(&mut self) -> Step {
        match self.tls {
            Tls::Offered if self.greeted && self.source.is_none() => {
                Step::StartTls("220 Ready to start TLS\r\n".into())
            }
            Tls::Offered => self.mistake(ORDER),
            Tls::On => self.mistake("503 TLS is on already\r\n"),
        }
    }

    fn mail(&mut self, from: &MailFrom<Cow<'_, str>>) -> Step {
        if !self.greeted || self.source.is_some() {
            return self.mistake(ORDER);
        }
        if self.caller.is_none() && self.logins.required() {
            return self.mistake("530 Authentication required\r\n");
        }
        if from.size > MAIL_BYTES_MAX {
            return reply(TOO_LONG);
        }
        self.source = Some(from.address.clone().into_owned());
        reply(OK)
    }

    fn recipient(&mut self, address: String) -> Step {
        if self.source.is_none() {
            return self.mistake(ORDER);
        }
        if self.recipients.len() == RECIPIENTS_MAX {
            return reply("452 Too many recipients\r\n");
        }
        self.recipients.push(address);
        reply(OK)
    }

    fn data(&mut self) -> Step {
        if self.recipients.is_empty() {
            return self.mistake(ORDER);
        }
        let receiver = Receiver::new();
        let content = Content { receiver, held: Vec::new(), gone: 0, refused: None };
        self.reading = Reading::Content(content);
        reply("354 End data with <CR><LF>.<CR><LF>\r\n")
    }

    /// The end of the content has come.
    fn finish(&mut self) -> Step {
        let Reading::Content(content) = std::mem::replace(&mut self.reading, Reading::Command)
        else {
            return Step::NeedsMore;
        };
        let source = self.source.take().unwrap_or_default();
        let recipients = std::mem::take(&mut self.recipients);
        let ambiguous = content.receiver.is_ambiguous().then_some(AMBIGUOUS);
        if let Some(why) = content.refused.or(ambiguous) {
            return Step::Drop(why.into());
        }
        self.commands = 0;
        let (login, tls) = (self.caller.is_some(), self.tls == Tls::On);
        let caller = self.caller.clone().unwrap_or_else(|| self.logins.nobody());
        let content = content.held.into();
        Step::Deliver(Envelope { caller, login, tls, source, recipients, content })
    }

    fn auth(&mut self, mechanism: u64, initial: &str) -> Step {
        if !self.greeted || self.source.is_some() || self.caller.is_some() {
            return self.mistake(ORDER);
        }
        let asked = match mechanism {
            AUTH_PLAIN => Asked::Plain,
            AUTH_LOGIN => Asked::LoginName,
            _ => return self.mistake("504 Unrecognized authentication type\r\n"),
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

    /// A line of credentials, in base64. The password is kept nowhere.
    fn secret(&mut self, asked: Asked, line: &[u8]) -> Step {
        self.reading = Reading::Command;
        if line == b"*" {
            return self.mistake("501 Authentication cancelled\r\n");
        }
        let Ok(text) = STANDARD.decode(line) else {
            return self.mistake("501 Invalid base64 data\r\n");
        };
        let name = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match asked {
            Asked::LoginName => {
                self.user = name(&text);
                self.reading = Reading::Secret(Asked::LoginPassword);
                reply("334 UGFzc3dvcmQ6\r\n")
            }
            Asked::LoginPassword => {
                let user = std::mem::take(&mut self.user);
                self.log_in(&user, &text)
            }
            Asked::Plain => match text.split(|b| *b == 0).collect::<Vec<_>>()[..] {
                [_, user, password] => self.log_in(&name(user), password),
                _ => self.mistake("501 Not `authorization NUL user NUL password`\r\n"),
            },
        }
    }

    fn log_in(&mut self, user: &str, password: &[u8]) -> Step {
        self.caller = self.logins.caller(user, password);
        match self.caller {
            Some(_) => reply("235 Authentication successful.\r\n"),
            None => self.mistake("535 Authentication Credentials Invalid\r\n"),
        }
    }
}

#[cfg(test)]
mod tests;
