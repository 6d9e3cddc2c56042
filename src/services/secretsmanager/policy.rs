//! Resource policies of secrets: what Secrets Manager asks of one beyond the grammar all services share.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_resource-policies.html>

use super::error::Error;
use crate::policy::{Decision, Grammar, Keys, Mistake, Policy, Request, Who};

/// Reads a policy.
pub fn read(text: &str) -> Result<Policy, Error> {
    Policy::parse(text, Grammar::Resource).map_err(|mistake| {
        Error::MalformedPolicy(match mistake {
            Mistake::InvalidJson | Mistake::NotAnObject => {
                "This resource policy contains invalid Json".into()
            }
            Mistake::Principal(..) => {
                "This resource policy contains an unsupported principal".into()
            }
            other => format!("This resource policy contains a syntax error: {other}"),
        })
    })
}

/// Whether it takes from `account` itself the means of changing it.
pub fn locks_out(policy: &Policy, account: &str, resource: &str) -> bool {
    let (who, keys) = (Who::account(account), Keys::new());
    let request =
        Request { who: &who, action: "secretsmanager:PutResourcePolicy", resource, keys: &keys };
    policy.decide(&request) == Decision::Deny
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["*"]},"Action":"secretsmanager:GetSecretValue","Resource":"*"}]}"#;

    #[test]
    fn a_wildcard_principal_is_public_unless_a_condition_narrows_it() {
        assert!(read(OPEN).unwrap().is_public());
        let narrowed = OPEN.replace(
            "\"Resource\"",
            "\"Condition\":{\"StringEquals\":{\"aws:PrincipalOrgID\":\"o-1\"}},\"Resource\"",
        );
        assert!(!read(&narrowed).unwrap().is_public());
        let named = OPEN.replace("[\"*\"]", "\"arn:aws:iam::123456789012:root\"");
        assert!(!read(&named).unwrap().is_public());
    }

    #[test]
    fn what_is_no_policy_is_refused() {
        for text in [
            "",
            "[]",
            "{}",
            "{\"Statement\":[]}",
            &OPEN.replace("Allow", "May"),
            &OPEN.replace("Action", "Act"),
        ] {
            assert!(matches!(read(text), Err(Error::MalformedPolicy(_))), "{text}");
        }
    }

    #[test]
    fn a_policy_that_denies_its_own_account_everything_is_told() {
        let deny = OPEN.replace("Allow", "Deny").replace("secretsmanager:GetSecretValue", "*");
        assert!(locks_out(&read(&deny).unwrap(), "000000000000", "*"));
        assert!(!locks_out(&read(OPEN).unwrap(), "000000000000", "*"));
    }
}
