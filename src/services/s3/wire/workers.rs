//! What S3 does of itself beside the requests: lifecycle rules and replication.

use super::S3;
use crate::base::{Caller, Millis, Problem};
use crate::services::s3::error::Error;
use crate::services::s3::index::Look;
use crate::services::s3::ops::{lifecycle, replication};
use crate::services::{Pending, Worker};
use std::sync::Arc;

/// Versions or uploads that a sweep reads at a time.
const SWEEP_PAGE: usize = 500;
/// Pages that a sweep reads before it lets others work.
const SWEEP_PAGES_MAX: usize = 20;
/// Replicas made in one transaction.
const REPLICAS_MAX: usize = 100;

/// Carries out lifecycle rules.
pub struct Lifecycle(pub Arc<S3>);

/// Makes replicas.
pub struct Replication(pub Arc<S3>);

pub(super) fn problem(error: &Error) -> Problem {
    Problem::failed("s3", format!("{}: {}", error.code, error.message)).retryable()
}

impl Worker for Lifecycle {
    fn name(&self) -> &'static str {
        "s3 lifecycle"
    }

    fn next_due(&self) -> Result<Option<Millis>, Problem> {
        let next = self.0.look(|index| index.next_sweep()).map_err(|e| problem(&e))?;
        Ok(next.map(|(_, sweep)| Millis(sweep.due)))
    }

    fn work(&self) -> Pending<'_, Result<usize, Problem>> {
        Box::pin(async {
            let s3 = &self.0;
            let found = s3.look(|index| {
                let Some((name, sweep)) = index.next_sweep()? else { return Ok(None) };
                let Some(bucket) = index.bucket(&name)? else { return Ok(None) };
                let found = lifecycle::look(index, &bucket, &sweep, SWEEP_PAGES_MAX, SWEEP_PAGE)?;
                Ok(Some((bucket, found)))
            });
            let Some((bucket, found)) = found.map_err(|e| problem(&e))? else { return Ok(0) };
            let caller = Arc::new(Caller::internal(&bucket.account, &bucket.region, ""));
            // A page without anything to do is work, too.
            let done = found.count() + 1;
            let carried = s3.change(&caller, move |index, context| {
                lifecycle::carry_out(&found, index, context)
            });
            carried.await.map(|()| done).map_err(|e| problem(&e))
        })
    }
}

impl Worker for Replication {
    fn name(&self) -> &'static str {
        "s3 replication"
    }

    fn next_due(&self) -> Result<Option<Millis>, Problem> {
        let waiting = self.0.look(|index| index.pending(1)).map_err(|e| problem(&e))?;
        Ok((!waiting.is_empty()).then(|| self.0.clock.now()))
    }

    fn work(&self) -> Pending<'_, Result<usize, Problem>> {
        Box::pin(async {
            let waiting = self.0.look(|index| index.pending(REPLICAS_MAX));
            let waiting = waiting.map_err(|e| problem(&e))?;
            let done = waiting.len();
            let caller = Arc::new(Caller::internal("", "", ""));
            let made = self.0.change(&caller, move |index, context| {
                waiting.iter().try_for_each(|one| replication::replicate(one, index, context))
            });
            made.await.map(|()| done).map_err(|e| problem(&e))
        })
    }
}
