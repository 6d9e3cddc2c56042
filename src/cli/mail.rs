//! `devenv mail`: the inbox of everything that was sent, over the gateway's own address.

use super::gateway::{ANSWER_WAIT, Asked, Pages, Refusal};
use super::outcome::Outcome;
use super::printer::{Printer, SCHEMA};
use super::table;
use crate::base::{Exit, Problem, duration};
use serde_json::{Value, json};
use std::time::Duration;

/// The inbox's address below the gateway's.
const INBOX: &str = "/_devenv/mail";
/// Characters of a subject in the table.
const SUBJECT_CHARS: usize = 60;

/// See, wait for and throw away the mails that programs sent
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  devenv mail list --to jane@example.org\n  devenv mail wait --to jane@example.org --subject 'Reset your password' --timeout 10s\n  devenv mail show latest --links\n  devenv mail clear"
)]
pub(super) struct Mail {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Newest first
    #[command(after_help = "Example:\n  devenv mail list --from noreply@ --since 10m")]
    List {
        #[command(flatten)]
        wanted: Wanted,
        /// Mails at the most
        #[arg(long, default_value = "20", value_parser = clap::value_parser!(u32).range(1..=200))]
        limit: u32,
        /// Goes on where the page before ended (`next` of `--json`)
        #[arg(long)]
        after: Option<String>,
    },
    /// One mail: its header, text, attachments
    #[command(after_help = "Example:\n  devenv mail show latest --html > mail.html")]
    Show(Show),
    /// The newest mail that is there, or the first that comes; exit code 4 when none does in time
    #[command(
        after_help = "Example:\n  devenv mail wait --to jane@example.org --timeout 10s --json"
    )]
    Wait {
        #[command(flatten)]
        wanted: Wanted,
        /// How long
        #[arg(long, value_parser = duration::parse, default_value = "10s")]
        timeout: Duration,
        /// Only mails that come from now on
        #[arg(long)]
        new: bool,
    },
    /// Throw away one mail, or all
    #[command(after_help = "Example:\n  devenv mail clear")]
    Clear {
        /// Which; all when none is named
        id: Option<String>,
    },
}

/// What a mail is looked for by; texts match anywhere in any case.
#[derive(Debug, clap::Args)]
struct Wanted {
    /// Part of a recipient's address
    #[arg(long)]
    to: Option<String>,
    /// Part of the sender's address
    #[arg(long)]
    from: Option<String>,
    /// Part of the subject
    #[arg(long)]
    subject: Option<String>,
    /// A message tag
    #[arg(long, value_name = "NAME[=VALUE]")]
    tag: Option<String>,
    /// Part of an address, of the subject or of a tag
    #[arg(long)]
    text: Option<String>,
    /// Accepted then or later: `10m` (ago), or an instant
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Accepted before
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

impl Wanted {
    fn pairs(self) -> Vec<(&'static str, String)> {
        let all = [
            ("to", self.to),
            ("from", self.from),
            ("subject", self.subject),
            ("tag", self.tag),
            ("text", self.text),
            ("since", self.since),
            ("until", self.until),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

#[derive(Debug, clap::Args)]
struct Show {
    /// Which; `latest` is the newest
    id: String,
    /// The mail as delivered, byte by byte
    #[arg(long, group = "part")]
    raw: bool,
    /// Only its HTML
    #[arg(long, group = "part")]
    html: bool,
    /// Only its plain text
    #[arg(long, group = "part")]
    text: bool,
    /// Only the links in it, one a line
    #[arg(long, group = "part")]
    links: bool,
    /// Only the bytes of this attachment, counted from 0
    #[arg(long, group = "part", value_name = "N")]
    attachment: Option<usize>,
}

impl Mail {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let inbox = Inbox::open()?;
        match self.what {
            What::List { wanted, limit, after } => list(&inbox, wanted, limit, after, printer)?,
            What::Show(show) => show.run(&inbox, printer)?,
            What::Wait { wanted, timeout, new } => {
                let mut pairs = wanted.pairs();
                pairs.push(("timeout", format!("{}ms", timeout.as_millis())));
                if new {
                    pairs.push(("new", "1".to_owned()));
                }
                let mail = inbox.value("/wait", &pairs, timeout + ANSWER_WAIT)?;
                print(&mail, printer);
            }
            What::Clear { id } => {
                inbox.clear(id.as_deref())?;
                let what = id.unwrap_or_else(|| "all".to_owned());
                match printer.json {
                    true => printer.object(&json!({"schema": SCHEMA, "cleared": what})),
                    false => printer.say("thrown away"),
                }
            }
        }
        Ok(Outcome::Done)
    }
}

fn list(
    inbox: &Inbox,
    wanted: Wanted,
    limit: u32,
    after: Option<String>,
    printer: &Printer,
) -> Result<(), Problem> {
    let mut pairs = wanted.pairs();
    pairs.push(("limit", limit.to_string()));
    pairs.extend(after.map(|after| ("after", after)));
    let page = inbox.value("", &pairs, ANSWER_WAIT)?;
    if printer.json {
        printer.object(&page);
        return Ok(());
    }
    let mails = page["mails"].as_array().map(Vec::as_slice).unwrap_or_default();
    if mails.is_empty() {
        printer.say("no mails");
    } else {
        printer.out(table::columns(mails.iter().map(row)));
    }
    if let Some(next) = page["next"].as_str() {
        printer.say(format!("there are more: --after {next}"));
    }
    Ok(())
}

fn row(mail: &Value) -> Vec<String> {
    let text = |name: &str| visible(mail[name].as_str().unwrap_or_default());
    let subject: String = text("subject").chars().take(SUBJECT_CHARS).collect();
    vec![text("received"), text("from"), recipients(mail), subject, text("id")]
}

fn recipients(mail: &Value) -> String {
    let lists = ["to", "cc", "bcc"].into_iter().filter_map(|role| mail[role].as_array());
    let all: Vec<String> = lists.flatten().filter_map(Value::as_str).map(visible).collect();
    match all.len() {
        0..=2 => all.join(", "),
        more => format!("{} and {} more", all[0], more - 1),
    }
}

impl Show {
    fn run(self, inbox: &Inbox, printer: &Printer) -> Result<(), Problem> {
        let id = &self.id;
        let part = match (self.raw, self.html, self.text, self.attachment) {
            (true, ..) => Some("raw".to_owned()),
            (_, true, ..) => Some("html".to_owned()),
            (_, _, true, _) => Some("text".to_owned()),
            (.., Some(n)) => Some(format!("attachments/{n}")),
            _ => None,
        };
        if let Some(part) = part {
            let bytes = inbox.get(&format!("/{id}/{part}"), &[], ANSWER_WAIT)?;
            printer.bytes(&bytes);
            return Ok(());
        }
        let mail = inbox.value(&format!("/{id}"), &[], ANSWER_WAIT)?;
        if !self.links {
            print(&mail, printer);
        } else if printer.json {
            printer.object(&json!({"schema": SCHEMA, "links": mail["links"]}));
        } else {
            let links = mail["links"].as_array().into_iter().flatten();
            links.filter_map(Value::as_str).for_each(|link| printer.out(visible(link)));
        }
        Ok(())
    }
}

/// A mail for people, or the object as it came.
fn print(mail: &Value, printer: &Printer) {
    if printer.json {
        return printer.object(mail);
    }
    let text = |name: &str| mail[name].as_str().map(visible).unwrap_or_default();
    let addresses = |role: &str| {
        let all = mail[role].as_array().into_iter().flatten().filter_map(Value::as_str);
        all.map(visible).collect::<Vec<_>>().join(", ")
    };
    for (name, value) in [
        ("From", text("from")),
        ("To", addresses("to")),
        ("Cc", addresses("cc")),
        ("Bcc", addresses("bcc")),
        ("Subject", text("subject")),
        ("Received", format!("{} by {}", text("received"), text("via"))),
        ("Id", text("id")),
    ] {
        if !value.is_empty() {
            printer.out(format!("{name}: {value}"));
        }
    }
    for (n, file) in mail["attachments"].as_array().into_iter().flatten().enumerate() {
        let text = |name: &str| visible(file[name].as_str().unwrap_or("unnamed"));
        printer.out(format!(
            "Attachment {n}: {}, {}, {} bytes",
            text("name"),
            text("content_type"),
            file["size"]
        ));
    }
    match (mail["text"].as_str(), mail["html"].as_str()) {
        (Some(text), _) => printer.out(format!("\n{}", without_controls(text, &['\n', '\t']))),
        (None, Some(_)) => {
            printer.out("\n(HTML only: see it with --html, or its links with --links)")
        }
        (None, None) => {}
    }
}

/// On one line and without what a terminal would obey.
pub(super) fn visible(text: &str) -> String {
    without_controls(text, &[])
}

fn without_controls(text: &str, kept: &[char]) -> String {
    text.chars().map(|c| if c.is_control() && !kept.contains(&c) { ' ' } else { c }).collect()
}

/// The inbox of the running environment.
struct Inbox(Pages);

impl Inbox {
    fn open() -> Result<Inbox, Problem> {
        Pages::open(INBOX).map(Inbox)
    }

    fn value(
        &self,
        path: &str,
        pairs: &[(&str, String)],
        limit: Duration,
    ) -> Result<Value, Problem> {
        let bytes = self.get(path, pairs, limit)?;
        serde_json::from_slice(&bytes).map_err(|e| Problem::failed("mail", e.to_string()))
    }

    fn get(
        &self,
        path: &str,
        pairs: &[(&str, String)],
        limit: Duration,
    ) -> Result<Vec<u8>, Problem> {
        let asked = Asked { path, pairs, limit, ..Asked::default() };
        self.0.bytes(&asked)?.map_err(refused)
    }

    fn clear(&self, id: Option<&str>) -> Result<(), Problem> {
        let id = match id {
            // Named by what it is now, so that no mail that comes meanwhile is hit.
            Some("latest") => {
                self.value("/latest", &[], ANSWER_WAIT)?["id"].as_str().map(str::to_owned)
            }
            other => other.map(str::to_owned),
        };
        let path = id.map(|id| format!("/{id}")).unwrap_or_default();
        if !path.is_empty() {
            self.value(&path, &[], ANSWER_WAIT)?;
        }
        let asked = Asked { method: "DELETE", path: &path, ..Asked::default() };
        self.0.bytes(&asked)?.map(drop).map_err(refused)
    }
}

/// The problem that the inbox tells.
fn refused(refusal: Refusal) -> Problem {
    match (refusal.status, refusal.code.as_str()) {
        (404, "timeout") => Problem::new(Exit::NotReady, "mail-timeout", refusal.message)
            .hint("`devenv mail list` shows what came")
            .retryable(),
        (404, _) => {
            Problem::failed("no-such-mail", refusal.message).hint("`devenv mail list` names them")
        }
        (400, _) => Problem::new(Exit::Usage, "usage", refusal.message),
        _ => Problem::failed("mail", refusal.message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_not_printed() {
        assert_eq!(visible("a\x1b[31mb\r\nc"), "a [31mb  c");
        assert_eq!(without_controls("a\n\tb\x07", &['\n', '\t']), "a\n\tb ");
    }
}
