//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>
//!
//! Works without any permission on AWS, and here for any credentials.

use crate::services::access::Subject;
use serde_json::{Value, json};

/// Who the credentials stand for.
pub fn get_caller_identity(subject: &Subject) -> Value {
    json!({"UserId": subject.user_id, "Account": subject.account, "Arn": subject.arn})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_is_the_access_keys() {
        let identity = get_caller_identity(&Subject::root("123456789012"));
        assert_eq!(identity["Account"], "123456789012");
        assert_eq!(identity["Arn"], "arn:aws:iam::123456789012:root");
    }
}
