//! Who says AUTH. In lenient mode anybody is believed; in strict mode the password must be the one that
//! SES derives from the secret of the access key, for any region, and mail needs a login.
//!
//! <https://docs.aws.amazon.com/ses/latest/dg/smtp-credentials.html>

use crate::base::{Caller, DEFAULT_REGION, REGIONS, account_of};
use crate::edge::Auth;
use crate::protocol::sigv4::Credentials;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::sync::Arc;

/// The date, terminal and message that SES puts into the derivation, and its version byte.
const DATE: &[u8] = b"11111111";
const TERMINAL: &[u8] = b"aws4_request";
const MESSAGE: &[u8] = b"SendRawEmail";
const VERSION: u8 = 4;

/// What a listener knows of keys.
#[derive(Clone)]
pub(super) struct Logins {
    auth: Auth,
    credentials: Arc<dyn Credentials>,
}

impl Logins {
    pub(super) fn new(auth: Auth, credentials: Arc<dyn Credentials>) -> Self {
        Logins { auth, credentials }
    }

    /// Whether mail needs a login.
    pub(super) fn required(&self) -> bool {
        self.auth != Auth::Lenient
    }

    /// Whoever has said nothing yet.
    pub(super) fn nobody(&self) -> Caller {
        Caller::internal(account_of(""), DEFAULT_REGION, "")
    }

    /// The caller that `user` and `password` stand for, if they do. The password's region is the caller's.
    pub(super) fn caller(&self, user: &str, password: &[u8]) -> Option<Caller> {
        let secret = self.credentials.lookup(user, None);
        let region = secret.and_then(|secret| region_of(&secret, password));
        if region.is_none() && self.required() {
            return None;
        }
        let account = self.credentials.account(user);
        let account = account.unwrap_or_else(|| account_of(user).to_owned());
        let mut caller = Caller::internal(&account, region.unwrap_or(DEFAULT_REGION), "");
        caller.access_key = user.to_owned();
        Some(caller)
    }
}

/// The region for which `password` was derived from `secret`.
fn region_of(secret: &str, password: &[u8]) -> Option<&'static str> {
    let given = STANDARD.decode(password.trim_ascii()).ok()?;
    let found = REGIONS.iter().find(|region| same(&signature(secret, region), &given));
    found.copied()
}

/// The SMTP password of `secret` in `region`, before base64.
fn signature(secret: &str, region: &str) -> Vec<u8> {
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in [DATE, region.as_bytes(), b"ses", TERMINAL, MESSAGE] {
        key = hmac(&key, part);
    }
    key.insert(0, VERSION);
    key
}

fn hmac(key: &[u8], data: &[u8]) -> Vec<u8> {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

/// Compares without telling by time where the first difference is.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |all, (x, y)| all | (x ^ y)) == 0
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::protocol::sigv4::TestCredentials;

    pub(crate) fn logins(auth: Auth) -> Logins {
        Logins::new(auth, Arc::new(TestCredentials))
    }

    /// The password of the secret `test` in a region.
    pub(crate) fn password(region: &str) -> String {
        STANDARD.encode(signature("test", region))
    }

    /// The value that the script on AWS's page computes for the example key of AWS's documentation.
    #[test]
    fn passwords_are_derived_as_aws_does() {
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        let password = STANDARD.encode(signature(secret, "us-east-1"));
        assert_eq!(password, "BLBM/9hSUELfq8Gw+rU1YcBjkOxGbhT2XG763xVLGWL9");
        assert_eq!(region_of(secret, password.as_bytes()), Some("us-east-1"));
        assert_eq!(region_of(secret, secret.as_bytes()), None);
    }

    #[test]
    fn strict_mode_believes_derived_passwords_only() {
        let strict = logins(Auth::Strict);
        let caller = strict.caller("123456789012", password("eu-central-1").as_bytes()).unwrap();
        assert_eq!(
            (caller.account.as_str(), caller.region.as_str()),
            ("123456789012", "eu-central-1")
        );
        for (user, password) in [
            ("test", "test".to_owned()),
            ("test", String::new()),
            ("nobody", password("us-east-1")),
            ("test", password("mars-1")),
        ] {
            assert!(strict.caller(user, password.as_bytes()).is_none(), "{user} {password}");
        }
        let lenient = logins(Auth::Lenient);
        assert!(!lenient.required() && strict.required());
        assert_eq!(lenient.caller("anyone", b"x").unwrap(), {
            let mut caller = lenient.nobody();
            caller.access_key = "anyone".into();
            caller
        });
    }
}
