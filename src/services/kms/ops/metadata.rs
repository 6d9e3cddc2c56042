//! `KeyMetadata`, the answer of several operations.

use crate::services::kms::key::{Key, KeyState};
use crate::services::kms::material;
use crate::services::kms::spec::{
    EncryptionAlgorithm, MacAlgorithm, Origin, SigningAlgorithm, Spec, Usage,
};
use crate::services::kms::state::State;
use serde::Serialize;

/// Seconds with a fraction from milliseconds: timestamps in awsJson.
pub fn seconds(ms: i64) -> f64 {
    crate::base::Millis(ms).as_seconds_f64()
}

/// A key of a multi-region set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MultiRegionKey {
    arn: String,
    region: String,
}

/// The multi-region set of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MultiRegion {
    multi_region_key_type: &'static str,
    primary_key: MultiRegionKey,
    replica_keys: Vec<MultiRegionKey>,
}

/// What `DescribeKey` tells of a key.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyMetadata {
    #[serde(rename = "AWSAccountId")]
    account: String,
    key_id: String,
    arn: String,
    creation_date: f64,
    enabled: bool,
    description: String,
    key_usage: Usage,
    key_state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_date: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_to: Option<f64>,
    origin: Origin,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration_model: Option<&'static str>,
    key_manager: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_master_key_spec: Option<Spec>,
    key_spec: Spec,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    encryption_algorithms: &'static [EncryptionAlgorithm],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    signing_algorithms: &'static [SigningAlgorithm],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    key_agreement_algorithms: &'static [&'static str],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    encapsulation_algorithms: &'static [&'static str],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    mac_algorithms: &'static [MacAlgorithm],
    multi_region: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_region_configuration: Option<MultiRegion>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pending_deletion_window_in_days: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_key_material_id: Option<String>,
}

impl KeyMetadata {
    /// As AWS tells of a replica in the answer that announces it.
    #[must_use]
    pub fn being_made(self) -> KeyMetadata {
        KeyMetadata { enabled: false, key_state: "Creating", current_key_material_id: None, ..self }
    }

    /// Of this key.
    pub fn of(state: &State, key: &Key) -> KeyMetadata {
        let record = &key.record;
        let (spec, usage, key_state) = (record.spec, record.usage, key.state());
        let current = key.current();
        let import = current.filter(|m| m.sealed.is_some()).and_then(|m| m.record.import.as_ref());
        let valid_to = import.and_then(|i| i.valid_to);
        let waits = key_state == KeyState::PendingReplicaDeletion;
        let shown = current.filter(|m| material::is_shown(spec) && m.sealed.is_some());
        KeyMetadata {
            account: key.at.account.clone(),
            key_id: key.at.id.clone(),
            arn: key.arn(),
            creation_date: seconds(record.created),
            enabled: key_state == KeyState::Enabled,
            description: record.description.clone(),
            key_usage: usage,
            key_state: key_state.name(),
            deletion_date: record.deletion.and_then(|d| d.due).map(seconds),
            valid_to: valid_to.map(seconds),
            origin: record.origin,
            expiration_model: import.map(|_| match valid_to {
                Some(_) => "KEY_MATERIAL_EXPIRES",
                None => "KEY_MATERIAL_DOES_NOT_EXPIRE",
            }),
            key_manager: if record.managed { "AWS" } else { "CUSTOMER" },
            customer_master_key_spec: spec.by_old_member(),
            key_spec: spec,
            encryption_algorithms: if usage == Usage::EncryptDecrypt {
                spec.encryption_algorithms()
            } else {
                &[]
            },
            signing_algorithms: if usage == Usage::SignVerify {
                spec.signing_algorithms()
            } else {
                &[]
            },
            key_agreement_algorithms: if usage == Usage::KeyAgreement { &["ECDH"] } else { &[] },
            encapsulation_algorithms: if usage == Usage::EncapsulateDecapsulate {
                &["ML_KEM"]
            } else {
                &[]
            },
            mac_algorithms: spec.mac_algorithms(),
            multi_region: record.primary.is_some(),
            multi_region_configuration: multi_region(state, key),
            pending_deletion_window_in_days: record.deletion.filter(|_| waits).map(|d| d.days),
            current_key_material_id: shown.map(|m| m.record.id.text()),
        }
    }
}

fn multi_region(state: &State, key: &Key) -> Option<MultiRegion> {
    let primary = key.record.primary.as_ref()?;
    let named = |region: &str| MultiRegionKey {
        arn: key.at.in_region(region).arn(),
        region: region.to_owned(),
    };
    let related = state.related(&key.at);
    let replicas = related.iter().filter(|other| !other.is_primary());
    Some(MultiRegion {
        multi_region_key_type: if key.is_primary() { "PRIMARY" } else { "REPLICA" },
        primary_key: named(primary),
        replica_keys: replicas.map(|replica| named(&replica.at.region)).collect(),
    })
}
