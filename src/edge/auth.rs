//! Who may call: anyone who signs (`lenient`), or who signs with a key's right secret (`strict`).

use super::classify::Target;
use crate::base::{Caller, Millis, Problem, account_of};
use crate::profile;
use crate::protocol::sigv4::{self, Body, Credentials, Instants, LegacyQuery, Refusal};
use crate::protocol::{Failure, Form};
use crate::services::Clock;
use crate::services::sts::Judge;
use http::request::Parts;
use std::sync::Arc;

/// How far requests are authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Auth {
    /// Any credentials will do; presigned URLs of the environment's own keys must be what was signed.
    #[default]
    Lenient,
    /// Signatures are verified; unsigned requests are refused, but for what S3 opens to everybody.
    Strict,
    /// The same, and policies say who may do what.
    Enforce,
}

/// The gateway's mode for a profile's `auth`.
pub fn check_auth(wanted: profile::Auth) -> Result<Auth, Problem> {
    match wanted {
        profile::Auth::Lenient => Ok(Auth::Lenient),
        profile::Auth::Strict => Ok(Auth::Strict),
        profile::Auth::Enforce => Ok(Auth::Enforce),
    }
}

/// The gate that every AWS request passes.
#[derive(Clone)]
pub(super) struct Gate {
    mode: Auth,
    credentials: Arc<dyn Credentials>,
    judge: Option<Judge>,
    clock: Clock,
}

impl Gate {
    pub(super) fn new(
        mode: Auth,
        credentials: Arc<dyn Credentials>,
        judge: &Judge,
        clock: Clock,
    ) -> Self {
        let judge = (mode == Auth::Enforce).then(|| judge.clone());
        judge.iter().for_each(Judge::enforce);
        Gate { mode, credentials, judge, clock }
    }

    /// Who knows what callers may, where that is asked.
    pub(super) fn judge(&self) -> Option<&Judge> {
        self.judge.as_ref()
    }

    /// The virtual clock.
    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The account that an access key acts in.
    pub(super) fn account(&self, access_key: &str) -> String {
        let of_session = self.credentials.account(access_key);
        of_session.unwrap_or_else(|| account_of(access_key).to_owned())
    }

    /// Lets a request through or says why not. What is left to check of its body goes into its
    /// extensions as [`sigv4::Verified`].
    pub(super) fn admit(
        &self,
        parts: &mut Parts,
        body: Body<'_>,
        target: &Target,
    ) -> Result<(), Failure> {
        if let Some(key) = session_key(parts).filter(|key| self.credentials.has_ended(key)) {
            tracing::debug!(access_key = key, "the session has ended");
            return Err(in_words_of(target, parts, &Refusal::Ended));
        }
        let s3 = target.service == "s3";
        let lenient = self.mode == Auth::Lenient;
        // Whatever S3 lets nobody do, it refuses itself. Browsers never sign what they ask before a
        // cross-origin request.
        if s3 && (!sigv4::is_signed(parts) || parts.method == http::Method::OPTIONS) {
            parts.extensions.insert(sigv4::Anonymous);
            // A form carries its signature in its body, which S3 reads.
            if parts.method == http::Method::POST {
                let keys = sigv4::Keys::new(self.credentials.clone(), !lenient);
                parts.extensions.insert(Arc::new(keys));
            }
            return Ok(());
        }
        if lenient && !(s3 && is_presigned(parts)) {
            return Ok(());
        }
        // Who brings a token of somebody else's has no key yet.
        if brings_token(target, parts) {
            return Ok(());
        }
        // S3 itself looks at a URL's validity, by the clock of whoever signed it; here it must only be
        // what was signed.
        let (long_ago, far_ahead) = (Millis(i64::MIN / 4), Millis(i64::MAX / 4));
        let now = if lenient {
            Instants { real: far_ahead, virtual_now: long_ago }
        } else {
            Instants { real: self.clock.real(), virtual_now: self.clock.now() }
        };
        let legacy = parts.uri.query().filter(|_| s3).and_then(LegacyQuery::from_query);
        let credentials = self.credentials.as_ref();
        let refusal = match legacy {
            Some(legacy) => legacy.verify(parts, credentials, now).err(),
            None => match sigv4::verify(parts, body, &target.service, credentials, now) {
                Ok(verified) => {
                    parts.extensions.insert(verified);
                    None
                }
                Err(refusal) => Some(refusal),
            },
        };
        match refusal {
            // A URL of a key that is not the environment's is anybody's; S3 itself looks at what it
            // says of its own validity.
            Some(refusal) if lenient && !is_tampering(&refusal) => Ok(()),
            Some(refusal) => Err(in_words_of(target, parts, &refusal)),
            None => Ok(()),
        }
    }
}

/// The access key of a session that signed the request.
fn session_key(parts: &Parts) -> Option<&str> {
    let caller = parts.extensions.get::<Arc<Caller>>()?;
    Some(caller.access_key.as_str()).filter(|key| key.starts_with("ASIA"))
}

/// Whether a request to STS is vouched for by the token that it brings.
fn brings_token(target: &Target, parts: &Parts) -> bool {
    let form = parts.extensions.get::<Arc<Form>>().filter(|_| target.service == "sts");
    let action = form.and_then(|form| form.get("Action"));
    action == Some("AssumeRoleWithWebIdentity") && !sigv4::is_signed(parts)
}

fn is_presigned(parts: &Parts) -> bool {
    !parts.headers.contains_key(http::header::AUTHORIZATION)
}

/// Whether a signature of one of the environment's own keys was made for another request.
fn is_tampering(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Mismatch { .. } | Refusal::Unsigned(_))
}

fn in_words_of(target: &Target, parts: &Parts, refusal: &Refusal) -> Failure {
    let rest = parts.uri.path().starts_with("/v2/");
    match target.service.as_ref() {
        "s3" => refusal.for_s3(),
        _ if target.query => refusal.for_query(),
        "sqs" => refusal.for_json(403),
        _ if rest => refusal.for_json(403),
        _ => refusal.for_json(400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_of_the_profile_is_one_of_the_gateways() {
        for (wanted, mode) in [
            (profile::Auth::Lenient, Auth::Lenient),
            (profile::Auth::Strict, Auth::Strict),
            (profile::Auth::Enforce, Auth::Enforce),
        ] {
            assert_eq!(check_auth(wanted), Ok(mode));
        }
    }
}
