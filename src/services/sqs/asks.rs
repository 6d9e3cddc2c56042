//! What requests to SQS ask to be allowed: an action on a queue, whose own policy speaks too.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html>

use super::state::State;
use crate::services::access::{Ask, Asked, KeyUse, READS, WRITES};

/// What `asked` asks.
pub fn asks(state: &State, asked: &Asked<'_>) -> Vec<Ask> {
    // A batch is as many of its like.
    let action = asked.operation.strip_suffix("Batch").unwrap_or(asked.operation);
    let action = format!("sqs:{action}");
    let arn = asked.text("SourceArn");
    let url = match asked.operation {
        "ListQueues" | "CancelMessageMoveTask" => return vec![Ask::new(action, "*")],
        "StartMessageMoveTask" | "ListMessageMoveTasks" => {
            let name = arn.rsplit(':').next().unwrap_or_default();
            let policy = state.by_url(name, asked.caller).ok();
            let policy = policy.and_then(|queue| queue.record.settings.policy.as_deref());
            return vec![Ask::new(action, arn).with_policy(policy)];
        }
        "CreateQueue" => asked.text("QueueName").to_owned(),
        "GetQueueUrl" => {
            let owner = Some(asked.text("QueueOwnerAWSAccountId")).filter(|o| !o.is_empty());
            format!("{}/{}", owner.unwrap_or(&asked.caller.account), asked.text("QueueName"))
        }
        // Old clients name the queue by the path alone.
        _ if asked.text("QueueUrl").is_empty() => asked.rest.1.to_owned(),
        _ => asked.text("QueueUrl").to_owned(),
    };
    let Ok(queue) = state.by_url(&url, asked.caller) else {
        let name = url.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        return vec![Ask::new(action, asked.arn("sqs", name))];
    };
    let record = &queue.record;
    let arn = format!("arn:aws:sqs:{}:{}:{}", record.region, record.account, record.name);
    let ask = Ask::new(action, arn).with_policy(record.settings.policy.as_deref());
    vec![ask.with_tags("sqs", &record.tags)]
}

/// The key that `asked` uses: whoever sends to or receives from an encrypted queue needs it.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html>
pub fn key_use(state: &State, asked: &Asked<'_>) -> Option<KeyUse> {
    let operations = match asked.operation {
        "SendMessage" | "SendMessageBatch" => WRITES,
        "ReceiveMessage" => READS,
        _ => return None,
    };
    let url = Some(asked.text("QueueUrl")).filter(|url| !url.is_empty());
    let queue = state.by_url(url.unwrap_or(asked.rest.1), asked.caller).ok()?;
    let record = &queue.record;
    let arn = format!("arn:aws:sqs:{}:{}:{}", record.region, record.account, record.name);
    let (key, context) = (record.settings.kms_key.clone()?, vec![("aws:sqs:arn", arn)]);
    Some(KeyUse { service: "sqs", key, operations, context })
}
