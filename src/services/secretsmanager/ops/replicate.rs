//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ReplicateSecretToRegions.html> and its
//! kin: `RemoveRegionsFromReplication`, `StopReplicationToReplica`.
//!
//! A copy is made and `InSync` when the call is answered. One whose name is taken in its region is `Failed`
//! and copies nothing.

use super::delete_secret::take_away;
use crate::base::Context;
use crate::services::Operation;
use crate::services::secretsmanager::error::Error;
use crate::services::secretsmanager::limits::{KMS_KEY_ID_CHARS_MAX, REPLICAS_MAX};
use crate::services::secretsmanager::replication::{
    self, DEFAULT_KEY, DETACHED, FAILED, IN_SYNC, Primary, Replica,
};
use crate::services::secretsmanager::state::{Change, Key, Meta, Secret, State};
use crate::services::secretsmanager::validate;
use serde::{Deserialize, Serialize};

/// `ReplicateSecretToRegions`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ReplicateSecretToRegions {
    /// Name or ARN.
    pub secret_id: Option<String>,
    /// Where to.
    pub add_replica_regions: Option<Vec<ReplicaRegion>>,
    /// Whether a secret of the same name is overwritten there.
    pub force_overwrite_replica_secret: bool,
}

/// `RemoveRegionsFromReplication`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RemoveRegionsFromReplication {
    /// Name or ARN.
    pub secret_id: Option<String>,
    /// Whose copies go.
    pub remove_replica_regions: Option<Vec<String>>,
}

/// `StopReplicationToReplica`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct StopReplicationToReplica {
    /// Name or ARN of the copy.
    pub secret_id: Option<String>,
}

/// A region to copy to.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ReplicaRegion {
    /// `eu-west-1`.
    pub region: Option<String>,
    /// The key there.
    pub kms_key_id: Option<String>,
}

/// What replication came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Replicated {
    /// The whole ARN.
    #[serde(rename = "ARN")]
    pub arn: String,
    /// Each copy.
    pub replication_status: Vec<ReplicationStatus>,
}

/// A copy that was promoted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Promoted {
    /// Its whole ARN.
    #[serde(rename = "ARN")]
    pub arn: String,
}

/// The status of one copy.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReplicationStatus {
    /// Where.
    pub region: String,
    /// The key there.
    pub kms_key_id: String,
    /// One of the model's words.
    pub status: String,
    /// More of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_message: Option<String>,
    /// The day on which the copy was last read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_accessed_date: Option<f64>,
}

/// The copies of `secret` in other regions of its account.
pub(super) fn statuses(state: &State, key: &Key, secret: &Secret) -> Vec<ReplicationStatus> {
    let regional = secret.meta.replicas.iter().filter(|replica| replica.account.is_none());
    let status = |replica: &Replica| {
        let copy = state.at(&replica.key(key)).filter(|_| replica.follows());
        ReplicationStatus {
            region: replica.region.clone(),
            kms_key_id: replica.kms_key_id.clone().unwrap_or_else(|| DEFAULT_KEY.to_owned()),
            status: replica.status.clone(),
            status_message: replica.message.clone(),
            last_accessed_date: copy.and_then(|c| c.meta.accessed).map(|at| at.as_seconds_f64()),
        }
    };
    regional.map(status).collect()
}

/// Checks the regions of a request for a secret in `home`.
pub(super) fn check_regions(regions: &[ReplicaRegion], home: &str) -> Result<(), Error> {
    if regions.is_empty() || regions.len() > REPLICAS_MAX {
        let rule = "Member must have length greater than or equal to 1".to_owned();
        return Err(Error::Constraint { at: "addReplicaRegions", value: None, rule });
    }
    for (at, wanted) in regions.iter().enumerate() {
        let region = wanted.region.as_deref().unwrap_or_default();
        validate::region(region, "addReplicaRegions.member.region")?;
        if let Some(key) = &wanted.kms_key_id {
            validate::length(key, "addReplicaRegions.member.kmsKeyId", 0, KMS_KEY_ID_CHARS_MAX)?;
        }
        let twice = regions[..at].iter().any(|earlier| earlier.region == wanted.region);
        if region == home || twice {
            return Err(Error::InvalidParameter("Invalid replica region.".into()));
        }
    }
    Ok(())
}

/// Makes copies of the secret at `key`. The regions are checked.
pub(super) fn replicate(
    state: &mut State,
    key: &Key,
    regions: Vec<ReplicaRegion>,
    force: bool,
    context: &Context<'_>,
    changes: &mut Vec<Change>,
) {
    let Some(arn) = state.at(key).map(|secret| secret.meta.arn.clone()) else { return };
    for wanted in regions {
        let region = wanted.region.unwrap_or_default();
        let replica = Replica {
            arn: replication::arn_in(&arn, &region),
            account: None,
            kms_key_id: wanted.kms_key_id.filter(|key| !key.is_empty()),
            status: IN_SYNC.to_owned(),
            message: Some("Replication succeeded".to_owned()),
            role: None,
            region,
        };
        let replica = make(state, key, replica, force, context, changes);
        if let Some(secret) = state.at_mut(key) {
            secret
                .meta
                .replicas
                .retain(|old| old.account.is_some() || old.region != replica.region);
            secret.meta.replicas.push(replica);
        }
    }
    if let Some(secret) = state.at_mut(key) {
        secret.meta.changed = context.now;
        changes.push(Change::Meta(key.clone(), Box::new(secret.meta.clone())));
    }
    replication::sync(state, key, context.now, changes);
}

/// Makes the place of a copy, or says why it cannot be.
fn make(
    state: &mut State,
    key: &Key,
    replica: Replica,
    force: bool,
    context: &Context<'_>,
    changes: &mut Vec<Change>,
) -> Replica {
    let place = replica.key(key);
    let there = state.at(&place).map(|secret| secret.meta.clone());
    let ours = there.as_ref().is_some_and(|meta| {
        meta.primary.as_ref().is_some_and(|primary| primary.region == key.region)
            && meta.arn == replica.arn
    });
    let in_the_way = there.as_ref().is_some_and(|meta| !meta.replicas.is_empty());
    if there.is_some() && !ours && (!force || in_the_way) {
        let message = format!(
            "Replication failed: Secret name {} already exists in region {}.",
            key.name, replica.region
        );
        return Replica { status: FAILED.to_owned(), message: Some(message), ..replica };
    }
    if there.is_some() && !ours {
        take_away(state, &place, changes);
    }
    let primary = state.at(key).map(|s| s.meta.arn.clone()).unwrap_or_default();
    let mut meta = Meta::new(replica.arn.clone(), context.now);
    meta.kms_key_id = replica.kms_key_id.clone();
    meta.primary = Some(Primary { region: key.region.clone(), arn: primary, across: None });
    match state.at_mut(&place).filter(|_| ours) {
        Some(copy) => copy.meta.kms_key_id = meta.kms_key_id.clone(),
        None => state.insert(place.clone(), Secret { meta: meta.clone(), versions: Vec::new() }),
    }
    let meta = state.at(&place).map_or(meta, |copy| copy.meta.clone());
    changes.push(Change::Meta(place, Box::new(meta)));
    replica
}

impl Operation for ReplicateSecretToRegions {
    type State = State;
    type Output = Replicated;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "ReplicateSecretToRegions";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Replicated, Error> {
        let id = validate::secret_id(self.secret_id)?;
        let regions = validate::required(self.add_replica_regions, "addReplicaRegions")?;
        check_regions(&regions, &context.caller.region)?;
        let (key, secret) = state.find_mut(context.caller, &id)?;
        secret.writable()?;
        if secret.meta.replicas.len() + regions.len() > REPLICAS_MAX {
            return Err(Error::InvalidParameter("Too many replica regions.".into()));
        }
        replicate(state, &key, regions, self.force_overwrite_replica_secret, context, changes);
        answer(state, &key)
    }
}

fn answer(state: &State, key: &Key) -> Result<Replicated, Error> {
    let secret = state.at(key).ok_or(Error::SecretNotFound)?;
    let replication_status = statuses(state, key, secret);
    Ok(Replicated { arn: secret.meta.arn.clone(), replication_status })
}

impl Operation for RemoveRegionsFromReplication {
    type State = State;
    type Output = Replicated;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "RemoveRegionsFromReplication";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Replicated, Error> {
        let id = validate::secret_id(self.secret_id)?;
        let regions = validate::required(self.remove_replica_regions, "removeReplicaRegions")?;
        if regions.is_empty() {
            let rule = "Member must have length greater than or equal to 1".to_owned();
            return Err(Error::Constraint { at: "removeReplicaRegions", value: None, rule });
        }
        let (key, secret) = state.find_mut(context.caller, &id)?;
        secret.writable()?;
        let is_one =
            |replica: &&Replica| replica.account.is_none() && regions.contains(&replica.region);
        let gone: Vec<Replica> = secret.meta.replicas.iter().filter(is_one).cloned().collect();
        if gone.len() != regions.len() {
            return Err(Error::InvalidParameter(
                "The secret isn't replicated to every region of RemoveReplicaRegions.".into(),
            ));
        }
        secret.meta.replicas.retain(|replica| !is_one(&replica));
        secret.meta.changed = context.now;
        changes.push(Change::Meta(key.clone(), Box::new(secret.meta.clone())));
        for replica in gone.iter().filter(|replica| replica.follows()) {
            take_away(state, &replica.key(&key), changes);
        }
        answer(state, &key)
    }
}

impl Operation for StopReplicationToReplica {
    type State = State;
    type Output = Promoted;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "StopReplicationToReplica";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Promoted, Error> {
        let id = validate::secret_id(self.secret_id)?;
        let (key, secret) = state.find_mut(context.caller, &id)?;
        secret.alive()?;
        let primary = secret.meta.primary.take().ok_or(Error::NotAReplica)?;
        secret.meta.changed = context.now;
        changes.push(Change::Meta(key, Box::new(secret.meta.clone())));
        let arn = secret.meta.arn.clone();
        if let Some(place) = Key::of_arn(&primary.arn)
            && let Some(secret) = state.at_mut(&place)
        {
            // Its own account sees that the copy has left; another region's copy is forgotten.
            match primary.across {
                None => secret.meta.replicas.retain(|replica| replica.arn != arn),
                Some(_) => {
                    let left = secret.meta.replicas.iter_mut().filter(|r| r.arn == arn);
                    left.for_each(|replica| replica.status = DETACHED.to_owned());
                }
            }
            changes.push(Change::Meta(place, Box::new(secret.meta.clone())));
        }
        Ok(Promoted { arn })
    }
}
