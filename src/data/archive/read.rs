//! Reads an archive: the manifest first, then the frames in their order, each after its checksum.

use super::frame::{self, Frame, FrameKind, HEADER_BYTES, Header};
use super::manifest::Manifest;
use super::{END, MAGIC, unreadable};
use crate::base::Problem;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// The layout that this version writes and reads.
pub(crate) const FORMAT: u32 = 1;

/// An archive that is being read.
pub(crate) struct Reader {
    pub(crate) path: PathBuf,
    file: BufReader<File>,
    /// Where the manifest's frame begins.
    end: u64,
    at: u64,
    content: Sha256,
    pub(crate) manifest: Manifest,
}

impl Reader {
    /// Opens an archive and reads its manifest.
    pub(crate) fn open(path: &Path) -> Result<Reader, Problem> {
        let wrong = |why: &dyn std::fmt::Display| unreadable(path, why);
        let file = File::open(path).map_err(|e| wrong(&e))?;
        let size = file.metadata().map_err(|e| wrong(&e))?.len();
        let mut file = BufReader::with_capacity(1 << 20, file);
        let mut magic = [0; 8];
        file.read_exact(&mut magic).map_err(|_| wrong(&"it is no seed archive"))?;
        if &magic != MAGIC {
            return Err(wrong(&"it is no seed archive"));
        }
        let cut = || wrong(&"its end is missing");
        let tail = size.checked_sub(16).ok_or_else(cut)?;
        file.seek(SeekFrom::Start(tail)).map_err(|e| wrong(&e))?;
        let mut place = [0; 8];
        file.read_exact(&mut place)
            .and_then(|()| file.read_exact(&mut magic))
            .map_err(|_| cut())?;
        let end = u64::from_le_bytes(place);
        if &magic != END || end >= tail || end < 8 {
            return Err(cut());
        }
        file.seek(SeekFrom::Start(end)).map_err(|e| wrong(&e))?;
        let (frame, _) = one(&mut file).map_err(|e| wrong(&e))?;
        if frame.kind != FrameKind::Manifest {
            return Err(wrong(&"it has no manifest"));
        }
        let json = frame.unpack().map_err(|e| wrong(&e))?;
        let manifest: Manifest = serde_json::from_slice(&json).map_err(|e| wrong(&e))?;
        if manifest.format != FORMAT {
            return Err(wrong(&"another version of devenv wrote it"));
        }
        file.seek(SeekFrom::Start(8)).map_err(|e| wrong(&e))?;
        Ok(Reader { path: path.to_owned(), file, end, at: 8, content: Sha256::new(), manifest })
    }

    /// The next frame before the manifest. At the end, the content as a whole is compared too.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, Problem> {
        if self.at == self.end {
            let content = hex::encode(self.content.clone().finalize());
            return match content == self.manifest.content_hash {
                true => Ok(None),
                false => Err(unreadable(&self.path, "frames are missing or were added")),
            };
        }
        if self.at > self.end {
            return Err(unreadable(&self.path, "a frame is longer than the archive"));
        }
        let (frame, checksum) = one(&mut self.file).map_err(|e| unreadable(&self.path, e))?;
        self.content.update(checksum);
        self.at += (HEADER_BYTES + frame.packed.len()) as u64;
        let known = (frame.table as usize) < self.manifest.tables.len();
        match frame.kind == FrameKind::Rows && !known {
            true => Err(unreadable(&self.path, "rows belong to no table")),
            false => Ok(Some(frame)),
        }
    }

    /// The next frame, unpacked.
    pub(crate) fn next_bytes(&mut self) -> Result<Option<(Frame, Vec<u8>)>, Problem> {
        let Some(frame) = self.next()? else { return Ok(None) };
        let bytes = frame.unpack().map_err(|e| unreadable(&self.path, e))?;
        Ok(Some((frame, bytes)))
    }

    /// The next frame of one of these kinds, unpacked; others are passed over unread, and the content as a
    /// whole is not compared.
    pub(crate) fn next_of(
        &mut self,
        kinds: &[FrameKind],
    ) -> Result<Option<(FrameKind, Vec<u8>)>, Problem> {
        let path = self.path.clone();
        let wrong = |why: &dyn std::fmt::Display| unreadable(&path, why);
        while self.at < self.end {
            let header = head(&mut self.file).map_err(|e| wrong(&e))?;
            self.at += HEADER_BYTES as u64 + u64::from(header.packed);
            if kinds.contains(&header.frame.kind) {
                let (frame, _) = rest(&mut self.file, header).map_err(|e| wrong(&e))?;
                return Ok(Some((frame.kind, frame.unpack().map_err(|e| wrong(&e))?)));
            }
            self.file.seek_relative(i64::from(header.packed)).map_err(|e| wrong(&e))?;
        }
        Ok(None)
    }

    /// Back to the first frame.
    pub(crate) fn rewind(&mut self) -> Result<(), Problem> {
        self.file.seek(SeekFrom::Start(8)).map_err(|e| unreadable(&self.path, e))?;
        (self.at, self.content) = (8, Sha256::new());
        Ok(())
    }
}

/// What an archive is that ends too early.
const CUT: &str = "it ends in the middle of a frame";

/// One frame, whose checksum was right.
pub(super) fn one(file: &mut impl Read) -> Result<(Frame, [u8; 32]), &'static str> {
    let header = head(file)?;
    rest(file, header)
}

fn head(file: &mut impl Read) -> Result<Header, &'static str> {
    let mut bytes = [0; HEADER_BYTES];
    file.read_exact(&mut bytes).map_err(|_| CUT)?;
    frame::header(&bytes)
}

/// The frame behind a header.
fn rest(file: &mut impl Read, header: Header) -> Result<(Frame, [u8; 32]), &'static str> {
    let mut frame = header.frame;
    // Grows with what is there, so that a wrong size does not allocate.
    let read = file.take(u64::from(header.packed)).read_to_end(&mut frame.packed);
    if read.map_err(|_| CUT)? != header.packed as usize {
        return Err(CUT);
    }
    match frame.checksum() == header.checksum {
        true => Ok((frame, header.checksum)),
        false => Err("a frame's checksum is wrong"),
    }
}
