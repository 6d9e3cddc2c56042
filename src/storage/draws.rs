//! Where names that nobody chose come from: the kernel's randomness or, under `devenv up --seed N`,
//! streams that follow from the seed.
//!
//! Invariant: under a seed each opening of a state file has a number of its own, kept in that file, so a
//! run draws alike in every fresh environment and never again what an earlier run of this state has drawn.
//! Not for key material: whoever knows the seed knows what was drawn.

use super::error::open_problem;
use crate::base::{Ids, Problem};
use rusqlite::Connection;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The source of names of one opening of the state file.
#[derive(Debug, Default)]
pub struct Draws {
    run: Option<Run>,
}

#[derive(Debug)]
struct Run {
    seed: u64,
    /// How many seeded runs this state has seen, this one included.
    number: u64,
    /// Whether the state was made by this run.
    is_first: bool,
    streams: Mutex<HashMap<&'static str, Ids>>,
}

impl Draws {
    /// The kernel's randomness, or the next run of `seed` on this state.
    pub(super) fn open(
        seed: Option<u64>,
        is_new: bool,
        connection: &Connection,
        path: &Path,
    ) -> Result<Draws, Problem> {
        let Some(seed) = seed else { return Ok(Draws::default()) };
        let number = next_run(connection).map_err(|e| open_problem(path, &e))?;
        let streams = Mutex::default();
        Ok(Draws { run: Some(Run { seed, number, is_first: is_new, streams }) })
    }

    /// Whether names follow from a seed.
    pub fn is_seeded(&self) -> bool {
        self.run.is_some()
    }

    /// Whether names follow from a seed and the state began with this run.
    pub fn is_seeded_anew(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.is_first)
    }

    /// A generator for one service: each time the same under a seed.
    pub fn ids(&self, of: &str) -> Ids {
        match &self.run {
            Some(run) => run.ids(of),
            None => Ids::seeded(entropy()),
        }
    }

    /// Fills `bytes` from the kernel, or goes on with the seed's stream called `of`.
    pub fn fill(&self, of: &'static str, bytes: &mut [u8]) -> std::io::Result<()> {
        match &self.run {
            Some(run) => run.draw(of, |ids| ids.fill(bytes)),
            None => getrandom::fill(bytes).map_err(|_| std::io::Error::other("no randomness"))?,
        }
        Ok(())
    }

    /// The next UUID of the seed's stream called `of`; none without a seed.
    pub fn uuid(&self, of: &'static str) -> Option<String> {
        self.run.as_ref().map(|run| run.draw(of, Ids::uuid))
    }

    /// Has the stream called `of` begin anew, as all that was named from it is gone.
    pub fn begin_again(&self, of: &str) {
        if let Some(run) = &self.run {
            run.streams.lock().unwrap_or_else(PoisonError::into_inner).remove(of);
        }
    }
}

impl Run {
    fn ids(&self, of: &str) -> Ids {
        let mut hash = Sha256::new();
        hash.update(self.seed.to_le_bytes());
        hash.update(self.number.to_le_bytes());
        hash.update(of.as_bytes());
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&hash.finalize()[..8]);
        Ids::seeded(u64::from_le_bytes(bytes))
    }

    fn draw<T>(&self, of: &'static str, draw: impl FnOnce(&mut Ids) -> T) -> T {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        draw(streams.entry(of).or_insert_with(|| self.ids(&format!("stream {of}"))))
    }
}

/// Counts a seeded run of this state, before anything is named in it.
fn next_run(connection: &Connection) -> rusqlite::Result<u64> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS devenv_seeded_run(number INTEGER NOT NULL);
         INSERT INTO devenv_seeded_run SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM devenv_seeded_run);",
    )?;
    let next = "UPDATE devenv_seeded_run SET number = number + 1 RETURNING number";
    connection.query_row(next, [], |row| row.get::<_, i64>(0)).map(|n| n as u64)
}

/// Without the kernel's randomness names fall back on an address: they name things, they hide nothing.
fn entropy() -> u64 {
    let mut bytes = [0; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) => u64::from_le_bytes(bytes),
        Err(_) => std::ptr::addr_of!(bytes) as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Layout, Storage};

    fn open(dir: &Path, seed: Option<u64>) -> Storage {
        let layout = Layout { seed, ..Layout::default() };
        Storage::open_with(&dir.join("state.db"), &layout).unwrap()
    }

    fn drawn(storage: &Storage) -> (String, String) {
        let draws = storage.draws();
        (draws.ids("sqs").uuid(), draws.uuid("requests").unwrap())
    }

    #[test]
    fn fresh_states_of_one_seed_draw_alike_and_a_later_run_never_the_same() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut seen = std::collections::BTreeSet::new();
        for run in 0..3 {
            let (one, other) = (open(a.path(), Some(7)), open(b.path(), Some(7)));
            let names = drawn(&one);
            assert_eq!(names, drawn(&other));
            assert_eq!(one.draws().is_seeded_anew(), run == 0);
            assert!(seen.insert(names.0) && seen.insert(names.1));
            one.close();
            other.close();
        }
        let other = tempfile::tempdir().unwrap();
        assert!(!seen.contains(&drawn(&open(other.path(), Some(8))).0));
    }

    #[test]
    fn streams_go_on_until_they_begin_again_and_are_apart() {
        let dir = tempfile::tempdir().unwrap();
        let storage = open(dir.path(), Some(1));
        let draws = storage.draws();
        let (first, second) = (draws.uuid("a"), draws.uuid("a"));
        assert_ne!(first, second);
        assert_ne!(draws.uuid("b"), first);
        draws.begin_again("a");
        assert_eq!(draws.uuid("a"), first);
    }

    #[test]
    fn without_a_seed_nothing_is_alike_and_nothing_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let storage = open(dir.path(), None);
        let draws = storage.draws();
        assert!(!draws.is_seeded() && draws.uuid("a").is_none());
        assert_ne!(draws.ids("sqs").uuid(), draws.ids("sqs").uuid());
        let counted = storage.read(|c| {
            let sql = "SELECT count(*) FROM sqlite_master WHERE name='devenv_seeded_run'";
            c.query_row(sql, [], |row| row.get::<_, i64>(0))
        });
        assert_eq!(counted.unwrap(), 0);
    }
}
