//! AWS Key Management Service: keys, what they encrypt and sign, aliases, grants, rotation, import.
//!
//! Invariants: key material is in clear only while an operation uses it, never on disk, in a log or in
//! an error; a ciphertext opens only under the key and the encryption context that made it; what was
//! encrypted before a rotation opens after it.
//!
//! <https://docs.aws.amazon.com/kms/latest/APIReference/Welcome.html>

pub mod asks;
pub mod blob;
pub mod bytes;
pub mod check;
pub mod crypto;
pub mod error;
pub mod grants;
pub mod key;
pub mod limits;
pub mod material;
mod on_behalf;
pub mod ops;
pub mod spec;
pub mod state;
mod store;
#[cfg(test)]
mod tests;
mod wire;

pub use key::KeyState;
pub use wire::{DataKey, Declared, DeclaredKey, Decrypted, Encrypted, Kms, KnownKey};
