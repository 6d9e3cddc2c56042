//! A new state file begins as a copy of an empty one that has all tables: to make them by their scripts
//! was half of what a first start computes.
//!
//! Invariant: the copy is a start only. What it lacks is applied as to any older file, and without it, or
//! if it cannot be written, everything is made by the scripts.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Longest state file without anything in it, in bytes.
const BLANK_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Puts what `packed` (gzip) holds at `path` if nothing is there; whole, or not at all.
pub(super) fn lay(path: &Path, packed: &[u8]) {
    // The log of a file that is gone would be taken for this one's.
    let log = path.with_extension("db-wal");
    if packed.is_empty() || path.exists() || log.exists() {
        return;
    }
    let new = path.with_extension("new");
    let laid = write(&new, packed).and_then(|()| std::fs::rename(&new, path));
    if let Err(error) = laid {
        tracing::debug!(%error, "state file: no blank was laid, its scripts make it");
        let _ = std::fs::remove_file(&new);
    }
}

fn write(path: &Path, packed: &[u8]) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(512 * 1024);
    flate2::read::GzDecoder::new(packed).take(BLANK_BYTES_MAX).read_to_end(&mut bytes)?;
    let _ = std::fs::remove_file(path);
    let options = &mut OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(path)?.write_all(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_absent_file_is_laid() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.db");
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(b"blank").unwrap();
        let packed = packer.finish().unwrap();
        lay(&path, &[]);
        lay(&path, b"no gzip");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        std::fs::write(dir.path().join("state.db-wal"), "").unwrap();
        lay(&path, &packed);
        assert!(!path.exists(), "a log is there");
        std::fs::remove_file(dir.path().join("state.db-wal")).unwrap();
        std::fs::write(dir.path().join("state.new"), "cut short").unwrap();
        lay(&path, &packed);
        assert_eq!(std::fs::read(&path).unwrap(), b"blank");
        std::fs::write(&path, "mine").unwrap();
        lay(&path, &packed);
        assert_eq!(std::fs::read(&path).unwrap(), b"mine");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
