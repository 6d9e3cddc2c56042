//! Which message is next: in order of position, in a FIFO queue within its group, in a standard queue with
//! groups fairly between them.
//!
//! FIFO: only the first message of a group can be next, and only while it is ready; a group whose first
//! message is in flight or delayed is locked. Standard (fair queues): a group that keeps many messages in
//! flight yields to those with fewer, so that one tenant's backlog does not hold up the others. Messages
//! without a group are in order among themselves and never yield.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html>
//!
//! Invariant: `next` holds one entry a group that has something to hand out, and one a ready message
//! without a group; so what is next is its first entry, and nothing scans a backlog.

use super::message::Place;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Messages in flight that a group of a standard queue may have before it yields to others. AWS calls a
/// tenant noisy without saying from where on; this is devenv's own number.
const QUIET_IN_FLIGHT_MAX: u32 = 7;

/// What can be handed out, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Ready {
    is_fifo: bool,
    next: BTreeSet<(u32, u64)>,
    groups: HashMap<Arc<str>, Group>,
}

#[derive(Debug, Clone, Default)]
struct Group {
    /// FIFO: every message of the group. Standard: those that are ready.
    members: BTreeSet<u64>,
    /// FIFO: members that are not ready.
    hidden: BTreeSet<u64>,
    /// Standard: messages in flight.
    in_flight: u32,
    /// The group's entry in `next`.
    listed: Option<(u32, u64)>,
}

impl Group {
    fn is_idle(&self) -> bool {
        self.members.is_empty() && self.in_flight == 0
    }

    /// The entry that the group should have.
    fn entry(&self) -> Option<(u32, u64)> {
        let first = *self.members.first()?;
        if self.hidden.contains(&first) {
            return None;
        }
        let weight = match self.in_flight {
            0..=QUIET_IN_FLIGHT_MAX => 0,
            many => many.ilog2(),
        };
        Some((weight, first))
    }
}

impl Ready {
    pub(super) fn new(is_fifo: bool) -> Self {
        Ready { is_fifo, ..Ready::default() }
    }

    /// The next message.
    pub(super) fn first(&self) -> Option<u64> {
        self.next.first().map(|(_, position)| *position)
    }

    /// The message behind `position` in a group, if it is ready.
    pub(super) fn behind(&self, group: &str, position: u64) -> Option<u64> {
        let group = self.groups.get(group)?;
        let next = *group.members.range(position + 1..).next()?;
        (!group.hidden.contains(&next)).then_some(next)
    }

    /// A message came to be at `place`.
    pub(super) fn enter(&mut self, position: u64, group: Option<&Arc<str>>, place: Place) {
        let ready = place == Place::Ready;
        let Some(name) = group else {
            if ready {
                self.next.insert((0, position));
            }
            return;
        };
        let group = self.groups.entry(name.clone()).or_default();
        if self.is_fifo || ready {
            group.members.insert(position);
        }
        if self.is_fifo && !ready {
            group.hidden.insert(position);
        }
        if !self.is_fifo && place == Place::InFlight {
            group.in_flight += 1;
        }
        self.list(name);
    }

    /// A message that was at `place` is no longer.
    pub(super) fn leave(&mut self, position: u64, group: Option<&Arc<str>>, place: Place) {
        let Some(name) = group else {
            if place == Place::Ready {
                self.next.remove(&(0, position));
            }
            return;
        };
        if let Some(group) = self.groups.get_mut(name) {
            group.members.remove(&position);
            group.hidden.remove(&position);
            if !self.is_fifo && place == Place::InFlight {
                group.in_flight -= 1;
            }
        }
        self.list(name);
    }

    fn list(&mut self, name: &Arc<str>) {
        let Some(group) = self.groups.get_mut(name) else { return };
        let entry = group.entry();
        if group.listed != entry {
            if let Some(old) = group.listed {
                self.next.remove(&old);
            }
            self.next.extend(entry);
            group.listed = entry;
        }
        if group.is_idle() {
            self.groups.remove(name);
        }
    }

    /// Whether `position` can be handed out; for tests.
    pub(super) fn is_listed(&self, position: u64) -> bool {
        self.next.iter().any(|(_, p)| *p == position)
    }

    /// What can be handed out; for tests.
    pub(super) fn listed(&self) -> impl Iterator<Item = u64> {
        self.next.iter().map(|(_, position)| *position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(ready: &mut Ready, group: &Arc<str>) -> u64 {
        let position = ready.first().unwrap();
        ready.leave(position, Some(group), Place::Ready);
        ready.enter(position, Some(group), Place::InFlight);
        position
    }

    #[test]
    fn a_group_with_many_in_flight_yields_to_one_with_few() {
        let (noisy, quiet): (Arc<str>, Arc<str>) = ("noisy".into(), "quiet".into());
        let mut ready = Ready::new(false);
        (1..=100).for_each(|p| ready.enter(p, Some(&noisy), Place::Ready));
        ready.enter(200, Some(&quiet), Place::Ready);
        let first: Vec<u64> = (0..8).map(|_| take(&mut ready, &noisy)).collect();
        assert_eq!(first, (1..=8).collect::<Vec<_>>());
        assert_eq!(take(&mut ready, &quiet), 200);
        assert_eq!(take(&mut ready, &noisy), 9);
        // What is deleted no longer counts.
        (1..=9).for_each(|p| ready.leave(p, Some(&noisy), Place::InFlight));
        assert_eq!(ready.first(), Some(10));
    }

    #[test]
    fn a_fifo_group_is_locked_by_its_first_message() {
        let group: Arc<str> = "g".into();
        let mut ready = Ready::new(true);
        (1..=3).for_each(|p| ready.enter(p, Some(&group), Place::Ready));
        assert_eq!(take(&mut ready, &group), 1);
        assert_eq!((ready.first(), ready.behind("g", 1)), (None, Some(2)));
        ready.leave(1, Some(&group), Place::InFlight);
        assert_eq!(ready.first(), Some(2));
        (2..=3).for_each(|p| ready.leave(p, Some(&group), Place::Ready));
        assert_eq!((ready.first(), ready.groups.len()), (None, 0));
    }
}
