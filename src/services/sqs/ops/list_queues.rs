//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListQueues.html>

use super::super::error::Error;
use super::super::state::queue_url;
use super::super::state::{Change, State};
use super::page::Page;
use crate::base::Context;
use crate::services::Operation;
use serde::{Deserialize, Serialize};

/// Lists the queues of the account and region.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "the members are AWS's")]
pub struct ListQueues {
    pub queue_name_prefix: Option<String>,
    pub next_token: Option<String>,
    pub max_results: Option<i64>,
}

/// A page of queues.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct QueueUrls {
    /// In the order of their names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub queue_urls: Vec<String>,
    /// For the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

impl Operation for ListQueues {
    type State = State;
    type Output = QueueUrls;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "ListQueues";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        _: &mut Vec<Change>,
    ) -> Result<QueueUrls, Error> {
        let caller = context.caller;
        let prefix = self.queue_name_prefix.as_deref().unwrap_or_default();
        let names = state.queues_of(&caller.account, &caller.region).map(|q| &q.record.name);
        let names = names.filter(|n| n.starts_with(prefix));
        let urls = names.map(|n| queue_url(caller, &caller.account, n)).collect();
        let page = Page { results_max: self.max_results, token: self.next_token.as_deref() };
        let (queue_urls, next_token) = page.of(urls)?;
        Ok(QueueUrls { queue_urls, next_token })
    }
}
