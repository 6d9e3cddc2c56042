//! Writes an archive beside its name; it gets the name when it is whole, and is gone when it never is.

use super::frame::{Frame, FrameKind};
use super::manifest::Manifest;
use super::{END, MAGIC};
use crate::base::Problem;
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// zstd's level: the fastest that still halves rows twice.
const LEVEL: i32 = 1;

/// An archive that is being written.
pub(crate) struct Writer {
    path: PathBuf,
    part: PathBuf,
    file: BufWriter<File>,
    at: u64,
    content: Sha256,
    whole: bool,
}

/// A frame of these bytes.
pub(crate) fn pack(
    kind: FrameKind,
    table: u32,
    rows: u64,
    bytes: &[u8],
) -> Result<Frame, &'static str> {
    let unpacked = u32::try_from(bytes.len()).map_err(|_| "a batch is too large")?;
    let packed = zstd::bulk::compress(bytes, LEVEL).map_err(|_| "a batch cannot be packed")?;
    Ok(Frame { kind, table, rows: u32::try_from(rows).unwrap_or(u32::MAX), unpacked, packed })
}

impl Writer {
    /// Begins an archive that will be at `path`.
    pub(crate) fn create(path: &Path) -> Result<Writer, Problem> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let part = path.with_file_name(name);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(&part).map_err(|e| unwritable(&part, &e))?;
        let mut writer = Writer {
            path: path.to_owned(),
            part,
            file: BufWriter::with_capacity(1 << 20, file),
            at: 0,
            content: Sha256::new(),
            whole: false,
        };
        writer.put(MAGIC)?;
        Ok(writer)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        self.at += bytes.len() as u64;
        self.file.write_all(bytes).map_err(|e| unwritable(&self.part, &e))
    }

    /// Appends a frame.
    pub(crate) fn frame(&mut self, frame: &Frame) -> Result<(), Problem> {
        let checksum = frame.checksum();
        self.content.update(checksum);
        self.put(&frame.header(&checksum))?;
        self.put(&frame.packed)
    }

    /// Appends bytes as a frame.
    pub(crate) fn bytes(&mut self, kind: FrameKind, bytes: &[u8]) -> Result<(), Problem> {
        let frame = pack(kind, 0, 0, bytes).map_err(|e| unwritable(&self.part, &e))?;
        self.frame(&frame)
    }

    /// Ends the archive with its manifest and gives it its name.
    pub(crate) fn finish(mut self, manifest: &mut Manifest) -> Result<(), Problem> {
        manifest.content_hash = hex::encode(self.content.clone().finalize());
        let place = self.at;
        let json = serde_json::to_vec(manifest).map_err(|e| unwritable(&self.part, &e))?;
        self.bytes(FrameKind::Manifest, &json)?;
        self.put(&place.to_le_bytes())?;
        self.put(END)?;
        self.file.flush().map_err(|e| unwritable(&self.part, &e))?;
        self.file.get_ref().sync_all().map_err(|e| unwritable(&self.part, &e))?;
        std::fs::rename(&self.part, &self.path).map_err(|e| unwritable(&self.path, &e))?;
        self.whole = true;
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.whole {
            // What is left holds masked rows only; whether it goes is no matter of safety.
            let _ = std::fs::remove_file(&self.part);
        }
    }
}

fn unwritable(path: &Path, why: &dyn std::fmt::Display) -> Problem {
    Problem::failed("archive-unwritable", format!("cannot write {}: {why}", path.display()))
        .hint("is there room on the disk, and may this directory be written?")
}
