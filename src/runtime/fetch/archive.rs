//! Unpacking .tar.gz, .tar and .zip (wheels): only what is asked for, only below the target, within
//! bounds. A path or link that leads outside is refused, not corrected.

use crate::base::Problem;
use crate::runtime::dirs::unwritable;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, Write};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Component, Path, PathBuf};

/// Bytes a read.
const BUFFER_BYTES: usize = 128 * 1024;

/// Bounds of one archive, unpacked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) bytes: u64,
    pub(crate) entries: u64,
}

/// What becomes of an archive's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// Path below the target.
    pub(crate) to: PathBuf,
    /// Whether it gets its run bits whatever the archive says.
    pub(crate) program: bool,
}

/// Chooses files by their path in the archive.
pub(crate) type Select<'a> = &'a dyn Fn(&Path) -> Option<Member>;

/// Unpacks the files that `select` wants below `into`; returns how many.
pub(crate) fn unpack(
    archive: &Path,
    into: &Path,
    limits: Limits,
    select: Select<'_>,
) -> Result<u64, Problem> {
    let mut work = Unpacking { archive, into, limits, bytes: 0, entries: 0, written: 0 };
    let mut file = File::open(archive).map_err(|error| work.corrupt(&error))?;
    let mut magic = [0; 4];
    let count = file.read(&mut magic).map_err(|error| work.corrupt(&error))?;
    file.rewind().map_err(|error| work.corrupt(&error))?;
    match &magic[..count] {
        [0x1f, 0x8b, ..] => work.tar(flate2::read::GzDecoder::new(BufReader::new(file)), select)?,
        [b'P', b'K', 3, 4] => work.zip(file, select)?,
        _ => work.tar(BufReader::new(file), select)?,
    }
    Ok(work.written)
}

struct Unpacking<'a> {
    archive: &'a Path,
    into: &'a Path,
    limits: Limits,
    bytes: u64,
    entries: u64,
    written: u64,
}

impl Unpacking<'_> {
    fn tar(&mut self, reader: impl Read, select: Select<'_>) -> Result<(), Problem> {
        let mut archive = tar::Archive::new(reader);
        let entries = archive.entries().map_err(|error| self.corrupt(&error))?;
        for entry in entries {
            let mut entry = entry.map_err(|error| self.corrupt(&error))?;
            self.count()?;
            let kind = entry.header().entry_type();
            let path = entry.path().map_err(|error| self.corrupt(&error))?.into_owned();
            let path = self.inner(&path)?;
            let Some(member) = select(&path) else { continue };
            match kind {
                tar::EntryType::Regular | tar::EntryType::Continuous => {
                    let mode = entry.header().mode().unwrap_or(0o644);
                    self.file(&mut entry, &member, mode)?;
                }
                tar::EntryType::Symlink => {
                    let target = entry
                        .link_name()
                        .map_err(|error| self.corrupt(&error))?
                        .unwrap_or_default()
                        .into_owned();
                    self.link(&member.to, &target)?;
                }
                tar::EntryType::Directory | tar::EntryType::XGlobalHeader => {}
                other => return Err(self.unsafe_entry(&path, &format!("is a {other:?}"))),
            }
        }
        Ok(())
    }

    fn zip(&mut self, file: File, select: Select<'_>) -> Result<(), Problem> {
        let mut archive =
            zip::ZipArchive::new(BufReader::new(file)).map_err(|error| self.corrupt(&error))?;
        for index in 0..archive.len() {
            self.count()?;
            let mut entry = archive.by_index(index).map_err(|error| self.corrupt(&error))?;
            let name = entry.name().map_err(|error| self.corrupt(&error))?.into_owned();
            let path = self.inner(Path::new(&name))?;
            if entry.is_dir() {
                continue;
            }
            let Some(member) = select(&path) else { continue };
            let mode = entry.unix_mode().unwrap_or(0o644);
            if mode & 0o170_000 == 0o120_000 {
                return Err(self.unsafe_entry(&path, "is a link in a zip archive"));
            }
            self.file(&mut entry, &member, mode)?;
        }
        Ok(())
    }

    fn count(&mut self) -> Result<(), Problem> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(self.too_large(&format!("more than {} entries", self.limits.entries)));
        }
        Ok(())
    }

    /// A relative path without `..`, or a refusal.
    fn inner(&self, path: &Path) -> Result<PathBuf, Problem> {
        let mut clean = PathBuf::new();
        for part in path.components() {
            match part {
                Component::Normal(name) => clean.push(name),
                Component::CurDir => {}
                _ => return Err(self.unsafe_entry(path, "leads outside")),
            }
        }
        Ok(clean)
    }

    fn file(&mut self, from: &mut dyn Read, member: &Member, mode: u32) -> Result<(), Problem> {
        let to = self.into.join(self.inner(&member.to)?);
        let parent = to.parent().unwrap_or(self.into);
        fs::create_dir_all(parent).map_err(|error| unwritable(parent, &error))?;
        let mode = if member.program || mode & 0o111 != 0 { 0o755 } else { 0o644 };
        // `create_new`: an entry never writes through a link or over a former entry.
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&to).map_err(
                |error| match error.kind() {
                    io::ErrorKind::AlreadyExists => self.unsafe_entry(&member.to, "is there twice"),
                    _ => unwritable(&to, &error),
                },
            )?;
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let count = from.read(&mut buffer).map_err(|error| self.corrupt(&error))?;
            if count == 0 {
                break;
            }
            self.bytes += count as u64;
            if self.bytes > self.limits.bytes {
                return Err(self.too_large(&format!("more than {} bytes", self.limits.bytes)));
            }
            file.write_all(&buffer[..count]).map_err(|error| unwritable(&to, &error))?;
        }
        self.written += 1;
        Ok(())
    }

    fn link(&mut self, at: &Path, target: &Path) -> Result<(), Problem> {
        let at = self.inner(at)?;
        if !stays_inside(&at, target) {
            return Err(self.unsafe_entry(&at, &format!("is a link to {}", target.display())));
        }
        let place = self.into.join(&at);
        let parent = place.parent().unwrap_or(self.into);
        fs::create_dir_all(parent).map_err(|error| unwritable(parent, &error))?;
        symlink(target, &place).map_err(|error| unwritable(&place, &error))?;
        self.written += 1;
        Ok(())
    }

    fn corrupt(&self, error: &dyn std::fmt::Display) -> Problem {
        Problem::in_the_way("archive-corrupt", format!("{} cannot be unpacked: {error}", self.archive.display()))
            .hint("remove the file and run the command again; an archive of your own must be a .tar.gz, .tar or .zip")
    }

    fn unsafe_entry(&self, path: &Path, why: &str) -> Problem {
        Problem::in_the_way(
            "archive-unsafe",
            format!(
                "{}: entry {} {why}; it was not unpacked",
                self.archive.display(),
                path.display()
            ),
        )
        .hint("do not use this archive")
    }

    fn too_large(&self, why: &str) -> Problem {
        Problem::in_the_way(
            "archive-unsafe",
            format!("{} unpacks to {why}", self.archive.display()),
        )
        .hint("do not use this archive")
    }
}

/// Whether a link at `at` (relative, clean) to `target` stays below the root of both.
pub(crate) fn stays_inside(at: &Path, target: &Path) -> bool {
    let mut depth = at.components().count() as i64 - 1;
    target.components().all(|part| {
        match part {
            Component::Normal(_) => depth += 1,
            Component::ParentDir => depth -= 1,
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => depth = -1,
        }
        depth >= 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { bytes: 1000, entries: 10 };

    /// A tar.gz with raw names, as no honest tool would write them.
    fn tar_gz(entries: &[(&str, tar::EntryType, &[u8])]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("temporary file");
        let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(
            file.reopen().expect("file"),
            flate2::Compression::fast(),
        ));
        for (name, kind, content) in entries {
            let mut header = tar::Header::new_gnu();
            header.as_gnu_mut().expect("gnu").name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(*kind);
            header.set_mode(0o644);
            let body: &[u8] = if *kind == tar::EntryType::Symlink {
                header.as_gnu_mut().expect("gnu").linkname[..content.len()]
                    .copy_from_slice(content);
                &[]
            } else {
                content
            };
            header.set_size(body.len() as u64);
            header.set_cksum();
            builder.append(&header, body).expect("entry");
        }
        builder.into_inner().expect("tar").finish().expect("gzip");
        file
    }

    fn all(path: &Path) -> Option<Member> {
        Some(Member { to: path.to_owned(), program: path.starts_with("bin") })
    }

    fn code(file: &Path, limits: Limits) -> (tempfile::TempDir, Result<u64, &'static str>) {
        let into = tempfile::tempdir().expect("temporary directory");
        let inner = into.path().join("inner");
        let result = unpack(file, &inner, limits, &all).map_err(|problem| problem.code);
        (into, result)
    }

    #[test]
    fn files_links_and_run_bits_arrive() {
        use std::os::unix::fs::PermissionsExt;
        let regular = tar::EntryType::Regular;
        let file = tar_gz(&[
            ("./bin/x", regular, b"run"),
            ("lib/l.1", regular, b"lib"),
            ("lib/l", tar::EntryType::Symlink, b"l.1"),
        ]);
        let (into, result) = code(file.path(), LIMITS);
        assert_eq!(result, Ok(3));
        let inner = into.path().join("inner");
        assert_eq!(fs::read(inner.join("lib/l")).expect("through the link"), b"lib");
        assert_eq!(
            fs::metadata(inner.join("bin/x")).expect("file").permissions().mode() & 0o777,
            0o755
        );
    }

    #[test]
    fn nothing_leads_outside() {
        let regular = tar::EntryType::Regular;
        let link = tar::EntryType::Symlink;
        for entries in [
            vec![("../evil", regular, b"x".as_slice())],
            vec![("/evil", regular, b"x".as_slice())],
            vec![("a/../../evil", regular, b"x".as_slice())],
            vec![("link", link, b"../..".as_slice())],
            vec![("link", link, b"/etc".as_slice())],
            vec![("hard", tar::EntryType::Link, b"".as_slice())],
            vec![("twice", regular, b"x".as_slice()), ("twice", regular, b"y".as_slice())],
        ] {
            let file = tar_gz(&entries);
            let (into, result) = code(file.path(), LIMITS);
            assert_eq!(result, Err("archive-unsafe"), "{entries:?}");
            assert!(!into.path().join("evil").exists());
        }
    }

    #[test]
    fn bombs_are_bounded() {
        let file = tar_gz(&[("zeros", tar::EntryType::Regular, &[0; 5000])]);
        assert_eq!(code(file.path(), LIMITS).1, Err("archive-unsafe"));
        let file =
            tar_gz(&[("a", tar::EntryType::Regular, b""), ("b", tar::EntryType::Regular, b"")]);
        assert_eq!(code(file.path(), Limits { bytes: 1000, entries: 1 }).1, Err("archive-unsafe"));
    }

    #[test]
    fn a_corrupt_archive_is_named() {
        let whole = tar_gz(&[("a", tar::EntryType::Regular, &[7; 900])]);
        let bytes = fs::read(whole.path()).expect("archive");
        let cut = tempfile::NamedTempFile::new().expect("temporary file");
        fs::write(cut.path(), &bytes[..bytes.len() / 2]).expect("file");
        assert_eq!(code(cut.path(), LIMITS).1, Err("archive-corrupt"));
        fs::write(cut.path(), b"PK\x03\x04 not a zip").expect("file");
        assert_eq!(code(cut.path(), LIMITS).1, Err("archive-corrupt"));
    }

    #[test]
    fn a_zip_cannot_leave_either() {
        let file = tempfile::NamedTempFile::new().expect("temporary file");
        let mut writer = zip::ZipWriter::new(file.reopen().expect("file"));
        writer.start_file("../evil", zip::write::SimpleFileOptions::default()).expect("entry");
        writer.write_all(b"x").expect("content");
        writer.finish().expect("zip");
        let (into, result) = code(file.path(), LIMITS);
        assert_eq!(result, Err("archive-unsafe"));
        assert!(!into.path().join("evil").exists());
    }
}
