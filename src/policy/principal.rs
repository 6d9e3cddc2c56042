//! Who a statement speaks of, and who asks.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>

use super::Mistake;
use serde_json::Value;

/// Who asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Who {
    /// The account, for all but the anonymous and services.
    pub account: Option<String>,
    /// The ARN of a user, role or session, where it is more than the account.
    pub arn: Option<String>,
    /// S3's canonical id of the account.
    pub canonical: Option<String>,
    /// A service of AWS (`logging.s3.amazonaws.com`).
    pub service: Option<String>,
    /// The other ARNs and unique ids by which one is known: the role of a session, `AIDA…`.
    pub also: Vec<String>,
    /// Who vouches for it: an identity provider.
    pub federated: Option<String>,
}

impl Who {
    /// Nobody known.
    pub fn anonymous() -> Who {
        Who::default()
    }

    /// An account's root.
    pub fn account(account: &str) -> Who {
        Who { account: Some(account.to_owned()), ..Who::default() }
    }

    /// A service of AWS.
    pub fn service(name: &str) -> Who {
        Who { service: Some(name.to_owned()), ..Who::default() }
    }
}

/// One that a statement names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// `*`.
    Everybody,
    /// Everyone of an account: twelve digits, or its root's ARN.
    Account(String),
    /// A user, role, session or unique id.
    Arn(String),
    /// S3's canonical id.
    Canonical(String),
    /// A service of AWS.
    Service(String),
    /// An identity provider.
    Federated(String),
}

impl Principal {
    fn read(kind: &str, name: &str) -> Result<Principal, Mistake> {
        let refused = || Mistake::Principal(kind.to_owned(), name.to_owned());
        match kind {
            "AWS" if name == "*" => Ok(Principal::Everybody),
            "AWS" => aws(name).ok_or_else(refused),
            "CanonicalUser" if is_canonical(name) => Ok(Principal::Canonical(name.to_owned())),
            "Service" if name.contains('.') && !name.contains(' ') => {
                Ok(Principal::Service(name.to_owned()))
            }
            "Federated" if !name.is_empty() => Ok(Principal::Federated(name.to_owned())),
            _ => Err(refused()),
        }
    }

    fn means(&self, who: &Who) -> bool {
        let is = |own: &Option<String>, name: &String| own.as_ref() == Some(name);
        match self {
            Principal::Everybody => true,
            Principal::Account(account) => is(&who.account, account),
            Principal::Arn(arn) => is(&who.arn, arn) || who.also.contains(arn),
            Principal::Canonical(id) => is(&who.canonical, id),
            Principal::Service(name) => is(&who.service, name),
            Principal::Federated(name) => is(&who.federated, name),
        }
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_canonical(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// An account, an ARN of IAM or STS, or a unique id (`AIDA…`).
fn aws(name: &str) -> Option<Principal> {
    if is_account(name) {
        return Some(Principal::Account(name.to_owned()));
    }
    if let Some(rest) = name.strip_prefix("arn:") {
        let parts: Vec<&str> = rest.splitn(5, ':').collect();
        let [partition, service, "", account, resource] = parts.as_slice() else { return None };
        let known = partition.starts_with("aws") && matches!(*service, "iam" | "sts");
        // `cloudfront` is where origin access identities live.
        if !known || !(is_account(account) || *account == "cloudfront") || resource.contains('*') {
            return None;
        }
        if *resource == "root" {
            return Some(Principal::Account((*account).to_owned()));
        }
        let (kind, named) = resource.split_once('/')?;
        let kinds = ["user", "role", "assumed-role", "federated-user"];
        return (kinds.contains(&kind) && !named.is_empty())
            .then(|| Principal::Arn(name.to_owned()));
    }
    let unique = name.len() >= 16 && ["AIDA", "AROA"].iter().any(|p| name.starts_with(p));
    let alphanumeric = name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    (unique && alphanumeric).then(|| Principal::Arn(name.to_owned()))
}

/// Who a statement speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principals {
    /// Whoever the policy belongs to: it names nobody.
    Owner,
    /// `Principal`.
    Only(Vec<Principal>),
    /// `NotPrincipal`.
    Except(Vec<Principal>),
}

impl Principals {
    pub(super) fn read(value: &Value) -> Result<Vec<Principal>, Mistake> {
        match value {
            Value::String(all) if all == "*" => Ok(vec![Principal::Everybody]),
            Value::String(other) => Err(Mistake::Principal("AWS".into(), other.clone())),
            Value::Object(kinds) if !kinds.is_empty() => {
                let mut found = Vec::new();
                for (kind, names) in kinds {
                    for name in super::document::texts(names)? {
                        found.push(Principal::read(kind, &name)?);
                    }
                }
                Ok(found)
            }
            _ => Err(Mistake::Syntax),
        }
    }

    /// Whether they include `who`.
    pub fn include(&self, who: &Who) -> bool {
        match self {
            Principals::Owner => true,
            Principals::Only(named) => named.iter().any(|p| p.means(who)),
            Principals::Except(named) => !named.iter().any(|p| p.means(who)),
        }
    }

    /// Whether they name `who` itself and not only its account. What an account is granted, its own
    /// policies hand on.
    pub(super) fn name(&self, who: &Who) -> bool {
        match self {
            Principals::Owner => true,
            Principals::Only(named) => {
                named.iter().any(|p| !matches!(p, Principal::Account(_)) && p.means(who))
            }
            Principals::Except(_) => self.include(who),
        }
    }

    /// Whether they include people that nobody can count.
    pub(super) fn are_open(&self) -> bool {
        match self {
            Principals::Owner => false,
            Principals::Only(named) => named.contains(&Principal::Everybody),
            Principals::Except(_) => true,
        }
    }
}
