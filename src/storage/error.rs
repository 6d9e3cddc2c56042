//! What storage can fail with, and how a person is told.

use crate::base::Problem;
use std::path::Path;
use std::sync::Arc;

/// A read or a commit that did not happen. The state on disk is unchanged.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StorageError {
    /// SQLite refused.
    #[error("{0}")]
    Sqlite(Arc<rusqlite::Error>),
    /// The commit was given up because one before it failed, and memory had run ahead of the disk.
    #[error("an earlier change could not be written, so this one was not either; try again")]
    RolledBack,
    /// The writer has ended: the daemon is stopping.
    #[error("the state file is closed")]
    Closed,
}

impl From<rusqlite::Error> for StorageError {
    fn from(error: rusqlite::Error) -> Self {
        StorageError::Sqlite(Arc::new(error))
    }
}

impl StorageError {
    /// For people: names what is full, read-only or corrupt, without internals.
    pub fn for_people(&self) -> String {
        use rusqlite::ErrorCode::*;
        let StorageError::Sqlite(error) = self else { return self.to_string() };
        match error.sqlite_error_code() {
            Some(DiskFull) => "the disk that holds devenv's state is full".into(),
            Some(ReadOnly) | Some(PermissionDenied) => {
                "devenv's state file cannot be written (read-only)".into()
            }
            Some(DatabaseCorrupt) | Some(NotADatabase) => "devenv's state file is damaged".into(),
            Some(SystemIoFailure) => format!("the disk that holds devenv's state failed: {error}"),
            _ => format!("devenv's state file refused: {error}"),
        }
    }
}

/// The disk is full, and the state file at `path` cannot even be opened.
pub(super) fn disk_full(path: &Path) -> Problem {
    let message = format!("the disk that holds {} is full", path.display());
    Problem::in_the_way("disk-full", message).hint("free some space, then run `devenv up` again")
}

/// Why the state file at `path` could not be opened.
pub(super) fn open_problem(path: &Path, error: &rusqlite::Error) -> Problem {
    use rusqlite::ErrorCode::*;
    let file = path.display();
    match error.sqlite_error_code() {
        Some(NotADatabase) | Some(DatabaseCorrupt) => Problem::failed(
            "state-corrupt",
            format!("the state file {file} is damaged: {error}"),
        )
        .hint(format!(
            "nothing was changed; move {file} (and its -wal file) away to keep it, then run `devenv up` again"
        )),
        Some(CannotOpen) | Some(ReadOnly) | Some(PermissionDenied) => Problem::in_the_way(
            "state-unwritable",
            format!("the state file {file} cannot be opened for writing: {error}"),
        )
        .hint(format!(
            "check the owner and mode of {}",
            path.parent().unwrap_or(path).display()
        )),
        Some(DiskFull) => disk_full(path),
        Some(DatabaseBusy) | Some(DatabaseLocked) => Problem::in_the_way(
            "state-busy",
            format!("the state file {file} is in use by another process"),
        )
        .hint("is another devenv running on this directory? see `devenv status`")
        .retryable(),
        _ => Problem::failed("state-unusable", format!("the state file {file}: {error}")),
    }
}
