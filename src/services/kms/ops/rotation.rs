//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_EnableKeyRotation.html>,
//! `API_DisableKeyRotation`, `API_GetKeyRotationStatus`, `API_RotateKeyOnDemand` and
//! `API_ListKeyRotations`. New material encrypts; the old goes on decrypting.

use super::metadata::seconds;
use super::page::{self, Paged};
use crate::base::Context;
use crate::services::Operation;
use crate::services::kms::check::{Check, given};
use crate::services::kms::error::Error;
use crate::services::kms::key::{Key, KeyRef, KeyState, Rotation};
use crate::services::kms::limits::*;
use crate::services::kms::material::{Fresh, Material, Standing};
use crate::services::kms::spec::{Origin, Spec};
use crate::services::kms::state::{Change, State};
use serde::{Deserialize, Serialize};

/// What several of them ask.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct OfKey {
    /// Key.
    pub key_id: Option<String>,
}

impl OfKey {
    /// The checked id.
    pub fn id(self) -> Result<String, Error> {
        let mut rules = Check::new();
        rules.key_id("keyId", self.key_id.as_ref());
        rules.done()?;
        given(self.key_id)
    }
}

/// Puts new material into use in a key and, if it is of a multi-region set, in all of the set; `at` is
/// when, and whether somebody demanded it.
pub fn rotate(
    state: &mut State,
    key: &KeyRef,
    fresh: &Fresh,
    rotated: (i64, bool),
    changes: &mut Vec<Change>,
) {
    let set: Vec<KeyRef> = match state.key(key).and_then(|k| k.record.primary.as_ref()) {
        Some(_) => state.related(key).iter().map(|related| related.at.clone()).collect(),
        None => vec![key.clone()],
    };
    for at in set {
        state.amend(&at, changes, |key| {
            for material in &mut key.materials {
                material.record.standing = Standing::Former;
            }
            let mut material = Material::first(fresh.clone());
            material.record.rotated = Some(rotated);
            key.materials.push(material);
        });
    }
}

/// Refuses keys that do not rotate.
fn rotates(key: &Key) -> Result<(), Error> {
    // Recorded: AWS says nothing further.
    if key.record.spec != Spec::Symmetric { Err(Error::Unsupported(String::new())) } else { Ok(()) }
}

/// Refuses keys that do not rotate by themselves.
fn rotates_itself(key: &Key) -> Result<(), Error> {
    rotates(key)?;
    if key.record.origin != Origin::Aws {
        return Err(wrong_origin(key));
    }
    if key.record.primary.is_some() && !key.is_primary() {
        let text = format!("{} is not a multi-region primary key.", key.arn());
        return Err(Error::Unsupported(text));
    }
    Ok(())
}

/// The refusal of a key whose material comes from elsewhere than the operation wants.
pub fn wrong_origin(key: &Key) -> Error {
    let (arn, origin) = (key.arn(), key.record.origin.name());
    Error::Unsupported(format!("{arn} origin is {origin} which is not valid for this operation."))
}

/// `EnableKeyRotation`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct EnableKeyRotation {
    key_id: Option<String>,
    rotation_period_in_days: Option<i64>,
}

impl Operation for EnableKeyRotation {
    type State = State;
    type Output = ();
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "EnableKeyRotation";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        let (least, most, usual) = ROTATION_DAYS;
        let mut rules = Check::new();
        rules.key_id("keyId", self.key_id.as_ref());
        rules.range("rotationPeriodInDays", self.rotation_period_in_days, (least, most));
        rules.done()?;
        let key = state.own(context.caller, &given(self.key_id)?, Self::NAME)?;
        key.is_customers(Self::NAME)?;
        rotates_itself(key)?;
        key.works()?;
        let held = key.record.rotation;
        let days = self.rotation_period_in_days.or(held.map(|r| r.days)).unwrap_or(usual);
        // The same again changes nothing; another period counts from now.
        let next = match held.filter(|r| r.days == days) {
            Some(rotation) => rotation.next,
            None => context.now.0 + days * DAY_MS,
        };
        let rotation = Some(Rotation { days, next });
        state.amend(&key.at.clone(), changes, |key| key.record.rotation = rotation);
        Ok(())
    }
}

/// `DisableKeyRotation`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct DisableKeyRotation(pub OfKey);

impl Operation for DisableKeyRotation {
    type State = State;
    type Output = ();
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "DisableKeyRotation";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        let key = state.own(context.caller, &self.0.id()?, Self::NAME)?;
        key.is_customers(Self::NAME)?;
        rotates_itself(key)?;
        key.works()?;
        state.amend(&key.at.clone(), changes, |key| key.record.rotation = None);
        Ok(())
    }
}

/// `GetKeyRotationStatus`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct GetKeyRotationStatus(pub OfKey);

/// What it answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RotationStatus {
    key_rotation_enabled: bool,
    key_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rotation_period_in_days: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_rotation_date: Option<f64>,
}

impl Operation for GetKeyRotationStatus {
    type State = State;
    type Output = RotationStatus;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "GetKeyRotationStatus";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        _: &mut Vec<Change>,
    ) -> Result<RotationStatus, Error> {
        let key = state.own(context.caller, &self.0.id()?, Self::NAME)?;
        key.stays()?;
        key.not_in(&[KeyState::PendingImport])?;
        // The primary key rotates for the whole set.
        let primary = key.record.primary.as_ref().map(|region| key.at.in_region(region));
        let rotation = primary.and_then(|at| state.key(&at)).unwrap_or(key).record.rotation;
        Ok(RotationStatus {
            key_rotation_enabled: rotation.is_some(),
            key_id: key.arn(),
            rotation_period_in_days: rotation.map(|r| r.days),
            next_rotation_date: rotation.map(|r| seconds(r.next)),
        })
    }
}

/// `RotateKeyOnDemand`, with new material; imported material waits in the key itself.
#[derive(Debug, Clone)]
pub struct RotateKeyOnDemand {
    /// Key.
    pub of: OfKey,
    /// What was made for it.
    pub fresh: Option<Fresh>,
}

/// The key that was rotated, by its ARN, as recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Rotated {
    key_id: String,
}

impl Operation for RotateKeyOnDemand {
    type State = State;
    type Output = Rotated;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "RotateKeyOnDemand";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Rotated, Error> {
        let key = state.own(context.caller, &self.of.id()?, Self::NAME)?;
        key.is_customers(Self::NAME)?;
        rotates(key)?;
        key.works()?;
        if key.record.primary.is_some() && !key.is_primary() {
            let text = format!("{} is not a multi-region primary key.", key.arn());
            return Err(Error::Unsupported(text));
        }
        let by_demand = |m: &&Material| m.record.rotated.is_some_and(|(_, demand)| demand);
        if key.materials.iter().filter(by_demand).count() >= ROTATIONS_ON_DEMAND_MAX {
            return Err(Error::Limit(format!(
                "The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be performed for this key: {}",
                key.arn()
            )));
        }
        let (at, arn, now) = (key.at.clone(), key.arn(), context.now.0);
        match (key.record.origin, self.fresh) {
            (Origin::External, _) => {
                let waits = |m: &Material| m.record.standing == Standing::Pending;
                // In a multi-region set the material must have come into every key of it.
                let has_it =
                    |key: &Key| key.materials.iter().any(|m| waits(m) && m.sealed.is_some());
                let everywhere =
                    key.record.primary.is_none() || state.related(&at).into_iter().all(has_it);
                if !has_it(key) || !everywhere {
                    return Err(Error::StateText(format!(
                        "No available key material pending rotation for the key: {arn}."
                    )));
                }
                take_up(state, &at, now, changes);
            }
            (_, Some(fresh)) => rotate(state, &at, &fresh, (now, true), changes),
            (_, None) => return Err(Error::Internal("no key material was made")),
        }
        Ok(Rotated { key_id: arn })
    }
}

/// Puts the imported material that waits into use.
fn take_up(state: &mut State, at: &KeyRef, now: i64, changes: &mut Vec<Change>) {
    let set: Vec<KeyRef> = match state.key(at).and_then(|k| k.record.primary.as_ref()) {
        Some(_) => state.related(at).iter().map(|related| related.at.clone()).collect(),
        None => vec![at.clone()],
    };
    for at in set {
        state.amend(&at, changes, |key| {
            for material in &mut key.materials {
                let record = &mut material.record;
                if record.standing == Standing::Pending {
                    record.rotated = Some((now, true));
                    record.standing = Standing::Current;
                } else {
                    record.standing = Standing::Former;
                }
            }
        });
    }
}

/// `ListKeyRotations`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListKeyRotations {
    key_id: Option<String>,
    include_key_material: Option<String>,
    limit: Option<i64>,
    marker: Option<String>,
}

/// A rotation, or a material that came without one.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RotationEntry {
    key_id: String,
    key_material_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_material_description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    import_state: Option<&'static str>,
    key_material_state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration_model: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_to: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rotation_date: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rotation_type: Option<&'static str>,
}

impl RotationEntry {
    fn of(key: &Key, material: &Material) -> RotationEntry {
        let record = &material.record;
        let import = record.import.as_ref();
        let valid_to = import.and_then(|i| i.valid_to);
        RotationEntry {
            key_id: key.at.id.clone(),
            key_material_id: record.id.text(),
            key_material_description: import.and_then(|i| i.description.clone()),
            import_state: import.map(|_| match material.sealed {
                Some(_) => "IMPORTED",
                None => "PENDING_IMPORT",
            }),
            key_material_state: match record.standing {
                Standing::Current => "CURRENT",
                Standing::Former => "NON_CURRENT",
                Standing::Pending => "PENDING_ROTATION",
            },
            expiration_model: import.filter(|_| material.sealed.is_some()).map(
                |_| match valid_to {
                    Some(_) => "KEY_MATERIAL_EXPIRES",
                    None => "KEY_MATERIAL_DOES_NOT_EXPIRE",
                },
            ),
            valid_to: valid_to.map(seconds),
            rotation_date: record.rotated.map(|(at, _)| seconds(at)),
            rotation_type: record
                .rotated
                .map(|(_, demand)| if demand { "ON_DEMAND" } else { "AUTOMATIC" }),
        }
    }
}

/// A page of rotations.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Rotations {
    rotations: Vec<RotationEntry>,
    #[serde(flatten)]
    paged: Paged,
}

impl Operation for ListKeyRotations {
    type State = State;
    type Output = Rotations;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "ListKeyRotations";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        _: &mut Vec<Change>,
    ) -> Result<Rotations, Error> {
        let mut rules = Check::new();
        rules.key_id("keyId", self.key_id.as_ref());
        let include = self.include_key_material.as_ref();
        let names = ["ALL_KEY_MATERIAL", "ROTATIONS_ONLY"];
        rules.one_of("includeKeyMaterial", include, &names);
        rules.page(self.limit, self.marker.as_ref());
        rules.done()?;
        let key = state.own(context.caller, &given(self.key_id)?, Self::NAME)?;
        rotates(key)?;
        let all = include.is_some_and(|i| i == names[0]);
        let listed = key.materials.iter().filter(|m| all || m.record.rotated.is_some());
        let entries = listed.map(|material| RotationEntry::of(key, material));
        let wanted = (self.limit.unwrap_or(PAGE_DEFAULT), self.marker);
        let (rotations, paged) = page::page(entries, wanted, |e| e.key_material_id.clone())?;
        Ok(Rotations { rotations, paged })
    }
}
