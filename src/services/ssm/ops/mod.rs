//! The operations of Parameter Store: each is a function over [`Work`]; its input was checked and its
//! answer is shaped by the model.
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_Operations.html>

mod delete;
mod describe;
mod get;
mod history;
mod labels;
mod put;
mod tags;

use super::state::{Change, Home, State, home};
use crate::base::{Caller, Context, Millis};
use crate::services::Operation;
use crate::services::model::{Input, Refusal};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Number, Value};

/// How an operation is carried out.
type Handler = fn(&mut Work<'_>) -> Result<Value, Refusal>;

/// What is served.
const TABLE: &[(&str, Handler)] = &[
    ("AddTagsToResource", tags::add),
    ("DeleteParameter", delete::one),
    ("DeleteParameters", delete::several),
    ("DescribeParameters", describe::describe),
    ("GetParameter", get::one),
    ("GetParameterHistory", history::history),
    ("GetParameters", get::several),
    ("GetParametersByPath", get::by_path),
    ("LabelParameterVersion", labels::label),
    ("ListTagsForResource", tags::list),
    ("PutParameter", put::put),
    ("RemoveTagsFromResource", tags::remove),
    ("UnlabelParameterVersion", labels::unlabel),
];

/// The names of what is served.
pub fn served() -> Vec<&'static str> {
    TABLE.iter().map(|(name, _)| *name).collect()
}

/// A call of one of them.
pub struct Call {
    /// The operation.
    pub name: &'static str,
    /// The input, checked.
    pub input: Input,
    /// What KMS made of the value of a `SecureString`, in base64.
    pub sealed: Option<String>,
}

/// An operation under way. Nothing changes before it has succeeded.
pub(super) struct Work<'a> {
    pub(super) state: &'a State,
    pub(super) caller: &'a Caller,
    pub(super) home: Home,
    pub(super) now: Millis,
    pub(super) input: Input,
    pub(super) sealed: Option<String>,
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
        let handler = TABLE.iter().find(|(name, _)| *name == self.name).map(|(_, handler)| handler);
        let handler = handler.ok_or_else(|| Refusal::new("InvalidAction", self.name))?;
        let (caller, now) = (context.caller, context.now);
        let (input, sealed, home) = (self.input, self.sealed, home(caller));
        let changes_made = Vec::new();
        let mut work = Work { state, caller, home, now, input, sealed, changes: changes_made };
        let answer = handler(&mut work)?;
        let made = work.changes;
        made.iter().for_each(|change| state.absorb(change));
        changes.extend(made);
        Ok(answer)
    }
}

/// Takes away a parameter whose time has come. No AWS operation.
pub struct Expire;

impl Operation for Expire {
    type State = State;
    type Output = ();
    type Change = Change;
    type Error = Refusal;
    const NAME: &'static str = "Expire";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<(), Refusal> {
        while let Some(key) = state.due(context.now) {
            let gone = Change::Gone(key);
            state.absorb(&gone);
            changes.push(gone);
        }
        Ok(())
    }
}

/// An instant on the wire.
pub(super) fn seconds(at: Millis) -> Value {
    Number::from_f64(at.as_seconds_f64()).map_or(Value::Null, Value::Number)
}

impl Work<'_> {
    /// How many entries a page has, `most` unless asked otherwise.
    fn page(&self, most: usize) -> usize {
        self.input.number("MaxResults").map_or(most, |n| n.max(1) as usize)
    }

    /// Behind which key the page begins.
    fn after(&self) -> Result<Option<String>, Refusal> {
        let Some(token) = self.input.some("NextToken") else { return Ok(None) };
        let bytes = URL_SAFE_NO_PAD.decode(token).ok();
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        let refused = || Refusal::new("InvalidNextToken", "The specified token isn't valid.");
        text.map(Some).ok_or_else(refused)
    }
}

/// A page of `entries` and the token of the next one.
fn page<T>(entries: impl Iterator<Item = (String, T)>, size: usize) -> (Vec<T>, Option<String>) {
    let mut items = Vec::new();
    let mut last = None;
    for (key, entry) in entries {
        if items.len() == size {
            return (items, last.map(|key: String| URL_SAFE_NO_PAD.encode(key)));
        }
        items.push(entry);
        last = Some(key);
    }
    (items, None)
}
