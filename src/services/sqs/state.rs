//! All queues of all accounts and regions, and what operations record for the disk.

use super::dedup::Remembered;
use super::error::Error;
use super::limits::COOLDOWN_SECONDS;
use super::message::{Content, Delivery};
use super::moving::MoveTask;
use super::positions::{Positions, Row, Runs};
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
        /// Its name, where that is not free for a while.
        kept: Option<Box<KeptName>>,
        /// The positions of its messages.
        messages: Runs,
        /// The positions of what it remembered of deduplication ids.
        remembered: Runs,
    },
    /// All messages of a queue went.
    Purged {
        /// Their positions.
        messages: Runs,
    },
    /// Positions below this one may be in use.
    Reserved {
        /// The first position that is not.
        positions: u64,
    },
    /// A message came.
    Sent {
        /// Its row.
        row: Row,
        /// The message.
        content: Arc<Content>,
        /// When it can be received first.
        available: Millis,
    },
    /// A message's delivery changed.
    Delivered {
        /// Its row.
        row: Row,
        /// How far it is now.
        delivery: Delivery,
    },
    /// A message went.
    Deleted {
        /// Its row.
        row: Row,
        /// Whether messages behind it may have become visible by that.
        frees: bool,
    },
    /// A deduplication id was used.
    Remembered {
        /// For what.
        sent: Box<Remembered>,
    },
    /// A move task was started or went on.
    TaskPut {
        /// The whole task.
        task: Box<MoveTask>,
    },
    /// A move task is no longer remembered.
    TaskForgotten {
        /// Its number.
        task: u64,
    },
    /// A deduplication id's time is over.
    Forgotten {
        /// The position of the message it was used for.
        position: u64,
    },
}

/// The name of a queue that was deleted: account, region, name, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptName {
    /// Owner.
    pub account: String,
    /// Region.
    pub region: String,
    /// Name.
    pub name: String,
    /// When the queue was deleted.
    pub at: Millis,
}

type Names = BTreeMap<String, u64>;

/// All queues.
#[derive(Debug, Clone, Default)]
pub struct State {
    queues: HashMap<u64, Queue>,
    /// Account, region, name.
    by_name: BTreeMap<String, BTreeMap<String, Names>>,
    next_queue: u64,
    /// Of messages.
    pub(super) positions: Positions,
    deleted: HashMap<(String, String, String), Millis>,
    /// Move tasks by number.
    pub(super) tasks: BTreeMap<u64, MoveTask>,
    next_task: u64,
    /// Whether AWS's waits of sixty seconds hold (`mode = "strict"` with waits).
    pub cooldowns: bool,
}

impl State {
    /// A number for a new queue.
    pub fn next_queue_id(&mut self) -> u64 {
        self.next_queue += 1;
        self.next_queue
    }

    /// A number for a new move task.
    pub(super) fn next_task_id(&mut self) -> u64 {
        self.next_task += 1;
        self.next_task
    }

    /// Takes up a move task from disk.
    pub(super) fn resume_task(&mut self, task: MoveTask) {
        self.next_task = self.next_task.max(task.id);
        self.tasks.insert(task.id, task);
    }

    /// When a step of a move task is due next.
    pub(super) fn next_move(&self) -> Option<Millis> {
        super::moving::next_due(self)
    }

    /// Adds a queue.
    pub fn insert(&mut self, queue: Queue) {
        let QueueRecord { id, account, region, name, .. } = &queue.record;
        let regions = self.by_name.entry(account.clone()).or_default();
        regions.entry(region.clone()).or_default().insert(name.clone(), *id);
        self.next_queue = self.next_queue.max(*id);
        self.queues.insert(*id, queue);
    }

    /// Removes a queue; its name is kept where AWS's waits hold.
    pub fn remove(&mut self, id: u64, now: Millis) -> Option<KeptName> {
        let queue = self.queues.remove(&id)?;
        let QueueRecord { account, region, name, .. } = queue.record;
        if let Some(names) = self.by_name.get_mut(&account).and_then(|r| r.get_mut(&region)) {
            names.remove(&name);
        }
        self.tasks.retain(|_, task| task.source != id);
        if !self.cooldowns {
            return None;
        }
        self.deleted.retain(|_, at| at.plus_seconds(COOLDOWN_SECONDS) > now);
        let kept = KeptName { account, region, name, at: now };
        self.keep_name(kept.clone());
        Some(kept)
    }

    /// Takes up a name that is not free for a while.
    pub(super) fn keep_name(&mut self, kept: KeptName) {
        let KeptName { account, region, name, at } = kept;
        self.deleted.insert((account, region, name), at);
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

    /// The queue with this number, to be sent to, and the positions of what is sent.
    pub fn to_send(&mut self, id: u64) -> Option<(&mut Queue, &mut Positions)> {
        Some((self.queues.get_mut(&id)?, &mut self.positions))
    }

    /// The same for the queue that a URL means to this caller.
    pub fn to_send_by_url(
        &mut self,
        url: &str,
        caller: &Caller,
    ) -> Result<(&mut Queue, &mut Positions), Error> {
        let id = self.id_by_url(url, caller)?;
        self.to_send(id).ok_or(Error::QueueDoesNotExist)
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
