//! Snapshots: an environment's whole state at one moment, kept beside it under a name.
//!
//! In the order of reading: [`Manifest`] (what is known of one) → [`Store`] (where they lie) →
//! [`save`] (how the moment is taken) → [`prepare`], [`Swap`] and [`settle`] (how one comes back, whole or
//! not at all). The protocol is decision 007.

mod adopt;
mod ahead;
mod archive;
mod diff;
mod manifest;
mod ready;
mod restore;
mod save;
mod store;

pub use ahead::Ahead;
pub use archive::{export, import};
pub use diff::{Difference, diff};
pub use manifest::{Manifest, Reason};
pub use restore::{AtRest, Exchanged, Place, Swap, is_pending, prepare, settle, sweep};
pub use save::{Sources, Taken, save};
pub use store::{Kept, Store};
