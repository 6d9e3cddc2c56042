//! Writes an archive beside its name; it gets the name when it is whole. What never becomes whole is gone,
//! or lies there to be taken up again, if somebody notes how far it came.

use super::early::Early;
use super::frame::{Frame, FrameKind};
use super::kept::Stretch;
use super::manifest::Manifest;
use super::{END, MAGIC};
use crate::base::Problem;
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use zstd::zstd_safe::{CParameter, ParamSwitch};

/// zstd's level for rows. Those below the first leave what repeats nothing as it is, unless they are told to
/// pack that too: so it takes a seventh less time than the first, and the rows are 2.5 % larger.
const LEVEL: i32 = -2;
/// The level for fingerprints, in which there is nothing to be found: they are keyed hashes.
const LEVEL_PRINTS: i32 = -1;

/// An archive that is being written.
pub(crate) struct Writer {
    path: PathBuf,
    part: PathBuf,
    file: BufWriter<File>,
    early: Early,
    at: u64,
    content: Sha256,
    /// Where the frames begin that no stretch has yet, and their checksums.
    begin: u64,
    stretch: Sha256,
    /// It may go when this does.
    lost: bool,
}

/// Where the archive at `path` lies until it is whole.
pub(crate) fn part_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    path.with_file_name(name)
}

/// Opens what is not whole yet; nobody else may write to it.
pub(super) fn open_part(part: &Path, options: &mut OpenOptions) -> Result<File, Problem> {
    let file = options.mode(0o600).open(part).map_err(|e| unwritable(part, &e))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            let message = format!("another devenv is writing {}", part.display());
            Err(Problem::in_the_way("archive-busy", message).retryable())
        }
        // Where files cannot be locked, it goes without.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

/// A frame of these bytes.
pub(crate) fn pack(
    kind: FrameKind,
    table: u32,
    rows: u64,
    bytes: &[u8],
) -> Result<Frame, &'static str> {
    let unpacked = u32::try_from(bytes.len()).map_err(|_| "a batch is too large")?;
    let packed = match kind {
        FrameKind::Source | FrameKind::Masked => zstd::bulk::compress(bytes, LEVEL_PRINTS),
        _ => packed(bytes),
    };
    let packed = packed.map_err(|_| "a batch cannot be packed")?;
    Ok(Frame { kind, table, rows: u32::try_from(rows).unwrap_or(u32::MAX), unpacked, packed })
}

/// Packs what is no fingerprint, in which some bytes are more frequent than others.
fn packed(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
    compressor.set_parameter(CParameter::LiteralCompressionMode(ParamSwitch::Enable))?;
    compressor.compress(bytes)
}

impl Writer {
    /// Begins an archive that will be at `path`.
    pub(crate) fn create(path: &Path) -> Result<Writer, Problem> {
        let part = part_of(path);
        let file = open_part(&part, OpenOptions::new().write(true).create(true).truncate(false))?;
        file.set_len(0).map_err(|e| unwritable(&part, &e))?;
        let mut writer = Writer::over(path, file, 0, Sha256::new());
        writer.put(MAGIC)?;
        writer.begin = writer.at;
        Ok(writer)
    }

    /// Goes on at the place `at` of a file, behind frames whose checksums went into `content`.
    pub(super) fn over(path: &Path, file: File, at: u64, content: Sha256) -> Writer {
        Writer {
            path: path.to_owned(),
            part: part_of(path),
            file: BufWriter::with_capacity(1 << 20, file),
            early: Early::default(),
            at,
            content,
            begin: at,
            stretch: Sha256::new(),
            lost: true,
        }
    }

    /// From now on what is there stays when it never becomes whole.
    pub(crate) fn stays(&mut self) {
        self.lost = false;
    }

    /// The frames since the stretch before, which are with the operating system then.
    pub(crate) fn stretch(&mut self) -> Result<Stretch, Problem> {
        self.file.flush().map_err(|e| unwritable(&self.part, &e))?;
        let checksum = hex::encode(std::mem::take(&mut self.stretch).finalize());
        let begin = std::mem::replace(&mut self.begin, self.at);
        Ok(Stretch { begin, end: self.at, checksum })
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        self.at += bytes.len() as u64;
        self.file.write_all(bytes).map_err(|e| unwritable(&self.part, &e))
    }

    /// Appends a frame.
    pub(crate) fn frame(&mut self, frame: &Frame) -> Result<(), Problem> {
        let checksum = frame.checksum();
        self.content.update(checksum);
        self.stretch.update(checksum);
        self.put(&frame.header(&checksum))?;
        self.put(&frame.packed)?;
        self.early.wrote(self.file.get_ref(), frame.packed.len() as u64);
        Ok(())
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
        self.early.finish().map_err(|e| unwritable(&self.part, &e))?;
        self.file.get_ref().sync_all().map_err(|e| unwritable(&self.part, &e))?;
        std::fs::rename(&self.part, &self.path).map_err(|e| unwritable(&self.path, &e))?;
        self.lost = false;
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.lost {
            // What is left holds masked rows only; whether it goes is no matter of safety.
            let _ = std::fs::remove_file(&self.part);
        }
    }
}

pub(super) fn unwritable(path: &Path, why: &dyn std::fmt::Display) -> Problem {
    Problem::failed("archive-unwritable", format!("cannot write {}: {why}", path.display()))
        .hint("is there room on the disk, and may this directory be written?")
}
