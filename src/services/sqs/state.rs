//! All queues of all accounts and regions, and what operations record for the disk.

use super::dedup::Remembered;
use super::error::Error;
use super::message::{Content, Delivery};
use super::queue::{Queue, QueueRecord};
use super::redrive::QueueArn;
use crate::base::{Caller, Millis};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// What an operation records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A queue was made, or its record changed.
    QueuePut {
        /// The whole record.
        record: Box<QueueRecord>,
    },
    /// A queue and all that is in it went.
    QueueDeleted {
        /// Its number.
        queue: u64,
    },
    /// All messages of a queue went.
    Purged {
        /// Its number.
        queue: u64,
    },
    /// Positions below this one may be in use.
    Reserved {
        /// The queue's number.
        queue: u64,
        /// The first position that is not.
        positions: u64,
    },
    /// A message came.
    Sent {
        /// Its row.
        row: u64,
        /// The message.
        content: Arc<Content>,
        /// When it can be received first.
        available: Millis,
    },
    /// A message's delivery changed.
    Delivered {
        /// Its row.
        row: u64,
        /// How far it is now.
        delivery: Delivery,
    },
    /// A message went.
    Deleted {
        /// Its row.
        row: u64,
        /// Whether messages behind it may have become visible by that.
        frees: bool,
    },
    /// A deduplication id was used.
    Remembered {
        /// For what.
        sent: Remembered,
    },
    /// A deduplication id's time is over.
    Forgotten {
        /// The row of the message it was used for.
        row: u64,
    },
}

type Names = BTreeMap<String, u64>;

/// All queues.
#[derive(Debug, Clone, Default)]
pub struct State {
    queues: HashMap<u64, Queue>,
    /// Account, region, name.
    by_name: BTreeMap<String, BTreeMap<String, Names>>,
    next_queue: u64,
    deleted: HashMap<(String, String, String), Millis>,
    /// Whether AWS's waits of sixty seconds hold (`mode = "strict"` with waits).
    pub cooldowns: bool,
}

impl State {
    /// A number for a new queue.
    pub fn next_queue_id(&mut self) -> u64 {
        self.next_queue += 1;
        self.next_queue
    }

    /// Adds a queue.
    pub fn insert(&mut self, queue: Queue) {
        let QueueRecord { id, account, region, name, .. } = &queue.record;
        let regions = self.by_name.entry(account.clone()).or_default();
        regions.entry(region.clone()).or_default().insert(name.clone(), *id);
        self.next_queue = self.next_queue.max(*id);
        self.queues.insert(*id, queue);
    }

    /// Removes a queue.
    pub fn remove(&mut self, id: u64, now: Millis) {
        let Some(queue) = self.queues.remove(&id) else { return };
        let QueueRecord { account, region, name, .. } = queue.record;
        if let Some(names) = self.by_name.get_mut(&account).and_then(|r| r.get_mut(&region)) {
            names.remove(&name);
        }
        if self.cooldowns {
            self.deleted.insert((account, region, name), now);
        }
    }

    /// When a queue of this name was deleted last.
    pub fn deleted_at(&self, account: &str, region: &str, name: &str) -> Option<Millis> {
        self.deleted.get(&(account.to_owned(), region.to_owned(), name.to_owned())).copied()
    }

    /// The number of the queue with this name.
    pub fn find(&self, account: &str, region: &str, name: &str) -> Option<u64> {
        self.by_name.get(account)?.get(region)?.get(name).copied()
    }

    /// The number of the queue with this ARN.
    pub fn find_arn(&self, arn: &QueueArn) -> Option<u64> {
        self.find(&arn.account, &arn.region, &arn.name)
    }

    /// The queue with this number.
    pub fn queue(&self, id: u64) -> Option<&Queue> {
        self.queues.get(&id)
    }

    /// The queue with this number.
    pub fn queue_mut(&mut self, id: u64) -> Option<&mut Queue> {
        self.queues.get_mut(&id)
    }

    /// All queues.
    pub fn queues(&self) -> impl Iterator<Item = &Queue> {
        self.queues.values()
    }

    /// The queues of an account and region, by name.
    pub fn queues_of(&self, account: &str, region: &str) -> impl Iterator<Item = &Queue> {
        let names = self.by_name.get(account).and_then(|r| r.get(region));
        names.into_iter().flat_map(|n| n.values()).filter_map(|id| self.queues.get(id))
    }

    /// The queue that a URL means to this caller.
    pub fn by_url(&self, url: &str, caller: &Caller) -> Result<&Queue, Error> {
        let id = self.id_by_url(url, caller)?;
        self.queues.get(&id).ok_or(Error::QueueDoesNotExist)
    }

    /// The same, to be changed.
    pub fn by_url_mut(&mut self, url: &str, caller: &Caller) -> Result<&mut Queue, Error> {
        let id = self.id_by_url(url, caller)?;
        self.queues.get_mut(&id).ok_or(Error::QueueDoesNotExist)
    }

    /// Whatever its host, a URL ends in `/account/name`. A bare name is the caller's own queue.
    fn id_by_url(&self, url: &str, caller: &Caller) -> Result<u64, Error> {
        if url.is_empty() {
            return Err(Error::MissingParameter { name: "QueueUrl" });
        }
        let mut segments = url.trim_end_matches('/').rsplit('/');
        let name = segments.next().unwrap_or_default();
        let account = segments.next().filter(|s| is_account(s)).unwrap_or(&caller.account);
        self.find(account, &caller.region, name).ok_or(Error::QueueDoesNotExist)
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// The URL of a queue for this caller: by the host that the caller used, so that it works from where
/// the caller is.
pub(super) fn queue_url(caller: &Caller, account: &str, name: &str) -> String {
    format!("{}/{account}/{name}", caller.endpoint)
}
