//! What a restore replaces becomes a snapshot by renames: nothing is copied, and it holds everything that
//! was acknowledged until the last server had ended.
//!
//! Invariant: it can be carried out again after any part of it was done. Until the last rename all lies in
//! the state directory, where no other process removes anything.

use super::manifest::Manifest;
use super::restore::{OLD, beside};
use super::save::{
    FILES, KEY_FILE, POSTGRES, REDIS, REDIS_FILES, STATE, STATE_FILE, STATE_REST, Sources,
};
use super::store::{MANIFEST, payload};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Where it is put together, below the state directory.
const DRAFT: &str = "snapshot";
/// What a server that did not end in order leaves beside its data.
const TRACES: [&str; 2] = ["postmaster.pid", "postmaster.opts"];

/// What is replaced, on its way to be a snapshot.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Adoption {
    draft: PathBuf,
    to: PathBuf,
    /// Where a part lies in the environment, and where in the snapshot.
    parts: Vec<(PathBuf, PathBuf)>,
    manifest: Manifest,
}

impl Adoption {
    /// Of everything in `sources`, to come to lie at `to`; none if a rename cannot bring it there.
    pub(super) fn plan(sources: &Sources, to: &Path, manifest: Manifest) -> Option<Adoption> {
        let state = &sources.state_dir;
        let mut parts: Vec<(PathBuf, PathBuf)> = [KEY_FILE, STATE_FILE]
            .iter()
            .chain(&STATE_REST)
            .chain(&FILES)
            .map(|name| (state.join(name), Path::new(STATE).join(name)))
            .collect();
        if let Some((_, data)) = &sources.postgres {
            parts.push((data.clone(), POSTGRES.into()));
        }
        if let Some((data, _)) = &sources.redis {
            parts.push((data.clone(), Path::new(REDIS).join(REDIS_FILES)));
        }
        parts.retain(|(part, _)| part.exists());
        let device = |path: &Path| fs::metadata(path).map(|meta| meta.dev()).ok();
        let (here, there) = (device(state)?, device(to.parent()?)?);
        let is_here = parts.iter().all(|(part, _)| device(part) == Some(here));
        let draft = state.join(format!("{OLD}{DRAFT}"));
        (here == there && is_here).then(|| Adoption { draft, to: to.to_owned(), parts, manifest })
    }

    /// The places in the environment of all that is adopted.
    pub(super) fn places(&self) -> impl Iterator<Item = &Path> {
        self.parts.iter().map(|(place, _)| place.as_path())
    }

    /// Moves what has made room, and gives the whole its name.
    pub(super) fn carry_out(&self) -> io::Result<()> {
        if self.to.exists() {
            return Ok(());
        }
        for dir in [STATE, REDIS] {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(self.draft.join(dir))?;
        }
        for (place, part) in &self.parts {
            let (old, new) = (beside(place, OLD), self.draft.join(part));
            if old.exists() && !new.exists() {
                fs::rename(&old, &new)?;
            }
        }
        for trace in TRACES {
            let path = self.draft.join(POSTGRES).join(trace);
            if path.exists() {
                fs::remove_file(path)?;
            }
        }
        self.describe()?;
        fs::rename(&self.draft, &self.to)
    }

    fn describe(&self) -> io::Result<()> {
        let size = payload(&self.draft)?;
        let manifest = Manifest { files: size.files, bytes: size.bytes, ..self.manifest.clone() };
        let mut options = File::options();
        let options = options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(self.draft.join(MANIFEST))?;
        file.write_all(&serde_json::to_vec_pretty(&manifest).unwrap_or_default())
    }
}
