//! Positions: the numbers by which messages are kept, over all queues.
//!
//! Invariant: a later message has a higher position, whichever queue it goes to. So a queue is in order by
//! position, and what is sent lies together on disk, in however many queues. No position is given out
//! twice, not even when the messages that had them are gone.

use super::limits::POSITIONS_RESERVED;
use super::state::Change;

/// Where a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The number of its queue.
    pub queue: u64,
    /// Its position, which no message of any other queue has.
    pub position: u64,
}

/// Hands out positions.
#[derive(Debug, Clone)]
pub struct Positions {
    next: u64,
    reserved: u64,
}

impl Default for Positions {
    fn default() -> Self {
        Positions { next: 1, reserved: 1 }
    }
}

impl Positions {
    /// The next position. They are set aside on disk in advance.
    pub fn next(&mut self, changes: &mut Vec<Change>) -> u64 {
        let position = self.next;
        self.next += 1;
        if self.next > self.reserved {
            self.reserved = self.next + POSITIONS_RESERVED;
            changes.push(Change::Reserved { positions: self.reserved });
        }
        position
    }

    /// Takes up counting where the disk says.
    pub fn resume_at(&mut self, reserved: u64) {
        self.next = self.next.max(reserved);
        self.reserved = self.reserved.max(self.next);
    }
}

/// Positions as runs without a gap, first and last: what goes at once takes few words, where one queue
/// filled by itself.
pub type Runs = Vec<(u64, u64)>;

/// The runs of positions in rising order.
pub(super) fn runs(positions: impl Iterator<Item = u64>) -> Runs {
    let mut runs = Runs::new();
    for position in positions {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == position => *last = position,
            _ => runs.push((position, position)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_rise_and_are_set_aside_before_they_are_used() {
        let (mut positions, mut set_aside) = (Positions::default(), 1);
        for wanted in 1..=3 * POSITIONS_RESERVED {
            let mut changes = Vec::new();
            assert_eq!(positions.next(&mut changes), wanted);
            if let [Change::Reserved { positions }] = changes[..] {
                set_aside = positions;
            }
            assert!(wanted < set_aside, "{wanted} of {set_aside}");
        }
        let mut again = Positions::default();
        again.resume_at(set_aside);
        assert_eq!(again.next(&mut Vec::new()), set_aside);
    }

    #[test]
    fn runs_have_no_gaps() {
        assert_eq!(runs([1, 2, 3, 7, 9, 10].into_iter()), [(1, 3), (7, 7), (9, 10)]);
        assert_eq!(runs(std::iter::empty()), []);
    }
}
