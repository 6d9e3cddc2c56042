//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>
//!
//! Works without any permission on AWS, and here for any credentials.

use crate::base::Caller;
use crate::services::sts::state::Session;
use serde::Serialize;

/// Whose credentials signed the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CallerIdentity {
    /// `arn:aws:iam::000000000000:root`: an access key stands for its account's root until IAM is served.
    pub arn: String,
    /// The account id for a root user.
    pub user_id: String,
    /// Twelve digits.
    pub account: String,
}

/// The account behind the caller's access key, or whom the caller's session stands for.
pub fn get_caller_identity(caller: &Caller, session: Option<&Session>) -> CallerIdentity {
    if let Some(session) = session {
        return CallerIdentity {
            arn: session.arn.clone(),
            user_id: session.user_id.clone(),
            account: session.account.clone(),
        };
    }
    CallerIdentity {
        arn: format!("arn:aws:iam::{}:root", caller.account),
        user_id: caller.account.clone(),
        account: caller.account.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_is_the_access_keys() {
        let caller = Caller::internal("123456789012", "us-east-1", "http://localhost");
        let identity = get_caller_identity(&caller, None);
        assert_eq!(identity.account, "123456789012");
        assert_eq!(identity.arn, "arn:aws:iam::123456789012:root");
    }
}
