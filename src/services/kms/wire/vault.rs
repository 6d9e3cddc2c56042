//! The vault over the environment's master key.

use crate::services::kms::error::Error;
use crate::services::kms::material::{Clear, MaterialId, Vault};
use crate::storage::Sealer;
use std::sync::Arc;

/// Material sealed under the master key, each for its own id.
pub(super) struct Locked(pub(super) Sealer);

impl Vault for Locked {
    fn open(&self, material: &MaterialId, sealed: &[u8]) -> Result<Clear, Error> {
        let clear = self.0.unseal(&material.0, sealed).map(Clear::new);
        clear.ok_or(Error::Internal("the key material does not open with the master key"))
    }

    fn close(&self, material: &MaterialId, clear: &[u8]) -> Result<Arc<[u8]>, Error> {
        let sealed = self.0.seal(&material.0, clear).map(Arc::from);
        sealed.ok_or(Error::Internal("the key material cannot be sealed"))
    }
}
