//! An input as it stands, for services that read it by shapes of their own: a form's dots become
//! objects (`A.member.1=x` is `{"A": {"member": {"1": "x"}}}`), a JSON document stays what it is.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

/// The name by which [`Tree`] makes itself known to the form's reader.
pub(super) const TREE: &str = "devenv::protocol::Tree";

/// The input.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tree(pub Value);

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_newtype_struct(TREE, Reading).map(Tree)
    }
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an input")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        Value::deserialize(from)
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, Tree(value))) = map.next_entry::<String, Tree>()? {
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Form;
    use serde_json::json;

    #[test]
    fn a_form_keeps_its_names_and_a_document_its_form() {
        let form = Form::parse(b"Action=X&A.member.1.Name=n&A.member.1.Value=v&B=&C=1").unwrap();
        let tree: Tree = form.read().unwrap();
        let wanted =
            json!({"A": {"member": {"1": {"Name": "n", "Value": "v"}}}, "B": "", "C": "1"});
        assert_eq!(tree.0, wanted);
        let document = json!({"A": [{"x": null}], "B": 1});
        let tree: Tree = serde_json::from_value(document.clone()).unwrap();
        assert_eq!(tree.0, document);
    }
}
