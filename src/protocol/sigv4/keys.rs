//! Signatures of a form's policy, which the service itself finds in the body.
//!
//! Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-UsingHTTPPOST.html> and, for Version 2,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/HTTPPOSTForms.html>.

use super::{Credential, Credentials, Refusal, is_hmac, signing_key};
use base64::Engine;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use std::sync::Arc;

/// The environment's keys, in the extensions of a request that carries its signature in its body.
#[derive(Clone)]
pub struct Keys {
    credentials: Arc<dyn Credentials>,
    /// Whether a key that is not the environment's is refused.
    strict: bool,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("strict", &self.strict).finish_non_exhaustive()
    }
}

impl Keys {
    /// Over the environment's credentials.
    pub fn new(credentials: Arc<dyn Credentials>, strict: bool) -> Self {
        Keys { credentials, strict }
    }

    /// Verifies the signature of a policy, given as the form has it (base64).
    pub fn check_policy(
        &self,
        credential: &Credential,
        token: Option<&str>,
        policy: &str,
        signature: &str,
    ) -> Result<(), Refusal> {
        self.check(&credential.access_key, token, policy, signature, |secret| {
            is_hmac(&signing_key(secret, credential), policy.as_bytes(), signature)
        })
    }

    /// The same for Version 2.
    pub fn check_policy_v2(
        &self,
        access_key: &str,
        token: Option<&str>,
        policy: &str,
        signature: &str,
    ) -> Result<(), Refusal> {
        self.check(access_key, token, policy, signature, |secret| {
            let given = base64::engine::general_purpose::STANDARD.decode(signature);
            let mac = <Hmac<Sha1> as KeyInit>::new_from_slice(secret.as_bytes());
            let mut mac = mac.unwrap_or_else(|_| unreachable!());
            mac.update(policy.as_bytes());
            mac.verify_slice(&given.unwrap_or_default()).is_ok()
        })
    }

    fn check(
        &self,
        access_key: &str,
        token: Option<&str>,
        policy: &str,
        signature: &str,
        is_right: impl Fn(&str) -> bool,
    ) -> Result<(), Refusal> {
        match self.credentials.lookup(access_key, token) {
            Some(secret) if is_right(&secret) => Ok(()),
            Some(_) => Err(Refusal::Mismatch {
                access_key: access_key.to_owned(),
                signature: signature.to_owned(),
                string_to_sign: policy.to_owned(),
                canonical_request: String::new(),
            }),
            None if self.strict => Err(Refusal::UnknownKey(access_key.to_owned())),
            None => Ok(()),
        }
    }
}
