//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_RemovePermission.html>

use super::super::error::Error;
use super::super::state::{Change, State};
use super::Done;
use super::add_permission::{policy_of, statements};
use crate::base::Context;
use crate::services::Operation;
use serde::Deserialize;

/// Takes a statement out of a queue's policy.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "the members are AWS's")]
pub struct RemovePermission {
    pub queue_url: String,
    pub label: String,
}

impl Operation for RemovePermission {
    type State = State;
    type Output = Done;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "RemovePermission";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Done, Error> {
        let queue = state.by_url_mut(&self.queue_url, context.caller)?;
        let unknown = || Error::parameter("Label", &self.label, "can't find label.");
        let mut policy = policy_of(&queue.record).ok_or_else(unknown)?;
        let rest = statements(&mut policy);
        let before = rest.len();
        rest.retain(|s| s["Sid"] != self.label.as_str());
        if rest.len() == before {
            return Err(unknown());
        }
        let is_empty = rest.is_empty();
        queue.record.settings.policy = (!is_empty).then(|| policy.to_string());
        changes.push(Change::QueuePut { record: Box::new(queue.record.clone()) });
        Ok(Done)
    }
}
