//! The journal beside the state file: changes that are acknowledged before SQLite has them.
//!
//! A group whose jobs all bring a record is durable once the records are appended here, by one write;
//! SQLite gets the changes of many groups in one transaction later. Each record has a number; the state
//! file says up to which one it holds the changes, in the same transaction. After a crash the records
//! behind that number are replayed before anything reads the state.
//!
//! The file has two halves: while the changes of one are brought to the state file, the next records go to
//! the other.
//!
//! Invariant: a record is behind every transaction of the state file, since the journal is settled
//! before any other transaction runs. A half is written from its start again after its settling:
//! what an earlier round left behind the end has a lower number, so reading stops there.

use super::error::open_problem;
use super::open::Schema;
use super::transaction::{Transaction, roll_back};
use super::writer::Work;
use crate::base::Problem;
use crc_fast::{CrcAlgorithm, checksum};
use rusqlite::Connection;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Bytes of a record that is still worth the detour.
pub(super) const RECORD_MAX: usize = 64 * 1024;
/// Bytes of a half.
const HALF_BYTES: u64 = 2 * 1024 * 1024;
/// Bytes of the file: set aside when it is made, so an append meets no full disk.
const FILE_BYTES: u64 = 2 * HALF_BYTES;
/// What stands before a record: its length, its checksum, its number and the length of its service.
const HEAD: usize = 4 + 4 + 8 + 1;
/// Where the checksum's cover begins.
const COVERED: usize = 8;

/// The table that says up to which record the state file holds the changes.
const SCRIPT: &str = "CREATE TABLE devenv_journal(applied INTEGER NOT NULL);
     INSERT INTO devenv_journal VALUES (0);";
/// Nothing but a version: what knows one half only must not open a state whose journal may have two.
const TWO_HALVES: &str = "UPDATE devenv_journal SET applied=applied;";

/// The journal's table.
pub(super) const SCHEMA: Schema = Schema { name: "devenv_journal", scripts: &[SCRIPT, TWO_HALVES] };

/// How a service's records become changes again.
#[derive(Clone, Copy)]
pub struct Replay {
    /// The service's name, as in its records.
    pub service: &'static str,
    /// Writes the changes of one record. What it cannot read is an error.
    pub apply: fn(&[u8], &Transaction<'_>) -> Result<(), ReplayError>,
}

/// Why a record could not be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It is not what this version writes.
    #[error("{0}")]
    Unreadable(String),
    /// SQLite refused the change.
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// The open journal.
pub(super) struct Journal {
    path: PathBuf,
    file: Option<File>,
    /// Where the half begins that is written, and what is written of it, in bytes.
    half: u64,
    end: u64,
    /// The number of the last record given out.
    last: u64,
    buffer: Vec<u8>,
    /// The record that is being framed.
    record: Vec<u8>,
}

impl Journal {
    /// The journal beside the state file at `state`, which holds all records up to `applied`.
    pub(super) fn beside(state: &Path, applied: u64) -> Journal {
        let path = path_beside(state);
        let (buffer, record) = (Vec::new(), Vec::new());
        Journal { path, file: None, half: 0, end: 0, last: applied, buffer, record }
    }

    /// Appends the records of a group, if all of it can be kept here and there is room. After an error
    /// their numbers stay used: the caller settles before it goes on.
    pub(super) fn append<'a>(
        &mut self,
        group: impl Iterator<Item = &'a dyn Work>,
    ) -> io::Result<bool> {
        let Some(last) = self.frame(group) else { return Ok(false) };
        self.last = last;
        if self.buffer.is_empty() {
            return Ok(true);
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(create(&self.path)?),
        };
        file.write_all_at(&self.buffer, self.half + self.end)?;
        self.end += self.buffer.len() as u64;
        Ok(true)
    }

    /// Frames the records of a group; the last one's number, unless something cannot be kept here.
    fn frame<'a>(&mut self, group: impl Iterator<Item = &'a dyn Work>) -> Option<u64> {
        self.buffer.clear();
        let mut number = self.last;
        for work in group.filter(|work| !work.is_idle()) {
            self.record.clear();
            let service = work.record(&mut self.record)?;
            number += 1;
            frame(&mut self.buffer, number, service, &self.record);
            let is_long = self.record.len() > RECORD_MAX;
            if is_long || self.end + self.buffer.len() as u64 > HALF_BYTES {
                return None;
            }
        }
        Some(number)
    }

    /// The number that the state file has to name once it holds all records.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Whether the half that is written has more behind it than before it.
    pub(super) fn is_long(&self) -> bool {
        self.end > HALF_BYTES / 2
    }

    /// Goes on in the other half, whose records the state file holds.
    pub(super) fn turn(&mut self) {
        self.half = HALF_BYTES - self.half;
        self.end = 0;
    }

    /// Writes from the start of the half again: the state file holds all records.
    pub(super) fn rewind(&mut self) {
        self.end = 0;
    }

    /// Takes the file away: the state file holds all records.
    pub(super) fn remove(&mut self) {
        self.rewind();
        if self.file.take().is_some() {
            remove(&self.path);
        }
    }
}

fn path_beside(state: &Path) -> PathBuf {
    state.with_extension("journal")
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    let file = options.write(true).create(true).truncate(false).mode(0o600).open(path)?;
    // Where blocks cannot be set aside an append may meet a full disk, and says so.
    let _ = rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::KEEP_SIZE, 0, FILE_BYTES);
    Ok(file)
}

fn frame(to: &mut Vec<u8>, number: u64, service: &str, record: &[u8]) {
    let start = to.len();
    let length = service.len() + record.len();
    to.extend((length as u32).to_le_bytes());
    to.extend([0; 4]);
    to.extend(number.to_le_bytes());
    to.push(service.len() as u8);
    to.extend(service.as_bytes());
    to.extend(record);
    let sum = sum(&to[start + COVERED..]);
    to[start + 4..start + COVERED].copy_from_slice(&sum.to_le_bytes());
}

fn sum(bytes: &[u8]) -> u32 {
    checksum(CrcAlgorithm::Crc32IsoHdlc, bytes) as u32
}

/// The first record in `bytes` and what is behind it; none where none is whole.
fn split_frame(bytes: &[u8]) -> Option<(u64, &str, &[u8], &[u8])> {
    let (head, behind) = bytes.split_at_checked(HEAD)?;
    let length = u32::from_le_bytes(head[..4].try_into().ok()?) as usize;
    let (content, rest) = behind.split_at_checked(length)?;
    let covered = bytes.get(COVERED..HEAD + length)?;
    if sum(covered) != u32::from_le_bytes(head[4..COVERED].try_into().ok()?) {
        return None;
    }
    let number = u64::from_le_bytes(head[8..16].try_into().ok()?);
    let (service, record) = content.split_at_checked(head[16] as usize)?;
    Some((number, std::str::from_utf8(service).ok()?, record, rest))
}

/// The records behind `applied`, in order, up to the first that is not whole or out of turn.
fn records_behind(applied: u64, bytes: &[u8]) -> Vec<(&str, &[u8])> {
    let mut records = Vec::new();
    let mut rest = bytes;
    while let Some((number, service, record, behind)) = split_frame(rest) {
        rest = behind;
        let expected = applied + 1 + records.len() as u64;
        match number.cmp(&expected) {
            // Settled before the crash, and not yet written over.
            std::cmp::Ordering::Less if records.is_empty() => {}
            std::cmp::Ordering::Equal => records.push((service, record)),
            _ => break,
        }
    }
    records
}

/// The records of a journal's file behind `applied`: those of one half may go on in the other.
fn records_of(applied: u64, file: &[u8]) -> Vec<(&str, &[u8])> {
    let (one, other) = file.split_at(file.len().min(HALF_BYTES as usize));
    let mut records = Vec::new();
    for half in [one, other, one] {
        records.extend(records_behind(applied + records.len() as u64, half));
    }
    records
}

/// Brings the state file up to what the journal beside it acknowledged; the number it then holds.
pub(super) fn replay(
    connection: &mut Connection,
    state: &Path,
    replays: &[Replay],
) -> Result<u64, Problem> {
    let failed = |e: rusqlite::Error| open_problem(state, &e);
    let applied = |connection: &Connection| {
        let sql = "SELECT applied FROM devenv_journal";
        let number = connection.query_row(sql, [], |row| row.get::<_, i64>(0));
        number.map(|number| number as u64).map_err(failed)
    };
    let path = path_beside(state);
    if read(&path)?.is_empty() {
        return applied(connection);
    }
    // Looked at within the transaction: a process that is about to end may settle it until then.
    let (transaction, _) = Transaction::open(connection).map_err(failed)?;
    let (applied, bytes) = (applied(&transaction)?, read(&path)?);
    let records = records_of(applied, &bytes);
    if records.is_empty() {
        roll_back(&transaction);
        remove(&path);
        return Ok(applied);
    }
    for (at, (service, record)) in records.iter().enumerate() {
        let known = replays.iter().find(|r| r.service == *service);
        let outcome = known.map(|r| (r.apply)(record, &transaction));
        let why = match outcome {
            Some(Ok(())) => continue,
            Some(Err(error)) => error.to_string(),
            None => format!("this devenv has no service {service:?}"),
        };
        return Err(refused(&path, applied + 1 + at as u64, &why));
    }
    let held = applied + records.len() as u64;
    set_applied(&transaction, held).map_err(failed)?;
    transaction.commit().map_err(failed)?;
    tracing::info!(records = records.len(), "state file: brought up to the journal after a crash");
    remove(&path);
    Ok(held)
}

/// Removes a journal that holds nothing new: after a loss of power its numbers may be given out again.
fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "the journal cannot be removed");
    }
}

/// Notes in the state file that it holds the records up to `number`.
pub(super) fn set_applied(transaction: &Transaction<'_>, number: u64) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("UPDATE devenv_journal SET applied=?1")?
        .execute([number as i64])
        .map(drop)
}

fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(FILE_BYTES).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(bytes),
        Err(error) => Err(Problem::in_the_way(
            "journal-unreadable",
            format!("the journal {} cannot be read: {error}", path.display()),
        )
        .hint("it holds acknowledged changes; check its owner and mode")),
    }
}

fn refused(path: &Path, number: u64, why: &str) -> Problem {
    let file = path.display();
    let message = format!("record {number} of the journal {file} cannot be replayed: {why}");
    Problem::failed("journal-refused", message).hint(format!(
        "nothing was changed; start the devenv that wrote it once more, or give up these last changes by moving {file} away"
    ))
}

#[cfg(test)]
mod tests {
    use super::super::writer::Brief;
    use super::*;

    /// Work that is kept as its text.
    struct Text(String);

    impl Work for Text {
        fn run(&mut self, _: &Transaction<'_>, _: &Brief) -> rusqlite::Result<()> {
            Ok(())
        }
        fn record(&self, into: &mut Vec<u8>) -> Option<&'static str> {
            into.extend(self.0.as_bytes());
            Some("t")
        }
        fn is_idle(&self) -> bool {
            self.0.is_empty()
        }
    }

    fn append(journal: &mut Journal, texts: &[&str]) -> bool {
        let group: Vec<Text> = texts.iter().map(|text| Text((*text).to_owned())).collect();
        journal.append(group.iter().map(|text| text as &dyn Work)).unwrap()
    }

    fn texts(applied: u64, bytes: &[u8]) -> Vec<&str> {
        let text = |(_, record)| std::str::from_utf8(record).unwrap();
        records_of(applied, bytes).into_iter().map(text).collect()
    }

    fn written(path: &Path) -> Vec<u8> {
        read(&path_beside(path)).unwrap()
    }

    #[test]
    fn what_is_appended_is_read_and_an_earlier_round_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state.db");
        let mut journal = Journal::beside(&state, 7);
        assert!(append(&mut journal, &["a", "", "b"]));
        assert!(append(&mut journal, &["c"]));
        assert_eq!(texts(7, &written(&state)), ["a", "b", "c"]);
        assert_eq!(texts(8, &written(&state)), ["b", "c"], "the first is settled");
        assert_eq!(texts(10, &written(&state)), [""; 0]);
        assert_eq!(journal.last(), 10);
        journal.rewind();
        assert!(append(&mut journal, &["d"]));
        assert_eq!(texts(10, &written(&state)), ["d"], "b and c are of an earlier round");
        assert_eq!(texts(12, &written(&state)), [""; 0], "a gap: later ones are not replayed");
    }

    #[test]
    fn its_halves_are_read_one_behind_the_other() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state.db");
        let mut journal = Journal::beside(&state, 0);
        for round in ["a", "b", "c", "d"] {
            let texts_of = |round: &str| [1, 2, 3].map(|n| format!("{round}{n}"));
            let all = texts_of(round);
            assert!(append(&mut journal, &all.each_ref().map(String::as_str)));
            let behind = journal.last() - 3;
            assert_eq!(texts(behind, &written(&state)), all, "the half before it is settled");
            if round != "a" {
                let file = written(&state);
                let both = texts(behind - 3, &file);
                assert_eq!((both.len(), both[3]), (6, all[0].as_str()));
            }
            journal.turn();
        }
        journal.rewind();
        assert!(append(&mut journal, &["e"]));
        assert_eq!(texts(12, &written(&state)), ["e"]);
        assert_eq!(texts(9, &written(&state)), ["d1", "d2", "d3", "e"]);
        assert_eq!(texts(6, &written(&state)), [""; 0], "written over");
    }

    #[test]
    fn it_ends_where_a_record_is_torn_or_changed() {
        let mut bytes = Vec::new();
        (1..=3).for_each(|n| frame(&mut bytes, n, "t", format!("text {n}").as_bytes()));
        let each = bytes.len() / 3;
        for cut in 0..bytes.len() {
            assert_eq!(records_behind(0, &bytes[..cut]).len(), cut / each, "cut at {cut}");
        }
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x10;
            assert_eq!(records_behind(0, &changed).len(), at / each, "changed at {at}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, applied: u64) {
            let applied = applied / 2;
            assert!(records_of(applied, &bytes).len() <= bytes.len());
        }
    }

    #[test]
    fn its_file_is_private_and_full_at_its_size() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state.db");
        let mut journal = Journal::beside(&state, 0);
        let large = "x".repeat(RECORD_MAX);
        let mut many = 0;
        while append(&mut journal, &[&large]) {
            many += 1;
        }
        assert_eq!(many, HALF_BYTES as usize / (RECORD_MAX + HEAD + 1));
        assert_eq!(texts(0, &written(&state)).len(), many);
        journal.rewind();
        assert!(!append(&mut journal, &[&format!("{large}x")]), "it is too long");
        assert!(append(&mut journal, &["x"]));
        assert_eq!(journal.last(), many as u64 + 1, "what was not kept has no number");
        let file = std::fs::metadata(path_beside(&state)).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600);
        assert!(file.len() <= FILE_BYTES);
    }
}
