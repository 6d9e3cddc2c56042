//! The SQLite state file with group commit, and blob files beside it.
//!
//! Invariant: a commit's future resolves only after the transaction that holds it is in the
//! write-ahead log, so an answer sent afterwards survives `kill -9`. WAL with `synchronous=NORMAL`
//! keeps what the process wrote once the kernel has it; only the loss of power can take the last
//! transactions, and never the file's integrity (<https://www.sqlite.org/pragma.html#pragma_synchronous>).

mod blank;
mod blobs;
mod capture;
mod commit;
#[cfg(test)]
mod deciding_tests;
mod draws;
mod error;
mod handover;
mod helper;
mod journal;
#[cfg(test)]
mod journal_tests;
mod keeper;
mod open;
mod reserve;
mod sealing;
mod settler;
#[cfg(test)]
mod settling_tests;
mod sync;
mod tables;
mod transaction;
mod writer;

pub use blobs::{Blobs, Held, NewBlob, Recorded};
pub use capture::{FilesKept, Moment};
pub use draws::Draws;
pub use error::StorageError;
pub use journal::{Replay, ReplayError};
pub use open::{Layout, Schema};
pub use rusqlite;
pub use sealing::Sealer;
pub use transaction::Transaction;
pub use writer::{Brief, Counted, Storage, Ticket, Work};
