//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_GetParametersForImport.html>,
//! `API_ImportKeyMaterial` and `API_DeleteImportedKeyMaterial`.
//!
//! The wrapping key is kept nowhere: the import token carries it, closed for the key that it is for.

use super::metadata::seconds;
use super::rotation::{OfKey, wrong_origin};
use crate::base::{Context, Millis};
use crate::services::Operation;
use crate::services::kms::bytes::Blob;
use crate::services::kms::check::{Check, given};
use crate::services::kms::crypto;
use crate::services::kms::error::Error;
use crate::services::kms::key::{Key, KeyRef, KeyState};
use crate::services::kms::limits::*;
use crate::services::kms::material::{
    Clear, Fresh, Import, Material, MaterialId, Record, Standing, Vault,
};
use crate::services::kms::spec::{Origin, Spec, WrappingAlgorithm};
use crate::services::kms::state::{Change, State};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Kinds of wrapping keys.
const WRAPPING_SPECS: &[&str] = &["RSA_2048", "RSA_3072", "RSA_4096", "SM2"];
/// Whether material expires.
const EXPIRATION: &[&str] = &["KEY_MATERIAL_EXPIRES", "KEY_MATERIAL_DOES_NOT_EXPIRE"];
/// Whether material was here before.
const IMPORT_TYPES: &[&str] = &["NEW_KEY_MATERIAL", "EXISTING_KEY_MATERIAL"];

/// Finds a key that takes imported material.
#[derive(Debug, Clone)]
pub struct Importing {
    /// Key.
    pub key_id: String,
    /// The operation.
    pub operation: &'static str,
}

/// Such a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Where it lives.
    pub at: KeyRef,
    /// Its kind.
    pub spec: Spec,
    /// The instant.
    pub now: Millis,
}

impl Operation for Importing {
    type State = State;
    type Output = Target;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "Importing";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        _: &mut Vec<Change>,
    ) -> Result<Target, Error> {
        let key = imports(state, context, &self.key_id, self.operation)?;
        key.stays()?;
        Ok(Target { at: key.at.clone(), spec: key.record.spec, now: context.now })
    }
}

fn imports<'a>(
    state: &'a State,
    context: &Context<'_>,
    id: &str,
    operation: &'static str,
) -> Result<&'a Key, Error> {
    let key = state.own(context.caller, id, operation)?;
    key.is_customers(operation)?;
    if key.record.origin == Origin::External { Ok(key) } else { Err(wrong_origin(key)) }
}

/// `GetParametersForImport`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GetParametersForImport {
    key_id: Option<String>,
    wrapping_algorithm: Option<String>,
    wrapping_key_spec: Option<String>,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Parameters {
    key_id: String,
    import_token: Blob,
    public_key: Blob,
    parameters_valid_to: f64,
}

/// What an import token says beside its wrapping key.
#[derive(Debug, Serialize, Deserialize)]
struct Token {
    algorithm: WrappingAlgorithm,
    spec: Spec,
    until: i64,
}

/// The place for which tokens of a key are closed.
fn token_place(at: &KeyRef) -> MaterialId {
    MaterialId::of(&at.arn(), b"import token")
}

impl GetParametersForImport {
    /// The checked request.
    pub fn target(&self) -> Result<Importing, Error> {
        let mut rules = Check::new();
        rules.key_id("keyId", self.key_id.as_ref());
        let named = self.wrapping_algorithm.as_ref();
        rules.there("wrappingAlgorithm", named);
        rules.one_of("wrappingAlgorithm", named, WrappingAlgorithm::NAMES);
        rules.there("wrappingKeySpec", self.wrapping_key_spec.as_ref());
        rules.one_of("wrappingKeySpec", self.wrapping_key_spec.as_ref(), WRAPPING_SPECS);
        rules.done()?;
        let key_id = given(self.key_id.clone())?;
        Ok(Importing { key_id, operation: "GetParametersForImport" })
    }

    /// Makes a wrapping key and its token.
    pub fn carry_out(self, target: &Target, vault: &dyn Vault) -> Result<Parameters, Error> {
        let algorithm = self.wrapping_algorithm.as_deref().and_then(WrappingAlgorithm::of);
        let algorithm = given(algorithm)?;
        let spec = given(self.wrapping_key_spec.as_deref().and_then(Spec::of))?;
        let refused = |what: &str| Err(Error::Unsupported(format!("{what} is not supported.")));
        match (algorithm, spec) {
            (WrappingAlgorithm::Pkcs1 | WrappingAlgorithm::Sm2, _) => {
                return refused(algorithm.name());
            }
            (_, Spec::Sm2) => return refused(spec.name()),
            _ => {}
        }
        let wraps =
            matches!(algorithm, WrappingAlgorithm::AesWrapSha1 | WrappingAlgorithm::AesWrapSha256);
        if spec_is_long(target.spec) && !wraps {
            return Err(Error::invalid(format!(
                "WrappingAlgorithm {} cannot wrap key material of {}.",
                algorithm.name(),
                target.spec.name()
            )));
        }
        let made = crypto::make(spec)?;
        let until = target.now.0 + IMPORT_TOKEN_MS;
        let head = serde_json::to_vec(&Token { algorithm, spec, until })
            .map_err(|_| Error::Internal("no import token"))?;
        let mut clear = (head.len() as u32).to_be_bytes().to_vec();
        clear.extend_from_slice(&head);
        clear.extend_from_slice(&made.clear);
        let clear = Clear::new(clear);
        let token = vault.close(&token_place(&target.at), &clear)?;
        Ok(Parameters {
            key_id: target.at.arn(),
            import_token: Blob(token.to_vec()),
            public_key: Blob(made.public.unwrap_or_default()),
            parameters_valid_to: seconds(until),
        })
    }
}

/// RSA private keys are longer than RSA can encrypt.
fn spec_is_long(spec: Spec) -> bool {
    spec.rsa_bits().is_some() || matches!(spec, Spec::MlDsa44 | Spec::MlDsa65 | Spec::MlDsa87)
}

/// `ImportKeyMaterial`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ImportKeyMaterial {
    key_id: Option<String>,
    import_token: Option<Blob>,
    encrypted_key_material: Option<Blob>,
    valid_to: Option<f64>,
    expiration_model: Option<String>,
    import_type: Option<String>,
    key_material_description: Option<String>,
    key_material_id: Option<String>,
}

/// What two operations answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct OnMaterial {
    key_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_material_id: Option<String>,
}

impl ImportKeyMaterial {
    /// The checked request.
    pub fn target(&self) -> Result<Importing, Error> {
        let mut rules = Check::new();
        rules.key_id("keyId", self.key_id.as_ref());
        for (at, blob) in [
            ("importToken", &self.import_token),
            ("encryptedKeyMaterial", &self.encrypted_key_material),
        ] {
            rules.there(at, blob.as_ref());
            rules.bytes(at, blob.as_ref(), CIPHERTEXT_BYTES_MAX, false);
        }
        rules.one_of("expirationModel", self.expiration_model.as_ref(), EXPIRATION);
        rules.one_of("importType", self.import_type.as_ref(), IMPORT_TYPES);
        rules.length("keyMaterialDescription", self.key_material_description.as_ref(), (0, 256));
        rules.length("keyMaterialId", self.key_material_id.as_ref(), (64, 64));
        rules.done()?;
        let expires = self.expiration_model.as_deref() != Some(EXPIRATION[1]);
        match (expires, self.valid_to) {
            (true, None) => Err(Error::invalid(
                "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES",
            )),
            (false, Some(_)) => Err(Error::invalid(
                "A validTo date must not be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE",
            )),
            _ => Ok(Importing {
                key_id: given(self.key_id.clone())?,
                operation: "ImportKeyMaterial",
            }),
        }
    }

    /// Opens token and material.
    pub fn carry_out(self, target: &Target, vault: &dyn Vault) -> Result<PutImported, Error> {
        let token = given(self.import_token.as_ref())?;
        let opened = vault.open(&token_place(&target.at), &token.0);
        let opened = opened.map_err(|_| Error::InvalidImportToken)?;
        let read = || {
            let (length, rest) = opened.split_first_chunk::<4>()?;
            let (head, key) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
            Some((serde_json::from_slice::<Token>(head).ok()?, key))
        };
        let (token, key) = read().ok_or(Error::InvalidImportToken)?;
        if token.until <= target.now.0 {
            return Err(Error::ExpiredImportToken);
        }
        let modulus = token.spec.rsa_bits().unwrap_or_default() / 8;
        let wrapped = &given(self.encrypted_key_material.as_ref())?.0;
        let clear = crypto::import::unwrap(key, modulus, token.algorithm, wrapped)?;
        let public = crypto::public_of(target.spec, &clear)?;
        let id = MaterialId::of(&target.at.id, &clear);
        let fresh = Fresh { id, sealed: vault.close(&id, &clear)?, public: public.map(Arc::from) };
        Ok(PutImported { at: target.at.clone(), fresh, import: self })
    }
}

/// Imported material on its way into its key.
#[derive(Debug, Clone)]
pub struct PutImported {
    at: KeyRef,
    fresh: Fresh,
    import: ImportKeyMaterial,
}

impl PutImported {
    fn expiry(&self, now: Millis) -> Result<Option<i64>, Error> {
        let Some(valid_to) = self.import.valid_to else { return Ok(None) };
        let at = (valid_to * 1000.0) as i64;
        if at <= now.0 || at > now.0 + IMPORT_VALID_DAYS_MAX * DAY_MS {
            return Err(Error::invalid(
                "ValidTo must be in the future and not more than 365 days from now.",
            ));
        }
        Ok(Some(at))
    }

    /// Where in the key the material belongs, and in which standing.
    fn place(&self, state: &State, key: &Key) -> Result<(usize, Standing), Error> {
        let id = self.fresh.id;
        let mismatch = || {
            Error::IncorrectMaterial("The key material in the request is, expired, invalid, or is not the same key material that was previously imported into this KMS key.".into())
        };
        let said = self.import.key_material_id.as_deref();
        if said.is_some_and(|said| MaterialId::parse(said) != Some(id)) {
            return Err(mismatch());
        }
        let wanted = self.import.import_type.as_deref();
        if let Some(place) = key.materials.iter().position(|m| m.record.id == id) {
            if wanted == Some(IMPORT_TYPES[0]) {
                return Err(mismatch());
            }
            return Ok((place, key.materials[place].record.standing));
        }
        let place = key.materials.len();
        // A replica takes what its primary key has, and nothing else.
        if let Some(primary) = key.record.primary.as_ref().filter(|_| !key.is_primary()) {
            let primary = state.key(&key.at.in_region(primary));
            let there = primary.into_iter().flat_map(|p| &p.materials);
            let same = there.map(|m| &m.record).find(|record| record.id == id);
            return same.map(|record| (place, record.standing)).ok_or_else(mismatch);
        }
        if key.materials.is_empty() {
            return Ok((place, Standing::Current));
        }
        if wanted != Some(IMPORT_TYPES[0]) || key.record.spec != Spec::Symmetric {
            return Err(mismatch());
        }
        match key.materials.iter().find(|m| m.record.standing == Standing::Pending) {
            Some(pending) => Err(Error::StateText(format!(
                "New key material (id: {}) cannot be imported into KMS key {}, because another key material (id: {}) is pending rotation.",
                id.text(),
                key.arn(),
                pending.record.id.text()
            ))),
            None => Ok((place, Standing::Pending)),
        }
    }
}

impl Operation for PutImported {
    type State = State;
    type Output = OnMaterial;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "ImportKeyMaterial";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<OnMaterial, Error> {
        let valid_to = self.expiry(context.now)?;
        let key = state.key(&self.at).ok_or_else(|| Error::KeyNotFound(self.at.arn()))?;
        key.stays()?;
        let shown = key.record.spec == Spec::Symmetric;
        let (place, standing) = self.place(state, key)?;
        let PutImported { at, fresh, import } = self;
        let said = import.key_material_description;
        state.amend(&at, changes, |key| {
            let held = key.materials.get(place).map(|m| &m.record);
            let before = held.and_then(|r| r.import.as_ref()).and_then(|i| i.description.clone());
            let record = Record {
                id: fresh.id,
                standing,
                rotated: held.and_then(|r| r.rotated),
                import: Some(Import { valid_to, description: said.or(before) }),
            };
            let material = Material { record, sealed: Some(fresh.sealed), public: fresh.public };
            match key.materials.get_mut(place) {
                Some(held) => *held = material,
                None => key.materials.push(material),
            }
        });
        Ok(OnMaterial { key_id: at.arn(), key_material_id: shown.then(|| fresh.id.text()) })
    }
}

/// `DeleteImportedKeyMaterial`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DeleteImportedKeyMaterial {
    #[serde(flatten)]
    of: OfKey,
    key_material_id: Option<String>,
}

impl Operation for DeleteImportedKeyMaterial {
    type State = State;
    type Output = OnMaterial;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "DeleteImportedKeyMaterial";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<OnMaterial, Error> {
        let key = imports(state, context, &self.of.id()?, Self::NAME)?;
        let (at, shown) = (key.at.clone(), key.record.spec == Spec::Symmetric);
        let id = match &self.key_material_id {
            None => key.current().map(|material| material.record.id),
            Some(text) => {
                let id = MaterialId::parse(text);
                let there = id.filter(|id| key.materials.iter().any(|m| m.record.id == *id));
                Some(there.ok_or_else(|| {
                    Error::Invalid(format!("The key has no key material with id {text}."))
                })?)
            }
        };
        let Some(id) = id else {
            return Err(Error::State(key.arn(), KeyState::PendingImport.words()));
        };
        state.amend(&at, changes, |key| {
            key.materials.iter_mut().filter(|m| m.record.id == id).for_each(|m| m.sealed = None);
        });
        Ok(OnMaterial { key_id: at.arn(), key_material_id: shown.then(|| id.text()) })
    }
}
