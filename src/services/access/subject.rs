//! Who asks: the account's root, a user, a role's session or a federated user, with the policies that
//! are attached to it.

use crate::policy::{Keys, Policy, Who};

/// Says who an access key is, to a service that finds only in a body who signed it.
pub struct Vouch(pub Box<ByKey>);

/// From an access key to whom it belongs to.
pub type ByKey = dyn Fn(&str) -> Option<Subject> + Send + Sync;

impl std::fmt::Debug for Vouch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vouch")
    }
}

/// What kind of principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The account's root: its own policies cannot hold it back.
    Root,
    /// A user.
    User,
    /// A session of a role.
    Role,
    /// A session of a user's or root's, for somebody else.
    Federated,
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct Subject {
    /// What it is.
    pub kind: Kind,
    /// Its account.
    pub account: String,
    /// What `GetCallerIdentity` says.
    pub arn: String,
    /// The same.
    pub user_id: String,
    /// The role of a session.
    pub role: Option<String>,
    /// Who vouches for it, while it takes on a role by a token.
    pub provider: Option<String>,
    /// Its own policies, its groups' too.
    pub identity: Vec<Policy>,
    /// What bounds them.
    pub boundary: Option<Policy>,
    /// What bounds its session; empty for a session without policies.
    pub session: Vec<Policy>,
    /// Its tags, and its session's.
    pub tags: Vec<(String, String)>,
}

impl Subject {
    /// The root of `account`.
    pub fn root(account: &str) -> Subject {
        Subject {
            kind: Kind::Root,
            account: account.to_owned(),
            arn: format!("arn:aws:iam::{account}:root"),
            user_id: account.to_owned(),
            role: None,
            provider: None,
            identity: Vec::new(),
            boundary: None,
            session: Vec::new(),
            tags: Vec::new(),
        }
    }

    /// As policies see it.
    pub fn who(&self) -> Who {
        let id = self.user_id.split(':').next().unwrap_or_default().to_owned();
        Who {
            account: Some(self.account.clone()),
            arn: Some(self.arn.clone()),
            also: self.role.iter().cloned().chain([id, self.user_id.clone()]).collect(),
            federated: self.provider.clone(),
            ..Who::default()
        }
    }

    /// The condition keys that it brings along.
    pub fn add_keys(&self, keys: &mut Keys) {
        let principal = self.role.as_ref().unwrap_or(&self.arn);
        keys.add("aws:PrincipalArn", principal);
        keys.add("aws:PrincipalAccount", &self.account);
        keys.add("aws:userid", &self.user_id);
        keys.add("aws:PrincipalIsAWSService", "false");
        let kind = match self.kind {
            Kind::Root => "Account",
            Kind::User => "User",
            Kind::Role => "AssumedRole",
            Kind::Federated => "FederatedUser",
        };
        keys.add("aws:PrincipalType", kind);
        if self.kind == Kind::User {
            keys.add("aws:username", self.arn.rsplit('/').next().unwrap_or_default());
        }
        for (key, value) in &self.tags {
            keys.add(&format!("aws:PrincipalTag/{key}"), value);
        }
    }
}
