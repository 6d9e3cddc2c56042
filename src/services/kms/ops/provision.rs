//! Keys that nobody created by `CreateKey`: AWS's own, made when they are first used, and those that a
//! profile declares. Neither an AWS operation.
//!
//! The id of such a key follows from account, region and alias, so that its ARN, and what was
//! encrypted under declared material, are the same on every machine.

use super::aliases;
use super::create_key::{Plan, put};
use crate::base::{Caller, Context, uuid_text};
use crate::services::Operation;
use crate::services::kms::error::Error;
use crate::services::kms::key::Rotation;
use crate::services::kms::key::{Key, Record, default_policy};
use crate::services::kms::limits::{DAY_MS, ROTATION_DAYS};
use crate::services::kms::material::{Fresh, Material};
use crate::services::kms::spec::{Origin, Spec, Usage};
use crate::services::kms::state::{Alias, Change, MANAGED_ALIAS, State, here};
use aws_lc_rs::digest;
use std::collections::BTreeMap;

/// The plan of AWS's own keys.
pub const MANAGED: Plan = Plan {
    spec: Spec::Symmetric,
    usage: Usage::EncryptDecrypt,
    origin: Origin::Aws,
    multi_region: false,
};

/// The id of the key of this alias.
pub fn named_id(caller: &Caller, alias: &str) -> String {
    let text = format!("devenv kms key {} {} {alias}", caller.account, caller.region);
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    let mut bits = [0; 16];
    bits.copy_from_slice(&hash.as_ref()[..16]);
    // The marks of a UUID made from a name by a way of one's own (RFC 9562, version 8).
    bits[6] = bits[6] & 0x0F | 0x80;
    bits[8] = bits[8] & 0x3F | 0x80;
    uuid_text(u128::from_be_bytes(bits))
}

/// The service whose key an alias or its ARN names, in the caller's account and region.
pub fn managed_service<'a>(caller: &Caller, id: &'a str) -> Option<&'a str> {
    let prefix = format!("arn:aws:kms:{}:{}:", caller.region, caller.account);
    let service = id.strip_prefix(&prefix).unwrap_or(id).strip_prefix(MANAGED_ALIAS)?;
    SERVICES.contains(&service).then_some(service)
}

/// The services that have keys of their own.
const SERVICES: &[&str] = &[
    "acm",
    "backup",
    "cloud9",
    "codebuild",
    "codecommit",
    "connect",
    "dms",
    "dynamodb",
    "ebs",
    "elasticfilesystem",
    "es",
    "fsx",
    "glue",
    "kinesis",
    "kinesisvideo",
    "lambda",
    "lightsail",
    "rds",
    "redshift",
    "s3",
    "secretsmanager",
    "ses",
    "sns",
    "sqs",
    "ssm",
    "workspaces",
    "xray",
];

/// Makes a key with an alias, unless the alias is there.
#[derive(Debug, Clone)]
pub struct Provide {
    /// The alias.
    pub alias: String,
    /// What the key shall be.
    pub plan: Plan,
    /// Its material.
    pub fresh: Fresh,
    /// Description.
    pub description: String,
    /// The name in the profile; `None` for AWS's own key.
    pub declared: Option<String>,
}

impl Operation for Provide {
    type State = State;
    type Output = ();
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "Provide";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        let caller = context.caller;
        let now = context.now.0;
        let shelf = state.shelf(&caller.account, &caller.region);
        if shelf.is_some_and(|s| s.aliases.contains_key(&self.alias)) {
            return Ok(());
        }
        let managed = self.declared.is_none();
        let (_, _, days) = ROTATION_DAYS;
        let at = here(caller, &named_id(caller, &self.alias));
        // Somebody took the alias away and left the key: the declaration gives it back.
        if state.key(&at).is_none() {
            let record = Record {
                spec: self.plan.spec,
                usage: self.plan.usage,
                origin: self.plan.origin,
                managed,
                created: now,
                description: self.description,
                disabled: false,
                policy: default_policy(&caller.account),
                tags: Vec::new(),
                deletion: None,
                rotation: managed.then_some(Rotation { days, next: now + days * DAY_MS }),
                primary: self.plan.multi_region.then(|| caller.region.clone()),
                last_use: None,
                declared: self.declared,
            };
            let materials = vec![Material::first(self.fresh)];
            put(state, Key { at: at.clone(), record, materials, grants: BTreeMap::new() }, changes);
        }
        let alias = Alias { target: at.id, created: now, updated: now };
        aliases::put(state, here(caller, &self.alias), alias, changes);
        Ok(())
    }
}
