//! Everything an account has besides identities and mails, as records: an object of the API's own
//! shapes under a kind and a key. Inputs were checked by the model before they become records, and
//! answers are shaped by it again, so a record holds what the API allows and nothing else.

use super::state::Home;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::ops::Bound;

/// An object of the API's shapes.
pub type Record = Map<String, Value>;

/// Kind and key.
pub type Name = (String, String);

/// Between the parts of a key (a contact list's name and an address), so that parts cannot run together.
pub const PART: char = '\u{1f}';

/// All records.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Records {
    all: BTreeMap<Home, BTreeMap<Name, Record>>,
}

impl Records {
    /// The record of `kind` called `key`.
    pub fn get(&self, home: &Home, kind: &str, key: &str) -> Option<&Record> {
        self.all.get(home)?.get(&(kind.to_owned(), key.to_owned()))
    }

    /// Whether there is none at all.
    pub fn none(&self, home: &Home) -> bool {
        self.all.get(home).is_none_or(BTreeMap::is_empty)
    }

    /// Puts a record in its place.
    pub fn put(&mut self, home: &Home, name: Name, record: Record) {
        self.all.entry(home.clone()).or_default().insert(name, record);
    }

    /// Takes a record away.
    pub fn delete(&mut self, home: &Home, name: &Name) -> Option<Record> {
        self.all.get_mut(home)?.remove(name)
    }

    /// The records of `kind` whose keys begin with `prefix`, behind the key `after`, in the keys' order.
    pub fn range<'a>(
        &'a self,
        home: &Home,
        kind: &str,
        prefix: &str,
        after: Option<&str>,
    ) -> impl Iterator<Item = (&'a str, &'a Record)> + use<'a> {
        let (kind, prefix) = (kind.to_owned(), prefix.to_owned());
        let from = match after {
            Some(after) => Bound::Excluded((kind.clone(), after.to_owned())),
            None => Bound::Included((kind.clone(), prefix.clone())),
        };
        let all = self.all.get(home).into_iter();
        let found = all.flat_map(move |of| of.range((from.clone(), Bound::Unbounded)));
        found
            .take_while(move |((k, key), _)| *k == kind && key.starts_with(&prefix))
            .map(|((_, key), record)| (key.as_str(), record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_keeps_to_its_kind_and_prefix() {
        let home: Home = ("0".into(), "r".into());
        let mut records = Records::default();
        for (kind, key) in [("a", "x"), ("b", "l1"), ("b", "l2"), ("b", "m"), ("c", "l")] {
            records.put(&home, (kind.into(), key.into()), Record::new());
        }
        let keys = |prefix, after| -> Vec<_> {
            records.range(&home, "b", prefix, after).map(|(key, _)| key).collect()
        };
        assert_eq!(keys("", None), ["l1", "l2", "m"]);
        assert_eq!(keys("l", None), ["l1", "l2"]);
        assert_eq!(keys("l", Some("l1")), ["l2"]);
        assert!(records.range(&("1".into(), "r".into()), "b", "", None).next().is_none());
    }
}
