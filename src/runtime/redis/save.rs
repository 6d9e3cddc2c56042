//! One moment of a running server as an RDB file, and a data directory made of such a file.
//!
//! Writers are paused (`CLIENT PAUSE … WRITE`: their commands wait, none is refused) while others take
//! the same moment; `BGSAVE` forks within the pause, so the file holds that moment and nothing later
//! (<https://redis.io/docs/latest/commands/client-pause/>, <https://redis.io/docs/latest/commands/bgsave/>).
//! A pause ends by itself after [`PAUSE_MILLIS`], whatever becomes of whoever asked for it.

use super::HOST;
use super::resp::{self, Reply};
use crate::base::Problem;
use crate::runtime::tree::{How, bring_file};
use std::fs;
use std::io::{self, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The longest pause.
const PAUSE_MILLIS: u64 = 5_000;
/// Longest wait for an answer, and for a save that is under way already.
const ANSWER_WAIT: Duration = Duration::from_secs(10);
const SAVE_WAIT: Duration = Duration::from_secs(60);
/// The same of a server that is to end: a signal comes next.
const END_WAIT: Duration = Duration::from_millis(500);
/// Between two questions whether the save is through.
const PACE: Duration = Duration::from_millis(2);
/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;
/// Names of the file, and of what an append-only server starts from.
const DUMP: &str = "dump.rdb";
const APPEND_DIR: &str = "appendonlydir";
const APPEND_BASE: &str = "appendonly.aof.1.base.rdb";

/// A session with a server.
pub struct Talk {
    stream: BufReader<TcpStream>,
}

impl Talk {
    /// With the server on `port`.
    pub fn with(port: u16) -> Result<Talk, Problem> {
        Talk::within(port, ANSWER_WAIT)
    }

    /// The same, where no answer takes longer than `wait`.
    fn within(port: u16, wait: Duration) -> Result<Talk, Problem> {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let open = || -> io::Result<TcpStream> {
            let stream = TcpStream::connect_timeout(&address, wait)?;
            stream.set_read_timeout(Some(wait))?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        let stream = open().map_err(|error| silent(port, &error))?;
        Ok(Talk { stream: BufReader::new(stream) })
    }

    /// One command without spaces in its arguments; the answer's text, or the server's refusal.
    pub fn ask(&mut self, command: &str) -> Result<Result<String, String>, Problem> {
        let mut exchange = || -> io::Result<Result<String, String>> {
            self.stream.get_mut().write_all(format!("{command}\r\n").as_bytes())?;
            self.answer()
        };
        exchange().map_err(|error| {
            let message = format!("Redis did not answer `{command}`: {error}");
            Problem::failed("redis-silent", message).retryable()
        })
    }

    /// One command whose arguments may be anything.
    pub fn run(&mut self, words: &[&str]) -> Result<Result<String, String>, Problem> {
        let mut exchange = || -> io::Result<Result<String, String>> {
            self.stream.get_mut().write_all(&resp::command(words.iter()))?;
            self.answer()
        };
        exchange().map_err(|error| {
            let message = format!("Redis did not answer: {error}");
            Problem::failed("redis-silent", message).retryable()
        })
    }

    /// The same, where a refusal is a failure.
    pub(super) fn must(&mut self, command: &str) -> Result<String, Problem> {
        self.ask(command)?.map_err(|why| {
            Problem::failed("redis-refused", format!("Redis refuses `{command}`: {why}"))
        })
    }

    /// Empties a database.
    pub fn empty(&mut self, number: u32) -> Result<(), Problem> {
        self.must(&format!("SELECT {number}"))?;
        self.must("FLUSHDB").map(drop)
    }

    /// Whether all that the server on `port` has acknowledged is in its files once it has ended in
    /// order; one that does not run has nothing else.
    pub fn all_in_files(port: Option<u16>) -> Result<bool, Problem> {
        let Some(port) = port else { return Ok(true) };
        Ok(Talk::with(port)?.info("persistence", "aof_enabled")?.as_deref() == Some("1"))
    }

    fn answer(&mut self) -> io::Result<Result<String, String>> {
        match resp::read(&mut self.stream, ANSWER_BYTES_MAX)? {
            Reply::Text(text) => Ok(Ok(String::from_utf8_lossy(&text).into_owned())),
            Reply::Number(number) => Ok(Ok(number.to_string())),
            Reply::Refused(why) => Ok(Err(why)),
            Reply::Many(_) => Err(io::Error::other("it gave several answers")),
        }
    }

    /// A value of a section of `INFO`.
    fn info(&mut self, section: &str, name: &str) -> Result<Option<String>, Problem> {
        let text = self.must(&format!("INFO {section}"))?;
        let value =
            |line: &str| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned());
        Ok(text.lines().find_map(value))
    }
}

/// Asks the server on `port` to end in order if it is the process `pid`: what it has acknowledged is in
/// its files then (<https://redis.io/docs/latest/commands/shutdown/>). Whoever asks looks for its end
/// himself: a server that has ended does not answer, and one whose commands have other names or need a
/// password needs a signal.
pub(in crate::runtime) fn end(port: u16, pid: u32) {
    let Ok(mut talk) = Talk::within(port, END_WAIT) else { return };
    // Somebody else's server may have the port of one that did not get it, or has ended.
    if matches!(talk.info("server", "process_id"), Ok(Some(id)) if id == pid.to_string()) {
        let _ = talk.ask("SHUTDOWN");
    }
}

/// Writers wait for as long as this lives, [`PAUSE_MILLIS`] at the most.
pub struct Paused {
    talk: Talk,
    dump: PathBuf,
    former: Option<u64>,
}

impl Paused {
    /// Pauses those of the server on `port` with its data in `data`, when no save and no rewrite is
    /// under way.
    pub fn begin(port: u16, data: &Path) -> Result<Paused, Problem> {
        let mut talk = Talk::with(port)?;
        let limit = Instant::now() + SAVE_WAIT;
        while talk.info("persistence", "rdb_bgsave_in_progress")?.as_deref() == Some("1")
            || talk.info("persistence", "aof_rewrite_in_progress")?.as_deref() == Some("1")
        {
            if Instant::now() > limit {
                let message = "Redis has been saving its data for a minute";
                return Err(Problem::failed("redis-busy", message).retryable());
            }
            std::thread::sleep(PACE);
        }
        if talk.ask(&format!("CLIENT PAUSE {PAUSE_MILLIS} WRITE"))?.is_err() {
            // Before Redis 6.2 everybody is paused, readers too.
            talk.must(&format!("CLIENT PAUSE {PAUSE_MILLIS}"))?;
        }
        let dump = data.join(DUMP);
        Ok(Paused { talk, former: inode(&dump), dump })
    }

    /// Takes the moment; the writers still wait.
    pub fn fork(&mut self) -> Result<(), Problem> {
        self.talk.must("BGSAVE").map(drop)
    }

    /// Lets the writers go on. Dropped instead, the pause ends by itself.
    pub fn resume(mut self) -> Result<Saving, Problem> {
        self.talk.must("CLIENT UNPAUSE")?;
        Ok(Saving { talk: self.talk, dump: self.dump, former: self.former })
    }
}

/// A save under way in the server's child.
pub struct Saving {
    talk: Talk,
    dump: PathBuf,
    former: Option<u64>,
}

impl Saving {
    /// Waits for the file and brings it to `to`. The child gives it its name when it is whole, long before
    /// the server looks after its child.
    pub fn fetch(mut self, to: &Path) -> Result<(), Problem> {
        let limit = Instant::now() + SAVE_WAIT;
        loop {
            let over =
                self.talk.info("persistence", "rdb_bgsave_in_progress")?.as_deref() == Some("0");
            if inode(&self.dump) != self.former {
                break;
            }
            if over {
                let message = format!("Redis has not saved its data as {}", self.dump.display());
                return Err(Problem::failed("redis-save", message).hint(
                    "`devenv logs redis` says why; leave `dbfilename` in `[redis.settings]` to devenv",
                ));
            }
            if Instant::now() > limit {
                let message = "Redis has not saved its data within a minute";
                return Err(Problem::failed("redis-busy", message).retryable());
            }
            std::thread::sleep(PACE);
        }
        // The server never writes into the file: a newer one takes its name.
        match bring_file(&self.dump, to, How::Link) {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(Problem::failed("redis-save", "the file of Redis' data is gone")),
            Err(error) => Err(crate::runtime::dirs::unwritable(to, &error)),
        }
    }
}

fn inode(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|meta| meta.ino())
}

/// Makes a data directory at `data` out of an RDB file, for servers with an append-only file (from
/// Redis 7 on: a directory with a manifest; before: one file that may begin as an RDB) and without.
pub fn lay_out(dump: &Path, data: &Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(data)?;
    let parts = data.join(APPEND_DIR);
    fs::DirBuilder::new().mode(0o700).create(&parts)?;
    // Appended to by servers before Redis 7: a copy of its own.
    bring_file(dump, &data.join("appendonly.aof"), How::Copy)?;
    for place in [data.join(DUMP), parts.join(APPEND_BASE)] {
        bring_file(dump, &place, How::Link)?;
    }
    fs::write(parts.join("appendonly.aof.manifest"), format!("file {APPEND_BASE} seq 1 type b\n"))
}

fn silent(port: u16, error: &io::Error) -> Problem {
    Problem::failed("redis-silent", format!("Redis on {HOST}:{port} does not answer: {error}"))
        .retryable()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_directory_holds_the_file_under_every_name_that_servers_read() {
        let dir = tempfile::tempdir().unwrap();
        let (dump, data) = (dir.path().join("d"), dir.path().join("redis"));
        fs::write(&dump, "REDIS0011").unwrap();
        lay_out(&dump, &data).unwrap();
        for name in ["dump.rdb", "appendonly.aof", "appendonlydir/appendonly.aof.1.base.rdb"] {
            assert_eq!(fs::read_to_string(data.join(name)).unwrap(), "REDIS0011", "{name}");
        }
    }
}
