//! What requests to Secrets Manager ask to be allowed: an action on a secret, whose own policy speaks too.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html>

use super::state::State;
use crate::services::access::{Ask, Asked};

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
