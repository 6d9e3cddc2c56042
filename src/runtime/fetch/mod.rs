//! Getting things that are not there: pinned archives, downloaded with checksums into a cache that
//! all of a user's environments share, and unpacked with care.

mod archive;
mod download;
mod lock;
mod own;
pub(crate) mod pins;
pub(crate) mod source;

pub(crate) use archive::{Limits, Member, stays_inside, unpack};
pub(crate) use download::{Fetcher, reachable};
pub(crate) use lock::{Lock, Workshop, remove_tree};
pub(crate) use own::{Own, own_archive};
pub(crate) use pins::Pin;
