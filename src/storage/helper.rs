//! A thread beside the requests, which sleeps until it is nudged.

use super::handover::lock;
use crate::base::Problem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};
use std::thread::{JoinHandle, Thread};

const STACK_BYTES: usize = 512 * 1024;

/// The thread as others see it.
#[derive(Default)]
pub(super) struct Helper {
    thread: Mutex<Option<JoinHandle<()>>>,
    /// To wake it without the lock.
    handle: OnceLock<Thread>,
    stopping: AtomicBool,
}

impl Helper {
    /// Starts it. What `work` shares with others it holds weakly, and ends with it.
    pub(super) fn start(
        &self,
        name: &str,
        work: impl FnOnce() + Send + 'static,
    ) -> Result<(), Problem> {
        let thread = std::thread::Builder::new()
            .name(name.into())
            .stack_size(STACK_BYTES)
            .spawn(work)
            .map_err(|e| {
                Problem::failed("thread", format!("the thread {name} cannot start: {e}"))
            })?;
        let _ = self.handle.set(thread.thread().clone());
        *lock(&self.thread) = Some(thread);
        Ok(())
    }

    /// Has it look at once.
    pub(super) fn nudge(&self) {
        self.handle.get().into_iter().for_each(Thread::unpark);
    }

    /// Whether it is to end.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Ends it and waits for that.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.nudge();
        if let Some(thread) = lock(&self.thread).take() {
            let _ = thread.join();
        }
    }
}
