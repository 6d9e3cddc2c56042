//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_AssociateCrossAccountReplica.html> and
//! `DisassociateCrossAccountReplica`: the copy in another account of this environment follows its primary.
//!
//! Organisations, roles and permissions are not looked at.

use crate::base::Context;
use crate::services::Operation;
use crate::services::secretsmanager::error::Error;
use crate::services::secretsmanager::limits::{ARN_CHARS_MIN, SECRET_ID_CHARS_MAX};
use crate::services::secretsmanager::replication::{self, DETACHED, IN_SYNC, Replica};
use crate::services::secretsmanager::state::{Change, Key, State};
use crate::services::secretsmanager::validate;
use serde::{Deserialize, Serialize};

/// `AssociateCrossAccountReplica`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AssociateCrossAccountReplica {
    /// Name or ARN of the primary.
    pub secret_id: Option<String>,
    /// The copy.
    #[serde(rename = "CrossAccountReplicaARN")]
    pub cross_account_replica_arn: Option<String>,
    /// `SameOrg` or `NoRestriction`.
    pub replica_restriction: Option<String>,
    /// The role: kept and shown.
    #[serde(rename = "ReplicationRoleARN")]
    pub replication_role_arn: Option<String>,
}

/// `DisassociateCrossAccountReplica`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DisassociateCrossAccountReplica {
    /// Name or ARN of the primary.
    pub secret_id: Option<String>,
    /// The copy.
    #[serde(rename = "CrossAccountReplicaARN")]
    pub cross_account_replica_arn: Option<String>,
}

/// What both answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Association {
    /// The primary.
    #[serde(rename = "ARN")]
    pub arn: String,
    /// The copy.
    #[serde(rename = "CrossAccountReplicaARN")]
    pub cross_account_replica_arn: String,
    /// How the copy stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replication_status: Option<String>,
}

fn replica_arn(given: Option<String>) -> Result<String, Error> {
    let at = "crossAccountReplicaARN";
    let arn = validate::required(given, at)?;
    validate::length(&arn, at, ARN_CHARS_MIN, SECRET_ID_CHARS_MAX)?;
    Ok(arn)
}

impl Operation for AssociateCrossAccountReplica {
    type State = State;
    type Output = Association;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "AssociateCrossAccountReplica";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Association, Error> {
        let id = validate::secret_id(self.secret_id)?;
        let arn = replica_arn(self.cross_account_replica_arn)?;
        if let Some(word) = self.replica_restriction.as_deref() {
            validate::one_of(word, "replicaRestriction", &["SameOrg", "NoRestriction"])?;
        }
        let (name, primary) = state.find(context.caller, &id)?;
        primary.writable()?;
        let (key, own) = (super::super::state::key(context.caller, name), primary.meta.arn.clone());
        let others = primary.meta.replicas.iter().filter(|r| r.account.is_some());
        if others.clone().any(|r| r.arn != arn && r.status != DETACHED) {
            return Err(Error::TooManyReplicas);
        }
        let place = Key::of_arn(&arn).ok_or(Error::SecretNotFound)?;
        let copy = state.at_mut(&place).filter(|copy| copy.meta.arn == arn);
        let copy = copy.ok_or(Error::SecretNotFound)?;
        let from = copy.meta.primary.as_mut().filter(|p| p.across.is_some() && p.arn == own);
        let Some(from) =
            from.filter(|_| place.region == key.region && place.account != key.account)
        else {
            return Err(Error::InvalidParameter(
                "The secret isn't a cross-account replica of this secret in the same Region."
                    .into(),
            ));
        };
        from.across = Some(IN_SYNC.to_owned());
        copy.meta.changed = context.now;
        changes.push(Change::Meta(place.clone(), Box::new(copy.meta.clone())));
        let replica = Replica {
            region: place.region,
            account: Some(place.account),
            arn: arn.clone(),
            kms_key_id: copy.meta.kms_key_id.clone(),
            status: IN_SYNC.to_owned(),
            message: None,
            role: self.replication_role_arn,
        };
        if let Some(primary) = state.at_mut(&key) {
            primary.meta.replicas.retain(|old| old.account.is_none());
            primary.meta.replicas.push(replica);
            primary.meta.changed = context.now;
            changes.push(Change::Meta(key.clone(), Box::new(primary.meta.clone())));
        }
        replication::sync(state, &key, context.now, changes);
        let replication_status = Some(IN_SYNC.to_owned());
        Ok(Association { arn: own, cross_account_replica_arn: arn, replication_status })
    }
}

impl Operation for DisassociateCrossAccountReplica {
    type State = State;
    type Output = Association;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "DisassociateCrossAccountReplica";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Association, Error> {
        let id = validate::secret_id(self.secret_id)?;
        let arn = replica_arn(self.cross_account_replica_arn)?;
        let (key, primary) = state.find_mut(context.caller, &id)?;
        primary.writable()?;
        let own = primary.meta.arn.clone();
        let is_it = |replica: &Replica| replica.account.is_some() && replica.arn == arn;
        if !primary.meta.replicas.iter().any(is_it) {
            return Err(Error::SecretNotFound);
        }
        primary.meta.replicas.retain(|replica| !is_it(replica));
        primary.meta.changed = context.now;
        changes.push(Change::Meta(key, Box::new(primary.meta.clone())));
        if let Some(place) = Key::of_arn(&arn)
            && let Some(copy) = state.at_mut(&place)
            && let Some(from) = copy.meta.primary.as_mut().filter(|p| p.arn == own)
        {
            from.across = Some(DETACHED.to_owned());
            changes.push(Change::Meta(place, Box::new(copy.meta.clone())));
        }
        Ok(Association { arn: own, cross_account_replica_arn: arn, replication_status: None })
    }
}
