//! Amazon Simple Storage Service: buckets, objects and their versions.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/Welcome.html>. Metadata lives in SQLite behind
//! [`index::Look`] and [`index::Index`]; bodies stream to blob files, or into the state file when they
//! are small. Invariant: an answer leaves after the commit that it speaks of.

pub mod access;
pub mod access_log;
pub mod checks;
pub mod checksum;
pub mod conditions;
pub mod documents;
pub mod error;
pub mod form_policy;
pub mod index;
mod known;
pub mod lifecycle;
pub mod limits;
pub mod lock;
#[cfg(test)]
mod memory;
pub mod metadata;
pub mod model;
pub mod named;
pub mod names;
pub mod notifications;
pub mod ops;
pub mod range;
mod store;
#[cfg(test)]
mod tests;
pub mod website;
mod wire;
pub mod xml;

pub use store::{SCHEMA, redo as replay};
pub use wire::{BucketSpec, Lifecycle, LogDelivery, Replication, S3, fuzz};
