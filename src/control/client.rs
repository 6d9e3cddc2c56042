//! The control socket from the outside: one request, then updates as they come. Blocking on
//! purpose: a command that asks one thing should not start a runtime first.

use super::home::Home;
use super::message::{Ask, Request, Told, Update, VERSION};
use crate::base::Problem;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// The longest update that is read, in bytes.
const UPDATE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Updates from a daemon, over its socket, its boot pipe, or from a daemon in this process.
pub struct Updates {
    receiver: mpsc::Receiver<Update>,
}

/// Why no update came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// Time is up.
    TimedOut,
    /// The daemon has closed the connection: it ended.
    Closed,
}

impl Updates {
    /// Updates from within this process.
    pub fn from_channel(receiver: mpsc::Receiver<Update>) -> Updates {
        Updates { receiver }
    }

    /// Updates as lines of JSON; ends with the stream.
    pub fn from_lines(stream: impl Read + Send + 'static) -> Updates {
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut lines = BufReader::new(stream);
            let mut line = String::new();
            loop {
                line.clear();
                match lines.by_ref().take(UPDATE_BYTES_MAX).read_line(&mut line) {
                    Ok(1..) => {}
                    Ok(0) | Err(_) => return,
                }
                let Ok(update) = serde_json::from_str(&line) else { return };
                if sender.send(update).is_err() {
                    return;
                }
            }
        });
        Updates { receiver }
    }

    /// The next update before `deadline`.
    pub fn next(&self, deadline: Option<Instant>) -> Result<Update, Silence> {
        let Some(deadline) = deadline else {
            return self.receiver.recv().map_err(|_| Silence::Closed);
        };
        let left = deadline.saturating_duration_since(Instant::now());
        self.receiver.recv_timeout(left).map_err(|silence| match silence {
            mpsc::RecvTimeoutError::Timeout => Silence::TimedOut,
            mpsc::RecvTimeoutError::Disconnected => Silence::Closed,
        })
    }
}

/// A connection to the daemon of `home`, or `None` when none listens there.
pub fn connect(home: &Home) -> Result<Option<UnixStream>, Problem> {
    let path = home.socket();
    match UnixStream::connect(&path) {
        Ok(stream) => Ok(Some(stream)),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
            Ok(None)
        }
        // Too long a path for a socket: a daemon would have left a pointer to a shorter one.
        Err(e) if e.kind() == ErrorKind::InvalidInput => Ok(None),
        Err(e) if e.kind() == ErrorKind::PermissionDenied => {
            let message =
                format!("the environment's socket {} belongs to another user", path.display());
            Err(Problem::in_the_way("not-yours", message)
                .hint("run the command as the user who started the environment"))
        }
        Err(e) => {
            let message = format!("cannot reach the daemon at {}: {e}", path.display());
            Err(Problem::failed("daemon-unreachable", message).retryable())
        }
    }
}

/// Asks the daemon of `home`; a [`Home::not_running`] problem when there is none.
pub fn ask(home: &Home, ask: Ask) -> Result<Updates, Problem> {
    let stream = connect(home)?.ok_or_else(|| home.not_running())?;
    send(stream, ask).map_err(|e| daemon_left(&e.to_string()))
}

/// Sends the one request of a connection.
pub fn send(mut stream: UnixStream, ask: Ask) -> std::io::Result<Updates> {
    let mut line = serde_json::to_vec(&Request { version: VERSION, ask })?;
    line.push(b'\n');
    stream.write_all(&line)?;
    Ok(Updates::from_lines(stream))
}

/// Asks, and waits for the one update that answers.
pub fn ask_once(home: &Home, request: Ask, limit: Duration) -> Result<Update, Problem> {
    let only_looks = request.only_looks();
    // A daemon on its way out may still be connected to; who only looks need not know of that.
    let left = |why: &str| match connect(home) {
        Ok(None) if only_looks => home.not_running(),
        _ => daemon_left(why),
    };
    let stream = connect(home)?.ok_or_else(|| home.not_running())?;
    let updates = send(stream, request).map_err(|e| left(&e.to_string()))?;
    match updates.next(Some(Instant::now() + limit)) {
        Ok(Update::Failed(told)) => Err(told.into()),
        Ok(update) => Ok(update),
        Err(Silence::Closed) => Err(left("it closed the connection")),
        Err(Silence::TimedOut) => {
            let message = format!("the daemon did not answer within {} s", limit.as_secs());
            Err(Problem::failed("daemon-silent", message)
                .hint("`devenv logs` may say why; `devenv down` ends it")
                .retryable())
        }
    }
}

/// The daemon ended while it was asked.
pub fn daemon_left(why: &str) -> Problem {
    Problem::failed("daemon-gone", format!("the daemon ended while it was asked: {why}"))
        .hint("`devenv logs daemon` shows its last words; `devenv up` starts it again")
        .retryable()
}

impl From<Told> for Update {
    fn from(told: Told) -> Self {
        Update::Failed(told)
    }
}

#[cfg(test)]
mod tests {
    use super::{Ask, Home, ask_once};
    use std::os::unix::net::UnixListener;
    use std::time::Duration;

    /// What asking `request` of a daemon comes to that ends as soon as it is connected to.
    fn asked_of_a_dying_one(request: Ask) -> &'static str {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(".devenv")).unwrap();
        let home = Home::of(dir.path());
        let listener = UnixListener::bind(home.socket()).unwrap();
        let daemon = std::thread::spawn(move || {
            let connection = listener.accept().unwrap();
            drop(listener);
            drop(connection);
        });
        let problem = ask_once(&home, request, Duration::from_secs(60)).unwrap_err();
        daemon.join().unwrap();
        problem.code
    }

    #[test]
    fn a_daemon_that_just_ended_is_gone_only_for_those_who_wanted_something_done() {
        assert_eq!(asked_of_a_dying_one(Ask::Status), "not-running");
        assert_eq!(asked_of_a_dying_one(Ask::Clock { order: None }), "not-running");
        assert_eq!(asked_of_a_dying_one(Ask::Release { id: "a".to_owned() }), "daemon-gone");
    }
}
