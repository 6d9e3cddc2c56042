//! What the accounts have.

use crate::base::Millis;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

/// Tags, by key.
pub type Tags = BTreeMap<String, String>;

/// What an [`Identity`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Kind {
    /// A user.
    User,
    /// A group.
    Group,
    /// A role.
    Role,
}

/// What users, groups and roles have in common, and what sets them apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// What it is.
    pub kind: Kind,
    /// `/` or `/team/`.
    pub path: String,
    /// As it was given.
    pub name: String,
    /// `AIDA…`, `AGPA…`, `AROA…`.
    pub id: String,
    /// ARN.
    pub arn: String,
    /// Seconds since the epoch.
    pub created: i64,
    /// Tags.
    pub tags: Tags,
    /// The managed policy that bounds its permissions.
    pub boundary: Option<String>,
    /// Inline policies by name.
    pub inline: BTreeMap<String, String>,
    /// ARNs of managed policies.
    pub attached: BTreeSet<String>,
    /// A user's access keys.
    pub keys: Vec<AccessKey>,
    /// A user's groups, in lower case.
    pub groups: BTreeSet<String>,
    /// A user's password: when it was set, and whether it must be changed.
    pub login: Option<(i64, bool)>,
    /// A role's trust policy.
    pub trust: String,
    /// A role's description.
    pub description: Option<String>,
    /// Seconds of a role's session at the most.
    pub max_session: i64,
}

/// A user's access key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKey {
    /// `AKIA…`.
    pub id: String,
    /// The secret access key.
    pub secret: String,
    /// Whether it is good.
    pub active: bool,
    /// Seconds since the epoch.
    pub created: i64,
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A managed policy of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Managed {
    /// ARN.
    pub arn: String,
    /// `/`.
    pub path: String,
    /// Name.
    pub name: String,
    /// `ANPA…`.
    pub id: String,
    /// Description.
    pub description: Option<String>,
    /// Seconds since the epoch.
    pub created: i64,
    /// When a version was last made or became the default.
    pub updated: i64,
    /// Number, document and instant of each version, oldest first.
    pub versions: Vec<(u32, String, i64)>,
    /// The default version's number.
    pub default: u32,
    /// The number that the next version gets.
    pub next: u32,
    /// Tags.
    pub tags: Tags,
}

impl Managed {
    /// The document of the default version.
    pub fn document(&self) -> &str {
        let found = self.versions.iter().find(|(number, ..)| *number == self.default);
        found.map_or("", |(_, document, _)| document)
    }
}

/// An instance profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// `/`.
    pub path: String,
    /// Name.
    pub name: String,
    /// `AIPA…`.
    pub id: String,
    /// ARN.
    pub arn: String,
    /// Seconds since the epoch.
    pub created: i64,
    /// Its role's name in lower case.
    pub role: Option<String>,
    /// Tags.
    pub tags: Tags,
}

/// An identity provider: a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// ARN.
    pub arn: String,
    /// Seconds since the epoch.
    pub created: i64,
    /// The URL of an OIDC provider without `https://`.
    pub url: Option<String>,
    /// Client ids.
    pub clients: Vec<String>,
    /// Thumbprints.
    pub thumbprints: Vec<String>,
    /// The metadata of a SAML provider.
    pub metadata: Option<String>,
    /// Tags.
    pub tags: Tags,
}

/// Anything that an account has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Entity {
    /// A user, group or role.
    Identity(Box<Identity>),
    /// A managed policy.
    Managed(Box<Managed>),
    /// An instance profile.
    Profile(Profile),
    /// An identity provider.
    Provider(Provider),
    /// The account's alias.
    Alias(String),
    /// The account's rules for passwords, in the API's shape.
    PasswordRules(Value),
}

/// Where an entity is: its account, its kind, its key among them.
pub type Key = (String, &'static str, String);

/// What is recorded for the disk.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Made or altered.
    Put(Key, Entity),
    /// Gone.
    Gone(Key),
}

/// What one account has.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Account {
    /// Users, groups and roles by kind and name in lower case.
    pub identities: BTreeMap<(Kind, String), Identity>,
    /// Managed policies by ARN.
    pub policies: BTreeMap<String, Managed>,
    /// Instance profiles by name in lower case.
    pub profiles: BTreeMap<String, Profile>,
    /// Identity providers by ARN.
    pub providers: BTreeMap<String, Provider>,
    /// The account's alias.
    pub alias: Option<String>,
    /// The account's rules for passwords.
    pub password_rules: Option<Value>,
}

/// All accounts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    accounts: HashMap<String, Account>,
    /// The account and user of each access key.
    keys: HashMap<String, (String, String)>,
}

impl Kind {
    /// The word in ARNs and texts.
    pub fn word(self) -> &'static str {
        match self {
            Kind::User => "user",
            Kind::Group => "group",
            Kind::Role => "role",
        }
    }

    /// The beginning of ids.
    pub fn prefix(self) -> &'static str {
        match self {
            Kind::User => "AIDA",
            Kind::Group => "AGPA",
            Kind::Role => "AROA",
        }
    }
}

impl Account {
    /// The identity called `name`.
    pub fn identity(&self, kind: Kind, name: &str) -> Option<&Identity> {
        self.identities.get(&(kind, name.to_ascii_lowercase()))
    }

    /// All of one kind, by name.
    pub fn all(&self, kind: Kind) -> impl Iterator<Item = &Identity> {
        let range = (kind, String::new())..;
        self.identities.range(range).take_while(move |((k, _), _)| *k == kind).map(|(_, i)| i)
    }

    /// How many identities a managed policy is attached to.
    pub fn attachments(&self, arn: &str) -> usize {
        self.identities.values().filter(|i| i.attached.contains(arn)).count()
    }

    /// How many identities a managed policy bounds.
    pub fn bounds(&self, arn: &str) -> usize {
        self.identities.values().filter(|i| i.boundary.as_deref() == Some(arn)).count()
    }
}

impl State {
    /// What `account` has.
    pub fn account(&self, account: &str) -> Option<&Account> {
        self.accounts.get(account)
    }

    /// The same with its id as it is kept.
    pub fn account_named(&self, account: &str) -> Option<(&str, &Account)> {
        self.accounts.get_key_value(account).map(|(id, found)| (id.as_str(), found))
    }

    /// Whose access key it is, and the key.
    pub fn key(&self, id: &str) -> Option<(&str, &Identity, &AccessKey)> {
        let (account, user) = self.keys.get(id)?;
        let identity = self.accounts.get(account)?.identity(Kind::User, user)?;
        let key = identity.keys.iter().find(|key| key.id == id)?;
        Some((account, identity, key))
    }

    /// Makes a change.
    pub fn absorb(&mut self, change: &Change) {
        let key = match change {
            Change::Put(key, _) | Change::Gone(key) => key,
        };
        let account = self.accounts.entry(key.0.clone()).or_default();
        let kind = match key.1 {
            "user" => Some(Kind::User),
            "group" => Some(Kind::Group),
            "role" => Some(Kind::Role),
            _ => None,
        };
        if let Some(kind) = kind {
            let old = account.identities.remove(&(kind, key.2.clone()));
            old.iter().flat_map(|i| &i.keys).for_each(|k| drop(self.keys.remove(&k.id)));
            if let Change::Put(_, Entity::Identity(new)) = change {
                for access_key in &new.keys {
                    self.keys.insert(access_key.id.clone(), (key.0.clone(), key.2.clone()));
                }
                account.identities.insert((kind, key.2.clone()), (**new).clone());
            }
            return;
        }
        match (key.1, change) {
            ("policy", Change::Put(_, Entity::Managed(new))) => {
                drop(account.policies.insert(key.2.clone(), (**new).clone()));
            }
            ("policy", _) => drop(account.policies.remove(&key.2)),
            ("profile", Change::Put(_, Entity::Profile(new))) => {
                drop(account.profiles.insert(key.2.clone(), new.clone()));
            }
            ("profile", _) => drop(account.profiles.remove(&key.2)),
            ("provider", Change::Put(_, Entity::Provider(new))) => {
                drop(account.providers.insert(key.2.clone(), new.clone()));
            }
            ("provider", _) => drop(account.providers.remove(&key.2)),
            ("alias", Change::Put(_, Entity::Alias(alias))) => {
                account.alias = Some(alias.clone());
            }
            ("alias", _) => account.alias = None,
            ("password", Change::Put(_, Entity::PasswordRules(rules))) => {
                account.password_rules = Some(rules.clone());
            }
            _ => account.password_rules = None,
        }
    }
}

/// The kinds of keys.
pub const KINDS: &[&str] =
    &["user", "group", "role", "policy", "profile", "provider", "alias", "password"];

/// An instant as entities keep it.
pub fn seconds(now: Millis) -> i64 {
    now.seconds()
}
