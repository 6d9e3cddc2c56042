//! What changed from one copy of Redis' data to another: a server for nobody else loads each of them and
//! is asked, on a socket in a private directory. Redis itself says what a value is (`DEBUG DIGEST-VALUE`,
//! the same for sets and hashes whatever their order), so every type counts that it can load.
//!
//! A key whose time is up by now counts on neither side: no restore would bring it back.

use super::resp::{self, Reply};
use super::{binary, config};
use crate::base::Problem;
use crate::profile;
use crate::runtime::dirs::{Dirs, unwritable};
use crate::runtime::progress::Silent;
use crate::runtime::runas;
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Longest wait for a server to have loaded its data, and for one answer.
const LOAD_WAIT: Duration = Duration::from_secs(120);
const ANSWER_WAIT: Duration = Duration::from_secs(60);
/// Between two looks whether it has.
const PACE: Duration = Duration::from_millis(5);
/// The longest value that Redis takes.
const VALUE_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Keys that are asked about at once.
const PAGE: usize = 500;
/// When each key ends (-1: never, -2: it is not there, -3: a server before 7.0 cannot say), and what a
/// digest leaves out of streams: their groups.
const LOOK: &str = "local all = {} for _, key in ipairs(KEYS) do \
local at = redis.pcall('PEXPIRETIME', key) if type(at) == 'table' then \
at = redis.call('EXISTS', key) == 1 and -3 or -2 end all[#all + 1] = at \
local groups = '' if redis.call('TYPE', key).ok == 'stream' then \
groups = redis.sha1hex(redis.call('DUMP', key)) end all[#all + 1] = groups end return all";

/// How a database differs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keys {
    /// Keys before and after.
    pub all: [u64; 2],
    /// Keys that are in one of them alone.
    pub only: [u64; 2],
    /// Keys that are in both and have another value, type or end.
    pub changed: u64,
}

/// The databases that differ, by number. `data` are copies of data directories that may be written to; none
/// is an empty server.
pub fn compare(
    settings: &profile::Redis,
    dirs: &Dirs,
    data: [Option<&Path>; 2],
) -> Result<Vec<(u32, Keys)>, Problem> {
    let [mut one, mut two] =
        match data.map(|data| data.map(|data| Server::load(settings, dirs, data)).transpose()) {
            [Ok(one), Ok(two)] => [one, two],
            [Err(problem), _] | [_, Err(problem)] => return Err(problem),
        };
    let mut numbers = BTreeSet::new();
    for server in [&mut one, &mut two].into_iter().flatten() {
        numbers.extend(server.databases()?);
    }
    let mut all = Vec::new();
    for number in numbers {
        let mut keys = BTreeSet::new();
        for server in [&mut one, &mut two].into_iter().flatten() {
            server.ask(&["SELECT", &number.to_string()])?;
            server.keys_into(&mut keys)?;
        }
        let found = of_database(&mut one, &mut two, &keys.into_iter().collect::<Vec<_>>())?;
        if found.only != [0, 0] || found.changed > 0 {
            all.push((number, found));
        }
    }
    Ok(all)
}

fn of_database(
    one: &mut Option<Server>,
    two: &mut Option<Server>,
    keys: &[Vec<u8>],
) -> Result<Keys, Problem> {
    let mut found = Keys::default();
    for page in keys.chunks(PAGE) {
        let look = |server: &mut Option<Server>| match server {
            Some(server) => server.look(page),
            None => Ok(vec![None; page.len()]),
        };
        let (before, after) = (look(one)?, look(two)?);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let is_there = |value: &Value| !u128::try_from(value.ends).is_ok_and(|ends| ends <= now);
        for (before, after) in before.into_iter().zip(after) {
            let (before, after) = (before.filter(is_there), after.filter(is_there));
            found.all[0] += u64::from(before.is_some());
            found.all[1] += u64::from(after.is_some());
            match (&before, &after) {
                (Some(_), None) => found.only[0] += 1,
                (None, Some(_)) => found.only[1] += 1,
                _ => found.changed += u64::from(before != after),
            }
        }
    }
    Ok(found)
}

/// What is told of a value.
#[derive(Clone, PartialEq, Eq)]
struct Value {
    digest: Vec<u8>,
    ends: i64,
    groups: Vec<u8>,
}

/// A server that ends with this.
struct Server {
    child: Child,
    stream: BufReader<UnixStream>,
    /// Holds its configuration and its socket, whose path has to be short.
    _home: tempfile::TempDir,
}

impl Server {
    fn load(settings: &profile::Redis, dirs: &Dirs, data: &Path) -> Result<Server, Problem> {
        let binary = binary::provide(dirs, &Silent)?;
        let home = tempfile::Builder::new().prefix("devenv-redis-").tempdir();
        let home = home.map_err(|error| unwritable(&std::env::temp_dir(), &error))?;
        let (conf, socket) = (home.path().join("redis.conf"), home.path().join("socket"));
        let text = config::for_a_look(settings, &binary, data, &socket)?;
        fs::write(&conf, text).map_err(|error| unwritable(&conf, &error))?;
        let mut child = runas::bound(&binary.program)
            .arg(&conf)
            .current_dir(data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| {
                Problem::failed("cannot-start", format!("{}: {error}", binary.program.display()))
            })?;
        let said = child.stdout.take();
        let last = std::thread::spawn(move || last_line(said));
        let stream = loaded(&mut child, &socket);
        let stream = stream.map_err(|why| {
            let _ = child.kill();
            let _ = child.wait();
            let said = last.join().ok().flatten();
            Problem::failed(
                "redis-copy",
                format!("Redis does not load {}: {}", data.display(), said.unwrap_or(why)),
            )
        })?;
        Ok(Server { child, stream: BufReader::new(stream), _home: home })
    }

    fn ask<T: AsRef<[u8]>>(&mut self, words: &[T]) -> Result<Reply, Problem> {
        let exchange = self.stream.get_mut().write_all(&resp::command(words.iter()));
        match exchange.and_then(|()| resp::read(&mut self.stream, VALUE_BYTES_MAX)) {
            Ok(Reply::Refused(why)) => {
                Err(Problem::failed("redis-refused", format!("Redis refuses to compare: {why}")))
            }
            Ok(reply) => Ok(reply),
            Err(error) => {
                Err(Problem::failed("redis-silent", format!("Redis did not answer: {error}")))
            }
        }
    }

    /// The databases that have keys.
    fn databases(&mut self) -> Result<Vec<u32>, Problem> {
        let told = text(self.ask(&["INFO", "keyspace"])?)?;
        let told = String::from_utf8_lossy(&told);
        let number = |line: &str| line.strip_prefix("db")?.split_once(':')?.0.parse().ok();
        Ok(told.lines().filter_map(number).collect())
    }

    /// Adds the names of the database's keys; `SCAN` may name one twice.
    fn keys_into(&mut self, keys: &mut BTreeSet<Vec<u8>>) -> Result<(), Problem> {
        let mut cursor = b"0".to_vec();
        loop {
            let count = PAGE.to_string();
            let [next, page] =
                many(self.ask(&[b"SCAN", &cursor[..], b"COUNT", count.as_bytes()])?)?;
            let Reply::Many(page) = page else { return Err(strange()) };
            for key in page {
                keys.insert(text(key)?);
            }
            cursor = text(next)?;
            if cursor == b"0" {
                return Ok(());
            }
        }
    }

    /// What there is under each of `keys`.
    fn look(&mut self, keys: &[Vec<u8>]) -> Result<Vec<Option<Value>>, Problem> {
        let count = keys.len().to_string();
        let asked = |head: &[&'static str]| -> Vec<&[u8]> {
            head.iter().map(|word| word.as_bytes()).collect()
        };
        let mut command = asked(&["DEBUG", "DIGEST-VALUE"]);
        command.extend(keys.iter().map(Vec::as_slice));
        let Reply::Many(digests) = self.ask(&command)? else { return Err(strange()) };
        let mut command = asked(&["EVAL", LOOK]);
        command.push(count.as_bytes());
        command.extend(keys.iter().map(Vec::as_slice));
        let Reply::Many(rest) = self.ask(&command)? else { return Err(strange()) };
        if digests.len() != keys.len() || rest.len() != 2 * keys.len() {
            return Err(strange());
        }
        let mut rest = rest.into_iter();
        let mut value = |digest: Reply| match (digest, rest.next(), rest.next()) {
            (Reply::Text(_), Some(Reply::Number(-2)), _) => Ok(None),
            (Reply::Text(digest), Some(Reply::Number(ends)), Some(Reply::Text(groups))) => {
                Ok(Some(Value { digest, ends, groups }))
            }
            _ => Err(strange()),
        };
        digests.into_iter().map(&mut value).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A session with the server when it has loaded everything.
fn loaded(child: &mut Child, socket: &PathBuf) -> Result<UnixStream, String> {
    let limit = Instant::now() + LOAD_WAIT;
    while Instant::now() < limit {
        if let Ok(Some(status)) = child.try_wait() {
            return Err(format!("it ended with {status}"));
        }
        if let Ok(mut stream) = UnixStream::connect(socket) {
            stream.set_read_timeout(Some(ANSWER_WAIT)).map_err(|error| error.to_string())?;
            let asked = stream
                .write_all(b"PING\r\n")
                .and_then(|()| resp::read(&mut BufReader::new(&stream), 1024));
            match asked {
                Ok(Reply::Text(_)) => return Ok(stream),
                Ok(Reply::Refused(why)) if !why.starts_with("LOADING") => return Err(why),
                _ => {}
            }
        }
        std::thread::sleep(PACE);
    }
    Err("it has been loading for two minutes".to_owned())
}

/// The last thing that a server said; everything is read, so that it never waits for a reader.
fn last_line(said: Option<std::process::ChildStdout>) -> Option<String> {
    let lines = std::io::BufRead::split(BufReader::new(said?), b'\n').map_while(Result::ok);
    lines.last().map(|line| String::from_utf8_lossy(&line).trim().to_owned())
}

fn text(reply: Reply) -> Result<Vec<u8>, Problem> {
    match reply {
        Reply::Text(text) => Ok(text),
        _ => Err(strange()),
    }
}

fn many<const N: usize>(reply: Reply) -> Result<[Reply; N], Problem> {
    match reply {
        Reply::Many(all) => all.try_into().map_err(|_| strange()),
        _ => Err(strange()),
    }
}

fn strange() -> Problem {
    Problem::failed("redis-copy", "Redis answered something else")
}
