//! The inbox: the one door by which accepted mails are kept, and what is known of them afterwards.
//!
//! Invariant: when [`Inbox::accept`] hands back an id, the mail's row is committed and the file of a big
//! body is written. Whoever waits for mail is told behind the commit.

use super::waiting::News;
use crate::base::{Caller, Problem};
use crate::protocol::Failure;
use crate::services::ses::finish::Finish;
use crate::services::ses::limits::{BODY_INLINE_MAX, READING_MAX};
use crate::services::ses::mail::{Body, Mail};
use crate::services::ses::ops::{AcceptMail, Accepted, ClearMails};
use crate::services::ses::state::State;
use crate::services::ses::store;
use crate::services::{Host, unavailable};
use crate::storage::{Blobs, NewBlob, Storage, rusqlite};
use bytes::Bytes;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{Semaphore, watch};

/// The directory of big bodies, below the state's.
const DIRECTORY: &str = "mail";

/// A mail's bytes, and what is done to them before anybody sees them.
pub(super) type Kept = (Vec<u8>, Option<Finish>);

/// The inbox.
pub(in crate::services::ses) struct Inbox {
    pub(super) host: Arc<Host<State>>,
    blobs: Arc<Blobs>,
    /// Told of each mail that is there.
    pub(super) news: watch::Sender<News>,
    /// Places for those who take big mails apart.
    pub(super) reading: Semaphore,
    /// Whether workers wait for each mail.
    calls: AtomicBool,
}

impl Inbox {
    pub(super) fn open(
        host: Arc<Host<State>>,
        storage: &Storage,
        state_dir: &Path,
    ) -> Result<Arc<Self>, Problem> {
        let blobs = Blobs::open(&state_dir.join(DIRECTORY), storage, store::recorded)?;
        let (news, reading) = (watch::Sender::new(News::default()), Semaphore::new(READING_MAX));
        Ok(Arc::new(Inbox { host, blobs, news, reading, calls: AtomicBool::new(false) }))
    }

    /// Keeps a mail; its id is handed back once it is durable.
    pub(super) async fn accept(
        &self,
        mut mail: AcceptMail,
        caller: &Caller,
    ) -> Result<Accepted, Failure> {
        let file = match mail.draft.body.held() {
            Some(body) if body.len() > BODY_INLINE_MAX => {
                let (file, bytes) = (self.file_of(body.clone()).await?, body.len());
                mail.draft.body = Body::Stored { file: file.name().to_owned(), bytes };
                Some(file)
            }
            _ => None,
        };
        self.accept_with(mail, file, caller).await
    }

    /// Keeps a mail whose body may lie in `file` already.
    pub(super) async fn accept_with(
        &self,
        mut mail: AcceptMail,
        file: Option<NewBlob>,
        caller: &Caller,
    ) -> Result<Accepted, Failure> {
        // What the request says itself counts more than what the mail's header asks for.
        let asked = std::mem::take(&mut mail.draft.asked);
        mail.config_set = mail.config_set.or(asked.config_set);
        mail.options.source_arn = mail.options.source_arn.or(asked.source_arn);
        if mail.tags.is_empty() {
            mail.tags = asked.tags;
        }
        let accepted = self.host.run(mail, caller).await?;
        if let Some(file) = file {
            file.kept();
        }
        self.news.send_modify(|_| ());
        if accepted.posted || self.calls.load(Ordering::Relaxed) {
            self.host.clock().call();
        }
        Ok(accepted)
    }

    async fn file_of(&self, body: Bytes) -> Result<NewBlob, Failure> {
        let blobs = self.blobs.clone();
        let written = tokio::task::spawn_blocking(move || {
            let mut file = blobs.create()?;
            file.write_all(&body)?;
            Ok(file)
        });
        written.await.unwrap_or_else(|e| Err(std::io::Error::other(e))).map_err(|e| unwritable(&e))
    }

    /// A file for a body that is still arriving.
    pub(super) fn begin_file(&self) -> Result<NewBlob, Failure> {
        self.blobs.create().map_err(|e| unwritable(&e))
    }

    /// Throws away one mail or all.
    pub(super) async fn clear(&self, id: Option<String>) -> Result<(), Failure> {
        let files = self.read(|c| store::files(c, id.as_deref()))?;
        let all = id.is_none();
        self.host.run(ClearMails { id }, &Caller::internal("", "", "")).await?;
        self.discard(files);
        if all {
            self.news.send_modify(|news| news.emptied += 1);
        }
        Ok(())
    }

    /// Forgets everything of SES, durably.
    pub(super) async fn wipe(&self) -> Result<(), Problem> {
        let files = self.read(|c| store::files(c, None));
        let files = files.map_err(|f| Problem::failed("reset-failed", f.message.to_string()))?;
        self.host.wipe().await?;
        self.discard(files);
        self.news.send_modify(|news| news.emptied += 1);
        Ok(())
    }

    /// Forgets what one account has, durably.
    pub(super) async fn forget(&self, account: &str) -> Result<(), Problem> {
        let files = self.read(|c| store::files_of(c, account));
        let files = files.map_err(|f| Problem::failed("forget-failed", f.message.to_string()))?;
        self.host.forget(account).await?;
        self.discard(files);
        Ok(())
    }

    /// Whether the workers are called for each mail.
    pub(super) fn call_workers(&self, each: bool) {
        self.calls.store(each, Ordering::Relaxed);
    }

    /// Whoever waits is answered now.
    pub(super) fn stop(&self) {
        self.news.send_modify(|news| news.stopping = true);
    }

    fn discard(&self, files: Vec<String>) {
        files.into_iter().for_each(|file| self.blobs.discard(file));
    }

    /// Runs `query` on all that is committed.
    pub(super) fn read<T>(
        &self,
        query: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Failure> {
        self.host.read(query).map_err(|e| unavailable(&e))
    }

    /// The bytes of a big body. Blocks.
    pub(super) fn file(&self, name: &str) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.blobs.read(name)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// A mail's bytes as its recipients get it, who find the gateway at `endpoint`; `None` if it was
    /// thrown away meanwhile. Blocks.
    pub(super) fn raw(
        &self,
        mail: &Mail,
        endpoint: Option<&str>,
    ) -> Result<Option<Vec<u8>>, Failure> {
        match self.kept(mail)? {
            Some((bytes, Some(finish))) => self.finished(mail, bytes, &finish, endpoint).map(Some),
            Some((bytes, None)) => Ok(Some(bytes)),
            None => Ok(None),
        }
    }

    /// A mail's bytes as they are kept, and what is done to them before anybody sees them. Blocks.
    pub(super) fn kept(&self, mail: &Mail) -> Result<Option<Kept>, Failure> {
        let Some(content) = self.read(|c| store::content(c, mail.seq))? else { return Ok(None) };
        let (mut bytes, finish) = (content.bytes, content.finish);
        let Some(file) = content.file else { return Ok(Some((bytes, finish))) };
        match self.blobs.read(&file) {
            Ok(mut file) => {
                bytes.reserve_exact(mail.size.saturating_sub(bytes.len()));
                file.read_to_end(&mut bytes).map_err(|e| unreadable(&e))?;
                Ok(Some((bytes, finish)))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unreadable(&error)),
        }
    }
}

pub(super) fn unwritable(error: &std::io::Error) -> Failure {
    let message = format!("devenv could not keep this mail: {error}");
    Failure::new(500, "InternalFailure", message)
}

fn unreadable(error: &std::io::Error) -> Failure {
    Failure::new(500, "InternalFailure", format!("the mail's file cannot be read: {error}"))
}
