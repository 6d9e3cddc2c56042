//! What requests to Secrets Manager ask to be allowed: an action on a secret, whose own policy speaks too.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html>

use super::state::{Meta, State};
use crate::services::access::{Ask, Asked, KeyUse, READS, WRITES};

/// What `asked` asks.
pub fn asks(state: &State, asked: &Asked<'_>) -> Vec<Ask> {
    let action = format!("secretsmanager:{}", asked.operation);
    match asked.operation {
        "ListSecrets" | "GetRandomPassword" => vec![Ask::new(action, "*")],
        "BatchGetSecretValue" => {
            let secrets = asked.texts("SecretIdList");
            let each =
                secrets.iter().map(|id| of(state, asked, "secretsmanager:GetSecretValue", id));
            std::iter::once(Ask::new(action, "*")).chain(each).collect()
        }
        "CreateSecret" => {
            let name = asked.text("Name");
            vec![of(state, asked, &action, name).with_key("secretsmanager:Name", name)]
        }
        _ => {
            let mut ask = of(state, asked, &action, asked.text("SecretId"));
            for (key, member) in [
                ("secretsmanager:VersionStage", "VersionStage"),
                ("secretsmanager:VersionId", "VersionId"),
            ] {
                if !asked.text(member).is_empty() {
                    ask = ask.with_key(key, asked.text(member));
                }
            }
            vec![ask]
        }
    }
}

fn of(state: &State, asked: &Asked<'_>, action: &str, id: &str) -> Ask {
    let Ok((_, secret)) = state.find(asked.caller, id) else {
        let arn = match id.starts_with("arn:") {
            true => id.to_owned(),
            false => asked.arn("secretsmanager", &format!("secret:{id}")),
        };
        return Ask::new(action, arn);
    };
    let meta = &secret.meta;
    let ask = Ask::new(action, &meta.arn).with_policy(meta.policy.as_deref());
    let tags = meta.tags.iter().flatten().map(|(key, value)| (key, value));
    ask.with_tags("secretsmanager", tags).with_key("secretsmanager:SecretId", &meta.arn)
}

/// The keys that `asked` uses: whoever reads or writes a secret needs the key that it lies under.
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html>
pub fn key_uses(state: &State, asked: &Asked<'_>) -> Vec<KeyUse> {
    let given = |member: &str| asked.input.get(member).is_some();
    let value = given("SecretString") || given("SecretBinary");
    let found = |id: &str| state.find(asked.caller, id).ok().map(|(_, secret)| &secret.meta);
    let own = |meta: &Meta, operations| {
        Some(of_key(asked, meta.own_key()?, operations, meta.arn.clone()))
    };
    let named = Some(asked.text("KmsKeyId")).filter(|key| !key.is_empty());
    let id = asked.text("SecretId");
    match asked.operation {
        "GetSecretValue" => found(id).and_then(|meta| own(meta, READS)).into_iter().collect(),
        "BatchGetSecretValue" => {
            let ids = asked.texts("SecretIdList").into_iter();
            ids.filter_map(|id| own(found(id)?, READS)).collect()
        }
        "CreateSecret" if value => {
            // What six characters it will end with nobody can have written into a policy.
            let arn = asked.arn("secretsmanager", &format!("secret:{}-??????", asked.text("Name")));
            named.map(|key| of_key(asked, key, WRITES, arn)).into_iter().collect()
        }
        "PutSecretValue" => found(id).and_then(|meta| own(meta, WRITES)).into_iter().collect(),
        // With another key what is there is read under the old one.
        "UpdateSecret" if value || named.is_some() => {
            let Some(meta) = found(id) else { return Vec::new() };
            let old = if named.is_some() { READS } else { WRITES };
            let new = named.map(|key| of_key(asked, key, WRITES, meta.arn.clone()));
            own(meta, old).into_iter().chain(new).collect()
        }
        _ => Vec::new(),
    }
}

fn of_key(
    asked: &Asked<'_>,
    key: &str,
    operations: &'static [&'static str],
    arn: String,
) -> KeyUse {
    let mut context = vec![("SecretARN", arn)];
    if !asked.text("VersionId").is_empty() {
        context.push(("SecretVersionId", asked.text("VersionId").to_owned()));
    }
    KeyUse { service: "secretsmanager", key: key.to_owned(), operations, context }
}
