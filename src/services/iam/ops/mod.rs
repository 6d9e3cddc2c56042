//! The operations of IAM: each is a function over [`Work`]; its input was checked and its answer is
//! shaped by the model. Users, groups and roles share most of them.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_Operations.html>

mod account;
mod attached;
mod details;
mod groups;
mod identities;
mod inline;
mod keys;
mod policies;
mod profiles;
mod providers;
mod roles;
mod simulate;
mod table;
mod tags;

use super::limits::PAGE;
use super::state::{Account, Change, Entity, Identity, Key, Kind, State, Tags};
use crate::base::{Caller, Context, Ids};
use crate::services::Operation;
use crate::services::model::{Input, Refusal};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

pub use table::served;

/// Random bytes of an access key: ten for its id, thirty for its secret.
pub const RANDOM_BYTES: usize = 40;

/// What an operation comes to.
pub(super) type Done = Result<Value, Refusal>;

/// A call of one of them.
pub struct Call {
    /// The operation.
    pub name: &'static str,
    /// The input, checked.
    pub input: Input,
    /// Who asks, where that is a user.
    pub user: Option<String>,
    /// Unpredictable.
    pub random: [u8; RANDOM_BYTES],
}

/// An operation under way. Nothing changes before it has succeeded.
pub(super) struct Work<'a> {
    pub(super) state: &'a State,
    pub(super) caller: &'a Caller,
    pub(super) user: Option<String>,
    pub(super) now: i64,
    pub(super) input: Input,
    pub(super) ids: &'a mut Ids,
    pub(super) random: [u8; RANDOM_BYTES],
    pub(super) changes: Vec<Change>,
}

impl Operation for Call {
    type State = State;
    type Output = Value;
    type Change = Change;
    type Error = Refusal;
    const NAME: &'static str = "Call";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Value, Refusal> {
        let handler = table::handler(self.name);
        let handler = handler.ok_or_else(|| Refusal::new("InvalidAction", self.name))?;
        let mut work = Work {
            state,
            caller: context.caller,
            user: self.user,
            now: context.now.seconds(),
            input: self.input,
            ids: context.ids,
            random: self.random,
            changes: Vec::new(),
        };
        let answer = handler(&mut work)?;
        let made = work.changes;
        made.iter().for_each(|change| state.absorb(change));
        changes.extend(made);
        Ok(answer)
    }
}

static EMPTY: std::sync::OnceLock<Account> = std::sync::OnceLock::new();

/// What there is not.
pub(super) fn no_entity(text: impl Into<String>) -> Refusal {
    Refusal::of(404, "NoSuchEntity", text)
}

/// What there is already.
pub(super) fn exists(text: impl Into<String>) -> Refusal {
    Refusal::of(409, "EntityAlreadyExists", text)
}

/// What something else holds on to.
pub(super) fn conflict(text: impl Into<String>) -> Refusal {
    Refusal::of(409, "DeleteConflict", text)
}

/// More than there may be.
pub(super) fn quota(name: &str, most: usize) -> Refusal {
    Refusal::of(409, "LimitExceeded", format!("Cannot exceed quota for {name}: {most}"))
}

/// What a request should not say.
pub(super) fn invalid(text: impl Into<String>) -> Refusal {
    Refusal::new("InvalidInput", text)
}

/// `userName`, as texts name the member.
pub fn member_of(kind: Kind) -> &'static str {
    match kind {
        Kind::User => "UserName",
        Kind::Group => "GroupName",
        Kind::Role => "RoleName",
    }
}

impl<'a> Work<'a> {
    /// What the caller's account has.
    pub(super) fn account(&self) -> &'a Account {
        let known = self.state.account(&self.caller.account);
        known.unwrap_or_else(|| EMPTY.get_or_init(Account::default))
    }

    fn key(&self, kind: &'static str, key: &str) -> Key {
        (self.caller.account.clone(), kind, key.to_owned())
    }

    /// Records an entity under its kind and key.
    pub(super) fn put(&mut self, kind: &'static str, key: &str, entity: Entity) {
        self.changes.push(Change::Put(self.key(kind, key), entity));
    }

    /// Records that it is gone.
    pub(super) fn gone(&mut self, kind: &'static str, key: &str) {
        self.changes.push(Change::Gone(self.key(kind, key)));
    }

    /// Records a user, group or role.
    pub(super) fn put_identity(&mut self, identity: Identity) {
        let key = identity.name.to_ascii_lowercase();
        self.put(identity.kind.word(), &key, Entity::Identity(Box::new(identity)));
    }

    /// The one that the input names. A user is the caller where none is named.
    pub(super) fn identity(&self, kind: Kind) -> Result<&'a Identity, Refusal> {
        let named = self.input.owned(member_of(kind));
        let name = match (named, kind) {
            (Some(name), _) => name,
            (None, Kind::User) => self.user.clone().ok_or_else(|| {
                Refusal::new(
                    "ValidationError",
                    "Must specify userName when calling with non-User credentials",
                )
            })?,
            (None, _) => String::new(),
        };
        self.named(kind, &name)
    }

    /// The one called `name`.
    pub(super) fn named(&self, kind: Kind, name: &str) -> Result<&'a Identity, Refusal> {
        let missing =
            || no_entity(format!("The {} with name {name} cannot be found.", kind.word()));
        self.account().identity(kind, name).ok_or_else(missing)
    }

    /// `arn:aws:iam::{account}:{resource}`.
    pub(super) fn arn(&self, resource: &str) -> String {
        format!("arn:aws:iam::{}:{resource}", self.caller.account)
    }

    /// A unique id.
    pub(super) fn id(&mut self, prefix: &str) -> String {
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        format!("{prefix}{}", self.ids.text(letters, 17))
    }

    /// The input's path.
    pub(super) fn path(&self) -> String {
        self.input.some("Path").unwrap_or("/").to_owned()
    }

    /// The input's tags.
    pub(super) fn tags(&self) -> Result<Tags, Refusal> {
        let mut tags = Tags::new();
        tags::merge(&mut tags, self.input.tags("Tags"))?;
        Ok(tags)
    }

    /// The answer with a page of `items` as `member`.
    pub(super) fn paged(&self, member: &str, items: Vec<(String, Value)>) -> Done {
        let after = match self.input.some("Marker") {
            None => None,
            Some(marker) => {
                let bytes = URL_SAFE_NO_PAD.decode(marker).ok();
                let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
                let wrong = || Refusal::new("ValidationError", "Invalid Marker.");
                Some(text.ok_or_else(wrong)?)
            }
        };
        let size = self.input.number("MaxItems").map_or(PAGE, |n| n.max(1) as usize);
        let behind = items.into_iter().filter(|(key, _)| after.as_ref().is_none_or(|a| key > a));
        let mut page: Vec<(String, Value)> = behind.take(size + 1).collect();
        let more = page.len() > size;
        page.truncate(size);
        let mut answer = Map::new();
        if let (true, Some((last, _))) = (more, page.last()) {
            answer.insert("Marker".into(), URL_SAFE_NO_PAD.encode(last).into());
        }
        answer.insert("IsTruncated".into(), more.into());
        let values: Vec<Value> = page.into_iter().map(|(_, value)| value).collect();
        answer.insert(member.to_owned(), values.into());
        Ok(answer.into())
    }
}

/// Tags as they are shown; nothing where there are none.
pub(super) fn shown_tags(tags: &Tags) -> Value {
    if tags.is_empty() {
        return Value::Null;
    }
    tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}
