//! Scripts over a virtual clock: what AWS was recorded to answer, and what must hold of keys.

use super::error::Error;
use super::material::{Clear, Fresh, MaterialId, Vault};
use super::ops::*;
use super::state::{Change, State};
use crate::base::{Caller, Context, Ids, Millis};
use crate::services::Operation;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::Arc;

/// A vault that only turns bytes over: enough to see that nothing is read without it.
struct Box;

impl Vault for Box {
    fn open(&self, _: &MaterialId, sealed: &[u8]) -> Result<Clear, Error> {
        Ok(Clear::new(sealed.iter().map(|b| !b).collect()))
    }

    fn close(&self, _: &MaterialId, clear: &[u8]) -> Result<Arc<[u8]>, Error> {
        Ok(clear.iter().map(|b| !b).collect())
    }
}

/// A state, a clock and a caller.
pub(super) struct World {
    pub(super) state: State,
    ids: Ids,
    now: Millis,
    caller: Caller,
    /// All that was recorded for the disk.
    pub(super) changes: Vec<Change>,
}

/// New material for the key `id`.
fn fresh(spec: super::spec::Spec, id: &str) -> Fresh {
    let made = super::crypto::make(spec).unwrap();
    let material = MaterialId::of(id, &made.clear);
    let sealed = Box.close(&material, &made.clear).unwrap();
    Fresh { id: material, sealed, public: made.public.map(Arc::from) }
}

impl World {
    fn new() -> World {
        World {
            state: State::default(),
            ids: Ids::seeded(1),
            now: Millis(1_795_256_130_123),
            caller: Caller::internal("000000000000", "us-east-1", "http://127.0.0.1:4566"),
            changes: Vec::new(),
        }
    }

    fn run<O>(&mut self, operation: O) -> Result<O::Output, Error>
    where
        O: Operation<State = State, Change = Change, Error = Error>,
    {
        while let Some(due) = Due::of(&self.state, self.now) {
            let fresh = match &due {
                Due::Rotation { at, spec } => Some(fresh(*spec, &at.id)),
                _ => None,
            };
            self.apply(Tend { due, fresh })?;
        }
        self.apply(operation)
    }

    fn apply<O>(&mut self, operation: O) -> Result<O::Output, Error>
    where
        O: Operation<State = State, Change = Change, Error = Error>,
    {
        let before = self.state.clone();
        let mut context = Context { now: self.now, ids: &mut self.ids, caller: &self.caller };
        let mut changes = Vec::new();
        let output = operation.apply(&mut self.state, &mut context, &mut changes);
        match &output {
            Ok(_) => self.changes.append(&mut changes),
            Err(_) => assert_eq!(self.state, before, "a refusal changes nothing"),
        }
        output
    }

    fn call<O>(&mut self, input: Value) -> Result<Value, Error>
    where
        O: Operation<State = State, Change = Change, Error = Error> + DeserializeOwned,
        O::Output: Serialize,
    {
        let operation: O = serde_json::from_value(input).unwrap();
        Ok(serde_json::to_value(self.run(operation)?).unwrap())
    }

    /// A cryptographic operation, as the wire carries it out.
    fn work<O>(&mut self, input: Value) -> Result<Value, Error>
    where
        O: Cryptic + DeserializeOwned,
        O::Output: Serialize,
    {
        let operation: O = serde_json::from_value(input).unwrap();
        let keys = self.run(Permits(operation.permits()?))?;
        operation.fits(&keys)?;
        if operation.dry_run() {
            return Err(Error::DryRun);
        }
        let used = keys.iter().map(|key| key.at.clone()).collect();
        let output = operation.carry_out(&keys, &Box)?;
        self.run(NoteUse { operation: O::NAME, keys: used })?;
        Ok(serde_json::to_value(output).unwrap())
    }

    /// A new key's metadata.
    fn create(&mut self, input: Value) -> Result<Value, Error> {
        let create: CreateKey = serde_json::from_value(input).unwrap();
        let plan = create.plan()?;
        let id = self.ids.uuid();
        let id = if plan.multi_region { format!("mrk-{}", id.replace('-', "")) } else { id };
        let fresh = (plan.origin == super::spec::Origin::Aws).then(|| fresh(plan.spec, &id));
        let made = self.run(MakeKey { create, id, fresh })?;
        Ok(serde_json::to_value(made).unwrap()["KeyMetadata"].clone())
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value}"))
}

#[test]
fn what_was_encrypted_is_decrypted_under_its_key_and_context_only() {
    let mut world = World::new();
    let key = world.create(json!({})).unwrap();
    let context = json!({"purpose": "test", "a": "b"});
    let encrypt =
        json!({"KeyId": key["KeyId"], "Plaintext": "aGVsbG8=", "EncryptionContext": context});
    let made = world.work::<Encrypt>(encrypt).unwrap();
    assert_eq!(made["KeyId"], key["Arn"]);
    let blob = made["CiphertextBlob"].clone();
    assert!(text(&blob).starts_with("AQICAH"), "{blob}");
    let opened = world
        .work::<Decrypt>(
            json!({"CiphertextBlob": blob, "EncryptionContext": {"a": "b", "purpose": "test"}}),
        )
        .unwrap();
    assert_eq!(opened["Plaintext"], "aGVsbG8=");
    assert_eq!(opened["KeyMaterialId"], key["CurrentKeyMaterialId"]);
    let refused = world.work::<Decrypt>(json!({"CiphertextBlob": blob}));
    assert_eq!(refused, Err(Error::InvalidCiphertext));
    let other = world.create(json!({})).unwrap();
    let wrong =
        json!({"CiphertextBlob": blob, "KeyId": other["KeyId"], "EncryptionContext": context});
    assert_eq!(world.work::<Decrypt>(wrong), Err(Error::IncorrectKey));
    super::store::tests::disk_agrees(&world);
}
