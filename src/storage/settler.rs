//! The thread that brings the state file up to a backlog that was handed over, while requests go on.

use super::helper::Helper;
use super::writer::Shared;
use crate::base::Problem;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Weak};

/// Starts it; `helper` is how others see it.
pub(super) fn start(helper: &Helper, shared: &Arc<Shared>) -> Result<(), Problem> {
    let weak = Arc::downgrade(shared);
    helper.start("state-settler", move || work(&weak))
}

fn work(weak: &Weak<Shared>) {
    while let Some(shared) = weak.upgrade() {
        if shared.settler().is_stopping() {
            return;
        }
        // What fails stays handed over: the keeper, or whoever needs the tables next, tries again.
        if std::panic::catch_unwind(AssertUnwindSafe(|| drop(shared.settle_handed_over()))).is_err()
        {
            tracing::error!("state file: work that is acknowledged panicked");
        }
        drop(shared);
        std::thread::park();
    }
}
