//! Has the system write to the disk what an archive holds so far, while more is written: at the end there is
//! little left to wait for.

use std::fs::File;
use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Bytes after which the disk is told.
const BYTES: u64 = 8 << 20;

/// A thread that waits for the disk, once there is something to wait for.
#[derive(Default)]
pub(super) struct Early {
    since: u64,
    thread: Option<(SyncSender<()>, JoinHandle<io::Result<()>>)>,
}

impl Early {
    /// So many bytes more are with the system.
    pub(super) fn wrote(&mut self, file: &File, bytes: u64) {
        self.since += bytes;
        if self.since < BYTES {
            return;
        }
        self.since = 0;
        if self.thread.is_none() {
            self.thread = start(file).ok();
        }
        if let Some((wake, _)) = &self.thread {
            // While the disk is busy nothing needs to be said.
            let _ = wake.try_send(());
        }
    }

    /// Waits for the thread. What the disk said to it, it does not say again.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        let Some((wake, thread)) = self.thread.take() else { return Ok(()) };
        drop(wake);
        thread.join().unwrap_or_else(|_| Err(io::Error::other("waiting for the disk broke off")))
    }
}

fn start(file: &File) -> io::Result<(SyncSender<()>, JoinHandle<io::Result<()>>)> {
    let file = file.try_clone()?;
    let (wake, woken) = sync_channel(1);
    let thread = std::thread::Builder::new().name("disk".to_owned());
    let thread = thread.spawn(move || woken.iter().try_for_each(|()| file.sync_data()))?;
    Ok((wake, thread))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_the_disk_said_is_told_at_the_end() {
        // A pipe cannot be synchronised.
        let (_read, write) = io::pipe().expect("pipe");
        let (pipe, mut early) = (File::from(std::os::fd::OwnedFd::from(write)), Early::default());
        early.wrote(&pipe, BYTES - 1);
        assert!(early.finish().is_ok(), "nothing was asked of it");
        early.wrote(&pipe, BYTES);
        assert!(early.finish().is_err());
        let mut file = tempfile::tempfile().expect("file");
        file.write_all(b"rows").expect("written");
        for _ in 0..9 {
            early.wrote(&file, BYTES);
        }
        assert!(early.finish().is_ok());
    }
}
