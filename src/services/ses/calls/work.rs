//! What an operation of the tables works with: the state to look at, the checked input, and the
//! changes that it wants. Nothing changes before it has succeeded.

use super::Kind;
use crate::base::{Caller, Context, Ids, Millis};
use crate::services::ses::error::Error;
use crate::services::ses::events::{Deposit, Event, queue_of, sns_envelope};
use crate::services::ses::model::Version;
use crate::services::ses::records::Record;
use crate::services::ses::state::{Change, Home, Identity, Mode, Secret, State, home};
use serde_json::{Map, Number, Value, json};

/// One operation under way.
pub struct Work<'a> {
    /// As it is before the operation.
    pub state: &'a State,
    /// Who calls.
    pub caller: &'a Caller,
    /// Account and region.
    pub home: Home,
    /// The instant of the operation.
    pub now: Millis,
    /// Source of ids.
    pub ids: &'a mut Ids,
    /// The input, checked.
    pub input: Record,
    /// Whether the account is in the sandbox.
    pub mode: Mode,
    /// Of which API.
    pub version: Version,
    changes: Vec<Change>,
}

impl<'a> Work<'a> {
    /// Before anything was done.
    pub fn new<'c: 'a>(
        state: &'a State,
        context: &'a mut Context<'c>,
        input: Record,
        mode: Mode,
        version: Version,
    ) -> Work<'a> {
        let (home, now) = (home(context.caller), context.now);
        let (caller, changes) = (context.caller, Vec::new());
        Work { state, caller, home, now, ids: context.ids, input, mode, version, changes }
    }

    /// What is to be changed.
    pub fn into_changes(self) -> Vec<Change> {
        self.changes
    }

    /// The input's text `member`; empty if it is not there.
    pub fn text(&self, member: &str) -> &str {
        self.input.get(member).and_then(Value::as_str).unwrap_or_default()
    }

    /// The input's text `member`, unless it is absent or empty.
    pub fn some_text(&self, member: &str) -> Option<&str> {
        Some(self.text(member)).filter(|text| !text.is_empty())
    }

    /// The input's flag `member`; false if it is not there.
    pub fn flag(&self, member: &str) -> bool {
        self.input.get(member).and_then(Value::as_bool).unwrap_or_default()
    }

    /// The input's list of texts `member`.
    pub fn texts(&self, member: &str) -> Vec<String> {
        let items = self.input.get(member).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
    }

    /// This instant as records hold it: seconds since the epoch.
    pub fn timestamp(&self) -> Value {
        Number::from_f64(self.now.as_seconds_f64()).map_or(Value::Null, Value::Number)
    }

    /// `arn:aws:ses:{region}:{account}:{resource}`.
    pub fn arn(&self, resource: &str) -> String {
        format!("arn:aws:ses:{}:{}:{resource}", self.home.1, self.home.0)
    }

    /// The record of `kind` called `key`.
    pub fn get(&self, kind: &Kind, key: &str) -> Option<&'a Record> {
        self.state.records.get(&self.home, kind.name, key)
    }

    /// The same, which has to be there.
    pub fn need(&self, kind: &Kind, key: &str) -> Result<&'a Record, Error> {
        self.get(kind, key).ok_or_else(|| kind.missing(key))
    }

    /// The record of which there is one in each account and region.
    pub fn single(&self, kind: &Kind) -> Record {
        self.get(kind, "").cloned().unwrap_or_default()
    }

    /// All records of `kind` whose keys begin with `prefix`.
    pub fn all(&self, kind: &Kind, prefix: &str) -> Vec<(String, &'a Record)> {
        let range = self.state.records.range(&self.home, kind.name, prefix, None);
        range.map(|(key, record)| (key.to_owned(), record)).collect()
    }

    /// Makes a record that must not be there yet.
    pub fn create(&mut self, kind: &Kind, key: &str, record: Record) -> Result<(), Error> {
        if self.get(kind, key).is_some() {
            return Err(kind.exists(key));
        }
        let range = self.state.records.range(&self.home, kind.name, "", None);
        if range.take(kind.max).count() == kind.max {
            let (max, noun) = (kind.max, kind.noun);
            return Err(Error::limit(format!("An account may have {max} of: {noun}.")));
        }
        self.put(kind, key, record);
        Ok(())
    }

    /// Puts a record in its place.
    pub fn put(&mut self, kind: &Kind, key: &str, record: Record) {
        let name = (kind.name.to_owned(), key.to_owned());
        self.changes.push(Change::RecordPut { home: self.home.clone(), name, record });
    }

    /// Deletes a record.
    pub fn delete(&mut self, kind: &Kind, key: &str) {
        let name = (kind.name.to_owned(), key.to_owned());
        self.changes.push(Change::RecordDelete { home: self.home.clone(), name });
    }

    /// Deletes all records of `kind` whose keys begin with `prefix`.
    pub fn delete_all(&mut self, kind: &Kind, prefix: &str) {
        for (key, _) in self.all(kind, prefix) {
            self.delete(kind, &key);
        }
    }

    /// Has a topic told something, where a queue stands behind it.
    pub fn tell(&mut self, topic: &str, text: &str) {
        if let Some(queue) = queue_of(self.state, &self.home, topic) {
            let body = sns_envelope(topic, None, text, self.now, &self.ids.uuid());
            self.validated(text, vec![(queue, body)], Vec::new(), topic.to_owned());
        }
    }

    /// Has an object put into a bucket, as a sign that mails will come.
    pub fn deposit(&mut self, deposit: Deposit, text: &str) {
        let target = format!("s3://{}/{}", deposit.bucket, deposit.key);
        self.validated(text, Vec::new(), vec![deposit], target);
    }

    fn validated(
        &mut self,
        text: &str,
        messages: Vec<(String, String)>,
        objects: Vec<Deposit>,
        target: String,
    ) {
        let event = Event {
            mail: String::new(),
            at: self.now,
            kind: "Validation",
            document: json!({"eventType": "Validation", "message": text}).to_string(),
            messages,
            objects,
            targets: vec![target],
        };
        self.changes.push(Change::EventPut { home: self.home.clone(), event: Box::new(event) });
    }

    /// Puts an identity in its place.
    pub fn put_identity(&mut self, name: String, identity: Identity) {
        self.changes.push(Change::IdentityPut { home: self.home.clone(), name, identity });
    }

    /// Keeps the key that a domain's owner brought.
    pub fn put_key(&mut self, domain: &str, selector: &str, key: Vec<u8>) {
        let (home, key) = (self.home.clone(), Secret(key));
        let (domain, selector) = (domain.to_owned(), selector.to_owned());
        self.changes.push(Change::KeyPut { home, domain, selector, key });
    }

    /// Deletes an identity.
    pub fn delete_identity(&mut self, name: String) {
        self.changes.push(Change::IdentityDelete { home: self.home.clone(), name });
    }

    /// One page of `items`: what is listed stands under `member`, and the token for the next page
    /// beside it. A token is the last key of the page before, in hexadecimal.
    pub fn page(
        &self,
        member: &str,
        items: impl Iterator<Item = (String, Value)>,
    ) -> Result<Value, Error> {
        let asked = ["PageSize", "MaxItems", "MaxResults"];
        let asked = asked.iter().find_map(|name| self.input.get(*name)?.as_i64());
        let size = match asked {
            Some(0) | None => PAGE_MAX,
            Some(n) if n > 0 => PAGE_MAX.min(n as usize),
            Some(_) => return Err(Error::Paging { text: "The page size must be at least 1." }),
        };
        let after = match self.some_text("NextToken") {
            None => None,
            Some(token) => {
                let bytes = hex::decode(token).ok();
                Some(bytes.and_then(|b| String::from_utf8(b).ok()).ok_or_else(|| {
                    let text = "The specified request includes an invalid or expired token.";
                    Error::Refused {
                        code: "InvalidNextTokenException",
                        query: "InvalidParameterValue",
                        status: 400,
                        text: text.into(),
                    }
                })?)
            }
        };
        let beyond = items.filter(|(key, _)| after.as_ref().is_none_or(|after| key > after));
        let mut found: Vec<(String, Value)> = beyond.take(size + 1).collect();
        let more = found.len() > size;
        found.truncate(size);
        let next = found.last().filter(|_| more).map(|(key, _)| hex::encode(key));
        let items: Vec<Value> = found.into_iter().map(|(_, value)| value).collect();
        Ok(json!({ member: items, "NextToken": next }))
    }

    /// The input without `members`.
    pub fn input_without(&self, members: &[&str]) -> Map<String, Value> {
        let kept = self.input.iter().filter(|(name, _)| !members.contains(&name.as_str()));
        kept.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

/// Items on a page at the most, also the default.
const PAGE_MAX: usize = 1000;
