//! <https://docs.aws.amazon.com/ses/latest/APIReference/API_GetSendQuota.html>
//!
//! Strict mode answers as an account in the sandbox, lenient mode as one outside. Quotas are told, not enforced.

use crate::base::{Caller, Millis};
use crate::services::ses::limits::{QUOTA_PRODUCTION, QUOTA_SANDBOX};
use crate::services::ses::state::{Mode, State};
use serde::Serialize;

/// `GetSendQuota` of v1.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetSendQuota {
    max24_hour_send: f64,
    max_send_rate: f64,
    sent_last24_hours: f64,
}

impl GetSendQuota {
    /// The caller's quota at `now`.
    pub fn of(state: &State, caller: &Caller, now: Millis, mode: Mode) -> Self {
        let (max24_hour_send, max_send_rate) =
            if mode == Mode::Lenient { QUOTA_PRODUCTION } else { QUOTA_SANDBOX };
        let sent_last24_hours = state.sent_in_day(caller, now) as f64;
        GetSendQuota { max24_hour_send, max_send_rate, sent_last24_hours }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_members_are_spelled_as_aws_spells_them() {
        let caller = Caller::internal("000000000000", "us-east-1", "");
        let quota = GetSendQuota::of(&State::default(), &caller, Millis(0), Mode::Strict);
        assert_eq!(
            serde_json::to_string(&quota).unwrap(),
            r#"{"Max24HourSend":200.0,"MaxSendRate":1.0,"SentLast24Hours":0.0}"#
        );
    }
}
