//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html>

use super::replicate::{self, ReplicationStatus};
use super::rotate_secret::ExternalItem;
use crate::base::{Context, Millis};
use crate::services::Operation;
use crate::services::secretsmanager::error::Error;
use crate::services::secretsmanager::replication::{Primary, Replica};
use crate::services::secretsmanager::rotation::Rules;
use crate::services::secretsmanager::state::{Change, Secret, State, key};
use crate::services::secretsmanager::validate::{self, Tag};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// `DescribeSecret`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DescribeSecret {
    /// Name or ARN.
    pub secret_id: Option<String>,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Description {
    /// What lists say of it too.
    #[serde(flatten)]
    pub common: Common,
    /// Versions that have labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub version_ids_to_stages: BTreeMap<String, BTreeSet<String>>,
    /// Its copies in other regions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replication_status: Vec<ReplicationStatus>,
    /// The secret of another account of which it is a copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cross_account_primary: Option<CrossAccountPrimary>,
    /// Its copy in another account.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cross_account_replicas: Vec<CrossAccountReplica>,
}

/// The secret of another account of which this one is a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CrossAccountPrimary {
    /// Its ARN.
    #[serde(rename = "PrimarySecretARN")]
    pub primary_secret_arn: String,
    /// How the copy stands.
    pub replication_status: String,
}

/// A copy in another account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CrossAccountReplica {
    /// Its ARN.
    #[serde(rename = "ReplicaSecretARN")]
    pub replica_secret_arn: String,
    /// The role that was named.
    #[serde(rename = "ReplicationRoleARN", skip_serializing_if = "Option::is_none")]
    pub replication_role_arn: Option<String>,
    /// How it stands.
    pub replication_status: String,
}

/// What `DescribeSecret` and `ListSecrets` both say of a secret.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Common {
    /// The whole ARN.
    #[serde(rename = "ARN")]
    pub arn: String,
    /// The friendly name.
    pub name: String,
    /// Description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// KMS key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    /// The partner of a managed external secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
    /// Rotation, once it was configured.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<ShownRotation>,
    /// Where its primary is, for secrets with copies and for copies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary_region: Option<String>,
    /// When anything of it last changed.
    pub last_changed_date: f64,
    /// The day of the last read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_accessed_date: Option<f64>,
    /// Present while it waits for its deletion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_date: Option<f64>,
    /// Tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<Tag>>,
    /// When it was made.
    pub created_date: f64,
}

/// Rotation, as both show it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ShownRotation {
    /// Whether rules rotate it.
    pub rotation_enabled: bool,
    /// The function.
    #[serde(rename = "RotationLambdaARN", skip_serializing_if = "Option::is_none")]
    pub rotation_lambda_arn: Option<String>,
    /// The rules.
    pub rotation_rules: Rules,
    /// When it was last rotated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_rotated_date: Option<f64>,
    /// The end of the next window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_rotation_date: Option<f64>,
    /// What a partner needs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub external_secret_rotation_metadata: Vec<ExternalItem>,
    /// The role for a partner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_secret_rotation_role_arn: Option<String>,
}

impl ShownRotation {
    fn of(secret: &Secret) -> Option<Self> {
        let rotation = secret.meta.rotation.as_deref()?;
        let item = |(key, value): &(String, String)| ExternalItem {
            key: key.clone(),
            value: value.clone(),
        };
        Some(ShownRotation {
            rotation_enabled: rotation.enabled,
            rotation_lambda_arn: rotation.function.clone(),
            rotation_rules: rotation.shown_rules(),
            last_rotated_date: rotation.last.map(|at| Millis(at).as_seconds_f64()),
            next_rotation_date: rotation.window.map(|w| w.last_second().as_seconds_f64()),
            external_secret_rotation_metadata: rotation.external.iter().map(item).collect(),
            external_secret_rotation_role_arn: rotation.external_role.clone(),
        })
    }
}

impl Common {
    /// What is said of `secret`; `deleted` chooses the instant that stands for its deletion.
    pub(super) fn of(name: &str, secret: &Secret, deleted: Option<Millis>) -> Self {
        let meta = &secret.meta;
        let tag = |(key, value): &(String, String)| Tag { key: key.clone(), value: value.clone() };
        Common {
            arn: meta.arn.clone(),
            name: name.to_owned(),
            description: meta.description.clone(),
            kms_key_id: meta.kms_key_id.clone(),
            r#type: meta.kind.clone(),
            rotation: ShownRotation::of(secret),
            primary_region: primary_region(secret).map(str::to_owned),
            last_changed_date: meta.changed.as_seconds_f64(),
            last_accessed_date: meta.accessed.map(Millis::as_seconds_f64),
            deleted_date: deleted.map(Millis::as_seconds_f64),
            tags: meta.tags.as_ref().map(|tags| tags.iter().map(tag).collect()),
            created_date: meta.created.as_seconds_f64(),
        }
    }
}

impl Operation for DescribeSecret {
    type State = State;
    type Output = Description;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "DescribeSecret";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        _: &mut Vec<Change>,
    ) -> Result<Description, Error> {
        let id = validate::secret_id(self.secret_id)?;
        let (name, secret) = state.find(context.caller, &id)?;
        // Here AWS documents the day after which the secret is gone, in lists the day of the request.
        let deleted = secret.meta.deletion.map(|d| d.due);
        let common = Common::of(name, secret, deleted);
        let place = key(context.caller, name);
        let across = |from: &Primary| {
            let replication_status = from.across.clone()?;
            Some(CrossAccountPrimary { primary_secret_arn: from.arn.clone(), replication_status })
        };
        let elsewhere = secret.meta.replicas.iter().filter(|replica| replica.account.is_some());
        let copy = |replica: &Replica| CrossAccountReplica {
            replica_secret_arn: replica.arn.clone(),
            replication_role_arn: replica.role.clone(),
            replication_status: replica.status.clone(),
        };
        Ok(Description {
            common,
            version_ids_to_stages: secret.staged(),
            replication_status: replicate::statuses(state, &place, secret),
            cross_account_primary: secret.meta.primary.as_ref().and_then(across),
            cross_account_replicas: elsewhere.map(copy).collect(),
        })
    }
}

/// The region of the primary, for secrets with copies in other regions and for those copies.
pub(in crate::services::secretsmanager) fn primary_region(secret: &Secret) -> Option<&str> {
    let regional = secret.meta.replicas.iter().any(|replica| replica.account.is_none());
    let own = secret.meta.arn.split(':').nth(3).filter(|_| regional);
    let primary = secret.meta.primary.as_ref().filter(|primary| primary.across.is_none());
    primary.map(|primary| primary.region.as_str()).or(own)
}
