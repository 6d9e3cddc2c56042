//! What an operation may know of the world: the instant, the caller, and a source of ids.

use super::{Ids, Millis};

/// The account of callers whose access key is no account id.
pub const DEFAULT_ACCOUNT: &str = "000000000000";
/// The region of unsigned requests.
pub const DEFAULT_REGION: &str = "us-east-1";

/// Who calls, and where to. The account follows from the access key, the region from the credential scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Caller {
    /// Twelve digits.
    pub account: String,
    /// `us-east-1`.
    pub region: String,
    /// The access key id as sent; empty for unsigned requests.
    pub access_key: String,
    /// Scheme and authority by which the caller reached us (`http://127.0.0.1:4566`), so that
    /// addresses in answers work for that caller.
    pub endpoint: String,
    /// The id of this request.
    pub request_id: String,
}

impl Caller {
    /// A caller inside devenv itself, such as the profile's declarations at boot.
    pub fn internal(account: &str, region: &str, endpoint: &str) -> Self {
        Caller {
            account: account.to_owned(),
            region: region.to_owned(),
            access_key: account.to_owned(),
            endpoint: endpoint.to_owned(),
            request_id: String::new(),
        }
    }
}

/// The account that an access key stands for: a key of twelve digits is the account itself.
pub fn account_of(access_key: &str) -> &str {
    if access_key.len() == 12 && access_key.bytes().all(|b| b.is_ascii_digit()) {
        access_key
    } else {
        DEFAULT_ACCOUNT
    }
}

/// What one operation sees. One instant for the whole operation.
#[derive(Debug)]
pub struct Context<'a> {
    /// The virtual clock's instant.
    pub now: Millis,
    /// Source of ids.
    pub ids: &'a mut Ids,
    /// Who calls.
    pub caller: &'a Caller,
}

impl Context<'_> {
    /// `arn:aws:{service}:{region}:{account}:{resource}` in the caller's region and account.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.caller.region, self.caller.account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twelve_digits_are_an_account() {
        assert_eq!(account_of("123456789012"), "123456789012");
        assert_eq!(account_of("test"), DEFAULT_ACCOUNT);
        assert_eq!(account_of("AKIAIOSFODNN7EXAMPLE"), DEFAULT_ACCOUNT);
        assert_eq!(account_of(""), DEFAULT_ACCOUNT);
    }
}
