//! Waiting for a mail: told by each commit, never by a timer.

use super::asked::Asked;
use super::inbox::Inbox;
use crate::protocol::Failure;
use crate::services::ses::mail::Mail;
use crate::services::ses::store;
use crate::services::unavailable;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// New mails that are looked at in one go.
const LOOK_MAX: usize = 500;

/// What everybody who waits is told of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct News {
    /// How often the inbox was emptied: then numbers may begin anew.
    pub(super) emptied: u64,
    /// devenv is about to stop.
    pub(super) stopping: bool,
}

impl Inbox {
    /// The newest mail that is there, or the first that comes in time.
    pub(super) async fn wait(&self, asked: &Asked) -> Result<Option<Mail>, Failure> {
        let mut news = self.news.subscribe();
        let deadline = Instant::now() + asked.timeout;
        let mut seen = *news.borrow_and_update();
        let mut floor = self.read(store::newest_number)?;
        if !asked.only_new {
            let caught_up = store::catch_up(self.host.storage(), &asked.filter).await;
            caught_up.map_err(|e| unavailable(&e))?;
            let mut before = None;
            loop {
                let page = self.read(|c| store::search(c, &asked.filter, before, 1))?;
                if let Some(mail) = page.mails.into_iter().next() {
                    return Ok(Some(mail));
                }
                before = page.next;
                if before.is_none() {
                    break;
                }
            }
        }
        loop {
            if let Some(mail) = self.first_above(&mut floor, asked)? {
                return Ok(Some(mail));
            }
            if !told(&mut news, deadline).await || news.borrow().stopping {
                return Ok(None);
            }
            let now = *news.borrow_and_update();
            if now.emptied != seen.emptied {
                floor = 0;
            }
            seen = now;
        }
    }

    fn first_above(&self, floor: &mut i64, asked: &Asked) -> Result<Option<Mail>, Failure> {
        loop {
            let mails = self.read(|c| store::above(c, *floor, LOOK_MAX))?;
            let all = mails.len() < LOOK_MAX;
            for mail in mails {
                *floor = mail.seq;
                if asked.filter.matches(&mail) {
                    return Ok(Some(mail));
                }
            }
            if all {
                return Ok(None);
            }
        }
    }
}

/// Whether there was news before the deadline.
async fn told(news: &mut watch::Receiver<News>, deadline: Instant) -> bool {
    matches!(timeout_at(deadline, news.changed()).await, Ok(Ok(())))
}
