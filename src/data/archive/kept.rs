//! An archive that never became whole, taken up again: stretches of its frames whose checksums are right move
//! together at its beginning, what lies between and behind them goes.
//!
//! Invariant: a stretch moves only towards the beginning, and only after all of it was found right; so what
//! was kept before is never written over.

use super::frame::HEADER_BYTES;
use super::read::one;
use super::write::{Writer, open_part, part_of, unwritable};
use super::{MAGIC, unreadable};
use crate::base::Problem;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Bytes moved at a time.
const MOVE_BYTES: u64 = 1 << 20;

/// Frames that follow each other in an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stretch {
    /// Where the first one begins.
    pub(crate) begin: u64,
    /// Where the last one ends.
    pub(crate) end: u64,
    /// SHA-256 over the frames' checksums.
    pub(crate) checksum: String,
}

/// An archive that is taken up again.
pub(crate) struct Kept {
    path: PathBuf,
    part: PathBuf,
    file: File,
    at: u64,
    content: Sha256,
}

impl Kept {
    /// What lies there of the archive that will be at `path`; `None`: nothing that can be used.
    pub(crate) fn open(path: &Path) -> Result<Option<Kept>, Problem> {
        let part = part_of(path);
        if !part.exists() {
            return Ok(None);
        }
        let file = open_part(&part, OpenOptions::new().read(true).write(true))?;
        let mut magic = [0; 8];
        let begins = file.read_exact_at(&mut magic, 0).is_ok() && &magic == MAGIC;
        let (path, at) = (path.to_owned(), MAGIC.len() as u64);
        Ok(begins.then(|| Kept { path, part, file, at, content: Sha256::new() }))
    }

    /// Keeps a stretch, and answers where it lies then; `None`: it is not as it was.
    pub(crate) fn keep(&mut self, stretch: &Stretch) -> Result<Option<Stretch>, Problem> {
        if stretch.begin < self.at || stretch.end < stretch.begin {
            return Ok(None);
        }
        let Some(checksums) = self.checksums(stretch)? else { return Ok(None) };
        let length = stretch.end - stretch.begin;
        self.shift(stretch.begin, length)?;
        checksums.iter().for_each(|checksum| self.content.update(checksum));
        let begin = self.at;
        self.at += length;
        Ok(Some(Stretch { begin, end: self.at, checksum: stretch.checksum.clone() }))
    }

    /// The checksums of the frames of a stretch, each of which is right.
    fn checksums(&self, stretch: &Stretch) -> Result<Option<Vec<[u8; 32]>>, Problem> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(stretch.begin)).map_err(|e| unreadable(&self.part, e))?;
        let mut input = BufReader::with_capacity(1 << 20, file).take(stretch.end - stretch.begin);
        let (mut all, mut whole) = (Vec::new(), Sha256::new());
        let mut left = stretch.end - stretch.begin;
        while left > 0 {
            let Ok((frame, checksum)) = one(&mut input) else { return Ok(None) };
            left = left.saturating_sub((HEADER_BYTES + frame.packed.len()) as u64);
            whole.update(checksum);
            all.push(checksum);
        }
        Ok((hex::encode(whole.finalize()) == stretch.checksum).then_some(all))
    }

    /// Moves bytes to where the kept ones end.
    fn shift(&self, from: u64, length: u64) -> Result<(), Problem> {
        let mut buffer = Vec::new();
        let mut moved = 0;
        while from != self.at && moved < length {
            #[allow(clippy::cast_possible_truncation, reason = "at most MOVE_BYTES")]
            buffer.resize(MOVE_BYTES.min(length - moved) as usize, 0);
            let read = self.file.read_exact_at(&mut buffer, from + moved);
            read.map_err(|e| unreadable(&self.part, e))?;
            let written = self.file.write_all_at(&buffer, self.at + moved);
            written.map_err(|e| unwritable(&self.part, &e))?;
            moved += buffer.len() as u64;
        }
        Ok(())
    }

    /// Goes on behind what was kept.
    pub(crate) fn writer(self) -> Result<Writer, Problem> {
        let mut file = &self.file;
        let cut = file.set_len(self.at).and_then(|()| file.seek(SeekFrom::Start(self.at)));
        cut.map_err(|e| unwritable(&self.part, &e))?;
        Ok(Writer::over(&self.path, self.file, self.at, self.content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::archive::{FORMAT, FrameKind, Manifest, Reader};

    fn manifest() -> Manifest {
        Manifest {
            format: FORMAT,
            devenv: String::new(),
            key_id: String::new(),
            rules_hash: String::new(),
            schema_hash: String::new(),
            server: String::new(),
            tables: Vec::new(),
            fingerprints: 0,
            content_hash: String::new(),
        }
    }

    /// An archive of some stretches that was never ended.
    fn broken(path: &Path, texts: &[&[&str]]) -> Vec<Stretch> {
        let mut writer = Writer::create(path).expect("created");
        writer.stays();
        let mut stretches = Vec::new();
        for frames in texts {
            for text in *frames {
                writer.bytes(FrameKind::Source, text.as_bytes()).expect("frame");
            }
            stretches.push(writer.stretch().expect("stretch"));
        }
        writer.bytes(FrameKind::Source, b"never noted").expect("frame");
        stretches
    }

    fn texts(path: &Path) -> Vec<String> {
        let mut reader = Reader::open(path).expect("archive");
        let mut all = Vec::new();
        while let Some((_, bytes)) = reader.next_bytes().expect("frame") {
            all.push(String::from_utf8(bytes).expect("text"));
        }
        all
    }

    #[test]
    fn what_is_kept_and_what_comes_behind_make_a_whole_archive() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("a.devseed");
        let all = broken(&path, &[&["one"], &["two", "three"], &[], &["four"]]);
        let mut kept = Kept::open(&path).expect("open").expect("there");
        assert_eq!(kept.keep(&all[0]).expect("kept"), Some(all[0].clone()));
        // The second goes: what follows moves to its place.
        assert!(kept.keep(&all[2]).expect("kept").is_some());
        let moved = kept.keep(&all[3]).expect("kept").expect("right");
        assert_eq!((moved.begin, &moved.checksum), (all[0].end, &all[3].checksum));
        assert_eq!(kept.keep(&all[1]).expect("asked"), None, "it was written over");
        let mut writer = kept.writer().expect("writer");
        writer.bytes(FrameKind::Source, b"five").expect("frame");
        writer.finish(&mut manifest()).expect("whole");
        assert_eq!(texts(&path), ["one", "four", "five"]);
        assert!(Kept::open(&path).expect("open").is_none(), "it has its name now");
    }

    #[test]
    fn what_is_not_as_it_was_is_not_kept() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("a.devseed");
        let all = broken(&path, &[&["one"], &["two"]]);
        let part = part_of(&path);
        let mut bytes = std::fs::read(&part).expect("part");
        let last = usize::try_from(all[1].end).expect("small") - 1;
        bytes[last] ^= 1;
        std::fs::write(&part, &bytes).expect("written");
        let mut kept = Kept::open(&path).expect("open").expect("there");
        assert!(kept.keep(&all[0]).expect("first").is_some());
        assert!(kept.keep(&all[1]).expect("second").is_none());
        let beyond = Stretch { end: all[1].end + 9_999, ..all[1].clone() };
        assert!(kept.keep(&beyond).expect("beyond").is_none());
        drop(kept);
        std::fs::write(&part, "something else").expect("written");
        assert!(Kept::open(&path).expect("open").is_none());
    }

    #[test]
    fn two_do_not_write_the_same_archive() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("a.devseed");
        let first = Writer::create(&path).expect("first");
        let busy = Writer::create(&path).err().expect("busy");
        assert_eq!((busy.code, busy.retryable), ("archive-busy", true));
        assert!(Kept::open(&path).is_err());
        drop(first);
        assert!(!part_of(&path).exists());
    }
}
