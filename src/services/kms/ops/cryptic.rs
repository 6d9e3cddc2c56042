//! What cryptographic operations have in common: they ask for keys, and then work on bytes alone.

use super::permit::{Permit, Permitted};
use crate::services::kms::error::Error;
use crate::services::kms::material::Vault;
use crate::services::kms::spec::Spec;

/// A cryptographic operation: its value is its input. It changes no key.
pub trait Cryptic: Sized {
    /// What it answers.
    type Output;
    /// AWS's name of it.
    const NAME: &'static str;

    /// Checks the request and says which keys it needs, in the order in which it uses them.
    fn permits(&self) -> Result<Vec<Permit>, Error>;

    /// Whether only to say if it would work.
    fn dry_run(&self) -> bool {
        false
    }

    /// Checks the request against the keys' kinds, before any of them is opened.
    fn fits(&self, _: &[Permitted]) -> Result<(), Error> {
        Ok(())
    }

    /// Whether it takes so long that others should not wait for it: key pairs and their private keys.
    fn is_long(&self, keys: &[Permitted]) -> bool {
        keys.iter().any(|key| key.spec.is_asymmetric())
    }

    /// Carries it out.
    fn carry_out(self, keys: &[Permitted], vault: &dyn Vault) -> Result<Self::Output, Error>;
}

/// The only key of an operation that asked for one.
pub fn only(keys: &[Permitted]) -> Result<&Permitted, Error> {
    keys.first().ok_or(Error::Internal("no key was asked for"))
}

/// Refuses an algorithm that keys of this kind do not know.
pub fn knows<A: Copy + PartialEq>(
    known: &[A],
    algorithm: A,
    name: &'static str,
    spec: Spec,
) -> Result<(), Error> {
    if known.contains(&algorithm) { Ok(()) } else { Err(Error::Algorithm(name, spec)) }
}

/// Refuses what devenv does not do with a request: attestation documents of Nitro enclaves.
pub fn no_recipient(recipient: Option<&serde_json::Value>) -> Result<(), Error> {
    match recipient {
        None => Ok(()),
        Some(_) => Err(Error::NotServed("Recipient (attested enclaves)".into())),
    }
}
