//! The daemon's own log: what it does, as lines of `logs/daemon.log` in the form of all logs.

use crate::control::detach::LOG;
use crate::runtime::{Dirs, logs};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// The variable that says how much is logged, as `tracing` reads it.
const VARIABLE: &str = "DEVENV_LOG";

/// Sends the program's own events to the log in `dirs`.
pub(super) fn to_log(dirs: &Dirs, verbose: bool) {
    let Ok(writer) = logs::Writer::open(dirs, LOG) else { return };
    let usual = if verbose { "devenv=debug" } else { "devenv=info" };
    let filter = EnvFilter::try_from_env(VARIABLE).unwrap_or_else(|_| EnvFilter::new(usual));
    let sink = Sink(Arc::new(Mutex::new(writer)));
    // A second call in one process (never in practice) keeps the first log.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .without_time()
        .with_writer(sink)
        .try_init();
}

#[derive(Clone)]
struct Sink(Arc<Mutex<logs::Writer>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for line in text.lines() {
            log.line(line)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Sink {
    type Writer = Sink;

    fn make_writer(&self) -> Sink {
        self.clone()
    }
}
