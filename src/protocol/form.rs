//! awsQuery input: `A.B.member.1=x` pairs as a tree, read by serde into an operation's input.
//!
//! Source: <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html>. Lists may be flattened
//! (`Name.1`) or not (`Name.member.1`); maps too (`Name.1.Name`/`.Value` in SQS,
//! `Name.entry.1.key`/`.value`); which of them is known from the type that is being read.

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, Visitor};
use std::collections::BTreeMap;

/// Pairs in one form at the most.
const PAIRS_MAX: usize = 20_000;
/// Dots in one name at the most.
const DEPTH_MAX: usize = 16;

/// A decoded form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    pairs: Vec<(String, String)>,
}

/// Why a form could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormError(pub String);

impl std::fmt::Display for FormError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FormError {}

impl de::Error for FormError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        FormError(message.to_string())
    }
}

impl Form {
    /// Reads `application/x-www-form-urlencoded` text.
    pub fn parse(text: &[u8]) -> Result<Form, FormError> {
        let mut pairs = Vec::new();
        for pair in text.split(|b| *b == b'&').filter(|p| !p.is_empty()) {
            if pairs.len() == PAIRS_MAX {
                return Err(FormError(format!("more than {PAIRS_MAX} parameters")));
            }
            let at = pair.iter().position(|b| *b == b'=').unwrap_or(pair.len());
            let value = if at < pair.len() { &pair[at + 1..] } else { &[] };
            pairs.push((unescape(&pair[..at])?, unescape(value)?));
        }
        Ok(Form { pairs })
    }

    /// The first value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// With another pair.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Form {
        self.pairs.push((name.to_owned(), value.to_owned()));
        self
    }

    /// All pairs, in their order.
    pub fn into_pairs(self) -> Vec<(String, String)> {
        self.pairs
    }

    /// Reads the form as `T`, leaving out `Action`, `Version` and what belongs to signatures.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, FormError> {
        let mut root = Node::default();
        for (name, value) in &self.pairs {
            let signing = name.starts_with("X-Amz-") || name.starts_with("AWSAccessKeyId");
            if !signing && !matches!(name.as_str(), "Action" | "Version") {
                root.insert(name, value)?;
            }
        }
        T::deserialize(Reader(&root))
    }
}

fn unescape(text: &[u8]) -> Result<String, FormError> {
    let spaced: Vec<u8> = text.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
    let bytes: Vec<u8> = percent_encoding::percent_decode(&spaced).collect();
    String::from_utf8(bytes).map_err(|_| FormError("a parameter is not valid UTF-8".into()))
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Node {
    value: Option<String>,
    children: BTreeMap<String, Node>,
}

impl Node {
    fn insert(&mut self, name: &str, value: &str) -> Result<(), FormError> {
        let mut node = self;
        for (depth, part) in name.split('.').enumerate() {
            if depth == DEPTH_MAX {
                return Err(FormError(format!("the parameter {name} is nested too deeply")));
            }
            node = node.children.entry(part.to_owned()).or_default();
        }
        node.value = Some(value.to_owned());
        Ok(())
    }

    /// The items of a list in the order of their numbers.
    fn items(&self) -> Vec<&Node> {
        let inner = self.children.get("member").unwrap_or(self);
        let mut items: Vec<(u64, &Node)> = inner
            .children
            .iter()
            .filter_map(|(key, node)| key.parse().ok().map(|n| (n, node)))
            .collect();
        items.sort_by_key(|(n, _)| *n);
        items.into_iter().map(|(_, node)| node).collect()
    }

    /// The entries of a map: numbered `key`/`value` or `Name`/`Value` pairs.
    fn entries(&self) -> Vec<(&str, &Node)> {
        let inner = self.children.get("entry").unwrap_or(self);
        let part = |node: &'_ Node, names: [&str; 3]| -> Option<String> {
            names.iter().find(|n| node.children.contains_key(**n)).map(|n| (*n).to_owned())
        };
        let mut found = Vec::new();
        for item in inner.items() {
            let key = part(item, ["Name", "key", "Key"]).and_then(|k| item.children.get(&k));
            let value = part(item, ["Value", "value", "TagValue"]);
            let value = value.and_then(|v| item.children.get(&v));
            if let (Some(key), Some(value)) = (key.and_then(|k| k.value.as_deref()), value) {
                found.push((key, value));
            }
        }
        found
    }
}

struct Reader<'a>(&'a Node);

impl<'a> Reader<'a> {
    fn text(&self) -> Result<&'a str, FormError> {
        let text = self.0.value.as_deref();
        text.ok_or_else(|| FormError("a value is expected where the parameter has parts".into()))
    }

    fn number<T: std::str::FromStr>(&self) -> Result<T, FormError> {
        let text = self.text()?;
        text.trim().parse().map_err(|_| FormError(format!("\"{text}\" is not a valid number")))
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FormError> {
            visitor.$visit(self.number()?)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Reader<'_> {
    type Error = FormError;

    numbers! {
        deserialize_i8 visit_i8; deserialize_i16 visit_i16; deserialize_i32 visit_i32;
        deserialize_i64 visit_i64; deserialize_u8 visit_u8; deserialize_u16 visit_u16;
        deserialize_u32 visit_u32; deserialize_u64 visit_u64; deserialize_f32 visit_f32;
        deserialize_f64 visit_f64;
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FormError> {
        match &self.0.value {
            Some(text) => visitor.visit_str(text),
            None if !self.0.entries().is_empty() => self.deserialize_map(visitor),
            None if !self.0.items().is_empty() => self.deserialize_seq(visitor),
            None => self.deserialize_struct("", &[], visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FormError> {
        match self.text()? {
            "true" | "True" | "1" => visitor.visit_bool(true),
            "false" | "False" | "0" => visitor.visit_bool(false),
            other => Err(FormError(format!("\"{other}\" is not true or false"))),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FormError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, FormError> {
        match &self.0.value {
            Some(text) if name == super::tree::TREE => visitor.visit_str(text),
            None if name == super::tree::TREE => self.deserialize_struct("", &[], visitor),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FormError> {
        visitor.visit_str(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FormError> {
        visitor.visit_str(self.text()?)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FormError> {
        visitor.visit_str(self.text()?)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, FormError> {
        let text: StrDeserializer<'_, FormError> = self.text()?.into_deserializer();
        visitor.visit_enum(text)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FormError> {
        // An empty parameter (`Name=`) is the empty list.
        visitor.visit_seq(Items(self.0.items().into_iter()))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FormError> {
        visitor.visit_map(Pairs::new(self.0.entries()))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, FormError> {
        let fields = self.0.children.iter().map(|(key, node)| (key.as_str(), node)).collect();
        visitor.visit_map(Pairs::new(fields))
    }

    serde::forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit unit_struct tuple tuple_struct ignored_any
    }
}

struct Items<'a>(std::vec::IntoIter<&'a Node>);

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = FormError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, FormError> {
        self.0.next().map(|node| seed.deserialize(Reader(node))).transpose()
    }
}

struct Pairs<'a> {
    rest: std::vec::IntoIter<(&'a str, &'a Node)>,
    value: Option<(&'a str, &'a Node)>,
}

impl<'a> Pairs<'a> {
    fn new(pairs: Vec<(&'a str, &'a Node)>) -> Self {
        Pairs { rest: pairs.into_iter(), value: None }
    }
}

impl<'de> de::MapAccess<'de> for Pairs<'_> {
    type Error = FormError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, FormError> {
        self.value = self.rest.next();
        let Some((key, _)) = self.value else { return Ok(None) };
        let key: StrDeserializer<'_, FormError> = key.into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, FormError> {
        let (key, node) =
            self.value.take().ok_or_else(|| FormError("a value without key".into()))?;
        seed.deserialize(Reader(node)).map_err(|e| FormError(format!("{key}: {e}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize, Debug, PartialEq)]
    #[serde(rename_all = "PascalCase")]
    struct Input {
        queue_url: String,
        #[serde(default)]
        delay_seconds: Option<i32>,
        #[serde(default, alias = "Attribute")]
        attributes: BTreeMap<String, String>,
        #[serde(default)]
        names: Vec<String>,
        #[serde(default)]
        flag: bool,
        #[serde(default)]
        inner: Option<Inner>,
    }

    #[derive(Deserialize, Debug, PartialEq)]
    #[serde(rename_all = "PascalCase")]
    struct Inner {
        to_addresses: Vec<String>,
    }

    fn read(text: &str) -> Result<Input, FormError> {
        Form::parse(text.as_bytes())?.read()
    }

    #[test]
    fn flattened_and_member_lists_and_maps_are_read() {
        let input = read(
            "Action=X&Version=1&QueueUrl=http%3A%2F%2Fa%2Fb+c&DelaySeconds=5&Attribute.1.Name=A&Attribute.1.Value=1\
             &Attribute.2.Name=B&Attribute.2.Value=%C3%A4&Names.2=b&Names.1=a&Names.10=c&Flag=true\
             &Inner.ToAddresses.member.1=x%40y",
        )
        .unwrap();
        assert_eq!(input.queue_url, "http://a/b c");
        assert_eq!(input.delay_seconds, Some(5));
        assert_eq!(input.attributes["B"], "ä");
        assert_eq!(input.names, ["a", "b", "c"]);
        assert!(input.flag);
        assert_eq!(input.inner.unwrap().to_addresses, ["x@y"]);
    }

    #[test]
    fn mistakes_name_the_parameter() {
        let error = read("QueueUrl=a&DelaySeconds=soon").unwrap_err();
        assert_eq!(error.0, "DelaySeconds: \"soon\" is not a valid number");
        assert!(read("DelaySeconds=1").unwrap_err().0.contains("QueueUrl"));
        assert!(Form::parse(b"a=%ff").is_err());
        let deep = format!("{}=1", vec!["a"; 40].join("."));
        assert!(read(&deep).unwrap_err().0.contains("too deeply"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[A-Za-z.0-9=&%+]{0,80}") {
            let _ = read(&text);
        }
    }
}
