//! The way to a key's material: every cryptographic operation asks here first. Finds the key, refuses
//! what its state or usage forbids, and hands out the closed material.

use crate::base::Context;
use crate::services::Operation;
use crate::services::kms::check::given;
use crate::services::kms::error::Error;
use crate::services::kms::key::{Key, KeyRef, LastUse};
use crate::services::kms::limits::LAST_USE_KEPT_MS;
use crate::services::kms::material::{Clear, Material, MaterialId, Vault};
use crate::services::kms::ops::grants;
use crate::services::kms::spec::{Origin, Spec, Usage};
use crate::services::kms::state::{Change, State};

/// Which key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// By id, ARN or alias.
    Named(String),
    /// The one of a ciphertext's material, and what the caller says that it is.
    OfMaterial(MaterialId, Option<String>),
}

/// A request for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    /// Which key.
    pub which: Which,
    /// What it must be for.
    pub usage: Usage,
    /// The operation, as errors name it.
    pub operation: &'static str,
    /// Grant tokens of the request.
    pub tokens: Vec<String>,
}

impl Permit {
    /// The one that most operations ask for: the key that the request names.
    pub fn named(
        key_id: &Option<String>,
        usage: Usage,
        operation: &'static str,
        tokens: &Option<Vec<String>>,
    ) -> Result<Vec<Permit>, Error> {
        let which = Which::Named(given(key_id.clone())?);
        let tokens = tokens.clone().unwrap_or_default();
        Ok(vec![Permit { which, usage, operation, tokens }])
    }
}

/// A key that may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permitted {
    /// Where it lives.
    pub at: KeyRef,
    /// Its kind.
    pub spec: Spec,
    /// Where its material comes from.
    pub origin: Origin,
    /// The material to use.
    pub material: Material,
}

impl Permitted {
    /// The key's ARN.
    pub fn arn(&self) -> String {
        self.at.arn()
    }

    /// Opens the material.
    pub fn open(&self, vault: &dyn Vault) -> Result<Clear, Error> {
        let sealed = self.material.sealed.as_ref().ok_or(Error::Internal("no key material"))?;
        vault.open(&self.material.record.id, sealed)
    }

    /// The public key.
    pub fn public(&self) -> Result<&[u8], Error> {
        self.material.public.as_deref().ok_or(Error::Internal("no public key"))
    }

    /// The material's id, as answers tell it for symmetric keys.
    pub fn material_id(&self) -> Option<String> {
        (self.spec == Spec::Symmetric).then(|| self.material.record.id.text())
    }
}

impl Permit {
    fn ask(&self, state: &State, context: &Context<'_>) -> Result<Permitted, Error> {
        let caller = context.caller;
        let (key, material) = match &self.which {
            Which::Named(id) => {
                let key = state.find(caller, id, true)?;
                (key, key.current())
            }
            Which::OfMaterial(id, said) => {
                let key = state.of_material(caller, id);
                if let Some(said) = said {
                    // Whether the key that was named is there is told before whether it fits.
                    let named = state.find(caller, said, true)?;
                    let material = named.materials.iter().find(|m| m.record.id == *id);
                    (named, Some(material.ok_or(Error::IncorrectKey)?))
                } else {
                    let key = key.ok_or(Error::ForeignCiphertext)?;
                    (key, key.materials.iter().find(|m| m.record.id == *id))
                }
            }
        };
        grants::known(state, &self.tokens)?;
        key.works()?;
        self.fits(key)?;
        let material = material.ok_or(Error::Internal("no key material"))?.clone();
        let Key { at, record, .. } = key;
        Ok(Permitted { at: at.clone(), spec: record.spec, origin: record.origin, material })
    }

    fn fits(&self, key: &Key) -> Result<(), Error> {
        if key.record.usage == self.usage {
            return Ok(());
        }
        let (arn, usage) = (key.arn(), key.record.usage);
        Err(Error::Usage { arn, usage, operation: self.operation })
    }
}

/// Requests for all the keys of an operation.
#[derive(Debug, Clone)]
pub struct Permits(pub Vec<Permit>);

impl Operation for Permits {
    type State = State;
    type Output = Vec<Permitted>;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "Permits";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        _: &mut Vec<Change>,
    ) -> Result<Vec<Permitted>, Error> {
        self.0.iter().map(|permit| permit.ask(state, context)).collect()
    }
}

/// Notes that keys were used with success. Written down now and then only: a commit for each use
/// would cost more than the use.
#[derive(Debug, Clone)]
pub struct NoteUse {
    /// The operation.
    pub operation: &'static str,
    /// The keys.
    pub keys: Vec<KeyRef>,
}

impl Operation for NoteUse {
    type State = State;
    type Output = ();
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "NoteUse";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        for at in self.keys {
            let last = LastUse {
                operation: self.operation.to_owned(),
                at: context.now.0,
                request: context.caller.request_id.clone(),
            };
            let before = state.key(&at).and_then(|key| key.record.last_use.as_ref());
            // By the hour of the clock, so that the uses between do not put it off.
            let hour = |ms: i64| ms.div_euclid(LAST_USE_KEPT_MS);
            if before.is_some_and(|before| hour(before.at) == hour(last.at)) {
                state.note_use(&at, last);
            } else {
                state.amend(&at, changes, |key| key.record.last_use = Some(last));
            }
        }
        Ok(())
    }
}
