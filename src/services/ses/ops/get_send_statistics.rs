//! <https://docs.aws.amazon.com/ses/latest/APIReference/API_GetSendStatistics.html>

use crate::base::{Context, Millis};
use crate::services::Operation;
use crate::services::ses::calls::kinds::STATISTICS;
use crate::services::ses::error::Error;
use crate::services::ses::limits::STATISTICS_MS;
use crate::services::ses::state::{Change, State, home};
use serde::{Deserialize, Serialize};

/// `GetSendStatistics`.
#[derive(Debug, Clone, Deserialize)]
pub struct GetSendStatistics {}

/// The last two weeks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statistics {
    send_data_points: Vec<DataPoint>,
}

/// A quarter of an hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct DataPoint {
    timestamp: String,
    delivery_attempts: u64,
    bounces: u64,
    complaints: u64,
    rejects: u64,
}

impl Operation for GetSendStatistics {
    type State = State;
    type Output = Statistics;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "GetSendStatistics";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        _: &mut Vec<Change>,
    ) -> Result<Statistics, Error> {
        let slots = state.sent.get(&home(context.caller));
        let recent = slots.into_iter().flat_map(|s| s.range(context.now.0 - STATISTICS_MS..));
        let home = home(context.caller);
        let points = recent.map(|(slot, count)| {
            let counts = state.records.get(&home, STATISTICS.name, &slot.to_string());
            let of = |kind: &str| counts.and_then(|c| c.get(kind)?.as_u64()).unwrap_or_default();
            DataPoint {
                timestamp: Millis(*slot).iso8601(),
                delivery_attempts: *count,
                bounces: of("Bounce"),
                complaints: of("Complaint"),
                rejects: of("Reject"),
            }
        });
        Ok(Statistics { send_data_points: points.collect() })
    }
}
