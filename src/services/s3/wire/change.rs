//! A change of the metadata on its way to the state file: it decides by what the tables say, so it runs at
//! once in the transaction that is open; what it did is noted for the journal.

use crate::base::{Caller, Context, Ids, Millis};
use crate::services::s3::error::Result;
use crate::services::s3::known::{ByHeart, Changes};
use crate::services::s3::store::{Doings, SCHEMA, Store, redo};
use crate::storage::rusqlite;
use crate::storage::{Blobs, Brief, ReplayError, Transaction, Work};
use std::sync::{Arc, Mutex, PoisonError};

/// What a change weighs in the backlog: rows of several tables, and a body.
const ROWS: usize = 4;

/// What a change gave, and whether it called those who work beside the requests.
pub(super) type Outcome<T> = (Result<T>, bool);

/// A change, and what it needs.
pub(super) struct Change<T, F> {
    /// Taken by the first run.
    pub(super) change: Option<F>,
    pub(super) caller: Arc<Caller>,
    pub(super) now: Millis,
    pub(super) ids: Ids,
    pub(super) blobs: Arc<Blobs>,
    pub(super) known: Arc<ByHeart>,
    /// What it gave.
    pub(super) outcome: Arc<Mutex<Option<Outcome<T>>>>,
    /// Held until this is dropped, which is after the commit.
    pub(super) held: Changes,
    /// What it did.
    pub(super) noted: Option<Doings>,
}

impl<T, F> Work for Change<T, F>
where
    T: Send,
    F: FnOnce(&mut Store<'_>, &mut Context<'_>) -> Result<T> + Send,
{
    fn run(&mut self, transaction: &Transaction<'_>, _: &Brief) -> rusqlite::Result<()> {
        let Some(change) = self.change.take() else { return self.run_again(transaction) };
        let mut store = Store::changing(transaction, &self.known);
        let mut context = Context { now: self.now, ids: &mut self.ids, caller: &self.caller };
        let outcome = change(&mut store, &mut context);
        let calls = store.calls();
        self.held = store.changes();
        self.noted = Some(store.noted());
        // The reaper deletes a file only behind this commit, and only if it holds.
        store.finish()?.into_iter().for_each(|file| self.blobs.discard(file));
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some((outcome, calls));
        Ok(())
    }

    fn record(&self, into: &mut Vec<u8>) -> Option<&'static str> {
        into.extend_from_slice(self.noted.as_ref()?.record()?);
        Some(SCHEMA.name)
    }

    fn is_idle(&self) -> bool {
        self.noted.as_ref().is_some_and(Doings::is_empty)
    }

    fn is_read_in_tables(&self) -> bool {
        !self.is_idle()
    }

    fn weight(&self) -> usize {
        ROWS
    }

    fn runs_at_once(&self) -> bool {
        true
    }
}

impl<T, F> Change<T, F> {
    /// Does what it did, after the transaction of the first run was lost.
    fn run_again(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        let record = self.noted.as_ref().and_then(Doings::record);
        match redo(record.ok_or(rusqlite::Error::InvalidQuery)?, transaction) {
            Ok(()) => Ok(()),
            Err(ReplayError::Sqlite(error)) => Err(error),
            Err(ReplayError::Unreadable(why)) => {
                tracing::error!(why, "state file: a change of S3 cannot be done again");
                Err(rusqlite::Error::InvalidQuery)
            }
        }
    }
}
