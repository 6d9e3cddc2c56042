//! The hand-over of the right to commit, in every interleaving of its threads (loom). What is committed
//! is a list of numbers here; the protocol is the very file that the state file uses.

mod sync {
    pub(super) use loom::sync::{Mutex, MutexGuard};
}

#[path = "../../src/storage/handover.rs"]
#[allow(dead_code, reason = "the storage uses the rest")]
mod line;

use line::{Done, Line, Queued, lock};
use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;
use std::task::Poll;

/// A job with its number.
struct Job {
    number: u32,
    done: Arc<Done<u32>>,
}

impl Queued for Job {
    type Outcome = u32;

    fn done(&self) -> &Done<u32> {
        &self.done
    }
}

type Jobs = Line<Job, Vec<u32>>;

/// Commits at most `many` of those that wait, and gives the right to write back.
fn lead(line: &Jobs, writer: loom::sync::MutexGuard<'_, Vec<u32>>, many: usize) {
    line.lead(writer, |written, queue| {
        let mut queue = lock(queue);
        let many = queue.len().min(many);
        let group: Vec<Job> = queue.drain(..many).collect();
        drop(queue);
        written.extend(group.iter().map(|job| job.number));
        group.iter().for_each(|job| job.done.finish(job.number));
    });
}

fn submit(line: &Jobs, number: u32) -> Arc<Done<u32>> {
    let done = Arc::new(Done::default());
    line.push(Job { number, done: done.clone() });
    done
}

/// Submits and waits, as a request does.
fn commit(line: &Jobs, number: u32, many: usize) {
    let done = submit(line, number);
    let heard = block_on(std::future::poll_fn(|context| {
        let heard = line.poll(&done, context.waker(), |writer| lead(line, writer, many));
        heard.map_or(Poll::Pending, Poll::Ready)
    }));
    assert_eq!(heard, number);
}

/// Every interleaving of two requests and whatever `other` does ends, each number written once. One
/// that lost its wake-up would wait for ever, which loom reports.
fn all_are_committed(many: usize, other: impl Fn(&Jobs) + Send + Sync + Copy + 'static) {
    let mut model = loom::model::Builder::new();
    // Three switches between threads where nothing forces one: beyond that no mistake is to be
    // expected, and the search takes minutes.
    model.preemption_bound = Some(3);
    model.check(move || {
        let line = Arc::new(Jobs::new(Vec::new()));
        let threads = [1, 2].map(|number| {
            let line = line.clone();
            thread::spawn(move || commit(&line, number, many))
        });
        other(&line);
        for thread in threads {
            thread.join().expect("a request");
        }
        while !line.is_empty() {
            lead(&line, line.writer(), many);
        }
        let mut written = line.writer().clone();
        written.sort_unstable();
        written.dedup();
        assert!(written.starts_with(&[1, 2]), "{written:?}");
        assert_eq!(written.len(), line.writer().len(), "none twice");
    });
}

#[test]
fn requests_that_meet_are_all_committed() {
    all_are_committed(1, |_| {});
    all_are_committed(2, |_| {});
}

#[test]
fn a_job_that_nobody_waits_for_stops_no_other() {
    all_are_committed(1, |line| drop(submit(line, 3)));
}

/// The keeper holds the right to write without leading (it settles the journal), then has the next woken.
#[test]
fn whoever_holds_commits_up_has_the_next_woken() {
    all_are_committed(2, |line| {
        let writer = line.writer();
        drop(writer);
        line.wake_next();
    });
}
