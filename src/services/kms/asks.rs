//! What requests to KMS ask to be allowed: an action on a key. Nothing is allowed without the key's
//! policy, or a grant of the key.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awskeymanagementservice.html>

use super::blob::Envelope;
use super::key::Key;
use super::state::State;
use crate::base::Caller;
use crate::policy::{Grammar, Policy};
use crate::services::access::{Ask, Asked, Rule};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// What `asked` asks.
pub fn asks(state: &State, asked: &Asked<'_>) -> Vec<Ask> {
    let action = format!("kms:{}", asked.operation);
    let named = |action: &str, member: &str| of(state, asked, action, asked.text(member));
    match asked.operation {
        "CreateKey" | "ListKeys" | "ListAliases" | "GenerateRandom" | "ListRetirableGrants" => {
            vec![Ask::new(action, "*")]
        }
        "CreateAlias" | "UpdateAlias" | "DeleteAlias" => {
            let alias = asked.text("AliasName");
            let on_alias = Ask::new(action.clone(), asked.arn("kms", alias));
            let target = match asked.text("TargetKeyId") {
                "" => alias,
                target => target,
            };
            vec![on_alias, of(state, asked, &action, target)]
        }
        "ReEncrypt" => {
            let from = match asked.text("SourceKeyId") {
                "" => of_ciphertext(state, asked, "kms:ReEncryptFrom"),
                _ => named("kms:ReEncryptFrom", "SourceKeyId"),
            };
            vec![from, named("kms:ReEncryptTo", "DestinationKeyId")]
        }
        "Decrypt" if asked.text("KeyId").is_empty() => {
            vec![of_ciphertext(state, asked, "kms:Decrypt")]
        }
        _ => vec![named(&action, "KeyId")],
    }
}

fn of_ciphertext(state: &State, asked: &Asked<'_>, action: &str) -> Ask {
    let blob = STANDARD.decode(asked.text("CiphertextBlob")).unwrap_or_default();
    let envelope = Envelope::read(&blob).ok();
    let key = envelope.and_then(|envelope| state.of_material(asked.caller, &envelope.material));
    key.map_or_else(
        || Ask::new(action, "*"),
        |key| of_key(asked.caller, action, key, context(asked)),
    )
}

fn of(state: &State, asked: &Asked<'_>, action: &str, id: &str) -> Ask {
    match state.find(asked.caller, id, true) {
        Ok(key) => of_key(asked.caller, action, key, context(asked)),
        // There is no such key, or AWS's own that is made on demand: the operation says so.
        Err(_) if id.starts_with("arn:") => Ask::new(action, id),
        Err(_) => Ask::new(action, asked.arn("kms", &format!("key/{id}"))),
    }
}

/// The encryption context that a request names.
fn context<'a>(asked: &Asked<'a>) -> impl Iterator<Item = (&'a str, &'a str)> {
    let context = asked.input.get("EncryptionContext").and_then(Value::as_object);
    let pairs = context.into_iter().flatten();
    pairs.map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default()))
}

/// `action` on a key, for `caller` and under an encryption context.
pub(super) fn of_key<'a>(
    caller: &Caller,
    action: &str,
    key: &Key,
    context: impl Iterator<Item = (&'a str, &'a str)>,
) -> Ask {
    let mut ask = Ask::new(action, key.arn()).with_policy(Some(&key.record.policy));
    if let (Some(policy), Some(granted)) = (&mut ask.policy, granted(key)) {
        policy.statements.extend(granted.statements);
    }
    ask.rule = Rule::Decides;
    let tags = key.record.tags.iter().map(|(name, value)| (name, value));
    ask = ask.with_tags("kms", tags);
    for (name, value) in context {
        ask.keys.add(&format!("kms:EncryptionContext:{name}"), value);
        ask.keys.add("kms:EncryptionContextKeys", name);
    }
    ask.with_key("kms:CallerAccount", &caller.account)
}

/// What the key's grants allow, as a policy. Grants under constraints need the context's pairs.
fn granted(key: &Key) -> Option<Policy> {
    let statements: Vec<Value> = key
        .grants
        .values()
        .filter_map(|grant| {
            let grantee = grant.grantee.as_ref()?;
            let actions: Vec<String> =
                grant.operations.iter().map(|operation| format!("kms:{operation}")).collect();
            let constraints = grant.constraints.as_ref();
            let pairs = constraints.and_then(|c| {
                c.encryption_context_equals.as_ref().or(c.encryption_context_subset.as_ref())
            });
            let conditions: serde_json::Map<String, Value> = pairs
                .into_iter()
                .flatten()
                .map(|(name, value)| (format!("kms:EncryptionContext:{name}"), json!(value)))
                .collect();
            Some(json!({
                "Effect": "Allow", "Principal": {"AWS": grantee}, "Action": actions,
                "Resource": "*", "Condition": {"StringEquals": conditions},
            }))
        })
        .collect();
    let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    Policy::parse(&text, Grammar::Resource).ok()
}
