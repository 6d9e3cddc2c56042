//! A snapshot as one file, to give to somebody: a tar packed by zstd (older ones by gzip). First comes what
//! it is, then the files, at last their SHA-256 sums.
//!
//! Invariant: nothing of a foreign archive is believed: names must be plain paths below the snapshot,
//! entries files or directories, numbers and bytes within bounds, and every file as its sum says. Only
//! then does the snapshot get its name.

use super::manifest::{LAYOUT, Manifest, boot};
use super::ready::is_ready;
use super::store::{Kept, MANIFEST, Store};
use crate::base::{Exit, Problem};
use crate::runtime::dirs::unwritable;
use flate2::read::GzDecoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

/// The first entry, and the last.
const HEAD: &str = "devenv-snapshot.json";
const SUMS: &str = "SHA256SUMS";
/// Files that are about this copy of a snapshot only.
const OWN: [&str; 4] = ["on-disk", "settling", "lock", MANIFEST];
/// Bounds of an archive that is taken in.
const FILES_MAX: usize = 2_000_000;
const BYTES_MAX: u64 = 1 << 40;
/// Bytes of the head and of the sums at the most.
const TEXT_MAX: u64 = 256 * 1024 * 1024;
/// How hard zstd tries: its usual level.
const LEVEL: i32 = 3;
/// How what zstd packed begins (RFC 8878).
const ZSTD: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];
/// Bytes copied at a time.
const CHUNK: usize = 128 * 1024;

/// What the archive says of itself.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    format: u32,
    /// Data of Postgres fit machines of one kind only.
    machine: String,
    manifest: Manifest,
}

fn machine() -> String {
    format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH)
}

/// Writes the snapshot into a new file of mode 0600; how many bytes it has.
pub fn export(kept: &Kept, to: &Path) -> Result<u64, Problem> {
    if to.exists() {
        let message = format!("{} is there already", to.display());
        return Err(Problem::new(Exit::Usage, "file-exists", message).hint("name another file"));
    }
    let parent = to.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = |error: io::Error| unwritable(to, &error);
    // Temporary files have mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(parent).map_err(failed)?;
    write_archive(kept, file.as_file_mut()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    let bytes = file.as_file().metadata().map_err(failed)?.len();
    file.persist_noclobber(to).map_err(|error| failed(error.error))?;
    Ok(bytes)
}

fn write_archive(kept: &Kept, file: &mut File) -> io::Result<()> {
    let mut packed = zstd::Encoder::new(BufWriter::with_capacity(CHUNK, file), LEVEL)?;
    packed.include_checksum(true)?;
    let mut tar = tar::Builder::new(packed);
    let head = Head { format: 1, machine: machine(), manifest: kept.manifest.clone() };
    append_text(&mut tar, HEAD, &serde_json::to_vec(&head)?)?;
    let mut files = Vec::new();
    walk(&kept.dir, Path::new(""), &mut files)?;
    files.sort();
    let mut sums = String::new();
    for path in files {
        let from = kept.dir.join(&path);
        if from.is_dir() {
            tar.append_dir(&path, &from)?;
            continue;
        }
        let mut hashed = Hashed { inner: File::open(&from)?, hash: Sha256::new() };
        let mut header = tar::Header::new_gnu();
        header.set_size(hashed.inner.metadata()?.len());
        header.set_mode(0o600);
        tar.append_data(&mut header, &path, &mut hashed)?;
        let sum = hex::encode(hashed.hash.finalize());
        sums.push_str(&format!("{sum}  {}\n", path.to_string_lossy()));
    }
    append_text(&mut tar, SUMS, sums.as_bytes())?;
    tar.into_inner()?.finish()?.flush()
}

fn append_text<W: Write>(tar: &mut tar::Builder<W>, name: &str, text: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o600);
    tar.append_data(&mut header, name, text)
}

/// Whether something belongs to the store, and not to what it keeps.
fn is_own(path: &Path) -> bool {
    OWN.iter().any(|own| path == Path::new(own)) || is_ready(path)
}

fn walk(root: &Path, below: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        let kind = entry.file_type()?;
        if is_own(&path) || !(kind.is_dir() || kind.is_file()) {
            continue;
        }
        found.push(path.clone());
        if kind.is_dir() {
            walk(root, &path, found)?;
        }
    }
    Ok(())
}

struct Hashed<R> {
    inner: R,
    hash: Sha256,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hash.update(&buffer[..count]);
        Ok(count)
    }
}

/// What is in the file, whichever way it was packed.
fn unpacked(file: File) -> io::Result<Box<dyn Read>> {
    let mut packed = BufReader::with_capacity(CHUNK, file);
    if packed.fill_buf()?.starts_with(&ZSTD) {
        return Ok(Box::new(zstd::Decoder::with_buffer(packed)?));
    }
    Ok(Box::new(GzDecoder::new(packed)))
}

/// Takes an archive into the store, under `name` or the name that it has.
pub fn import(store: &Store, from: &Path, name: Option<&str>) -> Result<Kept, Problem> {
    let unusable = |why: String| {
        let message = format!("{} cannot be taken in: {why}", from.display());
        Problem::failed("archive-refused", message)
    };
    let file = File::open(from).map_err(|e| unusable(e.to_string()))?;
    let mut tar = tar::Archive::new(unpacked(file).map_err(|e| unusable(e.to_string()))?);
    let mut entries = tar.entries().map_err(|e| unusable(e.to_string()))?;
    let head = match entries.next() {
        Some(Ok(entry)) if entry.path().is_ok_and(|path| path == Path::new(HEAD)) => {
            let mut text = Vec::new();
            entry.take(TEXT_MAX).read_to_end(&mut text).map_err(|e| unusable(e.to_string()))?;
            serde_json::from_slice::<Head>(&text).map_err(|e| unusable(e.to_string()))?
        }
        _ => return Err(unusable("it is no snapshot that devenv exported".to_owned())),
    };
    if head.format != 1 || head.manifest.layout > LAYOUT {
        return Err(unusable("it was made by a newer devenv".to_owned()).hint("update devenv"));
    }
    if head.manifest.postgres.is_some() && head.machine != machine() {
        let here = machine();
        return Err(unusable(format!("its Postgres data are of {}, this is {here}", head.machine)));
    }
    let mut manifest = head.manifest;
    manifest.name = name.unwrap_or(&manifest.name).to_owned();
    manifest.boot = boot();
    store.refuse_taken(&manifest.name)?;
    let draft = store.draft()?;
    let mut taken = Taken::default();
    for entry in entries {
        let entry = entry.map_err(|e| unusable(e.to_string()))?;
        taken.entry(entry, &draft.dir).map_err(&unusable)?;
    }
    taken.check().map_err(&unusable)?;
    let kept = store.finish(draft, &manifest, false)?;
    kept.force_out().map_err(|error| unwritable(&kept.dir, &error))?;
    Ok(kept)
}

/// What was taken out of an archive so far.
#[derive(Default)]
struct Taken {
    found: BTreeMap<String, String>,
    bytes: u64,
    entries: usize,
    sums: Option<String>,
}

impl Taken {
    fn entry<R: Read>(&mut self, mut entry: tar::Entry<'_, R>, to: &Path) -> Result<(), String> {
        let said = |error: io::Error| error.to_string();
        self.entries += 1;
        self.bytes = self.bytes.saturating_add(entry.size());
        if self.entries > FILES_MAX || self.bytes > BYTES_MAX {
            return Err("it is larger than any snapshot".to_owned());
        }
        let path = entry.path().map_err(said)?.into_owned();
        let kind = entry.header().entry_type();
        if path == Path::new(SUMS) && self.sums.is_none() {
            let mut text = String::new();
            entry.take(TEXT_MAX).read_to_string(&mut text).map_err(said)?;
            self.sums = Some(text);
            return Ok(());
        }
        if !is_plain(&path) || self.sums.is_some() {
            return Err(format!("`{}` is no file of a snapshot", path.display()));
        }
        let place = to.join(&path);
        let make = |dir: &Path| fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
        if kind.is_dir() {
            return make(&place).map_err(said);
        }
        if !kind.is_file() {
            return Err(format!("`{}` is neither a file nor a directory", path.display()));
        }
        make(place.parent().unwrap_or(to)).map_err(said)?;
        let mut options = File::options();
        let mut file =
            options.write(true).create_new(true).mode(0o600).open(&place).map_err(said)?;
        let mut hashed = Hashed { inner: &mut entry, hash: Sha256::new() };
        io::copy(&mut hashed, &mut file).map_err(said)?;
        let sum = hex::encode(hashed.hash.finalize());
        self.found.insert(path.to_string_lossy().into_owned(), sum);
        Ok(())
    }

    fn check(self) -> Result<(), String> {
        let sums = self.sums.ok_or("it ends early: its checksums are missing")?;
        let listed: Option<BTreeMap<String, String>> = sums
            .lines()
            .map(|line| line.split_once("  ").map(|(sum, path)| (path.to_owned(), sum.to_owned())))
            .collect();
        let listed = listed.ok_or("its checksums cannot be read")?;
        let wrong = listed.iter().find(|(path, sum)| self.found.get(*path) != Some(sum));
        if let Some((path, _)) = wrong {
            return Err(format!("`{path}` is not as its checksum says"));
        }
        match self.found.len() == listed.len() {
            true => Ok(()),
            false => Err("it holds files without a checksum".to_owned()),
        }
    }
}

/// Whether a path leads down, and nowhere else, and is not one of those that devenv writes itself.
fn is_plain(path: &Path) -> bool {
    let down = path.components().all(|part| matches!(part, Component::Normal(_)));
    down && path.components().next().is_some() && !is_own(path)
}

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::of(dir.path());
        (dir, store)
    }

    fn manifest() -> Manifest {
        Manifest { files: 2, bytes: 9, ..Manifest::sample("one", "2026", Reason::Asked) }
    }

    fn kept(store: &Store) -> Kept {
        let draft = store.draft().unwrap();
        fs::create_dir_all(draft.dir.join("state/blobs/empty")).unwrap();
        fs::write(draft.dir.join("state/state.db"), "database").unwrap();
        store.finish(draft, &manifest(), false).unwrap()
    }

    /// An archive with this head and these entries behind it, packed as former versions did.
    fn forged(path: &Path, entries: &[(&str, tar::EntryType, &str)]) {
        let packed = GzEncoder::new(File::create(path).unwrap(), Compression::fast());
        let mut tar = tar::Builder::new(packed);
        let head = Head { format: 1, machine: machine(), manifest: manifest() };
        append_text(&mut tar, HEAD, &serde_json::to_vec(&head).unwrap()).unwrap();
        for (name, kind, text) in entries {
            let mut header = tar::Header::new_gnu();
            // The builder refuses hostile names; an attacker does not.
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(*kind);
            header.set_size(text.len() as u64);
            header.set_cksum();
            tar.append(&header, text.as_bytes()).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap();
    }

    #[test]
    fn what_is_exported_comes_in_elsewhere_and_a_changed_byte_does_not() {
        let ((dir, here), (_other, there)) = (store(), store());
        let file = dir.path().join("one.devsnap");
        let one = kept(&here);
        for ready in ["ready-x", "unready"] {
            fs::create_dir_all(one.dir.join(ready).join("base")).unwrap();
        }
        export(&one, &file).unwrap();
        assert_eq!(export(&here.find("one").unwrap(), &file).unwrap_err().code, "file-exists");
        let came = import(&there, &file, Some("two")).unwrap();
        assert_eq!(fs::read_to_string(came.dir.join("state/state.db")).unwrap(), "database");
        assert!(came.dir.join("state/blobs/empty").is_dir());
        assert!(!came.dir.join("ready-x").exists() && !came.dir.join("unready").exists());
        assert!(there.find("two").is_ok());
        assert_eq!(import(&there, &file, Some("two")).unwrap_err().code, "snapshot-exists");
        let whole = fs::read(&file).unwrap();
        for at in (0..whole.len()).step_by(7) {
            let mut changed = whole.clone();
            changed[at] ^= 0x55;
            fs::write(&file, changed).unwrap();
            // Bytes of what is known of it may change without a meaning.
            if let Ok(came) = import(&there, &file, Some("three")) {
                assert_eq!(fs::read(came.dir.join("state/state.db")).unwrap(), b"database");
                there.delete("three").unwrap();
            }
        }
        fs::write(&file, &whole[..whole.len() / 2]).unwrap();
        assert_eq!(import(&there, &file, None).unwrap_err().code, "archive-refused");
        assert_eq!(there.list().unwrap().len(), 1);
    }

    #[test]
    fn hostile_archives_are_refused_and_nothing_of_them_stays() {
        let (dir, store) = store();
        let file = dir.path().join("x.devsnap");
        let regular = tar::EntryType::Regular;
        for (name, kind) in [
            ("../outside", regular),
            ("/tmp/devenv-hostile", regular),
            ("state/../../outside", regular),
            ("snapshot.json", regular),
            ("state/link", tar::EntryType::Symlink),
            ("state/hard", tar::EntryType::Link),
            ("state/device", tar::EntryType::Char),
            ("state/unlisted", regular),
        ] {
            forged(&file, &[(name, kind, "x"), (SUMS, regular, "")]);
            let refused = import(&store, &file, None).unwrap_err();
            assert_eq!(refused.code, "archive-refused", "{name}");
            assert!(store.list().unwrap().is_empty());
        }
        forged(&file, &[("state/a", regular, "x"), ("state/a", regular, "y")]);
        assert!(import(&store, &file, None).is_err(), "a name twice");
        fs::write(&file, "no archive").unwrap();
        assert!(import(&store, &file, None).is_err());
        assert!(!dir.path().join("outside").exists());
    }
}
