//! Getting things that are not there: downloads with checksums into a cache that all of a user's
//! environments share.

mod lock;

pub(crate) use lock::{Lock, remove_tree};
