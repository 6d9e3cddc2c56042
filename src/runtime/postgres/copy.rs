//! A copy of a data directory while its server runs, and of one moment: what a crash in that moment
//! would have left, which Postgres itself makes whole when it starts on the copy.
//!
//! How it comes about: the control file first, then all data and the write-ahead log as far as it goes,
//! then what the log has gained. Pages that are written meanwhile may be torn or newer than others; the
//! log since the last checkpoint holds each page that was changed since whole (`full_page_writes`), and
//! every change, so replaying it mends them. This is the reason why a base backup works
//! (<https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP>);
//! instead of asking for a checkpoint, as that does, a copy during which one ended is thrown away and
//! made again. The moment is when the log's end is copied: all that was committed before is in it.
//!
//! Invariant: a copy that [`Copy::finish`] calls good began and ended between the same two checkpoints.

use super::{binaries, config, template};
use crate::base::Problem;
use crate::profile;
use crate::runtime::dirs::{Dirs, unwritable};
use crate::runtime::mirror::Mirror;
use crate::runtime::progress::Silent;
use crate::runtime::runas;
use crate::runtime::tree::{self, How, Keep};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The control file, below the data directory.
const CONTROL: &str = "global/pg_control";
/// Bytes of it that are read: Postgres keeps what counts within one sector (`PG_CONTROL_MAX_SAFE_SIZE`).
const CONTROL_BYTES: usize = 512;
/// Where the last checkpoint and its redo position stand (`ControlFileData`, Postgres 11 to 18).
const CHECKPOINT: std::ops::Range<usize> = 32..48;
/// Where within that the redo position stands.
const REDO: std::ops::Range<usize> = 40..48;
/// The log.
const LOG: &str = "pg_wal";
/// Where a page of it says from which position of the log it is (`XLogPageHeaderData`, the same).
const PAGE_ADDRESS: std::ops::Range<usize> = 8..16;
/// Directories whose contents a start makes anew; the same that a base backup leaves out.
const EMPTY: [&str; 7] = [
    "pg_dynshmem",
    "pg_notify",
    "pg_replslot",
    "pg_serial",
    "pg_snapshots",
    "pg_stat_tmp",
    "pg_subtrans",
];
/// Segments written this long before the copy began are not looked at again: time stamps of files are
/// coarse.
const STAMP_SLACK: Duration = Duration::from_millis(100);

/// The data directories of an environment, by major.
pub fn data_dirs(dirs: &Dirs) -> Result<Vec<(u32, PathBuf)>, Problem> {
    let root = data_root(dirs)?;
    let mut found = Vec::new();
    for entry in fs::read_dir(&root).map_err(|error| unwritable(&root, &error))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(major) = name.strip_prefix("postgres-").and_then(|n| n.parse().ok()) {
            found.push((major, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

/// The directory in which data directories lie.
pub fn data_root(dirs: &Dirs) -> Result<PathBuf, Problem> {
    Ok(runas::place(dirs)?.1.data)
}

/// Whether a server was started on `data` and has not ended in order.
pub fn is_in_use(data: &Path) -> bool {
    data.join("postmaster.pid").exists()
}

/// A copy of `from` at `to` for [`Copy::begin`], without the log; none where it would take room.
pub fn mirror(from: &Path, to: &Path) -> Result<Option<Mirror>, Problem> {
    let beside = to.parent().unwrap_or(to);
    if !tree::shares_blocks(&from.join(CONTROL), beside) {
        return Ok(None);
    }
    let keep = |path: &Path| match path.parent() == Some(Path::new(LOG)) {
        true => Keep::Nothing,
        false => keep(path, false),
    };
    Mirror::make(from, to, &keep).map(Some).map_err(|error| cannot(from, &error))
}

/// A copy under way.
pub struct Copy {
    from: PathBuf,
    to: PathBuf,
    control: Vec<u8>,
    begun: SystemTime,
}

impl Copy {
    /// Copies all but the end of the log from `from` to `to`: what [`mirror`] has brought there already,
    /// or nothing. What is written meanwhile to a segment of the log is in none but the copy that
    /// [`Copy::finish`] makes of it.
    pub fn begin(from: &Path, to: &Path, ahead: Option<Mirror>) -> Result<Copy, Problem> {
        let refused = |error: io::Error| cannot(from, &error);
        if let Some(setting) = loses_pages(from).map_err(refused)? {
            let message = format!(
                "Postgres runs with `{setting}`, under which a copy of a running server may lack data"
            );
            return Err(Problem::failed("postgres-setting", message)
                .hint("remove it from `[postgres.settings]`, or stop Postgres while the snapshot is made: `devenv stop postgres`"));
        }
        let begun = SystemTime::now();
        let control = read_control(from).map_err(refused)?;
        let redo = number(&control[REDO]);
        let keep = |path: &Path| match path.parent() == Some(Path::new(LOG)) {
            true => keep_log(&from.join(path), redo),
            false => keep(path, false),
        };
        let copied = match ahead {
            Some(mut mirror) => mirror.follow(&keep),
            None => tree::bring(from, to, How::Copy, &keep),
        };
        copied.map_err(refused)?;
        write_control(&to.join(CONTROL), &control).map_err(refused)?;
        Ok(Copy { from: from.to_owned(), to: to.to_owned(), control, begun })
    }

    /// Copies what the log has gained; whether the copy is good. Fast: it holds others up.
    pub fn finish(&self) -> Result<bool, Problem> {
        let since = self.begun.checked_sub(STAMP_SLACK).unwrap_or(SystemTime::UNIX_EPOCH);
        let refused = |error: io::Error| cannot(&self.from, &error);
        self.log(since).map_err(refused)?;
        let now = read_control(&self.from).map_err(refused)?;
        Ok(now.get(CHECKPOINT) == self.control.get(CHECKPOINT))
    }

    /// Copies the segments that were written after `since`, oldest first.
    fn log(&self, since: SystemTime) -> io::Result<()> {
        let redo = number(&self.control[REDO]);
        let mut segments = Vec::new();
        for entry in fs::read_dir(self.from.join(LOG))?.flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            let is_new = meta.is_file() && meta.modified()? >= since;
            if is_new && keep_log(&entry.path(), redo) == Keep::All {
                segments.push(entry.file_name());
            }
        }
        segments.sort();
        for name in segments {
            let (from, to) = (self.from.join(LOG).join(&name), self.to.join(LOG).join(&name));
            tree::bring_file(&from, &to, How::Copy)?;
        }
        Ok(())
    }
}

/// What is copied of the log: files that hold anything that was written since the position `redo`.
/// Postgres keeps segments that it has done with under the names of those to come, with their old
/// contents: what a segment's first page says of itself is not its name's position then.
fn keep_log(path: &Path, redo: u64) -> Keep {
    let Ok(meta) = fs::metadata(path) else { return Keep::Nothing };
    if meta.is_dir() {
        return Keep::Empty;
    }
    let (name, bytes) = (path.file_name().unwrap_or_default().to_string_lossy(), meta.len());
    let Some(begin) = position(&name, bytes) else { return Keep::All };
    let mut page = [0; PAGE_ADDRESS.end];
    // One that cannot be read is told of when it is copied.
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut page));
    let is_used = read.is_err() || number(&page[PAGE_ADDRESS]) == begin;
    if is_used && begin.saturating_add(bytes) > redo { Keep::All } else { Keep::Nothing }
}

/// The position of the log at which a segment of this name begins; `None`: it is none.
fn position(name: &str, bytes: u64) -> Option<u64> {
    let of = |part: std::ops::Range<usize>| u64::from_str_radix(name.get(part)?, 16).ok();
    let is_segment = name.len() == 24 && name.bytes().all(|b| b.is_ascii_hexdigit());
    is_segment.then_some(())?;
    (of(8..16)? << 32).checked_add(of(16..24)?.checked_mul(bytes)?)
}

/// A number of eight bytes as the machine writes them.
fn number(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_ne_bytes)
}

/// Copies the data directory of a server that does not run.
pub fn copy_stopped(from: &Path, to: &Path) -> Result<(), Problem> {
    let copied = tree::bring(from, to, How::Copy, &|path| keep(path, true));
    copied.map(drop).map_err(|error| cannot(from, &error))
}

/// Has Postgres make the copy at `data` whole, as after a crash, and bring it to rest: a server starts
/// on it at once then. A copy that is none fails here. Nothing is forced to the disk.
pub fn bring_to_rest(
    settings: &profile::Postgres,
    dirs: &Dirs,
    data: &Path,
) -> Result<(), Problem> {
    let (run_as, dirs) = &runas::place(dirs)?;
    let binaries = binaries::provide(settings, dirs, &Silent)?;
    let output = template::single_user(&binaries, data, *run_as, "postgres", "")?;
    if output.status.success() {
        return Ok(());
    }
    let why = template::last_line(&output);
    Err(Problem::failed(
        "postgres-copy",
        format!("Postgres cannot start on {}: {why}", data.display()),
    ))
}

fn keep(path: &Path, log: bool) -> Keep {
    let text = path.to_string_lossy();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match &*text {
        "postmaster.pid" | "postmaster.opts" => Keep::Nothing,
        // Written at the end of a copy, from what was read at its begin.
        CONTROL if !log => Keep::Nothing,
        text if EMPTY.contains(&text) && !log => Keep::Empty,
        _ if name.starts_with("pgsql_tmp") => Keep::Nothing,
        _ => Keep::All,
    }
}

/// The setting, if there is one, under which the log does not hold all that a copy may lack.
fn loses_pages(data: &Path) -> io::Result<Option<&'static str>> {
    let mut found = None;
    for file in [config::FILE, "postgresql.auto.conf"] {
        let text = match fs::read_to_string(data.join(file)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            text => text?,
        };
        for line in text.lines() {
            let Some((name, value)) = line.split_once('=') else { continue };
            match (name.trim(), value.trim().trim_matches('\'')) {
                ("wal_level", "minimal") => found = Some("wal_level = minimal"),
                ("full_page_writes", "off" | "false" | "no" | "0") => {
                    found = Some("full_page_writes = off");
                }
                _ => {}
            }
        }
    }
    Ok(found)
}

fn read_control(data: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(data.join(CONTROL))?.read_to_end(&mut bytes)?;
    match bytes.len() >= CONTROL_BYTES {
        true => Ok(bytes),
        false => Err(io::Error::other("its control file is too short")),
    }
}

fn write_control(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = File::options();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)
}

fn cannot(data: &Path, error: &io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::StorageFull => unwritable(data, error),
        _ => Problem::failed("postgres-copy", format!("cannot copy {}: {error}", data.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A data directory as far as a copy looks.
    fn data(dir: &Path) -> PathBuf {
        let data = dir.join("postgres-17");
        for below in ["global", "base/1", "pg_wal/archive_status", "pg_subtrans"] {
            fs::create_dir_all(data.join(below)).unwrap();
        }
        fs::write(data.join(CONTROL), [7; 8192]).unwrap();
        fs::write(data.join("base/1/112"), "page").unwrap();
        fs::write(data.join("base/1/pgsql_tmp3"), "sort").unwrap();
        fs::write(data.join("pg_subtrans/0000"), "x").unwrap();
        fs::write(data.join("postmaster.pid"), "1").unwrap();
        fs::write(data.join("pg_wal/01"), "first").unwrap();
        data
    }

    #[test]
    fn a_copy_ends_with_the_log_of_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let (data, to) = (data(dir.path()), dir.path().join("to"));
        let copy = Copy::begin(&data, &to, None).unwrap();
        fs::write(data.join("pg_wal/01"), "first, longer").unwrap();
        fs::write(data.join("pg_wal/02"), "second").unwrap();
        assert!(copy.finish().unwrap());
        let read = |name: &str| fs::read_to_string(to.join(name)).unwrap();
        assert_eq!(
            (read("pg_wal/01"), read("pg_wal/02")),
            ("first, longer".into(), "second".into())
        );
        assert_eq!(read("base/1/112"), "page");
        assert!(to.join("pg_wal/archive_status").is_dir() && to.join("pg_subtrans").is_dir());
        for gone in ["postmaster.pid", "base/1/pgsql_tmp3", "pg_subtrans/0000"] {
            assert!(!to.join(gone).exists(), "{gone}");
        }
        assert_eq!(fs::read(to.join(CONTROL)).unwrap(), [7; 8192]);
    }

    #[test]
    fn what_was_copied_ahead_is_brought_up_to_date() {
        let dir = tempfile::tempdir().unwrap();
        let (data, to) = (data(dir.path()), dir.path().join("to"));
        // As `mirror` does where blocks are shared.
        let keep = |path: &Path| match path.starts_with(LOG) && path != Path::new(LOG) {
            true => Keep::Nothing,
            false => keep(path, false),
        };
        let ahead = Mirror::make(&data, &to, &keep).unwrap();
        assert!(!to.join(CONTROL).exists() && !to.join("pg_wal/01").exists());
        fs::write(data.join("base/1/112"), "later page").unwrap();
        fs::write(data.join("base/1/113"), "another").unwrap();
        let copy = Copy::begin(&data, &to, Some(ahead)).unwrap();
        fs::write(data.join("pg_wal/01"), "first, longer").unwrap();
        assert!(copy.finish().unwrap());
        let read = |name: &str| fs::read_to_string(to.join(name)).unwrap();
        assert_eq!(
            (read("base/1/112"), read("base/1/113")),
            ("later page".into(), "another".into())
        );
        assert_eq!(read("pg_wal/01"), "first, longer");
        assert!(to.join(CONTROL).exists() && to.join("pg_wal/archive_status").is_dir());
    }

    #[test]
    fn the_log_is_copied_from_the_checkpoint_to_its_end() {
        const BYTES: u64 = 16 << 20;
        let dir = tempfile::tempdir().unwrap();
        let (data, to) = (data(dir.path()), dir.path().join("to"));
        let mut control = vec![7; 8192];
        control[REDO].copy_from_slice(&((1u64 << 32) + 5 * BYTES + 40).to_ne_bytes());
        fs::write(data.join(CONTROL), control).unwrap();
        let segment = |number: u64, says: u64| {
            let name = format!("0000000100000001{number:08X}");
            let file = File::create(data.join(LOG).join(&name)).unwrap();
            file.set_len(BYTES).unwrap();
            let page = (1u64 << 32) + says * BYTES;
            std::os::unix::fs::FileExt::write_all_at(&file, &page.to_ne_bytes(), 8).unwrap();
            name
        };
        let [before, first, next, kept] =
            [segment(4, 4), segment(5, 5), segment(6, 6), segment(7, 3)];
        fs::write(data.join(LOG).join("00000002.history"), "1").unwrap();
        let copy = Copy::begin(&data, &to, None).unwrap();
        let is_there = |name: &str| to.join(LOG).join(name).exists();
        assert!(is_there(&first) && is_there(&next) && is_there("00000002.history"));
        assert!(!is_there(&before), "the checkpoint is later");
        assert!(!is_there(&kept), "it has its old contents");
        segment(7, 7);
        assert!(copy.finish().unwrap());
        assert!(is_there(&kept), "it is in use by now");
    }

    #[test]
    fn a_checkpoint_in_between_spoils_it() {
        let dir = tempfile::tempdir().unwrap();
        let (data, to) = (data(dir.path()), dir.path().join("to"));
        let copy = Copy::begin(&data, &to, None).unwrap();
        let mut control = vec![7; 8192];
        control[40] = 8;
        fs::write(data.join(CONTROL), control).unwrap();
        assert!(!copy.finish().unwrap());
    }

    #[test]
    fn settings_under_which_a_copy_may_lack_data_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (data, to) = (data(dir.path()), dir.path().join("to"));
        fs::write(data.join(config::FILE), "wal_level = 'replica'\n").unwrap();
        fs::write(data.join("postgresql.auto.conf"), "full_page_writes = 'off'\n").unwrap();
        let problem = Copy::begin(&data, &to, None).err().unwrap();
        assert_eq!(problem.code, "postgres-setting");
        assert!(problem.message.contains("full_page_writes"), "{problem}");
    }

    #[test]
    fn data_of_a_stopped_server_is_copied_with_its_log() {
        let dir = tempfile::tempdir().unwrap();
        let (data, to) = (data(dir.path()), dir.path().join("to"));
        copy_stopped(&data, &to).unwrap();
        assert_eq!(fs::read_to_string(to.join("pg_wal/01")).unwrap(), "first");
        assert!(to.join(CONTROL).exists() && !to.join("postmaster.pid").exists());
    }
}
