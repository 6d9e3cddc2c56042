//! What kind of session a request asks for:
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>,
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>,
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html>,
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html>
//!
//! A role that IAM does not know can be assumed too, unless `auth = "enforce"` asks its trust policy.

use crate::policy::{Grammar, Policy};
use crate::services::access::{Kind, Subject};
use crate::services::model::{Input, Refusal};
use crate::services::sts::state::{Facts, Session};
use sha2::{Digest, Sha256};

/// Characters of a session's policies at the most, without white space.
const POLICY_CHARS_MAX: usize = 2048;
/// Tags of a session at the most.
const TAGS_MAX: usize = 50;
/// Seconds of a role's session that a role's session opens.
const CHAINED_SECONDS_MAX: i64 = 3600;
/// Seconds of a session token or a federated user's session at the most, and unless asked otherwise.
const TOKEN_SECONDS_MAX: i64 = 129_600;
const TOKEN_SECONDS: i64 = 43_200;
/// Seconds of a role's session unless asked otherwise.
const ROLE_SECONDS: i64 = 3600;
/// Seconds of a session at the least.
const SECONDS_MIN: i64 = 900;

/// What IAM knows of a role.
#[derive(Debug, Clone)]
pub struct Role {
    /// `AROA…`.
    pub id: String,
    /// Seconds of its sessions at the most.
    pub max_session: i64,
}

/// A session to open: who it stands for and for how long.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The account that it acts in.
    pub account: String,
    /// What `GetCallerIdentity` will say.
    pub arn: String,
    /// The same.
    pub user_id: String,
    /// Seconds until it ends.
    pub seconds: i64,
    /// What it may.
    pub facts: Facts,
}

fn invalid(text: impl Into<String>) -> Refusal {
    Refusal::new("ValidationError", text)
}

fn duration(asked: Option<i64>, default: i64, max: i64) -> Result<i64, Refusal> {
    let seconds = asked.unwrap_or(default.min(max));
    let rule = match seconds {
        ..SECONDS_MIN => format!("greater than or equal to {SECONDS_MIN}"),
        _ if seconds > max => format!("less than or equal to {max}"),
        _ => return Ok(seconds),
    };
    Err(invalid(format!(
        "1 validation error detected: Value '{seconds}' at 'durationSeconds' failed to satisfy constraint: Member must have value {rule}"
    )))
}

/// Account and path of `arn:aws:iam::123456789012:role/path/name`.
pub fn role_in(arn: &str) -> Result<(&str, &str), Refusal> {
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
    .ok_or_else(|| invalid(format!("{arn} is invalid")))
}

/// The id of a role that nobody has created: always the same for the same ARN.
fn role_id(arn: &str) -> String {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let digest = Sha256::digest(arn.as_bytes());
    let id = digest.iter().take(17).map(|byte| letters[usize::from(byte & 31)] as char);
    "AROA".chars().chain(id).collect()
}

/// The session policies of a request.
fn policies(input: &Input) -> Result<(Vec<String>, Vec<String>), Refusal> {
    let own: Vec<String> = input.owned("Policy").into_iter().collect();
    let size: usize =
        own.iter().flat_map(|text| text.chars()).filter(|c| !c.is_whitespace()).count();
    if size > POLICY_CHARS_MAX {
        return Err(Refusal::new(
            "PackedPolicyTooLarge",
            format!(
                "Packed policy consumes {}% of allotted space, please use smaller policy.",
                packed(size)
            ),
        ));
    }
    for text in &own {
        Policy::parse(text.trim(), Grammar::Identity).map_err(|_| {
            Refusal::new("MalformedPolicyDocument", "This policy contains invalid Json")
        })?;
    }
    let arns = input.list("PolicyArns").filter_map(|p| p["arn"].as_str().map(str::to_owned));
    Ok((own, arns.collect()))
}

/// How much of the room for policies is taken, in percent.
fn packed(chars: usize) -> usize {
    (chars * 100).div_ceil(POLICY_CHARS_MAX)
}

impl Wish {
    /// `AssumeRole` of `subject`, who may be in the session `from`.
    pub fn role(
        input: &Input,
        subject: &Subject,
        from: Option<&Session>,
        role: Option<&Role>,
    ) -> Result<Wish, Refusal> {
        let mut wish = Wish::of_role(input, role)?;
        if subject.kind == Kind::Role && wish.seconds > CHAINED_SECONDS_MAX {
            return Err(invalid(
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
            ));
        }
        let (tags, transitive) = tags(input, from)?;
        wish.facts.tags = tags;
        wish.facts.transitive = transitive;
        let inherited = from.and_then(|session| session.facts.source_identity.clone());
        wish.facts.source_identity = input.owned("SourceIdentity").or(inherited);
        Ok(wish)
    }

    /// `AssumeRoleWithWebIdentity`.
    pub fn web_identity(input: &Input, role: Option<&Role>) -> Result<Wish, Refusal> {
        Wish::of_role(input, role)
    }

    fn of_role(input: &Input, role: Option<&Role>) -> Result<Wish, Refusal> {
        let arn = input.text("RoleArn");
        let name = input.text("RoleSessionName");
        let (account, path) = role_in(arn)?;
        let (policies, policy_arns) = policies(input)?;
        let seconds = duration(input.number("DurationSeconds"), ROLE_SECONDS, 43_200)?;
        if role.is_some_and(|role| seconds > role.max_session) {
            return Err(invalid(
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            ));
        }
        let role_name = path.rsplit('/').next().unwrap_or(path);
        let id = role.map_or_else(|| role_id(arn), |role| role.id.clone());
        let facts = Facts { role: Some(arn.to_owned()), policies, policy_arns, ..Facts::default() };
        Ok(Wish {
            account: account.to_owned(),
            arn: format!("arn:aws:sts::{account}:assumed-role/{role_name}/{name}"),
            user_id: format!("{id}:{name}"),
            seconds,
            facts,
        })
    }

    /// `GetSessionToken`: the same caller, for a while.
    pub fn token(input: &Input, subject: &Subject) -> Result<Wish, Refusal> {
        if matches!(subject.kind, Kind::Role | Kind::Federated) {
            return Err(Refusal::of(
                403,
                "AccessDenied",
                "Cannot call GetSessionToken with session credentials",
            ));
        }
        let seconds = duration(input.number("DurationSeconds"), TOKEN_SECONDS, TOKEN_SECONDS_MAX)?;
        Ok(Wish {
            account: subject.account.clone(),
            arn: subject.arn.clone(),
            user_id: subject.user_id.clone(),
            seconds,
            facts: Facts { user: user_of(subject), ..Facts::default() },
        })
    }

    /// `GetFederationToken`: somebody else, within what the caller may.
    pub fn federation(input: &Input, subject: &Subject) -> Result<Wish, Refusal> {
        if matches!(subject.kind, Kind::Role | Kind::Federated) {
            return Err(Refusal::of(
                403,
                "AccessDenied",
                "Cannot call GetFederationToken with session credentials",
            ));
        }
        let name = input.text("Name");
        let account = &subject.account;
        let seconds = duration(input.number("DurationSeconds"), TOKEN_SECONDS, TOKEN_SECONDS_MAX)?;
        let (policies, policy_arns) = policies(input)?;
        let (tags, _) = tags(input, None)?;
        let user = user_of(subject);
        let facts =
            Facts { user, federated: true, policies, policy_arns, tags, ..Facts::default() };
        Ok(Wish {
            account: account.clone(),
            arn: format!("arn:aws:sts::{account}:federated-user/{name}"),
            user_id: format!("{account}:{name}"),
            seconds,
            facts,
        })
    }

    /// How much of the room for policies its own take, where there are any.
    pub fn packed(&self) -> Option<usize> {
        let chars: usize = self.facts.policies.iter().map(|text| text.chars().count()).sum();
        (chars > 0).then(|| packed(chars))
    }
}

fn user_of(subject: &Subject) -> Option<String> {
    let name = subject.arn.rsplit('/').next().map(str::to_owned);
    name.filter(|_| subject.kind == Kind::User)
}

type Tags = (Vec<(String, String)>, Vec<String>);

/// The session's tags and which of them are handed on.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html>
fn tags(input: &Input, from: Option<&Session>) -> Result<Tags, Refusal> {
    let refused = |text: &str| Err(Refusal::new("InvalidParameterValue", text));
    let mut tags = input.tags("Tags");
    let mut transitive = input.texts("TransitiveTagKeys");
    let same = |a: &str, b: &str| a.to_lowercase() == b.to_lowercase();
    for (at, (key, _)) in tags.iter().enumerate() {
        if tags[..at].iter().any(|(earlier, _)| same(earlier, key)) {
            return refused(
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            );
        }
    }
    if transitive.iter().any(|key| !tags.iter().any(|(known, _)| same(known, key))) {
        return refused("The specified transitive tag key must be included in the requested tags.");
    }
    for key in from.iter().flat_map(|session| &session.facts.transitive) {
        if tags.iter().any(|(known, _)| same(known, key)) {
            return refused(
                "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.",
            );
        }
        let inherited = from.iter().flat_map(|session| &session.facts.tags);
        tags.extend(inherited.filter(|(known, _)| same(known, key)).cloned());
        transitive.push(key.clone());
    }
    if tags.len() > TAGS_MAX {
        return refused("The number of session tags exceeds the limit of 50.");
    }
    Ok((tags, transitive))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn input(tree: serde_json::Value) -> Input {
        Input(tree.as_object().cloned().unwrap())
    }

    #[test]
    fn arns_of_no_role_are_refused_in_awss_words() {
        for arn in
            ["nothing-valid-in-here", "arn::b:::something/test-role", "arn:a:::something/test-role"]
        {
            let asked = input(json!({"RoleArn": arn, "RoleSessionName": "me"}));
            let refused =
                Wish::role(&asked, &Subject::root("000000000000"), None, None).unwrap_err();
            assert_eq!(
                (refused.code, refused.text),
                ("ValidationError", format!("{arn} is invalid"))
            );
        }
    }

    #[test]
    fn transitive_tags_are_handed_on_and_cannot_be_replaced() {
        let root = Subject::root("000000000000");
        let role = "arn:aws:iam::000000000000:role/r";
        let asked = |tags: serde_json::Value, transitive: &[&str]| {
            input(
                json!({"RoleArn": role, "RoleSessionName": "me", "Tags": tags, "TransitiveTagKeys": transitive}),
            )
        };
        let first =
            asked(json!([{"Key": "team", "Value": "a"}, {"Key": "x", "Value": "y"}]), &["team"]);
        let wish = Wish::role(&first, &root, None, None).unwrap();
        let session = Session {
            access_key: String::new(),
            secret: String::new(),
            token: String::new(),
            account: wish.account,
            arn: wish.arn,
            user_id: wish.user_id,
            expires: crate::base::Millis(0),
            facts: wish.facts,
        };
        let next = Wish::role(&asked(json!([]), &[]), &root, Some(&session), None).unwrap();
        assert_eq!(next.facts.tags, [("team".to_owned(), "a".to_owned())]);
        let again = asked(json!([{"Key": "TEAM", "Value": "b"}]), &[]);
        let refused = Wish::role(&again, &root, Some(&session), None).unwrap_err();
        assert_eq!(refused.code, "InvalidParameterValue");
        let role = Role { id: "AROAX".into(), max_session: 3600 };
        let long =
            input(json!({"RoleArn": "arn:aws:iam::000000000000:role/r", "RoleSessionName": "me",
                                "DurationSeconds": 3601}));
        let refused = Wish::role(&long, &root, None, Some(&role)).unwrap_err();
        assert!(refused.text.contains("MaxSessionDuration"), "{}", refused.text);
    }
}
