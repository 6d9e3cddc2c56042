//! Postgres' part of the next snapshot, copied while nobody waits: a save brings it up to date then. Only
//! where files share their blocks, as a copy takes no room there.
//!
//! It is a draft that its process holds, so what a process leaves is removed as any draft.

use super::save::{POSTGRES, Sources};
use super::store::{Draft, Store};
use crate::base::Problem;
use crate::runtime::mirror::Mirror;
use crate::runtime::postgres;

/// A draft that has Postgres' part already.
#[derive(Debug)]
pub struct Ahead {
    pub(super) draft: Draft,
    pub(super) mirror: Mirror,
}

impl Ahead {
    /// Copies what there is now; none where that takes room. Blocks.
    pub fn make(store: &Store, sources: &Sources) -> Result<Option<Ahead>, Problem> {
        let Some((_, data)) = &sources.postgres else { return Ok(None) };
        let draft = store.draft()?;
        let mirror = postgres::mirror(data, &draft.dir.join(POSTGRES))?;
        Ok(mirror.map(|mirror| Ahead { draft, mirror }))
    }

    /// Whether a snapshot of `sources` may begin with it.
    pub fn is_of(&self, sources: &Sources) -> bool {
        let data = sources.postgres.as_ref().map(|(_, data)| data);
        self.draft.is_there() && data.is_some_and(|data| self.mirror.is_of(data))
    }
}
