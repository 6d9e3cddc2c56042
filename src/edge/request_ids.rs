//! What requests are called: random, or in a seeded environment the same in each fresh one.

use crate::base::Ids;
use crate::storage::Storage;
use std::cell::RefCell;

/// The seed's stream of request ids.
pub const REQUESTS: &str = "requests";

/// Names requests.
#[derive(Clone)]
pub(super) struct RequestIds {
    /// Only where a seed decides: otherwise each thread has a generator of its own and none waits.
    seeded: Option<Storage>,
}

impl RequestIds {
    pub(super) fn new(storage: &Storage) -> RequestIds {
        RequestIds { seeded: storage.draws().is_seeded().then(|| storage.clone()) }
    }

    /// A new request's id.
    pub(super) fn next(&self) -> String {
        let seeded = self.seeded.as_ref();
        seeded.and_then(|storage| storage.draws().uuid(REQUESTS)).unwrap_or_else(random)
    }

    /// All services have forgotten everything.
    pub(super) fn begin_again(&self) {
        self.seeded.iter().for_each(|storage| storage.draws().begin_again(REQUESTS));
    }
}

fn random() -> String {
    thread_local! {
        static IDS: RefCell<Ids> = RefCell::new(Ids::seeded({
            let mut seed = [0; 8];
            // Request ids only have to differ; without randomness the thread's stack address will do.
            match getrandom::fill(&mut seed) {
                Ok(()) => u64::from_le_bytes(seed),
                Err(_) => std::ptr::addr_of!(seed) as u64,
            }
        }));
    }
    IDS.with(|ids| ids.borrow_mut().uuid())
}
