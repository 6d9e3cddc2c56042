//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListDeadLetterSourceQueues.html>

use super::super::error::Error;
use super::super::queue::Queue;
use super::super::state::queue_url;
use super::super::state::{Change, State};
use super::page::Page;
use crate::base::Context;
use crate::services::Operation;
use serde::{Deserialize, Serialize};

/// Lists the queues whose dead letters come here.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "the members are AWS's")]
pub struct ListDeadLetterSourceQueues {
    pub queue_url: String,
    pub next_token: Option<String>,
    pub max_results: Option<i64>,
}

/// A page of source queues.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SourceQueues {
    /// In the order of their names; AWS spells this member in lower case.
    #[serde(rename = "queueUrls")]
    pub queue_urls: Vec<String>,
    /// For the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

impl Operation for ListDeadLetterSourceQueues {
    type State = State;
    type Output = SourceQueues;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "ListDeadLetterSourceQueues";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        _: &mut Vec<Change>,
    ) -> Result<SourceQueues, Error> {
        let caller = context.caller;
        let queue = state.by_url(&self.queue_url, caller)?;
        let here = &queue.record;
        let names_it =
            |q: &&Queue| q.record.settings.redrive.as_ref().is_some_and(|r| r.target.means(here));
        let account = queue.record.account.as_str();
        let sources = state.queues_of(account, &caller.region).filter(names_it);
        let urls = sources.map(|q| queue_url(caller, account, &q.record.name)).collect();
        let page = Page { results_max: self.max_results, token: self.next_token.as_deref() };
        let (queue_urls, next_token) = page.of(urls)?;
        Ok(SourceQueues { queue_urls, next_token })
    }
}
