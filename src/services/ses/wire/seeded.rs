//! Mails that are part of an environment's seed: put into the inbox once for each content.

use super::Ses;
use crate::base::Caller;
use crate::protocol::Failure;
use crate::services::failure;
use crate::services::ses::draft::Draft;
use crate::services::ses::mail::Via;
use crate::services::ses::ops::{AcceptMail, SendOptions};
use crate::services::ses::query::Filter;
use crate::services::ses::{Mode, store};
use bytes::Bytes;
use mail_parser::{Address, MessageParser};

/// The tag that a seeded mail has, with the hash of its content.
const MARK: &str = "devenv-seed";

impl Ses {
    /// Accepts a mail as it lies in a file, to the recipients that its header names, unless one with this
    /// content was. Answers whether it did. No sender needs to be verified for it.
    pub async fn accept_once(
        &self,
        caller: &Caller,
        raw: Bytes,
        hash: String,
    ) -> Result<bool, Failure> {
        let tag = (MARK.to_owned(), hash);
        let filter =
            Filter { tag: Some((tag.0.clone(), Some(tag.1.clone()))), ..Filter::default() };
        self.inbox.catch_up(&filter).await?;
        let mut before = None;
        loop {
            let page = self.inbox.read(|c| store::search(c, &filter, before, 1))?;
            if !page.mails.is_empty() {
                return Ok(false);
            }
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        let (sender, recipients) = envelope(&raw).ok_or_else(|| {
            Failure::new(400, "InvalidParameterValue", "the mail has no sender or no recipient")
        })?;
        let draft = Draft::of_smtp(raw, &sender, recipients).map_err(|e| failure(&e))?;
        let mail = AcceptMail {
            draft,
            via: Via::Smtp,
            mode: Mode::Lenient,
            tags: vec![tag],
            config_set: None,
            options: SendOptions::default(),
        };
        self.inbox.accept(mail, caller).await.map(|_| true)
    }
}

/// Who sends and who receives, as the header says.
fn envelope(raw: &[u8]) -> Option<(String, Vec<String>)> {
    let parsed = MessageParser::default().parse_headers(raw)?;
    let all = |list: Option<&Address<'_>>| -> Vec<String> {
        let mailboxes = list.into_iter().flat_map(Address::iter);
        mailboxes.filter_map(|mailbox| mailbox.address().map(|a| a.trim().to_owned())).collect()
    };
    let mut recipients: Vec<String> = Vec::new();
    for address in [parsed.to(), parsed.cc(), parsed.bcc()].into_iter().flat_map(all) {
        if !recipients.contains(&address) {
            recipients.push(address);
        }
    }
    let sender = all(parsed.from()).into_iter().next()?;
    (!recipients.is_empty()).then_some((sender, recipients))
}
