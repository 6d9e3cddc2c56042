//! Tells everyone who follows: updates go to all, the newest status is kept for those who come late.

use super::message::{EnvState, Status, Told, Update};
use crate::base::Problem;
use crate::runtime::Progress;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{broadcast, watch};

/// Updates that a follower may be behind before it loses some (it gets the newest status then).
const UPDATES_KEPT: usize = 512;

/// The place where updates meet followers. Cheap to clone.
#[derive(Clone)]
pub struct Hub {
    updates: broadcast::Sender<Update>,
    status: watch::Sender<Option<Status>>,
    failure: Arc<Mutex<Option<Problem>>>,
}

impl Default for Hub {
    fn default() -> Self {
        Hub {
            updates: broadcast::Sender::new(UPDATES_KEPT),
            status: watch::Sender::new(None),
            failure: Arc::default(),
        }
    }
}

impl Hub {
    /// Tells all followers.
    pub fn tell(&self, update: Update) {
        // Nobody listens: nobody misses it.
        let _ = self.updates.send(update);
    }

    /// Sets the status, and tells it if it changed. Both in one step, so that who begins to follow
    /// meanwhile sees no change twice or out of order.
    pub fn set_status(&self, status: Status) {
        self.status.send_if_modified(|held| {
            let changed = held.as_ref() != Some(&status);
            if changed {
                self.tell(Update::Status(status.clone()));
                *held = Some(status);
            }
            changed
        });
    }

    /// The newest status.
    pub fn status(&self) -> Option<Status> {
        self.status.borrow().clone()
    }

    /// Waits until the status is as `wanted`; `false` if it never will be.
    pub async fn until(&self, wanted: impl FnMut(&Option<Status>) -> bool) -> bool {
        self.status.subscribe().wait_for(wanted).await.is_ok()
    }

    /// Whether the environment goes down.
    pub fn is_stopping(&self) -> bool {
        self.status.borrow().as_ref().is_some_and(|s| s.state == EnvState::Stopping)
    }

    /// The environment ends because of `problem`; the first one counts.
    pub fn fail(&self, problem: Problem) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if failure.is_none() {
            self.tell(Update::Failed(Told::from(&problem)));
            *failure = Some(problem);
        }
    }

    /// Why the environment ends, if something went wrong.
    pub fn failure(&self) -> Option<Problem> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells those who follow that nothing more will come.
    pub fn close(&self) {
        self.tell(Update::Done);
    }

    /// Follows from now on.
    pub fn follow(&self) -> Follower {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        let status = self.status.borrow();
        let updates = self.updates.subscribe();
        let failed = failure.as_ref().map(|problem| Update::Failed(Told::from(problem)));
        let first = failed.or_else(|| status.clone().map(Update::Status));
        Follower { first, hub: self.clone(), updates }
    }
}

/// One who follows.
pub struct Follower {
    first: Option<Update>,
    hub: Hub,
    updates: broadcast::Receiver<Update>,
}

impl Follower {
    /// The next update: at first how things stand, then whatever is told. `None` at the end.
    pub async fn next(&mut self) -> Option<Update> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            match self.updates.recv().await {
                Ok(update) => return Some(update),
                Err(broadcast::error::RecvError::Closed) => return None,
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    if let Some(problem) = self.hub.failure() {
                        return Some(Update::Failed(Told::from(&problem)));
                    }
                    if let Some(status) = self.hub.status() {
                        return Some(Update::Status(status));
                    }
                }
            }
        }
    }
}

impl Progress for Hub {
    fn begin(&self, id: &str, label: &str, total: Option<u64>) {
        self.tell(Update::Begin { id: id.to_owned(), label: label.to_owned(), total });
    }

    fn advance(&self, id: &str, by: u64) {
        self.tell(Update::Advance { id: id.to_owned(), by });
    }

    fn end(&self, id: &str) {
        self.tell(Update::End { id: id.to_owned() });
    }

    fn note(&self, text: &str) {
        self.tell(Update::Note(text.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(pid: u32) -> Status {
        Status {
            schema: 1,
            profile: "p".to_owned(),
            state: EnvState::Ready,
            endpoint: None,
            services: vec![],
            notes: vec![],
            clock: None,
            project: String::new(),
            state_dir: String::new(),
            pid,
            version: String::new(),
        }
    }

    #[tokio::test]
    async fn who_follows_sees_how_it_stood_and_then_each_change_once() {
        let hub = Hub::default();
        hub.set_status(status(1));
        let mut follower = hub.follow();
        hub.set_status(status(2));
        hub.set_status(status(2));
        hub.set_status(status(3));
        for pid in 1..=3 {
            assert_eq!(follower.next().await, Some(Update::Status(status(pid))));
        }
        hub.close();
        assert_eq!(follower.next().await, Some(Update::Done));
    }

    #[tokio::test]
    async fn who_comes_late_or_falls_behind_still_hears_of_the_failure() {
        let hub = Hub::default();
        hub.set_status(status(1));
        let mut slow = hub.follow();
        slow.first = None;
        hub.fail(Problem::failed("first", "one"));
        hub.fail(Problem::failed("second", "two"));
        (0..UPDATES_KEPT + 10).for_each(|_| hub.tell(Update::Note("n".to_owned())));
        let expected = Some(Update::Failed(Told::from(&Problem::failed("first", "one"))));
        assert_eq!(slow.next().await, expected);
        assert_eq!(hub.follow().next().await, expected);
    }
}
