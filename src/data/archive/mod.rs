//! The seed archive, `.devseed`: frames of masked rows, each with a checksum, and a manifest at the end.
//! Decision 008 has the layout.
//!
//! Invariants: an archive has its name only when it is whole; a frame is handed out only after its
//! checksum was right; sizes in a frame's header are bounded before anything is allocated.

mod ahead;
mod early;
mod frame;
mod kept;
mod manifest;
mod read;
mod write;

pub(crate) use ahead::Ahead;
pub(crate) use frame::{Frame, FrameKind};
pub(crate) use kept::{Kept, Stretch};
#[cfg(test)]
pub(crate) use manifest::ColumnEntry;
pub(crate) use manifest::{Manifest, SYNTHETIC, TableEntry};
pub(crate) use read::{FORMAT, Reader};
pub(crate) use write::{Writer, pack, part_of};

use crate::base::Problem;
use std::path::Path;

/// Begins every archive.
const MAGIC: &[u8; 8] = b"DEVSEED1";
/// Ends every archive, behind the manifest's place.
const END: &[u8; 8] = b"DEVSEEDE";

pub(crate) fn unreadable(path: &Path, why: impl std::fmt::Display) -> Problem {
    Problem::failed("archive-corrupt", format!("{} cannot be used: {why}", path.display()))
        .hint("make it anew with `devenv data pull`")
}
