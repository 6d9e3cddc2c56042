//! Ports promised to environments of this user that are still booting: a lock file a port, so that
//! two `devenv up` at once, in two directories, never choose the same free port.

use crate::base::Problem;
use crate::profile::Port;
use crate::runtime::{Dirs, ports};
use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

/// Free ports that may be promised to others before `claim` gives up.
const TRIES_MAX: u16 = 200;

/// Ports held by this environment.
#[derive(Debug, Default)]
pub(super) struct Reservations {
    taken: Vec<u16>,
    held: Vec<File>,
}

impl Reservations {
    /// A free port for `what` that is promised to no other environment.
    pub(super) fn claim(&mut self, wished: Port, what: &str, dirs: &Dirs) -> Result<u16, Problem> {
        let mut wished = wished;
        for _ in 0..TRIES_MAX {
            let port = ports::claim_or_keep(wished, what, dirs, &mut self.taken)?;
            let reserved = match reserve(port) {
                // Whoever it was promised to may have come to listen between the look and the promise.
                Reserved::Held(_) if !ports::is_ours(port, what, dirs) => Reserved::Promised,
                reserved => reserved,
            };
            match (reserved, wished) {
                (Reserved::Held(file), _) => {
                    self.held.extend(file);
                    return Ok(port);
                }
                (Reserved::Promised, Port::Auto(_)) => {
                    wished = Port::Auto(port.saturating_add(1));
                }
                (Reserved::Promised, Port::Fixed(_)) => {
                    let message = format!(
                        "port {port} for {what} is promised to another environment that is starting"
                    );
                    return Err(Problem::in_the_way("port-taken", message)
                        .hint("stop that one, or set `port = \"auto\"` in devenv.toml")
                        .retryable());
                }
            }
        }
        let message = format!("every free port for {what} is promised to another environment");
        Err(Problem::in_the_way("port-taken", message).retryable())
    }
}

enum Reserved {
    /// Ours; no file where the system gives none, since a promise is only a courtesy.
    Held(Option<File>),
    Promised,
}

fn reserve(port: u16) -> Reserved {
    let uid = rustix::process::getuid().as_raw();
    let dir: PathBuf = std::env::temp_dir().join(format!("devenv-ports-{uid}"));
    let _ = std::fs::DirBuilder::new().mode(0o700).create(&dir);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let Ok(file) = options.open(dir.join(port.to_string())) else { return Reserved::Held(None) };
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => Reserved::Promised,
        _ => Reserved::Held(Some(file)),
    }
}
