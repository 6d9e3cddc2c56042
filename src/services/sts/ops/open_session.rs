//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html> and
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html>
//!
//! Any role of any account can be assumed: roles are not kept yet, and their policies not looked at.

use crate::base::{Context, Millis};
use crate::services::Operation;
use crate::services::access::keys;
use crate::services::sts::error::Error;
use crate::services::sts::state::{Change, SESSIONS_MAX, Session, State};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Random bytes that a session is made of.
pub const RANDOM_BYTES: usize = 10 + 30 + 96;

/// What is asked of `AssumeRole`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AssumeRoleInput {
    /// The role.
    pub role_arn: Option<String>,
    /// A name for the session.
    pub role_session_name: Option<String>,
    /// Seconds until it ends.
    pub duration_seconds: Option<i64>,
    /// Who asked for it at first.
    pub source_identity: Option<String>,
}

/// What is asked of `GetSessionToken`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GetSessionTokenInput {
    /// Seconds until it ends.
    pub duration_seconds: Option<i64>,
}

/// `AssumeRole` with the bytes that its credentials are made of.
pub struct AssumeRole {
    /// What is asked.
    pub input: AssumeRoleInput,
    /// Unpredictable.
    pub random: [u8; RANDOM_BYTES],
}

/// `GetSessionToken` with the bytes that its credentials are made of.
pub struct GetSessionToken {
    /// What is asked.
    pub input: GetSessionTokenInput,
    /// Unpredictable.
    pub random: [u8; RANDOM_BYTES],
}

/// Temporary credentials on the wire.
#[derive(Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SessionCredentials {
    /// `ASIA…`.
    pub access_key_id: String,
    /// Secret.
    pub secret_access_key: String,
    /// Token.
    pub session_token: String,
    /// When they end.
    pub expiration: String,
}

/// What `AssumeRole` answers.
#[derive(Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AssumedRole {
    /// The credentials.
    pub credentials: SessionCredentials,
    /// Who they stand for.
    pub assumed_role_user: AssumedRoleUser,
    /// As asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_identity: Option<String>,
}

/// Who a session of a role is.
#[derive(Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AssumedRoleUser {
    /// `AROA…:session`.
    pub assumed_role_id: String,
    /// `arn:aws:sts::…:assumed-role/role/session`.
    pub arn: String,
}

/// What `GetSessionToken` answers.
#[derive(Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SessionToken {
    /// The credentials.
    pub credentials: SessionCredentials,
}

impl Operation for AssumeRole {
    type State = State;
    type Output = AssumedRole;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "AssumeRole";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<AssumedRole, Error> {
        let role = required(self.input.role_arn, "roleArn")?;
        let name = required(self.input.role_session_name, "roleSessionName")?;
        let (account, path) = role_in(&role)?;
        session_name(&name)?;
        let seconds = duration(self.input.duration_seconds, 3600, 43_200)?;
        let role_name = path.rsplit('/').next().unwrap_or(path);
        let arn = format!("arn:aws:sts::{account}:assumed-role/{role_name}/{name}");
        let user_id = format!("{}:{name}", role_id(&role));
        let expires = context.now.plus_seconds(seconds);
        let session = session(&self.random, account, arn.clone(), user_id.clone(), expires);
        let credentials = open(state, session, context.now, changes)?;
        Ok(AssumedRole {
            credentials,
            assumed_role_user: AssumedRoleUser { assumed_role_id: user_id, arn },
            source_identity: self.input.source_identity,
        })
    }
}

impl Operation for GetSessionToken {
    type State = State;
    type Output = SessionToken;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "GetSessionToken";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<SessionToken, Error> {
        let seconds = duration(self.input.duration_seconds, 43_200, 129_600)?;
        let account = context.caller.account.as_str();
        let arn = format!("arn:aws:iam::{account}:root");
        let expires = context.now.plus_seconds(seconds);
        let session = session(&self.random, account, arn, account.to_owned(), expires);
        Ok(SessionToken { credentials: open(state, session, context.now, changes)? })
    }
}

fn required(member: Option<String>, at: &str) -> Result<String, Error> {
    member.ok_or_else(|| {
        Error::Invalid(format!(
            "1 validation error detected: Value null at '{at}' failed to satisfy constraint: Member must not be null"
        ))
    })
}

fn duration(asked: Option<i64>, default: i64, max: i64) -> Result<i64, Error> {
    let seconds = asked.unwrap_or(default);
    let rule = match seconds {
        ..900 => "greater than or equal to 900".to_owned(),
        _ if seconds > max => format!("less than or equal to {max}"),
        _ => return Ok(seconds),
    };
    Err(Error::Invalid(format!(
        "1 validation error detected: Value '{seconds}' at 'durationSeconds' failed to satisfy constraint: Member must have value {rule}"
    )))
}

/// Account and path of `arn:aws:iam::123456789012:role/path/name`.
fn role_in(arn: &str) -> Result<(&str, &str), Error> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", partition, "iam", "", account, resource]
            if !partition.is_empty()
                && account.len() == 12
                && account.bytes().all(|b| b.is_ascii_digit()) =>
        {
            let path = resource.strip_prefix("role/").filter(|p| !p.ends_with('/'));
            path.map(|path| (*account, path))
        }
        _ => None,
    }
    .ok_or_else(|| Error::Invalid(format!("{arn} is invalid")))
}

fn session_name(name: &str) -> Result<(), Error> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    let rule = if !name.chars().all(fits) {
        "Member must satisfy regular expression pattern: [\\w+=,.@-]*"
    } else if name.len() < 2 {
        "Member must have length greater than or equal to 2"
    } else if name.len() > 64 {
        "Member must have length less than or equal to 64"
    } else {
        return Ok(());
    };
    Err(Error::Invalid(format!(
        "1 validation error detected: Value '{name}' at 'roleSessionName' failed to satisfy constraint: {rule}"
    )))
}

/// The id of a role that nobody has created: always the same for the same ARN.
fn role_id(arn: &str) -> String {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let digest = Sha256::digest(arn.as_bytes());
    let id = digest.iter().take(17).map(|byte| letters[usize::from(byte & 31)] as char);
    "AROA".chars().chain(id).collect()
}

fn session(
    random: &[u8; RANDOM_BYTES],
    account: &str,
    arn: String,
    user_id: String,
    expires: Millis,
) -> Session {
    let mut key = [0; 10];
    key.copy_from_slice(&random[..10]);
    Session {
        access_key: keys::access_key("ASIA", account, key),
        secret: STANDARD.encode(&random[10..40]),
        token: STANDARD.encode(&random[40..]),
        account: account.to_owned(),
        arn,
        user_id,
        expires,
    }
}

fn open(
    state: &mut State,
    session: Session,
    now: Millis,
    changes: &mut Vec<Change>,
) -> Result<SessionCredentials, Error> {
    let alive = state.sessions.values().filter(|s| s.expires > now).count();
    if alive >= SESSIONS_MAX {
        return Err(Error::TooManySessions);
    }
    if alive < state.sessions.len() {
        state.sessions.retain(|_, session| session.expires > now);
        changes.push(Change::Expired(now));
    }
    let (y, mo, d, h, mi, s, _) = session.expires.civil();
    let credentials = SessionCredentials {
        access_key_id: session.access_key.clone(),
        secret_access_key: session.secret.clone(),
        session_token: session.token.clone(),
        expiration: format!("{y:04}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}Z"),
    };
    state.sessions.insert(session.access_key.clone(), session.clone());
    changes.push(Change::Opened(session));
    Ok(credentials)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Caller, Ids};

    fn assume(state: &mut State, role: &str, now: Millis) -> Result<AssumedRole, Error> {
        let caller = Caller::internal("000000000000", "us-east-1", "http://127.0.0.1:4566");
        let mut context = Context { now, ids: &mut Ids::seeded(1), caller: &caller };
        let input = AssumeRoleInput {
            role_arn: Some(role.to_owned()),
            role_session_name: Some("me".to_owned()),
            ..AssumeRoleInput::default()
        };
        let mut random = [7; RANDOM_BYTES];
        random[9] = (now.0 / 1000) as u8;
        AssumeRole { input, random }.apply(state, &mut context, &mut Vec::new())
    }

    #[test]
    fn a_session_acts_in_the_roles_account_until_it_ends() {
        let mut state = State::default();
        let role = "arn:aws:iam::123456789012:role/team/reader";
        let assumed = assume(&mut state, role, Millis(0)).unwrap();
        let user = assumed.assumed_role_user;
        assert_eq!(user.arn, "arn:aws:sts::123456789012:assumed-role/reader/me");
        let key = assumed.credentials.access_key_id;
        assert_eq!(state.session(&key, Millis(3_599_999)).unwrap().account, "123456789012");
        assert_eq!(state.session(&key, Millis(3_600_000)), None);
        assume(&mut state, role, Millis(3_601_000)).unwrap();
        assert_eq!(state.sessions.len(), 1, "what has ended is forgotten");
    }

    #[test]
    fn arns_of_no_role_are_refused_in_awss_words() {
        for arn in
            ["nothing-valid-in-here", "arn::b:::something/test-role", "arn:a:::something/test-role"]
        {
            let refused = assume(&mut State::default(), arn, Millis(0)).err();
            assert_eq!(refused, Some(Error::Invalid(format!("{arn} is invalid"))));
        }
    }
}
