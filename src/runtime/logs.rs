//! One log a service: `logs/<name>.log`, each line with an RFC 3339 time in front, rotated by size.
//!
//! A service writes into a named pipe that it holds open itself, both ends: when the daemon is
//! killed the service neither blocks nor gets SIGPIPE; what fits the pipe waits there for the next
//! daemon, the rest is dropped. Times are those of reading.

use crate::base::Problem;
use crate::runtime::dirs::{Dirs, unwritable};
use jiff::Timestamp;
use rustix::fs::OFlags;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A log is rotated when it is larger than this.
pub const LOG_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Rotated logs kept beside the current one (`.1` is the newest).
pub const LOGS_KEPT: u32 = 3;
/// Longer lines are cut into pieces of this size.
const LINE_BYTES_MAX: u64 = 16 * 1024;
/// What a pipe holds while nobody reads; the system may grant less.
const PIPE_BYTES: usize = 1024 * 1024;
/// How often a follower looks for news.
const FOLLOW_PACE_MS: u64 = 60;

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When it was read, RFC 3339 in UTC with milliseconds: sorts as text.
    pub at: String,
    /// What the service wrote.
    pub text: String,
}

impl Line {
    fn parse(line: &str) -> Option<Line> {
        let (at, text) = line.trim_end_matches('\n').split_once(' ')?;
        (at.len() == TIME_CHARS && at.ends_with('Z'))
            .then(|| Line { at: at.to_owned(), text: text.to_owned() })
    }
}

/// Characters of `2026-11-21T11:48:00.123Z`.
const TIME_CHARS: usize = 24;

/// `at` as logs write it.
pub fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// The log file of `name`.
pub fn path(dirs: &Dirs, name: &str) -> PathBuf {
    dirs.logs.join(format!("{name}.log"))
}

/// A log being written.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    file: File,
    size: u64,
}

impl Writer {
    /// Opens the log of `name` for appending.
    pub fn open(dirs: &Dirs, name: &str) -> Result<Writer, Problem> {
        let path = path(dirs, name);
        Self::at(path.clone()).map_err(|error| unwritable(&path, &error))
    }

    fn at(path: PathBuf) -> io::Result<Writer> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
        let size = file.metadata()?.len();
        Ok(Writer { path, file, size })
    }

    /// Appends one line with the time of now.
    pub fn line(&mut self, text: &str) -> io::Result<()> {
        if self.size > LOG_BYTES_MAX {
            self.rotate()?;
        }
        let line = format!("{} {text}\n", stamp(Timestamp::now()));
        self.file.write_all(line.as_bytes())?;
        self.size += line.len() as u64;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        for number in (1..LOGS_KEPT).rev() {
            let from = rotated(&self.path, number);
            if from.exists() {
                fs::rename(from, rotated(&self.path, number + 1))?;
            }
        }
        fs::rename(&self.path, rotated(&self.path, 1))?;
        *self = Writer::at(self.path.clone())?;
        Ok(())
    }
}

fn rotated(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

/// The lines of `name` since `since`, oldest first, the last `count` of them at most.
pub fn read(
    dirs: &Dirs,
    name: &str,
    since: Option<Timestamp>,
    count: usize,
) -> Result<Vec<Line>, Problem> {
    let current = path(dirs, name);
    let since = since.map(stamp);
    let mut lines = std::collections::VecDeque::new();
    let files =
        (1..=LOGS_KEPT).rev().map(|number| rotated(&current, number)).chain([current.clone()]);
    for file in files {
        let file = match File::open(&file) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => {
                return Err(Problem::failed(
                    "log-unreadable",
                    format!("{}: {error}", file.display()),
                ));
            }
        };
        for line in BufReader::new(file).split(b'\n').map_while(Result::ok) {
            let Some(line) = Line::parse(&String::from_utf8_lossy(&line)) else {
                continue;
            };
            if since.as_ref().is_some_and(|since| line.at < *since) {
                continue;
            }
            if lines.len() == count {
                lines.pop_front();
            }
            if count > 0 {
                lines.push_back(line);
            }
        }
    }
    Ok(lines.into())
}

/// New lines of a log as they come, over rotations.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    open: Option<(u64, BufReader<File>)>,
    rest: String,
}

impl Follower {
    /// Follows `name` from its present end.
    pub fn at_end(dirs: &Dirs, name: &str) -> Follower {
        let mut follower = Follower { path: path(dirs, name), open: None, rest: String::new() };
        if let Ok(mut file) = File::open(&follower.path) {
            let inode = file.metadata().map(|meta| meta.ino()).unwrap_or_default();
            if file.seek(SeekFrom::End(0)).is_ok() {
                follower.open = Some((inode, BufReader::new(file)));
            }
        }
        follower
    }

    /// Waits for the next lines; never empty. Dropping it loses nothing that was not returned.
    pub async fn next(&mut self) -> Vec<Line> {
        loop {
            let lines = self.poll();
            if !lines.is_empty() {
                return lines;
            }
            tokio::time::sleep(Duration::from_millis(FOLLOW_PACE_MS)).await;
        }
    }

    /// The lines that are there now.
    pub fn poll(&mut self) -> Vec<Line> {
        let mut lines = Vec::new();
        self.drain(&mut lines);
        let there = fs::metadata(&self.path).map(|meta| meta.ino()).ok();
        if there.is_some() && there != self.open.as_ref().map(|(inode, _)| *inode) {
            // The old file was drained first, so nothing is lost at a rotation.
            self.drain(&mut lines);
            self.open =
                there.and_then(|inode| Some((inode, BufReader::new(File::open(&self.path).ok()?))));
            self.drain(&mut lines);
        }
        lines
    }

    fn drain(&mut self, lines: &mut Vec<Line>) {
        let Some((_, reader)) = &mut self.open else {
            return;
        };
        let mut piece = Vec::new();
        while reader.read_until(b'\n', &mut piece).is_ok_and(|count| count > 0) {
            self.rest.push_str(&String::from_utf8_lossy(&piece));
            piece.clear();
            if self.rest.ends_with('\n') {
                lines.extend(Line::parse(&self.rest));
                self.rest.clear();
            }
        }
    }
}

/// The ends of a service's output pipe: ours to read, the service's to write.
pub(crate) struct Pipe {
    pub(crate) reader: File,
    pub(crate) writer: File,
}

/// A new pipe for `name`: what a former run still writes goes to its own.
pub(crate) fn pipe(dirs: &Dirs, name: &str) -> io::Result<Pipe> {
    let path = pipe_path(dirs, name);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => make_pipe(&path)?,
    }
    let reader = open_reader(&path)?;
    // Both ways, so that the service itself is a reader and never meets a broken pipe; not
    // blocking, so that it never waits for a daemon that is gone.
    let writer = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(OFlags::NONBLOCK.bits() as i32)
        .open(&path)?;
    #[cfg(target_os = "linux")]
    let _ = rustix::pipe::fcntl_setpipe_size(&writer, PIPE_BYTES);
    Ok(Pipe { reader, writer })
}

/// The reading end for a service that already runs; `None` if its pipe is gone.
pub(crate) fn reopen(dirs: &Dirs, name: &str) -> Option<File> {
    open_reader(&pipe_path(dirs, name)).ok()
}

fn pipe_path(dirs: &Dirs, name: &str) -> PathBuf {
    dirs.run.join(format!("{name}.out"))
}

#[cfg(not(target_vendor = "apple"))]
fn make_pipe(path: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, FileType, Mode};
    Ok(rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?)
}

#[cfg(target_vendor = "apple")]
fn make_pipe(path: &Path) -> io::Result<()> {
    let status = std::process::Command::new("mkfifo").args(["-m", "600"]).arg(path).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other("mkfifo failed")) }
}

fn open_reader(path: &Path) -> io::Result<File> {
    // Opened without blocking: a blocking open would wait for a writer.
    let file =
        OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(path)?;
    let flags = rustix::fs::fcntl_getfl(&file)?;
    rustix::fs::fcntl_setfl(&file, flags - OFlags::NONBLOCK)?;
    Ok(file)
}

/// Copies a service's output into its log until the last process that can write is gone.
pub(crate) fn pump(reader: File, mut log: Writer) {
    let copy = move || {
        let mut reader = BufReader::new(reader);
        let mut piece = Vec::new();
        loop {
            piece.clear();
            match (&mut reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut piece) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let text = String::from_utf8_lossy(&piece);
            // A full disk must not stop the service: the line is lost, reading goes on.
            let _ = log.line(text.trim_end_matches(['\n', '\r']));
        }
    };
    // Without a thread the pipe fills and further output is dropped; the service itself goes on.
    let _ = std::thread::Builder::new().name("log".into()).stack_size(128 * 1024).spawn(copy);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dirs() -> (tempfile::TempDir, Dirs) {
        let project = tempfile::tempdir().expect("temporary directory");
        let dirs = Dirs::create_with_cache(project.path(), "/nowhere".into()).expect("directories");
        (project, dirs)
    }

    #[test]
    fn a_log_rotates_by_size_and_a_bounded_number_is_kept() {
        let (_project, dirs) = dirs();
        let mut log = Writer::open(&dirs, "x").expect("log");
        for round in 0..6 {
            log.line(&format!("round {round}")).expect("line");
            log.size = LOG_BYTES_MAX + 1;
        }
        let count = fs::read_dir(&dirs.logs).expect("logs").count();
        assert_eq!(count as u32, LOGS_KEPT + 1);
        let lines = read(&dirs, "x", None, 100).expect("lines");
        let texts: Vec<_> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["round 2", "round 3", "round 4", "round 5"]);
    }

    #[test]
    fn reading_knows_since_and_last() {
        let (_project, dirs) = dirs();
        fs::write(
            path(&dirs, "x"),
            "2026-01-01T00:00:00.000Z old\n2026-01-02T00:00:00.000Z mid\nnot ours\n2026-01-03T00:00:00.000Z new\n",
        )
        .expect("log");
        let since: Timestamp = "2026-01-02T00:00:00Z".parse().expect("time");
        let texts = |lines: Vec<Line>| lines.into_iter().map(|line| line.text).collect::<Vec<_>>();
        assert_eq!(texts(read(&dirs, "x", Some(since), 9).expect("lines")), ["mid", "new"]);
        assert_eq!(texts(read(&dirs, "x", None, 1).expect("lines")), ["new"]);
        assert_eq!(read(&dirs, "absent", None, 9).expect("no log yet"), []);
    }

    #[test]
    fn a_follower_sees_each_line_once_over_a_rotation() {
        let (_project, dirs) = dirs();
        let mut log = Writer::open(&dirs, "x").expect("log");
        log.line("before").expect("line");
        let mut follower = Follower::at_end(&dirs, "x");
        assert_eq!(follower.poll(), []);
        log.line("one").expect("line");
        log.size = LOG_BYTES_MAX + 1;
        log.line("two").expect("line");
        let texts: Vec<_> = follower.poll().into_iter().map(|line| line.text).collect();
        assert_eq!(texts, ["one", "two"]);
        assert_eq!(follower.poll(), []);
    }

    #[test]
    fn times_are_rfc_3339() {
        let at: Timestamp = "2026-11-21T11:48:00.1239Z".parse().expect("time");
        assert_eq!(stamp(at), "2026-11-21T11:48:00.123Z");
    }
}
