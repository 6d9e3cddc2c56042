//! Work that services do of themselves, by the virtual clock: lifecycle rules, deliveries, purges.
//!
//! A service implements [`Worker`] and is listed in `Services::workers`. Each worker has a task of its
//! own beside the requests, so that none holds up another: it sleeps until the instant that the worker
//! named, until somebody calls ([`Clock::call`]), or until the clock is moved, and then lets it do one
//! bounded batch at a time. A worker that fails is asked again after a pause that doubles.
//!
//! Invariant: what is due lies on disk and is found anew by `next_due`, so nothing is lost with the
//! process; a call that comes while a batch runs is heard after it.

use super::{Clock, Pending};
use crate::base::{Millis, Problem};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Between two looks at the latest: after the machine slept or its time was set, timers are late.
const LOOK_SECONDS_MAX: u64 = 60;
/// After the first failure in a row; each further one doubles it.
const PAUSE_MILLIS_MIN: u64 = 500;
/// After many failures.
const PAUSE_MILLIS_MAX: u64 = 60_000;
/// Batches in a row that may do nothing although something was due.
const IDLE_ROUNDS_MAX: u32 = 2;
/// How long the end of the process waits for a batch under way.
const STOP_SECONDS_MAX: u64 = 5;

/// Somebody who has things to do at instants of the virtual clock.
pub trait Worker: Send + Sync + 'static {
    /// For logs (`s3 lifecycle`).
    fn name(&self) -> &'static str;

    /// When there is something to do next; `None` while there is nothing ahead. Asked after every
    /// batch, call and move of the clock, so it should cost no more than an indexed read.
    fn next_due(&self) -> Result<Option<Millis>, Problem>;

    /// Does a bounded batch of what is due and answers how much it did: things done, which may be
    /// none. Called again at once while more is due. After an `Err` it is called again later.
    fn work(&self) -> Pending<'_, Result<usize, Problem>>;
}

/// The running workers.
pub struct Background {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Background {
    /// Starts a task for each worker on the current runtime.
    pub fn start(workers: Vec<Arc<dyn Worker>>, clock: &Clock) -> Background {
        let stop = watch::Sender::new(false);
        let tasks = workers
            .into_iter()
            .map(|worker| tokio::spawn(tend(worker, clock.clone(), stop.subscribe())))
            .collect();
        Background { stop, tasks }
    }

    /// Lets batches under way end, and no other begin.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let deadline = tokio::time::Instant::now() + Duration::from_secs(STOP_SECONDS_MAX);
        for mut task in self.tasks {
            if tokio::time::timeout_at(deadline, &mut task).await.is_err() {
                // What it had not committed is found again at the next start.
                task.abort();
            }
        }
    }
}

async fn tend(worker: Arc<dyn Worker>, clock: Clock, mut stopped: watch::Receiver<bool>) {
    let mut calls = clock.calls();
    let (mut failures, mut idle) = (0, 0);
    while !*stopped.borrow() {
        let moved = clock.moved();
        calls.borrow_and_update();
        let pause = match round(&*worker, &clock).await {
            Ok(Round::Later(pause)) => {
                (failures, idle) = (0, 0);
                pause
            }
            Ok(Round::Did(done)) => {
                idle = if done == 0 { idle + 1 } else { 0 };
                if idle < IDLE_ROUNDS_MAX {
                    tokio::task::yield_now().await;
                    continue;
                }
                failures += 1;
                tracing::warn!(worker = worker.name(), "something stays due and is not done");
                pause_after(failures)
            }
            Err(problem) => {
                failures += 1;
                tracing::warn!(
                    worker = worker.name(),
                    error = problem.message,
                    "it will be retried"
                );
                pause_after(failures)
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = moved => {}
            _ = calls.changed(), if failures == 0 => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
    }
}

enum Round {
    /// A batch was done; there may be more.
    Did(usize),
    /// Nothing is due for so long.
    Later(Duration),
}

async fn round(worker: &dyn Worker, clock: &Clock) -> Result<Round, Problem> {
    let look_again = Duration::from_secs(LOOK_SECONDS_MAX);
    let Some(due) = worker.next_due()? else { return Ok(Round::Later(look_again)) };
    // A frozen clock comes to no instant by itself.
    match clock.until(due) {
        Some(Duration::ZERO) => {}
        ahead => return Ok(Round::Later(ahead.unwrap_or(look_again).min(look_again))),
    }
    // A worker that panics must not take the others' or its own future with it.
    match AssertUnwindSafe(worker.work()).catch_unwind().await {
        Ok(done) => done.map(Round::Did),
        Err(_) => Err(Problem::failed("worker-panicked", "a mistake of devenv's own; see above")),
    }
}

fn pause_after(failures: u32) -> Duration {
    let doubled = PAUSE_MILLIS_MIN.saturating_mul(1 << failures.saturating_sub(1).min(16));
    Duration::from_millis(doubled.min(PAUSE_MILLIS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Things to do by instant; notes when each was done.
    #[derive(Default)]
    struct List {
        clock: Clock,
        due: Mutex<Vec<Millis>>,
        done: Mutex<Vec<Millis>>,
        refusals: Mutex<u32>,
    }

    impl List {
        fn at(&self, ahead_ms: i64) {
            self.due.lock().unwrap().push(Millis(self.clock.now().0 + ahead_ms));
        }

        async fn done(&self, count: usize) -> Vec<Millis> {
            for _ in 0..500 {
                let done = self.done.lock().unwrap().clone();
                if done.len() >= count {
                    return done;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            panic!("{count} things were not done in five seconds");
        }
    }

    impl Worker for List {
        fn name(&self) -> &'static str {
            "list"
        }
        fn next_due(&self) -> Result<Option<Millis>, Problem> {
            Ok(self.due.lock().unwrap().iter().min().copied())
        }
        fn work(&self) -> Pending<'_, Result<usize, Problem>> {
            Box::pin(async {
                let refusals = std::mem::take(&mut *self.refusals.lock().unwrap());
                *self.refusals.lock().unwrap() = refusals.saturating_sub(1);
                match refusals {
                    0 => {}
                    1 => panic!("planted"),
                    _ => return Err(Problem::failed("planted", "planted")),
                }
                let (now, mut due) = (self.clock.now(), self.due.lock().unwrap());
                // One a batch: the rest is asked for at once.
                let Some(at) = due.iter().position(|due| *due <= now) else { return Ok(0) };
                self.done.lock().unwrap().push(due.remove(at));
                Ok(1)
            })
        }
    }

    fn start(list: &Arc<List>) -> Background {
        Background::start(vec![list.clone()], &list.clock)
    }

    #[tokio::test]
    async fn what_is_due_is_done_and_what_is_ahead_waits_for_the_clock() {
        let list = Arc::new(List::default());
        (0..20).for_each(|_| list.at(0));
        list.at(86_400_000);
        let background = start(&list);
        assert_eq!(list.done(20).await.len(), 20);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(list.done(0).await.len(), 20, "a day has not passed");
        list.clock.advance(86_400_000);
        assert_eq!(list.done(21).await.len(), 21);
        background.stop().await;
    }

    #[tokio::test]
    async fn a_call_wakes_a_worker_that_saw_nothing_ahead() {
        let list = Arc::new(List::default());
        let background = start(&list);
        tokio::time::sleep(Duration::from_millis(30)).await;
        list.at(0);
        list.clock.call();
        list.done(1).await;
        background.stop().await;
    }

    #[tokio::test]
    async fn failures_and_panics_are_retried() {
        let list = Arc::new(List { refusals: Mutex::new(2), ..List::default() });
        list.at(0);
        let background = start(&list);
        list.done(1).await;
        background.stop().await;
    }

    #[test]
    fn pauses_double_up_to_a_bound() {
        let pauses = [1, 2, 3, 8, 1000].map(|n| pause_after(n).as_millis());
        assert_eq!(pauses, [500, 1000, 2000, 60_000, 60_000]);
    }
}
