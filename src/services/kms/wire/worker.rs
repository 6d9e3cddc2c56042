//! What happens to keys by the clock: deletions, rotations, the expiry of imported material. Done
//! before every operation, so that none sees a key that should be gone, and in the background.

use super::Core;
use crate::base::{Caller, Millis, Problem};
use crate::protocol::Failure;
use crate::services::failure;
use crate::services::kms::ops::{Due, Tend};
use crate::services::{Pending, Worker};

impl Core {
    /// Does what is due, and answers how much it was.
    pub(super) async fn tend(&self) -> Result<usize, Failure> {
        let mut done = 0;
        while let Some(due) = self.host.look(Due::of)? {
            let fresh = match &due {
                Due::Rotation { at, spec, .. } => {
                    Some(self.fresh(*spec, &at.id).map_err(|error| failure(&error))?)
                }
                _ => None,
            };
            let caller = Caller::internal("", "", "");
            self.host.run(Tend { due, fresh }, &caller).await?;
            done += 1;
        }
        Ok(done)
    }
}

impl Worker for Core {
    fn name(&self) -> &'static str {
        "kms"
    }

    fn next_due(&self) -> Result<Option<Millis>, Problem> {
        self.host.look(|state, _| state.next_due()).map_err(told)
    }

    fn work(&self) -> Pending<'_, Result<usize, Problem>> {
        Box::pin(async { self.tend().await.map_err(told) })
    }
}

fn told(failure: Failure) -> Problem {
    Problem::failed("kms", failure.message)
}
