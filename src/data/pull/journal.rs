//! What a pull notes beside the archive that it fills (`app.devseed.resume`), so that one which broke off can
//! be taken up again: what must be the same, and which stretches of the archive are whole.
//!
//! Invariants: a line is added only when its stretch is with the operating system; a line that was cut counts
//! as none; nothing in it tells a value of the source (numbers, keyed hashes and checksums of masked frames).

use super::proof::{Origin, Proof};
use crate::base::{Exit, Problem};
use crate::data::archive::{Manifest, Stretch, part_of};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Of the journal's layout.
const FORMAT: u32 = 1;
/// Bytes of a journal at the most.
const JOURNAL_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// What must be the same for a pull to be taken up again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    format: u32,
    devenv: String,
    key_id: String,
    rules_hash: String,
    schema_hash: String,
    /// SHA-256 over tables and columns, which go by their numbers.
    tables_hash: String,
    origin: Origin,
}

/// What is whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Line {
    /// The frame of the schema.
    Schema { stretch: Stretch },
    /// All rows of a table of a database.
    Table { table: usize, rows: u64, bytes: u64, prints: u64, proof: Proof, stretch: Stretch },
    /// So many batches of files from the beginning, with the rows and bytes by table since the line before.
    Batches {
        seen: u64,
        chain: String,
        tables: Vec<(usize, u64, u64)>,
        prints: u64,
        stretch: Stretch,
    },
}

impl Line {
    /// Its frames.
    pub(super) fn stretch(&self) -> &Stretch {
        match self {
            Line::Schema { stretch }
            | Line::Table { stretch, .. }
            | Line::Batches { stretch, .. } => stretch,
        }
    }

    /// The same at another place.
    pub(super) fn at(mut self, place: Stretch) -> Line {
        match &mut self {
            Line::Schema { stretch }
            | Line::Table { stretch, .. }
            | Line::Batches { stretch, .. } => *stretch = place,
        }
        self
    }

    /// Whether it says where rows are.
    pub(super) fn rows(&self) -> bool {
        !matches!(self, Line::Schema { .. })
    }

    /// Rows and bytes by table.
    pub(super) fn counts(&self) -> Vec<(usize, u64, u64)> {
        match self {
            Line::Schema { .. } => Vec::new(),
            Line::Table { table, rows, bytes, .. } => vec![(*table, *rows, *bytes)],
            Line::Batches { tables, .. } => tables.clone(),
        }
    }

    /// Fingerprints of the source's values.
    pub(super) fn prints(&self) -> u64 {
        match self {
            Line::Schema { .. } => 0,
            Line::Table { prints, .. } | Line::Batches { prints, .. } => *prints,
        }
    }
}

impl Head {
    /// Whether the rows come from files.
    pub(super) fn of_files(&self) -> bool {
        self.origin == Origin::Files
    }

    /// Of a pull by this key, these rules and this schema.
    pub(super) fn new(manifest: &Manifest, origin: Origin) -> Head {
        let tables = serde_json::to_vec(&manifest.tables).unwrap_or_default();
        Head {
            format: FORMAT,
            devenv: manifest.devenv.clone(),
            key_id: manifest.key_id.clone(),
            rules_hash: manifest.rules_hash.clone(),
            schema_hash: manifest.schema_hash.clone(),
            tables_hash: hex::encode(Sha256::digest(tables)),
            origin,
        }
    }

    /// Whether what an earlier pull noted goes together with this one.
    fn fits(&self, now: &Head) -> Result<(), Problem> {
        let what = match () {
            () if self.key_id != now.key_id => "the key of the masks is another one",
            () if self.rules_hash != now.rules_hash => "the rules are other ones",
            () if (&self.schema_hash, &self.tables_hash)
                != (&now.schema_hash, &now.tables_hash) =>
            {
                "the source's tables are other ones"
            }
            () if self.origin != now.origin => "the source is another one",
            () if (self.format, &self.devenv) != (now.format, &now.devenv) => {
                "devenv is of another version"
            }
            () => return Ok(()),
        };
        let message = format!("the pull that broke off cannot be taken up: {what}");
        Err(Problem::new(Exit::Usage, "data-resume", message)
            .hint("without --resume the pull begins anew, and takes the place of what is there"))
    }
}

/// A journal that is being written.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
}

fn journal_of(out: &Path) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(".resume");
    out.with_file_name(name)
}

fn unwritable(path: &Path, why: &dyn std::fmt::Display) -> Problem {
    Problem::failed("archive-unwritable", format!("cannot write {}: {why}", path.display()))
        .hint("is there room on the disk, and may this directory be written?")
}

fn written<T: Serialize>(one: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut line = serde_json::to_vec(one)?;
    line.push(b'\n');
    Ok(line)
}

impl Journal {
    /// Begins the journal of the archive at `out`, with what is whole already.
    pub(super) fn begin(out: &Path, head: &Head, whole: &[Line]) -> Result<Journal, Problem> {
        let path = journal_of(out);
        let mut new = path.clone().into_os_string();
        new.push(".new");
        let wrong = |e: &dyn std::fmt::Display| unwritable(&path, e);
        let mut text = written(head).map_err(|e| wrong(&e))?;
        for line in whole {
            text.extend(written(line).map_err(|e| wrong(&e))?);
        }
        let mut options = OpenOptions::new();
        let opened = options.append(true).create(true).mode(0o600).open(&new);
        let mut file = opened.map_err(|e| wrong(&e))?;
        let put = file.set_len(0).and_then(|()| file.write_all(&text));
        put.and_then(|()| std::fs::rename(&new, &path)).map_err(|e| wrong(&e))?;
        Ok(Journal { path, file })
    }

    /// Adds a line.
    pub(super) fn add(&mut self, line: &Line) -> Result<(), Problem> {
        let line = written(line).map_err(|e| unwritable(&self.path, &e))?;
        self.file.write_all(&line).map_err(|e| unwritable(&self.path, &e))
    }

    /// Takes it away.
    pub(super) fn remove(self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// What an earlier pull into `out` noted, if it goes together with `head`.
pub(super) fn read(out: &Path, head: &Head) -> Result<Vec<Line>, Problem> {
    match lines(&journal_of(out))? {
        Some((noted, lines)) => noted.fits(head).map(|()| lines),
        None => Ok(Vec::new()),
    }
}

fn lines(path: &Path) -> Result<Option<(Head, Vec<Line>)>, Problem> {
    let unreadable = |e: std::io::Error| {
        Problem::failed("data-resume", format!("cannot read {}: {e}", path.display()))
    };
    match std::fs::metadata(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(unreadable(e)),
        Ok(found) if found.len() > JOURNAL_BYTES_MAX => {
            return Err(unreadable(std::io::Error::other("it is too long")));
        }
        Ok(_) => {}
    }
    let text = std::fs::read(path).map_err(unreadable)?;
    let whole = text.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
    let mut all = text[..whole].split(|b| *b == b'\n').filter(|line| !line.is_empty());
    let wrong = || unreadable(std::io::Error::other("it is no journal of this version"));
    let Some(first) = all.next() else { return Ok(None) };
    let head = serde_json::from_slice(first).map_err(|_| wrong())?;
    let lines = all.map(serde_json::from_slice).collect::<Result<_, _>>().map_err(|_| wrong())?;
    Ok(Some((head, lines)))
}

/// How many rows lie there, masked, of a pull into `out` that broke off.
pub(super) fn kept(out: &Path) -> Option<u64> {
    let (_, lines) = lines(&journal_of(out)).ok()??;
    let noted = part_of(out).exists() && lines.iter().any(Line::rows);
    noted.then(|| lines.iter().flat_map(Line::counts).map(|(_, rows, _)| rows).sum())
}

/// Takes away the journal of a pull into `out`.
pub(super) fn forget(out: &Path) {
    let _ = std::fs::remove_file(journal_of(out));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        Head {
            format: FORMAT,
            devenv: "1".to_owned(),
            key_id: "key".to_owned(),
            rules_hash: "rules".to_owned(),
            schema_hash: "schema".to_owned(),
            tables_hash: "tables".to_owned(),
            origin: Origin::Files,
        }
    }

    fn line(begin: u64) -> Line {
        let stretch = Stretch { begin, end: begin + 10, checksum: "right".to_owned() };
        let chain = format!("chain of {begin}");
        Line::Batches { seen: begin, chain, tables: vec![(1, 5, 70)], prints: 3, stretch }
    }

    #[test]
    fn what_is_noted_is_read_again_as_far_as_its_lines_are_whole() {
        let dir = tempfile::tempdir().expect("dir");
        let out = dir.path().join("a.devseed");
        assert_eq!(read(&out, &head()).expect("nothing"), []);
        let mut journal = Journal::begin(&out, &head(), &[line(8)]).expect("begun");
        journal.add(&line(18)).expect("added");
        assert_eq!(read(&out, &head()).expect("read"), [line(8), line(18)]);
        assert_eq!(kept(&out), None, "there is no archive to it");
        std::fs::write(part_of(&out), "").expect("part");
        assert_eq!(kept(&out), Some(10));
        // The process was killed in the middle of a line.
        let text = std::fs::read(journal_of(&out)).expect("text");
        std::fs::write(journal_of(&out), &text[..text.len() - 1]).expect("cut");
        assert_eq!(read(&out, &head()).expect("read"), [line(8)]);
        std::fs::write(journal_of(&out), &text[..20]).expect("cut");
        assert_eq!(read(&out, &head()).expect("no head"), []);
        std::fs::write(journal_of(&out), "{}\n").expect("foreign");
        assert_eq!(read(&out, &head()).expect_err("foreign").code, "data-resume");
    }

    #[test]
    fn a_pull_by_something_else_is_not_taken_up() {
        let dir = tempfile::tempdir().expect("dir");
        let out = dir.path().join("a.devseed");
        drop(Journal::begin(&out, &head(), &[line(8)]).expect("begun"));
        let text = || "other".to_owned();
        for (now, why) in [
            (Head { key_id: text(), ..head() }, "the key of the masks is another one"),
            (Head { rules_hash: text(), ..head() }, "the rules are other ones"),
            (Head { schema_hash: text(), ..head() }, "the source's tables are other ones"),
            (Head { tables_hash: text(), ..head() }, "the source's tables are other ones"),
            (Head { devenv: text(), ..head() }, "devenv is of another version"),
        ] {
            let problem = read(&out, &now).expect_err(why);
            assert!(problem.message.ends_with(why), "{}", problem.message);
            assert_eq!((problem.exit, problem.code), (Exit::Usage, "data-resume"));
        }
    }
}
