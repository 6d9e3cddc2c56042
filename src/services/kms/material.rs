//! Key material: its id, and what is known of it. The bytes lie sealed; only a [`Vault`] opens them.

use super::error::Error;
use super::spec::Spec;
use crate::base::Millis;
use aws_lc_rs::hmac;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::Arc;

/// Bytes of a material's id.
pub const MATERIAL_ID_BYTES: usize = 32;

/// The id of a key's material.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MaterialId(pub [u8; MATERIAL_ID_BYTES]);

impl MaterialId {
    /// The id of `clear` as material of the key `key_id`: the same bytes imported again have the
    /// same id, and it tells nothing of them.
    pub fn of(key_id: &str, clear: &[u8]) -> MaterialId {
        let key = hmac::Key::new(hmac::HMAC_SHA256, clear);
        let tag = hmac::sign(&key, format!("devenv kms material of {key_id}").as_bytes());
        let mut id = [0; MATERIAL_ID_BYTES];
        id.copy_from_slice(tag.as_ref());
        MaterialId(id)
    }

    /// As clients see it: 64 hexadecimal digits.
    pub fn text(&self) -> String {
        hex::encode(self.0)
    }

    /// The id that `text` names.
    pub fn parse(text: &str) -> Option<MaterialId> {
        let mut id = [0; MATERIAL_ID_BYTES];
        hex::decode_to_slice(text, &mut id).ok().map(|()| MaterialId(id))
    }
}

impl Serialize for MaterialId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for MaterialId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        MaterialId::parse(&text).ok_or_else(|| serde::de::Error::custom("no id of key material"))
    }
}

/// Opens and closes key material. The joints have one over the environment's master key.
pub trait Vault {
    /// Opens what was closed for `material`.
    fn open(&self, material: &MaterialId, sealed: &[u8]) -> Result<Clear, Error>;
    /// Closes `clear`.
    fn close(&self, material: &MaterialId, clear: &[u8]) -> Result<Arc<[u8]>, Error>;
}

/// Key material in clear: printed nowhere, overwritten when it is dropped.
pub struct Clear(Vec<u8>);

impl Clear {
    /// Takes charge of `bytes`.
    pub fn new(bytes: Vec<u8>) -> Clear {
        Clear(bytes)
    }
}

impl std::ops::Deref for Clear {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Clear {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Drop for Clear {
    fn drop(&mut self) {
        // As well as safe code can: the barrier keeps the stores from being left out.
        self.0.fill(0);
        std::hint::black_box(&self.0);
    }
}

/// New material, closed, on its way into the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fresh {
    /// Its id.
    pub id: MaterialId,
    /// The bytes.
    pub sealed: Arc<[u8]>,
    /// The public key (DER, SubjectPublicKeyInfo), where there is one.
    pub public: Option<Arc<[u8]>>,
}

/// Where imported material stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// In use.
    Current,
    /// Was in use before a rotation, still decrypts.
    Former,
    /// Imported, and waits for a rotation.
    Pending,
}

/// What is known of the material beside its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its id.
    pub id: MaterialId,
    /// Whether it is in use.
    pub standing: Standing,
    /// When it came into use by a rotation, in milliseconds, and whether by somebody's demand.
    pub rotated: Option<(i64, bool)>,
    /// For imported material.
    pub import: Option<Import>,
}

/// What is known of imported material.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// When it expires, in milliseconds.
    pub valid_to: Option<i64>,
    /// What whoever imported it says of it.
    pub description: Option<String>,
}

/// A key's material.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Material {
    /// What is known of it.
    pub record: Record,
    /// The bytes, closed; `None` after imported material was deleted or expired.
    pub sealed: Option<Arc<[u8]>>,
    /// The public key.
    pub public: Option<Arc<[u8]>>,
}

impl Material {
    /// Material in use from the first.
    pub fn first(fresh: Fresh) -> Material {
        let Fresh { id, sealed, public } = fresh;
        let record = Record { id, standing: Standing::Current, rotated: None, import: None };
        Material { record, sealed: Some(sealed), public }
    }

    /// When it expires.
    pub fn expires(&self) -> Option<Millis> {
        let import = self.record.import.as_ref().filter(|_| self.sealed.is_some())?;
        import.valid_to.map(Millis)
    }
}

/// Whether keys of this kind show the id of their material.
pub fn is_shown(spec: Spec) -> bool {
    spec == Spec::Symmetric
}
