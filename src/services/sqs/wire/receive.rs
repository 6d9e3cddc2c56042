//! The waiting of receives, and what becomes of messages whose receiver has gone.

use super::Core;
use crate::base::Caller;
use crate::protocol::Failure;
use crate::services::sqs::ops::{ReceiveMessage, Received, Release};
use crate::services::sqs::state::State;
use crate::services::{Host, unavailable};
use std::time::Duration;
use tokio::time::Instant;

impl Core {
    /// Receives, and waits for a message as long as the caller wants to.
    pub(super) async fn receive(
        &self,
        receive: ReceiveMessage,
        caller: &Caller,
    ) -> Result<Received, Failure> {
        self.key_works(&receive.queue_url, caller).await?;
        let first = self.take(receive.clone(), caller).await?;
        if !first.messages.is_empty() || first.wait_s == 0 {
            return Ok(first);
        }
        let deadline = Instant::now() + Duration::from_secs(u64::from(first.wait_s));
        let mut stopped = self.stopping.subscribe();
        let waiting = self.bells.wait(first.queue);
        loop {
            let ring = waiting.bell.notified();
            tokio::pin!(ring);
            ring.as_mut().enable();
            let moved = self.host.clock().moved();
            let received = self.take(receive.clone(), caller).await?;
            if !received.messages.is_empty() || Instant::now() >= deadline {
                return Ok(received);
            }
            tokio::select! {
                () = ring => {}
                () = tokio::time::sleep_until(deadline) => {}
                () = moved => self.bells.disarm(first.queue),
                _ = stopped.wait_for(|stop| *stop) => return Ok(received),
            }
        }
    }

    /// Receives without waiting. Should the caller go before this is through, the messages are visible
    /// again at once.
    async fn take(&self, receive: ReceiveMessage, caller: &Caller) -> Result<Received, Failure> {
        let (received, ticket) = self.host.apply(receive, caller)?;
        if received.more {
            self.bells.ring_one(received.queue);
        }
        self.bells.arm(received.queue, received.next_due);
        if let Some(ticket) = ticket {
            let mut handed = Handed::new(&self.host, &received);
            let committed = ticket.committed().await;
            handed.arrived();
            committed.map_err(|e| unavailable(&e))?;
        }
        Ok(received)
    }
}

/// Messages on their way to a receiver.
struct Handed<'a> {
    host: &'a Host<State>,
    handles: Vec<String>,
}

impl<'a> Handed<'a> {
    fn new(host: &'a Host<State>, received: &Received) -> Self {
        let handles = received.messages.iter().map(|m| m.receipt_handle.clone()).collect();
        Handed { host, handles }
    }

    fn arrived(&mut self) {
        self.handles.clear();
    }
}

impl Drop for Handed<'_> {
    fn drop(&mut self) {
        if !self.handles.is_empty() {
            let release = Release { handles: std::mem::take(&mut self.handles) };
            // Nobody waits for this; if it cannot be kept they come back after their timeout.
            let _ = self.host.apply(release, &Caller::internal("", "", ""));
        }
    }
}
