//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueUrl.html>

use super::super::error::Error;
use super::super::state::queue_url;
use super::super::state::{Change, State};
use super::create_queue::QueueUrl;
use crate::base::Context;
use crate::services::Operation;
use serde::Deserialize;

/// Finds the URL of a queue by its name.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "the members are AWS's")]
pub struct GetQueueUrl {
    pub queue_name: String,
    #[serde(rename = "QueueOwnerAWSAccountId")]
    pub queue_owner_aws_account_id: Option<String>,
}

impl Operation for GetQueueUrl {
    type State = State;
    type Output = QueueUrl;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "GetQueueUrl";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        _: &mut Vec<Change>,
    ) -> Result<QueueUrl, Error> {
        if self.queue_name.is_empty() {
            return Err(Error::MissingParameter { name: "QueueName" });
        }
        let caller = context.caller;
        let account = self.queue_owner_aws_account_id.as_deref().unwrap_or(&caller.account);
        let found = state.find(account, &caller.region, &self.queue_name);
        let found = found.and_then(|id| state.queue(id)).ok_or(Error::QueueDoesNotExist)?;
        Ok(QueueUrl { queue_url: queue_url(caller, account, &found.record.name) })
    }
}
