//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_AddPermission.html>

use super::super::error::Error;
use super::super::limits;
use super::super::queue::QueueRecord;
use super::super::state::{Change, State};
use super::Done;
use crate::base::Context;
use crate::services::Operation;
use serde::Deserialize;
use serde_json::{Value, json};

/// Adds a statement to a queue's policy.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "the members are AWS's")]
pub struct AddPermission {
    pub queue_url: String,
    pub label: String,
    #[serde(rename = "AWSAccountIds", alias = "AWSAccountId")]
    pub aws_account_ids: Vec<String>,
    #[serde(alias = "ActionName")]
    pub actions: Vec<String>,
}

impl Operation for AddPermission {
    type State = State;
    type Output = Done;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "AddPermission";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Done, Error> {
        let queue = state.by_url_mut(&self.queue_url, context.caller)?;
        self.check()?;
        let arn = queue.arn();
        let mut policy = policy_of(&queue.record).unwrap_or_else(|| {
            json!({"Version": "2008-10-17", "Id": format!("{arn}/SQSDefaultPolicy"), "Statement": []})
        });
        let statements = statements(&mut policy);
        if statements.iter().any(|s| s["Sid"] == self.label.as_str()) {
            return Err(Error::parameter("Label", self.label, "Already exists."));
        }
        over("statements in a policy", statements.len() + 1, limits::POLICY_STATEMENTS_MAX)?;
        let principals: Vec<String> =
            self.aws_account_ids.iter().map(|id| format!("arn:aws:iam::{id}:root")).collect();
        let actions: Vec<String> = self.actions.iter().map(|a| format!("SQS:{a}")).collect();
        statements.push(json!({
            "Sid": self.label, "Effect": "Allow", "Principal": {"AWS": one_or_many(principals)},
            "Action": one_or_many(actions), "Resource": arn,
        }));
        queue.record.settings.policy = Some(policy.to_string());
        changes.push(Change::QueuePut { record: Box::new(queue.record.clone()) });
        Ok(Done)
    }
}

impl AddPermission {
    fn check(&self) -> Result<(), Error> {
        let missing = [
            ("Label", self.label.is_empty()),
            ("AWSAccountIds", self.aws_account_ids.is_empty()),
            ("Actions", self.actions.is_empty()),
        ];
        if let Some((name, _)) = missing.into_iter().find(|(_, missing)| *missing) {
            return Err(Error::MissingParameter { name });
        }
        let proper = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if self.label.len() > limits::LABEL_CHARS_MAX || !self.label.bytes().all(proper) {
            let reason = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
            return Err(Error::parameter("Label", &self.label, reason));
        }
        over("actions", self.actions.len(), limits::PERMISSION_ACTIONS_MAX)?;
        over("accounts", self.aws_account_ids.len(), limits::PERMISSION_ACCOUNTS_MAX)?;
        let is_account = |id: &&String| id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit());
        if let Some(id) = self.aws_account_ids.iter().find(|id| !is_account(id)) {
            return Err(Error::parameter("PrincipalId", id, "Unable to verify."));
        }
        match self.actions.iter().find(|a| !ACTIONS.contains(&a.as_str())) {
            Some(action) => {
                let reason = format!(
                    "Only the queue owner is allowed to invoke this action, or it is unknown. Valid: {}.",
                    ACTIONS.join(", ")
                );
                Err(Error::parameter("ActionName", action, reason))
            }
            None => Ok(()),
        }
    }
}

/// What another account can be allowed.
const ACTIONS: &[&str] = &[
    "*",
    "ChangeMessageVisibility",
    "DeleteMessage",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "PurgeQueue",
    "ReceiveMessage",
    "SendMessage",
];

fn over(what: &'static str, count: usize, max: usize) -> Result<(), Error> {
    if count > max { Err(Error::PermissionOverLimit { what, max }) } else { Ok(()) }
}

fn one_or_many(mut texts: Vec<String>) -> Value {
    if texts.len() == 1 { texts.remove(0).into() } else { texts.into() }
}

/// The queue's policy document.
pub(super) fn policy_of(record: &QueueRecord) -> Option<Value> {
    serde_json::from_str(record.settings.policy.as_ref()?).ok()
}

/// The statements of a policy; a lone one becomes a list.
pub(super) fn statements(policy: &mut Value) -> &mut Vec<Value> {
    let statement = &mut policy["Statement"];
    if !statement.is_array() {
        *statement = Value::Array(vec![statement.take()]);
    }
    statement.as_array_mut().expect("it was made a list")
}
