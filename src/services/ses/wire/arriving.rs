//! Mails that come by SMTP. A big one is on disk before its end has come: its header stays in memory,
//! its body goes to the file in which it will lie.

use super::Ses;
use crate::base::Caller;
use crate::protocol::Failure;
use crate::services::failure;
use crate::services::ses::draft::{Draft, header_length};
use crate::services::ses::events::Arrival;
use crate::services::ses::mail::{Body, Via};
use crate::services::ses::ops::{AcceptMail, SendOptions};
use crate::storage::NewBlob;
use bytes::Bytes;
use std::io::Write;

/// A big mail on its way in.
pub struct Arriving {
    head: Bytes,
    file: NewBlob,
    bytes: usize,
}

impl Arriving {
    /// Takes more of its body.
    pub fn write(&mut self, data: &[u8]) -> Result<(), Failure> {
        self.bytes += data.len();
        self.file.write_all(data).map_err(|e| super::inbox::unwritable(&e))
    }
}

impl Ses {
    /// Begins a big mail with what has come of it; `None` while that is all header.
    pub fn begin(&self, beginning: &[u8]) -> Result<Option<Arriving>, Failure> {
        let Some(length) = header_length(beginning) else { return Ok(None) };
        let (head, body) = beginning.split_at(length);
        let file = self.inbox.begin_file()?;
        let mut arriving = Arriving { head: Bytes::copy_from_slice(head), file, bytes: 0 };
        arriving.write(body)?;
        Ok(Some(arriving))
    }

    /// Accepts a mail that came by SMTP and hands back its id once it is durable. `rest` is all of it,
    /// or what stands behind the part that is `arriving`.
    pub async fn accept_smtp(
        &self,
        caller: &Caller,
        arrival: Arrival,
        source: &str,
        recipients: Vec<String>,
        rest: Bytes,
        arriving: Option<Arriving>,
    ) -> Result<String, Failure> {
        let (draft, file) = match arriving {
            None => (Draft::of_smtp(rest, source, recipients), None),
            Some(mut arriving) => {
                arriving.write(&rest)?;
                let Arriving { head, file, bytes } = arriving;
                let draft = Draft::of_smtp(head, source, recipients).map(|mut draft| {
                    draft.body = Body::Stored { file: file.name().to_owned(), bytes };
                    draft
                });
                (draft, Some(file))
            }
        };
        let draft = draft.map_err(|e| failure(&e))?;
        let (mode, tags) = (self.mode(), Vec::new());
        let options = SendOptions { arrival: Some(arrival), ..SendOptions::default() };
        let mail = AcceptMail { draft, via: Via::Smtp, mode, tags, config_set: None, options };
        let accepted = match file {
            Some(file) => self.inbox.accept_with(mail, Some(file), caller).await,
            None => self.inbox.accept(mail, caller).await,
        };
        accepted.map(|accepted| accepted.message_id)
    }
}
