//! Files that change: the system is asked to tell, and what belongs together comes as one batch.

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;

/// Changes that follow one another within this time are one; but none waits for longer than the other.
const SETTLE: Duration = Duration::from_millis(100);
const SETTLE_MAX: Duration = Duration::from_secs(1);
/// Batches that may wait; beyond that the watcher itself waits, and the system tells it what it missed.
const BATCHES_MAX: usize = 64;

/// What changes at some paths and below them, for as long as the watcher lives.
pub(super) struct Changes(mpsc::Receiver<Vec<PathBuf>>);

impl Changes {
    /// The next changes; none once the watcher is gone.
    pub(super) async fn next(&mut self) -> Option<BTreeSet<PathBuf>> {
        let mut changed: BTreeSet<PathBuf> = self.0.recv().await?.into_iter().collect();
        let until = tokio::time::Instant::now() + SETTLE_MAX;
        loop {
            let wait = SETTLE.min(until - tokio::time::Instant::now());
            match tokio::time::timeout(wait, self.0.recv()).await {
                Ok(Some(more)) => changed.extend(more),
                _ => return Some(changed),
            }
        }
    }
}

/// Begins to watch files and directories; `complain` hears of what cannot be watched.
pub(super) fn observe(
    paths: &BTreeSet<PathBuf>,
    complain: impl Fn(String),
) -> Option<(RecommendedWatcher, Changes)> {
    let (sender, batches) = mpsc::channel(BATCHES_MAX);
    let every: Vec<PathBuf> = paths.iter().cloned().collect();
    let hand_over = move |result: notify::Result<notify::Event>| {
        let changed = match result {
            // Reading is no change: every build reads what it is made of.
            Ok(event) if event.kind.is_access() => return,
            Ok(event) if !event.need_rescan() => event.paths,
            // Something was missed: everything may have changed.
            _ => every.clone(),
        };
        let _ = sender.blocking_send(changed);
    };
    let mut watcher = match notify::recommended_watcher(hand_over) {
        Ok(watcher) => watcher,
        Err(error) => {
            complain(format!("files cannot be watched: {error}"));
            return None;
        }
    };
    // A file that is replaced by another is another to the system: its directory knows of both.
    let (directories, files): (Vec<&PathBuf>, Vec<&PathBuf>) =
        paths.iter().partition(|path| path.is_dir());
    let above: BTreeSet<&Path> = files.iter().filter_map(|file| file.parent()).collect();
    let above = above.into_iter().map(|path| (path, RecursiveMode::NonRecursive));
    let below = directories.into_iter().map(|path| (path.as_path(), RecursiveMode::Recursive));
    for (path, mode) in above.chain(below) {
        if let Err(error) = watcher.watch(path, mode) {
            complain(format!("{} cannot be watched: {error}", path.display()));
        }
    }
    Some((watcher, Changes(batches)))
}
